"""Why this item: the strongest paths from what a user has chosen, through the graph, to the item."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from kgrec.errors import InputError
from kgrec.kg.graph import Graph, node_names
from kgrec.kg.paths import Path, PathFinder, check_count
from kgrec.kg.rules.mine import Thresholds, mine_rules
from kgrec.kg.rules.rule import Rule
from kgrec.kg.rules.steps import Steps
from kgrec.models.base import Recommender
from kgrec.pipeline import load_facts, load_model
from kgrec.progress import doing
from kgrec.recommend import TrainedRun, id_of
from kgrec.shapes import FloatArray, IntArray

GRADIENT = "gradient of the score in the weights of the edges"
RARITY = "rarity of the nodes, as the model's score has no gradient in the weights of the edges"
ROUNDING = 1e-6
"""Of the largest score: gradients below it are float32 noise."""
RULE_THRESHOLDS = Thresholds(support=20, head_coverage=0.01, pca_confidence=0.0)


@dataclass(frozen=True)
class Hop:
    """One step of a path or of a rule's body.

    Attributes:
        relation: its name.
        forward: whether it leads from the head of the fact to its tail.
        node: name of where it leads: title of an item, id of a user, name of an entity.
    """

    relation: str
    forward: bool
    node: str

    def __str__(self) -> str:
        return f" –{self.relation}→ {self.node}" if self.forward else f" ←{self.relation}– {self.node}"


@dataclass(frozen=True)
class Reason:
    """A path with names.

    Attributes:
        start: name of the user.
        hops: from there to the item.
        strength: product of the edges' strengths; of a rule, its PCA confidence.
        rule: that the path is an instance of; empty for a path found as such.
    """

    start: str
    hops: tuple[Hop, ...]
    strength: float
    rule: str = ""

    def __str__(self) -> str:
        return self.start + "".join(map(str, self.hops))


@dataclass(frozen=True)
class Explanation:
    """Why an item.

    Attributes:
        user, item: raw ids.
        title: of the item.
        score: by the run's model.
        strength_source: what decides how strong an edge is: the model's gradient, or the rarity of nodes.
        paths: the strongest first, in node ids.
    """

    user: str
    item: str
    title: str
    score: float
    strength_source: str
    paths: list[Path]


class EdgeProbe:
    """A trained model over its graph with other edge weights.

    An edge here is a fact or interaction in both directions, ``graph.edge_weight`` of which move together.
    The model is built anew over the weighted graph and given its trained weights; a closed form is solved
    again. What a model counts of a graph regardless of weights stays as it was.

    Args:
        run: of the model.
        graph: its graph.
    """

    def __init__(self, run: TrainedRun, graph: Graph) -> None:
        self.run, self.graph = run, graph
        self.num_edges = graph.num_edges // 2  # the inverses are the second half of the list
        self._weights = torch.ones(self.num_edges, requires_grad=True)
        self._probed = self._with_weights(self._weights)

    def scores_without(self, removed: IntArray, user: int, items: Sequence[int]) -> Tensor:
        """Scores ``[n]`` of items once the edges ``removed`` are gone."""
        weights = torch.ones(self.num_edges)
        weights[torch.from_numpy(removed)] = 0.0
        with torch.no_grad():
            return _scores(self._with_weights(weights), user, items)

    def gradient(self, user: int, items: Sequence[int]) -> FloatArray:
        """``[edges]``: d Σ scores of ``items`` / d weight; zeros where the model's scores have none.

        A network that takes means does not see the weight of an only fact: what is left is rounding, and told
        as zeros too.
        """
        with torch.enable_grad():
            scores = _scores(self._probed, user, items)
        if not scores.requires_grad:
            return np.zeros(self.num_edges)
        (found,) = torch.autograd.grad(scores.sum(), self._weights, retain_graph=True, allow_unused=True)
        if found is None or found.abs().max() <= ROUNDING * scores.detach().abs().max():
            return np.zeros(self.num_edges)
        gradient: FloatArray = found.double().numpy()
        return gradient

    def _with_weights(self, weights: Tensor) -> Recommender:
        weighted = self.graph.with_edge_weight(weights.repeat(2))
        model = load_model(self.run.cfg, replace(self.run.inputs, graph=weighted))
        if any(parameter.requires_grad for parameter in model.parameters()):
            model.load_state_dict(self.run.model.state_dict())
        else:
            model.fit()
        return model.eval().requires_grad_(False)


class Explainer:
    r"""Paths and rules that speak for an item.

    The strength of an edge e for user u and item i is the model's own, where its score is differentiable in
    the weights w of the graph's edges:

    .. math::
        a_e = \frac{\partial}{\partial w_e} \Big( s(u, i) + \sum_{j \in H_u} s(u, j) \Big), \qquad
        p_e = \max(0, a_e) / \max_{e'} a_{e'}

    with H the items that u has chosen in training: edges at the item's end are strong where they raise its
    score, edges at the other end where they say why u chose what u chose. A path is as strong as the product
    of its edges; those from u to H, with which it begins, count 1. Where a model reads no weights (a_e = 0
    everywhere), a fact is as strong as its ends are rare, 1 / √(degree · degree), and other users'
    interactions are not walked.

    Args:
        run: of a model with a graph.

    Raises:
        InputError: the model has no graph.
    """

    def __init__(self, run: TrainedRun) -> None:
        graph = run.inputs.graph
        if graph is None:
            raise InputError(
                f"model {type(run.model).__name__} reads no graph, so no path explains its scores"
            )
        self.run, self.graph = run, graph.to("cpu")
        self.probe = EdgeProbe(run, self.graph)
        half = self.probe.num_edges
        self.edges: IntArray = self.graph.edge_index[:, :half].T.numpy()
        self.is_interaction = self.graph.is_interaction[:half].numpy()
        dataset, (_, links) = run.dataset, load_facts(run.cfg, run.dataset)
        self.names = node_names(dataset.users.raw_ids, dataset.item_titles, dataset.entities.raw_ids, links)

    def explain(self, user: str, item: str | None, k: int, max_length: int) -> Explanation:
        """The strongest paths of at most ``max_length`` edges from a user to an item (raw ids).

        Each of the k arrives at the item by another edge, or most would differ in their first step alone.
        ``item=None`` takes the best item that the user has not seen.

        Raises:
            InputError: unknown user or item, or a number below 1.
        """
        user_id, dataset = self.run.user_id(user), self.run.dataset
        item = self.run.top_items(user, 1)[0].id if item is None else item
        item_id = id_of(item, dataset.items, f"item {item!r} is not in {dataset.name}")
        doing("looking for paths")
        strengths, source = self.strengths(user_id, item_id)
        paths = self.paths(strengths, user_id, item_id, k, max_length)
        score = float(self.probe.scores_without(np.empty(0, dtype=np.int64), user_id, [item_id]))
        return Explanation(user, item, dataset.item_titles[item_id], score, source, paths)

    def paths(self, strengths: FloatArray, user_id: int, item_id: int, k: int, max_length: int) -> list[Path]:
        """The same by any strengths ``[edges]`` in [0, 1]; the edge from the user to the item is left out.

        Raises:
            InputError: k or ``max_length`` below 1.
        """
        start, end = self._ends(user_id, item_id)
        left = np.where((self.edges == [start, end]).all(axis=1), 0.0, strengths)
        found: list[Path] = []
        for _ in range(check_count("k", k)):
            best = PathFinder(self.edges, left, self.graph.num_nodes).strongest(start, end, 1, max_length)
            if not best:
                break
            found += best
            left[best[0].edges[-1]] = 0.0
        return found

    def strengths(self, user_id: int, item_id: int) -> tuple[FloatArray, str]:
        """``[edges]`` p_e of the class, and where they come from: :data:`GRADIENT` or :data:`RARITY`."""
        chosen = self.run.dataset.train[self.run.dataset.train[:, 0] == user_id, 1]
        gradient = self.probe.gradient(user_id, [item_id, *chosen[chosen != item_id].tolist()])
        by_gradient = bool(gradient.max(initial=0.0) > 0)
        if by_gradient:
            strengths = np.maximum(gradient, 0.0) / gradient.max()
        else:
            degree = np.bincount(self.edges.ravel(), minlength=self.graph.num_nodes)
            strengths = np.where(self.is_interaction, 0.0, degree[self.edges].prod(axis=1) ** -0.5)
        is_own = self.is_interaction & (self.edges[:, 0] == self._ends(user_id, item_id)[0])
        strengths[is_own] = 1.0
        return strengths, GRADIENT if by_gradient else RARITY

    def reason(self, path: Path) -> Reason:
        """A path with names."""
        types = self.graph.edge_type.numpy()
        hops = []
        for edge, node in zip(path.edges, path.nodes[1:], strict=True):
            forward = int(self.edges[edge, 1]) == node
            hops.append(Hop(self.graph.relation_names[types[edge]], forward, self.names[node]))
        return Reason(self.names[path.nodes[0]], tuple(hops), path.strength)

    def rules(self, user: str, item: str, k: int) -> list[Reason]:
        """The k rules of the highest confidence that hold for a user and an item (raw ids).

        Rules about interactions are mined in the graph that the model was trained on
        (:func:`kgrec.kg.rules.mine.mine_rules`), once.
        """
        check_count("rules", k)
        start, end = self._ends(self.run.user_id(user), self.run.dataset.items[item])
        steps, mined = self._mined
        found: list[Reason] = []
        for rule in mined:
            nodes = steps.witness(rule, start, end)
            if nodes is not None:
                found.append(self._rule_reason(rule, nodes))
            if len(found) == k:
                break
        return found

    @cached_property
    def _mined(self) -> tuple[Steps, list[Rule]]:
        steps = Steps.of_graph(self.graph)
        likes = steps.num_relations - 1
        return steps, mine_rules(steps, RULE_THRESHOLDS, heads=[likes], likes=likes)

    def _rule_reason(self, rule: Rule, nodes: list[int]) -> Reason:
        names = self.graph.relation_names
        hops = tuple(
            Hop(names[step % rule.num_relations], step < rule.num_relations, self.names[node])
            for step, node in zip(rule.body, nodes[1:], strict=True)
        )
        return Reason(self.names[nodes[0]], hops, rule.pca_confidence, rule.text(names))

    def _ends(self, user_id: int, item_id: int) -> tuple[int, int]:
        return int(self.graph.user_nodes[user_id]), int(self.graph.item_nodes[item_id])


def _scores(model: Recommender, user: int, items: Sequence[int]) -> Tensor:
    item_ids = torch.tensor(list(items), device=model.device)
    return model.score_pairs(torch.full_like(item_ids, user), item_ids).cpu()
