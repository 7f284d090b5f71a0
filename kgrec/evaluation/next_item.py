"""From scores of sequences to the rank of the next item among a few sampled ones."""

import weakref
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from kgrec.data.dataset import RecDataset
from kgrec.data.sequences import Sequences
from kgrec.errors import InputError
from kgrec.evaluation.base import Evaluation, Scorer, spread_out
from kgrec.evaluation.metrics.base import Metric
from kgrec.evaluation.ranking import Ranking
from kgrec.seed import numpy_generator, tie_break_order
from kgrec.shapes import FloatArray, IntArray

POOLS = ("any", "unseen")


class NextItemEvaluator:
    """Ranks each sequence's target among ``num_candidates`` items and measures the list.

    The others are drawn without replacement and uniformly, from one pool or from each of both in turn:

    - "any": items that are neither in the sequence's history nor the target, as in the code of `LLaRA
      <https://arxiv.org/abs/2312.02445>`_ (``negative_sampling`` in ``data/movielens_data.py``). What the
      user took before the history or will take later is among them. HR@1 of that paper is ``hit@1``.
    - "unseen": items that the user never took, before or after, as elsewhere in the literature: easier, as
      nothing is taken for wrong that the user did take.

    Each sequence has a stream of its own, named
    by the sequence, so that its list is the same for all models and in whatever part it stands. Equal scores
    are ranked by a seeded hash of the item id: a constant scorer ranks at chance.

    Keys are ``valid/hit@1`` and its like for "any", ``valid/unseen/hit@1`` for "unseen", one value per
    sequence, and the same with ``test``.

    Args:
        metrics: with distinct names.
        ks: cut-offs, 1 … ``num_candidates``.
        pools: what the others are drawn from.
        num_candidates: ≥ 2, the target included.
        draws: ≥ 1 lists for each sequence, whose value is the mean over them.
        draw_seed: seed of the lists and of the order of equal scores.
        selection_metric: the validation key by which models and epochs are chosen.
        block_size: sequences scored at once.

    Raises:
        InputError: a setting outside its range, an unknown name, or a selection on test.
    """

    def __init__(
        self,
        metrics: Sequence[Metric],
        ks: Sequence[int],
        pools: Sequence[str],
        num_candidates: int,
        draws: int,
        draw_seed: int,
        selection_metric: str,
        block_size: int,
    ) -> None:
        self.metrics, self.ks, self.pools = list(metrics), list(ks), list(pools)
        self.num_candidates = num_candidates
        self.draws = draws
        self.draw_seed = draw_seed
        self.selection_metric = selection_metric
        self.block_size = block_size
        self._lists: dict[tuple[str, str], _Lists] = {}
        self._check_settings()

    def keys(self, split: str) -> list[str]:
        """The metric keys of a split."""
        return [
            f"{_prefix(split, pool)}{metric.name}@{k}"
            for pool in self.pools
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
            "candidates": f"sampled: the target and {self.num_candidates - 1} random items, {self.draws} "
            f"draws with seed {self.draw_seed} from {' and from '.join(self.pools)}",
            "masked": "any: the history is not drawn; unseen: nothing that the user ever took",
            "selected_on": self.selection_metric,
        }

    def measure(self, scorer: Scorer, dataset: RecDataset, split: str) -> Evaluation:
        """Evaluate on ``valid`` or ``test``.

        Raises:
            InputError: the dataset has no sequences, none in the split, or too few items to draw from.
            ValueError: a score that is NaN.
        """
        if split not in ("valid", "test"):
            raise ValueError(f"split must be valid or test, got {split!r}")
        pools = [self._lists_of(dataset, split, pool) for pool in self.pools]
        columns: dict[str, FloatArray] = {}
        for pool, lists, scores in zip(self.pools, pools, self._scores(scorer, pools), strict=True):
            for metric in self.metrics:
                drawn = [metric(_ranked(lists, draw, scores[:, draw]), self.ks) for draw in range(self.draws)]
                values = torch.stack(drawn).mean(0).numpy()
                for column, k in enumerate(self.ks):
                    columns[f"{_prefix(split, pool)}{metric.name}@{k}"] = values[:, column]
        means = {key: float(values.mean()) for key, values in columns.items()}
        return Evaluation(pools[0].sequences, columns, means)

    def examples(self, scorer: Scorer, dataset: RecDataset, split: str, count: int, k: int) -> Ranking:
        """The first drawn list of a few sequences; see :meth:`kgrec.evaluation.base.Evaluates.examples`."""
        pool = "unseen" if "/unseen/" in self.selection_metric else "any"
        lists = self._lists_of(dataset, split, pool)
        rows = spread_out(np.arange(len(lists.sequences)), count)
        few = _Lists(lists.dataset, lists.sequences[rows], lists.targets[rows], lists.candidates[rows])
        (scores,) = self._scores(scorer, [few])
        ranked = _ranked(few, 0, scores[:, 0])
        return replace(ranked, items=ranked.items[:, :k], hits=ranked.hits[:, :k])

    @torch.no_grad()
    def _scores(self, scorer: Scorer, pools: Sequence["_Lists"]) -> list[Tensor]:
        """Scores ``[n, draws, C]`` of the candidates of each pool; every sequence is scored once."""
        blocks: list[list[Tensor]] = [[] for _ in pools]
        for begin in range(0, len(pools[0].sequences), self.block_size):
            block = slice(begin, begin + self.block_size)
            scores = scorer.score(torch.from_numpy(pools[0].sequences[block]).to(scorer.device))
            for lists, found in zip(pools, blocks, strict=True):
                items = torch.from_numpy(lists.candidates[block]).to(scorer.device)
                found.append(scores.gather(1, items.flatten(1)).view(items.shape).cpu())
        joined = [torch.cat(found) for found in blocks]
        if wrong := sum(int(scores.isnan().sum()) for scores in joined):
            raise ValueError(f"{wrong} scores of {sum(scores.numel() for scores in joined)} are NaN")
        return joined

    def _lists_of(self, dataset: RecDataset, split: str, pool: str) -> "_Lists":
        """The candidates of a split, drawn once and kept for the next evaluation of the same dataset."""
        kept = self._lists.get((split, pool))
        if kept is not None and kept.dataset() is dataset:
            return kept
        sequences = dataset.in_sequences()
        pairs = getattr(dataset, split)
        if len(pairs) == 0:
            raise InputError(f"dataset {dataset.name}: no {split} sequence; hold out more in data.split")
        pairs = pairs[np.argsort(pairs[:, 0], kind="stable")]
        taken = _taken(sequences) if pool == "unseen" else {}
        drawn = []
        for sequence, target in pairs.tolist():
            history = sequences.histories[sequence]
            more = taken.get(int(sequences.users[sequence]), history[:0])
            excluded = np.unique(np.concatenate([history[history >= 0], [target], more]))
            drawn.append(self._draw(dataset, dataset.users.raw_ids[sequence], target, excluded))
        candidates = np.stack(drawn)
        order = tie_break_order(dataset.items.raw_ids, self.draw_seed)
        # In the order in which ties are broken, so that a stable sort breaks them.
        candidates = np.take_along_axis(candidates, np.argsort(order[candidates], axis=2), axis=2)
        lists = _Lists(weakref.ref(dataset), pairs[:, 0].copy(), pairs[:, 1].copy(), candidates)
        self._lists[split, pool] = lists
        return lists

    def _draw(self, dataset: RecDataset, name: str, target: int, excluded: IntArray) -> IntArray:
        """``[draws, C]`` items, the target first.

        Args:
            dataset: its items are drawn.
            name: of the sequence and of its stream.
            target: the item that is right.
            excluded: distinct items that are not drawn, the target among them.
        """
        wanted = self.num_candidates - 1
        left = dataset.num_items - len(excluded)
        if left < wanted:
            raise InputError(
                f"eval.num_candidates: found {self.num_candidates}, but beside what is not drawn for "
                f"sequence {name} there are {left} items"
            )
        rng = numpy_generator(self.draw_seed, "candidates", name)
        lists = np.empty((self.draws, self.num_candidates), dtype=np.int64)
        for row in lists:
            # A few too many, so that enough are left without those excluded: uniform all the same.
            drawn = rng.choice(dataset.num_items, wanted + len(excluded), replace=False)
            row[0], row[1:] = target, drawn[~np.isin(drawn, excluded)][:wanted]
        return lists

    def _check_settings(self) -> None:
        names = [metric.name for metric in self.metrics]
        for setting, found in (("metrics", names), ("ks", self.ks), ("pools", self.pools)):
            if not found or len(set(found)) < len(found):
                raise InputError(f"eval.{setting}: found {found}, expected at least one and none twice")
        if unknown := [pool for pool in self.pools if pool not in POOLS]:
            raise InputError(f"eval.pools: unknown {', '.join(unknown)}; valid: {', '.join(POOLS)}")
        lowest = {"num_candidates": 2, "draws": 1, "block_size": 1}
        for setting, least in lowest.items():
            number = getattr(self, setting)
            if not isinstance(number, int) or number < least:
                raise InputError(f"eval.{setting}: found {number}, expected a whole number from {least} up")
        if wrong := [k for k in self.ks if not 1 <= k <= self.num_candidates]:
            raise InputError(f"eval.ks: found {wrong}, expected cut-offs in 1 … {self.num_candidates}")
        if self.selection_metric not in self.keys("valid"):
            raise InputError(
                f"eval.selection_metric: found {self.selection_metric!r}, expected one of "
                f"{', '.join(self.keys('valid'))}"
            )


@dataclass(frozen=True)
class _Lists:
    """What the sequences of a split are ranked among.

    Attributes:
        dataset: whose split it is, held weakly.
        sequences: ``[n]`` ascending ids.
        targets: ``[n]`` item ids.
        candidates: ``[n, draws, C]`` item ids, each list in the order in which ties are broken.
    """

    dataset: weakref.ref[RecDataset]
    sequences: IntArray
    targets: IntArray
    candidates: IntArray


def _prefix(split: str, pool: str) -> str:
    return f"{split}/" if pool == "any" else f"{split}/{pool}/"


def _taken(sequences: Sequences) -> dict[int, IntArray]:
    """User → all items that the user ever took."""
    pairs = sequences.interactions[np.argsort(sequences.interactions[:, 0], kind="stable")]
    users, first = np.unique(pairs[:, 0], return_index=True)
    return dict(zip(users.tolist(), np.split(pairs[:, 1], first[1:]), strict=True))


def _ranked(lists: _Lists, draw: int, scores: Tensor) -> Ranking:
    """The lists of one draw by their scores ``[n, C]``, best first."""
    order = scores.argsort(dim=1, descending=True, stable=True)
    items = torch.from_numpy(lists.candidates[:, draw]).gather(1, order)
    hits = items == torch.from_numpy(lists.targets).unsqueeze(1)
    return Ranking(items, hits, torch.ones(len(items), dtype=torch.long), torch.from_numpy(lists.sequences))
