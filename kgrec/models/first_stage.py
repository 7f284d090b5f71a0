"""The stage before a ranker: who makes its lists, and which interactions the ranker may learn from."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from kgrec.errors import InputError
from kgrec.kg.arms.base import GraphArm
from kgrec.kg.graph import build_graph
from kgrec.models.base import ModelInputs, Recommender
from kgrec.seed import numpy_generator
from kgrec.shapes import BoolArray, Pairs

HELD = ("items", "interactions")


@dataclass(frozen=True)
class FirstStage:
    """A recommender that is done after its closed form, and how many of its items are ranked anew.

    Attributes:
        model: builds it from ``inputs``.
        facts: the graph that it sees. The arm of the run, ``kg=…``, is what the ranker sees: so a control
            graph for the one leaves the lists of the other as they are.
        k: items ranked anew, ≥ 1.
    """

    model: Callable[..., Recommender]
    facts: GraphArm
    k: int

    def __post_init__(self) -> None:
        if self.k < 1:
            raise InputError(f"model.first_stage.k: found {self.k}, expected at least 1")

    def inputs(self, inputs: ModelInputs, stream: int) -> ModelInputs:
        """The same dataset and text with the graph of the first stage."""
        data = inputs.dataset
        triples, links = self.facts(data.triples, data.item_to_entity, stream)
        graph = build_graph(
            data.num_users,
            data.num_items,
            data.num_entities,
            data.relations.raw_ids,
            data.train,
            triples,
            links,
        )
        return replace(inputs, graph=graph)


@dataclass(frozen=True)
class Holdout:
    """Training interactions that the first stage must not see, so that its lists look as they do in use.

    A first stage ranks what it was fitted to far above what it will meet, and a ranker trained on such
    lists would learn to trust it.

    Attributes:
        by: ``items`` = whole items, which then play cold; ``interactions`` = single ones.
        share: of the warm items or of the interactions, in (0, 1).
        max_pairs: held out interactions that are learned from, at most; ``None`` = all.
    """

    by: str
    share: float
    max_pairs: int | None

    def __post_init__(self) -> None:
        if self.by not in HELD:
            raise InputError(f"model.holdout.by: found {self.by!r}, expected one of {', '.join(HELD)}")
        if not 0 < self.share < 1:
            raise InputError(f"model.holdout.share: found {self.share}, expected between 0 and 1")
        if self.max_pairs is not None and self.max_pairs < 1:
            raise InputError(f"model.holdout.max_pairs: found {self.max_pairs}, expected at least 1, or null")

    def held(self, pairs: Pairs, stream: int) -> BoolArray:
        """``[n]`` which of the training ``pairs [n, 2]`` are held out."""
        rng = numpy_generator(stream, "holdout", self.by)
        if self.by == "interactions":
            return rng.random(len(pairs)) < self.share
        items = np.unique(pairs[:, 1])
        chosen = rng.permutation(items)[: round(self.share * len(items))]
        return np.isin(pairs[:, 1], chosen)


def without(inputs: ModelInputs, held: BoolArray) -> ModelInputs:
    """Inputs in which the training interactions ``held [n]`` never happened."""
    data = inputs.dataset
    reduced = replace(inputs, dataset=replace(data, train=data.train[~held]))
    if inputs.graph is None:
        return reduced
    graph = inputs.graph
    places = torch.cat([graph.user_nodes, graph.item_nodes]).argsort()  # node → user, or U + item
    ends = graph.edge_index[:, graph.is_interaction].sort(dim=0).values  # user nodes come first
    keys = places[ends[0]] * data.num_items + places[ends[1]] - data.num_users
    gone = torch.from_numpy(pair_keys(data.train[held], data.num_items))
    keep = torch.ones(graph.num_edges, dtype=torch.bool)
    keep[graph.is_interaction] = ~torch.isin(keys, gone)
    return replace(reduced, graph=graph.pruned(keep))


def without_text(inputs: ModelInputs) -> ModelInputs:
    """Inputs in which no item has a text."""
    if inputs.text is None:
        return inputs
    rows, shown = torch.zeros_like(inputs.text.embeddings), torch.zeros_like(inputs.text.has_text)
    return replace(inputs, text=replace(inputs.text, embeddings=rows, has_text=shown))


def pair_keys(pairs: Pairs, num_items: int) -> np.ndarray:
    """``[n]`` one number for each pair."""
    keys: np.ndarray = pairs[:, 0] * num_items + pairs[:, 1]
    return keys


def fitted(model: Recommender, setting: str) -> Recommender:
    """The model after its closed form, held as it is.

    Raises:
        InputError: it would have to be trained.
    """
    model.fit()
    if any(weight.requires_grad for weight in model.parameters()) and not model.has_start:
        raise InputError(
            f"{setting}: found {type(model).__name__}, which is trained by gradient steps; expected a model "
            "in closed form, or one with a start, such as hybrid or ease_graph"
        )
    return model.requires_grad_(False).eval()


def top_lists(scores: Tensor, allowed: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k highest of each row among what is allowed: item ids and scores ``[B, k]``, best first.

    Args:
        scores: ``[B, I]``.
        allowed: ``[B, I]`` bool; where a row allows fewer than k, the rest has score -inf.
        k: at most I are given.
    """
    values, items = scores.masked_fill(~allowed, -torch.inf).topk(min(k, scores.shape[1]), dim=1)
    return items, values
