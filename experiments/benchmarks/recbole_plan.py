"""What is compared with RecBole, and with which settings on both sides."""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

SIDES = ("kgrec", "recbole")

DATA = {
    "lastfm": ["data=lastfm", "data.source.tags_per_item=0"],
    "ml-100k": [
        "data=ml-100k",
        "data/split=random",
        "data.rating_threshold=null",
        "data.drop_inverse_relations=null",
        "data.source.genres_in_graph=false",
    ],
}
"""Dataset → overrides: lastfm's fixed split, and RecBole's example protocol with the links repaired."""

EPOCHS = {"lastfm": 8, "ml-100k": 3}
"""Epochs of a speed measurement, the first of which is warm-up."""

QUALITY_EPOCHS = {"kgrec": 30, "recbole": 300}
"""At most so many where the time to a quality is measured; both stop earlier by themselves."""

SOFTMAX = ["loss=softmax", "train.batch_size=2048", "train.optimizer.lr=0.02"]
"""kgrec's own settings for that: all items as negatives allow a step twenty times as long."""

SHARED = {"batch_size": 2048, "embedding_dim": 64, "lr": 0.001}
"""What both sides are given where speed is compared; one negative per pair, Adam without weight decay."""


@dataclass(frozen=True)
class Model:
    """One model on both sides.

    Attributes:
        recbole: RecBole's name of it.
        needs_graph: whether RecBole's reads triples.
        same: kgrec's overrides that make it RecBole's model at RecBole's defaults.
        good: kgrec's overrides where the time to a quality is compared: settings of its own.
        recbole_settings: what RecBole's defaults lack.
    """

    recbole: str
    needs_graph: bool
    same: list[str]
    good: list[str]
    recbole_settings: dict[str, Any] = field(default_factory=dict)


MODELS = {
    "bpr_mf": Model("BPR", False, same=["loss=bpr"], good=SOFTMAX),
    "lightgcn": Model("LightGCN", False, same=["loss=bpr", "model.num_layers=2"], good=SOFTMAX),
    "cke": Model("CKE", True, same=["loss=bpr", "model.l2=0.01"], good=SOFTMAX),
    "kgin": Model(
        "KGIN",
        True,
        # RecBole drops half of the facts and, unlike the paper's code, no interactions. kgrec's facts have
        # both directions, RecBole's one.
        same=[
            "loss=bpr",
            "model.num_layers=2",
            "model.dropout.edges=0.5",
            "model.dropout.messages=0.0",
            "model.dropout.interactions=0.0",
        ],
        good=[*SOFTMAX, "model.num_layers=2"],
    ),
}


NOTES = (
    "Ratios are RecBole's figure over kgrec's: above 1, kgrec is the faster or smaller; bold = as wanted.",
    "Same pairs, triples, model, width 64, batch 2048, one negative, Adam with lr 0.001 on both sides. "
    "Seconds are medians over repeats of the median epoch after a warm-up; an epoch is its training alone.",
    "Ranking: all items for all users of validation, train masked, five metrics at 10, node propagation "
    "included; RecBole with all users in one batch.",
    "Memory: most physical memory of the whole process, libraries included.",
    "Time to best: both validate after each epoch. RecBole at its defaults until it stops by itself, one "
    "run; kgrec with settings of its own (softmax over all items, lr 0.02; told in the JSON file), median of "
    "its seeds. Loading is left out on both sides.",
    "On ml-100k each item has an entity of its own in RecBole's files, as it would drop unlinked items.",
)


@dataclass(frozen=True)
class Cell:
    """What is measured together: one dataset, model and number of threads, for speed or for quality."""

    kind: str
    data: str
    model: str
    threads: int

    def __str__(self) -> str:
        return f"{self.kind}-{self.data}-{self.model}-{self.threads}"


def cells(options: argparse.Namespace) -> list[Cell]:
    """All cells: speed for every combination, quality with the most threads for the datasets asked for."""
    speed = [
        Cell("speed", data, model, threads)
        for data in options.data
        for model in options.models
        for threads in options.threads
    ]
    quality = [
        Cell("quality", data, model, max(options.threads))
        for data in options.quality
        for model in options.models
    ]
    return speed + quality


def schedule(cell: Cell, repeats: int) -> Iterator[tuple[str, int]]:
    """(side, repeat) in the order of measurement: the sides take turns.

    RecBole's training to its best takes minutes and is done once; kgrec's once per seed.
    """
    for repeat in range(repeats):
        for side in SIDES:
            if not (cell.kind == "quality" and side == "recbole" and repeat > 0):
                yield side, repeat


def spec(cell: Cell, side: str, repeat: int, quick: bool) -> dict[str, Any]:
    """What a driver is told, the places of its files left out."""
    model = MODELS[cell.model]
    quality = cell.kind == "quality"
    epochs = 3 if quick else QUALITY_EPOCHS[side] if quality else EPOCHS[cell.data]
    common = {"threads": cell.threads, "epochs": epochs, "seed": repeat if quality else 0}
    if side == "recbole":
        return {
            **common,
            **SHARED,
            "patience": 10 if quality else None,
            "recbole_model": model.recbole,
            "recbole_dataset": f"{cell.data}-kgrec",
            "needs_graph": model.needs_graph,
            "recbole_settings": model.recbole_settings,
        }
    overrides = [
        *DATA[cell.data],
        f"model={cell.model}",
        "eval.ks=[10]",
        f"train.max_epochs={epochs}",
        f"train.early_stopping.patience={10 if quality else epochs}",
        f"train.checkpoint_every={epochs}",
        "train.runtime.device=cpu",
        "seed=0",
    ]
    if quality:
        return {**common, "overrides": overrides + model.good}
    shared = [
        f"model.embedding_dim={SHARED['embedding_dim']}",
        f"train.batch_size={SHARED['batch_size']}",
        f"train.optimizer.lr={SHARED['lr']}",
        "train.optimizer.weight_decay=0.0",
    ]
    return {**common, "overrides": overrides + shared + model.same}
