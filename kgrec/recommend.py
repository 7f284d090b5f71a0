"""Recommend with a trained run, also an item that nobody has touched and that is in no dataset.

In five lines::

    from kgrec.recommend import TrainedRun
    run = TrainedRun.load("runs/default/ml-100k_hybrid_minilm_l0_full_lightgcn_gate_s0_1c0ffee5")
    print(run.top_items("196", k=10))
    new = run.embed_item("Toy Story 5 (2026)", ["genre=genre:Animation", "genre=genre:Comedy"])
    print(run.place(new, "196"), run.best_users(new, k=10))
"""

import difflib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from omegaconf import DictConfig
from torch import Tensor

from kgrec.data.ids import IdMap
from kgrec.errors import InputError
from kgrec.evaluate import load_run
from kgrec.kg.graph import INVERSE_SUFFIX
from kgrec.models.base import ModelInputs, Recommender
from kgrec.pipeline import load_encoder, load_facts
from kgrec.text.facts import texts_with_facts

MAX_COMPARED = 20_000  # names compared for the nearest one: difflib needs about 10 µs for each


@dataclass(frozen=True)
class Recommended:
    """One line of a list: ``id`` as in the data, title (of items; a user's is their id), score."""

    id: str
    title: str
    score: float


@dataclass(frozen=True)
class Place:
    """Where a new item stands among what a user has not seen: 1 = first of ``num_candidates``."""

    score: float
    rank: int
    num_candidates: int


class TrainedRun:
    """A trained model with its data.

    Args:
        cfg: of the run.
        inputs: what the model was trained on.
        model: trained, in evaluation mode.
    """

    def __init__(self, cfg: DictConfig, inputs: ModelInputs, model: Recommender) -> None:
        self.cfg = cfg
        self.inputs = inputs
        self.model = model
        self.dataset = inputs.dataset

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read a run folder.

        Raises:
            InputError: no such run, no checkpoint or one of another model, or data that cannot be read.
        """
        return cls(*load_run(Path(folder)))

    def top_items(self, user: str, k: int) -> list[Recommended]:
        """The k best items for a user (raw id), those of train and valid left out.

        Raises:
            InputError: unknown user, one without training interactions, or k below 1.
        """
        _check_count(k)
        scores = self._candidate_scores(self.user_id(user))
        values, items = scores.topk(min(k, len(scores)))
        return [
            Recommended(self.dataset.items.raw_ids[item], self.dataset.item_titles[item], value)
            for item, value in zip(items.tolist(), values.tolist(), strict=True)
            if value > -torch.inf
        ]

    def embed_item(self, text: str, facts: Sequence[str]) -> Tensor:
        """Embedding ``[D]`` of an item that is in no dataset.

        Args:
            text: what the language model reads; may be empty.
            facts: ``relation=entity`` (the item is the head), or ``relation^-1=entity`` (it is the tail).

        Raises:
            InputError: an unknown relation or entity, or a model that needs to be trained on an item.
        """
        triples = [self._parse_fact(fact) for fact in facts]
        with torch.no_grad():
            return self.model.embed_new_item(self._text_features(text, triples), self._edges(triples))

    def place(self, item: Tensor, user: str) -> Place:
        """Score and place of a new item (see :meth:`embed_item`) among what ``user`` has not seen."""
        user_id = self.user_id(user)
        others = self._candidate_scores(user_id)
        score = float(self._users()[user_id] @ item)
        return Place(score, 1 + int((others > score).sum()), 1 + int((others > -torch.inf).sum()))

    def best_users(self, item: Tensor, k: int) -> list[Recommended]:
        """The k users who score a new item (see :meth:`embed_item`) highest."""
        _check_count(k)
        scores = self._users() @ item
        untrained = np.setdiff1d(np.arange(self.dataset.num_users), self.dataset.train[:, 0])
        scores[torch.from_numpy(untrained)] = -torch.inf
        values, users = scores.topk(min(k, self.dataset.num_users - len(untrained)))
        names = [self.dataset.users.raw_ids[user] for user in users.tolist()]
        return [Recommended(name, name, value) for name, value in zip(names, values.tolist(), strict=True)]

    def user_id(self, user: str) -> int:
        """Id of a user (raw id) of whom something is known.

        Raises:
            InputError: unknown user, or one without training interactions.
        """
        user_id = id_of(user, self.dataset.users, f"user {user!r} is not in {self.dataset.name}")
        if user_id not in self.dataset.train[:, 0]:
            raise InputError(
                f"user {user!r} has no training interaction, so nothing is known of their taste; "
                "choose a user with some"
            )
        return user_id

    def _candidate_scores(self, user_id: int) -> Tensor:
        """``[I]``: -inf for what the user has seen."""
        with torch.no_grad():
            scores = self.model.score(torch.tensor([user_id], device=self.model.device))[0].cpu().clone()
        seen = np.concatenate([self.dataset.train, self.dataset.valid])
        scores[torch.from_numpy(seen[seen[:, 0] == user_id, 1])] = -torch.inf
        return scores

    def _users(self) -> Tensor:
        with torch.no_grad():
            pair = self.model.embeddings()
        if pair is None:
            raise InputError(f"model {type(self.model).__name__} has no user embeddings; valid: hybrid")
        return pair[0].cpu()

    def _parse_fact(self, fact: str) -> tuple[int, int, bool]:
        """Relation, other entity, and whether the item is the tail."""
        name, equals, entity = fact.partition("=")
        if not equals:
            raise InputError(f"triple {fact!r}: expected relation=entity, e.g. genre=genre:Comedy")
        relation = name.removesuffix(INVERSE_SUFFIX)
        relations, entities = self.dataset.relations, self.dataset.entities
        return (
            id_of(relation, relations, f"triple {fact!r}: no relation {relation!r}"),
            id_of(entity, entities, f"triple {fact!r}: no entity {entity!r}"),
            name != relation,
        )

    def _text_features(self, text: str, triples: Sequence[tuple[int, int, bool]]) -> Tensor:
        """``[D_text]`` of what the language model would have read of the item."""
        if self.inputs.text is None:
            return torch.zeros(0)
        if self.cfg.text.max_facts > 0:
            item = self.dataset.num_entities
            rows = [(other, r, item) if is_tail else (item, r, other) for r, other, is_tail in triples]
            names = [*self.dataset.entities.raw_ids, ""]
            (text,) = texts_with_facts(
                [text],
                np.array(rows, dtype=np.int64).reshape(-1, 3),
                np.array([item]),
                names,
                self.dataset.relations.raw_ids,
                self.cfg.text.max_facts,
            )
        if not text.strip():
            return torch.zeros(self.inputs.text.embeddings.shape[1])
        return load_encoder(self.cfg, self.dataset).encode([text])[0]

    def _edges(self, triples: Sequence[tuple[int, int, bool]]) -> Tensor:
        """``[F, 2]``: relation id of the edge into the item, node that it comes from."""
        if self.inputs.graph is None or not triples:
            return torch.zeros(0, 2, dtype=torch.int64)
        half = self.inputs.graph.num_relations // 2
        _, item_to_entity = load_facts(self.cfg, self.dataset)
        edges = [
            (relation if is_tail else relation + half, node)  # into the head runs the inverse
            for relation, entity, is_tail in triples
            for node in self._nodes(entity, item_to_entity)
        ]
        return torch.tensor(edges)

    def _nodes(self, entity: int, item_to_entity: np.ndarray) -> list[int]:
        """Nodes of an entity: those of the items that it is, else its own; these stand last, in id order."""
        items = np.flatnonzero(item_to_entity == entity)
        if len(items):
            return [self.dataset.num_users + int(item) for item in items]
        linked = np.unique(item_to_entity[(item_to_entity >= 0) & (item_to_entity < entity)])
        return [self.dataset.num_users + self.dataset.num_items + entity - len(linked)]


def nearest(name: str, known: Collection[str]) -> str:
    """The known name that ``name`` may have been meant to be, or some examples, for an error message."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6) if len(known) <= MAX_COMPARED else []
    if close:
        return f"nearest: {close[0]!r}"
    return f"expected one such as {', '.join(repr(example) for example in list(known)[:3])}"


def id_of(name: str, known: IdMap, problem: str) -> int:
    """Id of a raw id.

    Raises:
        InputError: it is unknown; ``problem`` and the nearest known one.
    """
    if name not in known:
        raise InputError(f"{problem}; {nearest(name, known.raw_ids)}")
    return known[name]


def _check_count(k: int) -> None:
    if k < 1:
        raise InputError(f"k: found {k}, expected at least 1")
