"""From a score function to per-user metric values and their means."""

import logging
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from kgrec.data.dataset import RecDataset
from kgrec.data.ids import IdMap
from kgrec.errors import InputError
from kgrec.evaluation.base import Evaluation, Scorer, spread_out
from kgrec.evaluation.metrics.base import Metric
from kgrec.evaluation.ranking import Judge, Ranker, Ranking, ScoreFunction, rank
from kgrec.evaluation.slices import SLICE_NAMES, in_slice
from kgrec.seed import tie_break_order
from kgrec.shapes import BoolArray, FloatArray, IntArray, Pairs

log = logging.getLogger(__name__)

CANDIDATE_SETS = ("all", "cold")


class Evaluator:
    """Ranks unseen items for each user and measures the lists (metrics: design §8).

    Keys are ``valid/recall@10`` for a ranking of all items, ``valid/cold/recall@10`` where only the split's
    cold items are candidates, ``valid/slice_<name>/recall@10`` (or ``valid/cold/slice_…``) where only the
    relevant pairs of a slice count, and the same with ``test``. Training interactions are masked, and
    validation interactions too when testing. Users need at least one training interaction and one relevant
    item.

    Args:
        metrics: the metrics, with distinct names.
        ks: cut-offs; one ranking as long as the largest serves all.
        candidates: what is ranked: "all" items, only the "cold" items of the split, or both in turn.
        selection_metric: the validation key by which models and epochs are chosen.
        block_size: users scored at once.
        tie_break_seed: seed of the order in which equal scores are ranked.
        slices: names out of :data:`kgrec.evaluation.slices.SLICE_NAMES`.

    Raises:
        InputError: a setting outside its range, an unknown name, or a selection on test.
    """

    def __init__(
        self,
        metrics: Sequence[Metric],
        ks: Sequence[int],
        candidates: Sequence[str],
        selection_metric: str,
        block_size: int,
        tie_break_seed: int,
        slices: Sequence[str],
    ) -> None:
        self.metrics, self.ks = list(metrics), list(ks)
        self.candidates, self.slices = list(candidates), list(slices)
        self.selection_metric = selection_metric
        self.block_size = block_size
        self.tie_break_seed = tie_break_seed
        self._tie_breaks: weakref.WeakKeyDictionary[IdMap, IntArray] = weakref.WeakKeyDictionary()
        self._kept: dict[tuple[str, str], _Prepared] = {}
        self._check_settings()

    def evaluate(
        self,
        score: ScoreFunction,
        dataset: RecDataset,
        split: str,
        device: torch.device | str = "cpu",
    ) -> Evaluation:
        """Evaluate on one split.

        Args:
            score: user ids ``[B]`` → scores ``[B, I]``; -inf = never recommend.
            dataset: ids and interactions.
            split: "valid" or "test".
            device: where ``score`` expects its user ids.

        Returns:
            A value per user with a training interaction and a relevant item in the split; NaN where the
            user has no relevant item among the key's candidates or in its slice.

        Raises:
            InputError: the split holds no user to evaluate, or no cold items where these are candidates.
            ValueError: NaN scores or scores of the wrong shape.
        """
        prepared = self._prepare(dataset, split, device)
        lists = prepared.ranker.top_items(score, max(self.ks), self.block_size)
        columns: dict[str, FloatArray] = {}
        for items, judges in zip(lists, prepared.judges, strict=True):
            for prefix, judge in judges:
                columns |= self._measure(prefix, judge(items))
        means = {key: float(np.nanmean(values)) for key, values in columns.items()}
        return Evaluation(prepared.user_ids, columns, means)

    def measure(self, scorer: Scorer, dataset: RecDataset, split: str) -> Evaluation:
        """See :meth:`evaluate`."""
        return self.evaluate(scorer.score, dataset, split, scorer.device)

    def examples(self, scorer: Scorer, dataset: RecDataset, split: str, count: int, k: int) -> Ranking:
        """See :meth:`kgrec.evaluation.base.Evaluates.examples`; each user has a relevant candidate."""
        relevant, seen = _relevant_and_seen(dataset, split)
        mask = _candidate_mask("cold" if "/cold/" in self.selection_metric else "all", dataset, split)
        listed = relevant if mask is None else relevant[mask[relevant[:, 1]]]
        users = spread_out(np.unique(listed[:, 0]), count)
        order = self._tie_break(dataset.items)
        return rank(scorer.score, users, listed, seen, mask, order, k, self.block_size, scorer.device)

    def keys(self, split: str) -> list[str]:
        """The metric keys of a split, slices left out."""
        return [
            f"{_prefix(split, candidates)}{metric.name}@{k}"
            for candidates in self.candidates
            for metric in self.metrics
            for k in self.ks
        ]

    @property
    def selection_higher_is_better(self) -> bool:
        """Whether a greater value of the selection metric is the better one."""
        name = self.selection_metric.rsplit("/", 1)[-1].split("@")[0]
        return next(metric.higher_is_better for metric in self.metrics if metric.name == name)

    def protocol(self) -> dict[str, str]:
        """The entries ``protocol/…`` of a run's summary that the evaluation decides."""
        return {
            "candidates": ", ".join(self.candidates),
            "masked": "train when validating, train and valid when testing",
            "selected_on": self.selection_metric,
        }

    def _check_settings(self) -> None:
        names = [metric.name for metric in self.metrics]
        for setting, found in (("metrics", names), ("ks", self.ks), ("candidates", self.candidates)):
            if not found or len(set(found)) < len(found):
                raise InputError(f"eval.{setting}: found {found}, expected at least one and none twice")
        _check_known("candidates", self.candidates, CANDIDATE_SETS)
        _check_known("slices", self.slices, SLICE_NAMES)
        for setting, number in (("block_size", self.block_size), *(("ks", k) for k in self.ks)):
            if not isinstance(number, int) or number < 1:
                raise InputError(f"eval.{setting}: found {number}, expected a whole number from 1 up")
        valid_keys = self.keys("valid")
        if self.selection_metric.startswith("test/"):
            raise InputError(
                f"eval.selection_metric: {self.selection_metric!r} would select on test; "
                f"name a validation metric such as {valid_keys[0]!r}"
            )
        _check_known("selection_metric", [self.selection_metric], valid_keys)

    def _prepare(self, dataset: RecDataset, split: str, device: torch.device | str) -> "_Prepared":
        """What an evaluation needs besides scores, kept for the next one of the same dataset and split."""
        kept = self._kept.get((split, str(device)))
        if kept is not None and kept.dataset() is dataset:
            return kept
        relevant, seen = _relevant_and_seen(dataset, split)
        user_ids = np.unique(relevant[:, 0])
        masks = [_candidate_mask(name, dataset, split) for name in self.candidates]
        judges = []
        for name, mask in zip(self.candidates, masks, strict=True):
            pairs = relevant if mask is None else relevant[mask[relevant[:, 1]]]
            if len(pairs) == 0:
                raise InputError(
                    f"dataset {dataset.name}: no {split} interaction falls on a {name} item; "
                    "set eval.candidates=[all]"
                )
            parts = [(_prefix(split, name), pairs), *self._slices_of(dataset, pairs, _prefix(split, name))]
            judges.append([(prefix, Judge(user_ids, part)) for prefix, part in parts])
        ranker = Ranker(user_ids, seen, masks, self._tie_break(dataset.items), device)
        prepared = _Prepared(weakref.ref(dataset), user_ids, ranker, judges)
        self._kept[split, str(device)] = prepared
        return prepared

    def _tie_break(self, items: IdMap) -> IntArray:
        """The tie-break order of the items, hashed once per catalogue."""
        if items not in self._tie_breaks:
            self._tie_breaks[items] = tie_break_order(items.raw_ids, self.tie_break_seed)
        return self._tie_breaks[items]

    def _slices_of(self, dataset: RecDataset, pairs: Pairs, prefix: str) -> Iterator[tuple[str, Pairs]]:
        for name in self.slices:
            part = pairs[in_slice(name, dataset, pairs)]
            if len(part):
                yield f"{prefix}slice_{name}/", part
            else:
                log.info("dataset %s: no relevant pair in slice %s, no figure for it", dataset.name, name)

    def _measure(self, prefix: str, ranking: Ranking) -> dict[str, FloatArray]:
        """Values of every metric and cut-off, NaN for users without a relevant pair."""
        has_none = ranking.num_relevant == 0
        columns = {}
        for metric in self.metrics:
            values = metric(ranking, self.ks).masked_fill(has_none[:, None], torch.nan).numpy()
            for column, k in enumerate(self.ks):
                columns[f"{prefix}{metric.name}@{k}"] = values[:, column]
        return columns


@dataclass(frozen=True)
class _Prepared:
    """One split of a dataset, ready to be ranked again and again.

    Attributes:
        dataset: whose split it is, held weakly.
        user_ids: ``[n]`` users to rank for.
        ranker: of all candidate sets.
        judges: for each candidate set, prefix of the keys and judge of its relevant pairs, slices included.
    """

    dataset: weakref.ref[RecDataset]
    user_ids: IntArray
    ranker: Ranker
    judges: list[list[tuple[str, Judge]]]


def _prefix(split: str, candidates: str) -> str:
    return f"{split}/" if candidates == "all" else f"{split}/{candidates}/"


def _check_known(setting: str, found: Sequence[str], known: Sequence[str]) -> None:
    unknown = [name for name in found if name not in known]
    if unknown:
        raise InputError(f"eval.{setting}: unknown {', '.join(unknown)}; valid: {', '.join(known)}")


def _relevant_and_seen(dataset: RecDataset, split: str) -> tuple[Pairs, Pairs]:
    """The split's pairs of users with a training interaction, and the pairs to mask."""
    if split not in ("valid", "test"):
        raise ValueError(f"split must be valid or test, got {split!r}")
    relevant = dataset.valid if split == "valid" else dataset.test
    seen = dataset.train if split == "valid" else np.concatenate([dataset.train, dataset.valid])
    relevant = relevant[np.isin(relevant[:, 0], dataset.train[:, 0])]
    if len(relevant) == 0:
        raise InputError(
            f"dataset {dataset.name}: no {split} interaction of a user with a training interaction; "
            "choose another data/split"
        )
    return relevant, seen


def _candidate_mask(name: str, dataset: RecDataset, split: str) -> BoolArray | None:
    if name == "all":
        return None
    mask = dataset.cold_valid if split == "valid" else dataset.cold_test
    if not mask.any():
        raise InputError(
            f"dataset {dataset.name}: eval.candidates names cold items, but the split holds none out for "
            f"{split}; set data/split=cold_item or eval.candidates=[all]"
        )
    return mask
