"""What a run has to show: examples of its lists, and plots of its model. Made once, at the end."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from kgrec.data.dataset import RecDataset
from kgrec.evaluation.base import Evaluates
from kgrec.evaluation.ranking import NO_ITEM, Ranking
from kgrec.models.base import ModelInputs, Recommender
from kgrec.reporting.exhibits import Example, Exhibits, Listed
from kgrec.reporting.plots import Figures, curve_figure
from kgrec.reporting.run_plots import distribution, item_map, relation_bars
from kgrec.seed import stream_seed
from kgrec.shapes import BoolArray, FloatArray, IntArray
from kgrec.training.recorder import Row

EXAMPLES = 10
LIST_LENGTH = 10
HISTORY_LENGTH = 10
MOST_POINTS = 20_000
"""Items on a map: more would only lie on top of each other."""


@torch.no_grad()
def exhibits_of(
    inputs: ModelInputs, model: Recommender, evaluator: Evaluates, history: Sequence[Row], split: str
) -> Exhibits:
    """Everything that is shown of a trained model.

    The examples are of the split that the run has just been evaluated on, by the same model: they show
    single lists out of that evaluation, and are no further look at a test set. Nothing is chosen by them.

    Args:
        inputs: of the model.
        model: with its best weights.
        evaluator: that has evaluated it.
        history: rows of its epochs.
        split: ``valid`` or ``test``.
    """
    model.eval()
    dataset = inputs.dataset
    groups = _item_groups(inputs)
    diagnostics = model.diagnostics()
    values = {name: _array(numbers) for name, numbers in diagnostics.of_items.items()}
    figures = _curves(evaluator.selection_metric, history)
    figures |= {name: distribution(name, numbers, groups) for name, numbers in values.items()}
    figures |= {name: relation_bars(name, weights) for name, weights in diagnostics.of_relations.items()}
    figures |= _map(model, groups)
    lists = evaluator.examples(model, dataset, split, EXAMPLES, LIST_LENGTH)
    ranked = split + ("/cold" if "/cold/" in evaluator.selection_metric else "")
    return Exhibits(
        ranked=ranked,
        examples=_examples(dataset, lists),
        figures=figures,
        values={name: numbers[~np.isnan(numbers)] for name, numbers in values.items()},
    )


def _curves(metric: str, history: Sequence[Row]) -> Figures:
    """Training loss and the metric of selection, where there are at least two epochs of them."""
    return {
        f"curve/{name}": curve_figure({name: [history]}, name)
        for name in ("train/loss", metric)
        if sum(name in row for row in history) > 1
    }


def _item_groups(inputs: ModelInputs) -> dict[str, BoolArray]:
    """Masks ``[I]`` of the items by what is known of them; empty groups are left out."""
    warm = inputs.dataset.warm_items
    graph = inputs.graph
    linked = inputs.dataset.item_to_entity >= 0 if graph is None else graph.has_kg.cpu().numpy()
    groups = {
        "warm, with facts": warm & linked,
        "warm, without": warm & ~linked,
        "cold, with facts": ~warm & linked,
        "cold, without": ~warm & ~linked,
    }
    return {name: mask for name, mask in groups.items() if mask.any()}


def _map(model: Recommender, groups: dict[str, BoolArray]) -> Figures:
    """The items in the plane of their first two principal components, where they have embeddings."""
    pair = model.embeddings()
    if pair is None or pair[1].shape[1] < 2:
        return {}
    items = pair[1]
    chosen = torch.arange(0, len(items), -(-len(items) // MOST_POINTS))
    rows = items.detach().cpu().float()[chosen]
    rows = rows - rows.mean(dim=0)
    with torch.random.fork_rng(devices=[]):  # the decomposition begins at random vectors
        torch.manual_seed(stream_seed(0, "item map"))
        _, spread, axes = torch.pca_lowrank(rows, q=min(6, *rows.shape), center=False)
    total = float(rows.square().sum())
    explained = float(spread[:2].square().sum()) / total if total else 0.0
    shown = {name: mask[chosen.numpy()] for name, mask in groups.items()}
    return {"item_map": item_map(_array(rows @ axes[:, :2]), explained, shown)}


def _examples(dataset: RecDataset, lists: Ranking) -> list[Example]:
    examples = []
    for row, user in enumerate(lists.user_ids.tolist()):
        history = _history(dataset, user)
        examples.append(
            Example(
                user=dataset.users.raw_ids[user],
                history=tuple(dataset.item_titles[item] for item in history[-HISTORY_LENGTH:].tolist()),
                num_history=len(history),
                num_relevant=int(lists.num_relevant[row]),
                top=tuple(
                    Listed(dataset.items.raw_ids[item], dataset.item_titles[item], hit)
                    for item, hit in zip(lists.items[row].tolist(), lists.hits[row].tolist(), strict=True)
                    if item != NO_ITEM
                ),
            )
        )
    return examples


def _history(dataset: RecDataset, user: int) -> IntArray:
    """Items that a user has chosen in training, or before the target where users are sequences."""
    if dataset.sequences is not None:
        items = dataset.sequences.histories[user]
        return items[items >= 0]
    chosen: IntArray = dataset.train[dataset.train[:, 0] == user, 1]
    return chosen


def _array(numbers: Tensor) -> FloatArray:
    found: FloatArray = numbers.detach().cpu().double().numpy()
    return found
