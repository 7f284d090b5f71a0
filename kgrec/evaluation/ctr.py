"""From log-odds of labelled rows to the figures of click-through prediction."""

from collections.abc import Sequence

import numpy as np
import torch

from kgrec.data.dataset import RecDataset
from kgrec.data.labels import Rows
from kgrec.errors import InputError
from kgrec.evaluation.base import Evaluation, Scorer, spread_out
from kgrec.evaluation.click_metrics.base import ClickMetric
from kgrec.evaluation.ranking import NO_ITEM, Ranking
from kgrec.seed import numpy_generator
from kgrec.shapes import FloatArray, IntArray, Pairs


class ClickEvaluator:
    """Scores the labelled rows of a split and measures them.

    Keys: ``test/auc`` and its like are computed once over all rows; ``test/user/auc`` is the mean over users
    of the value that a user's own rows have (users whose rows define none are left out), and stands per user
    in ``per_user.parquet``; ``test/batchwise/auc``, only where ``batchwise`` is set, is the mean over full
    mini-batches. The same with ``valid``.

    Args:
        metrics: with distinct names.
        selection_metric: the validation key by which models and epochs are chosen.
        block_size: pairs scored at once.
        batchwise: rows per mini-batch of the published evaluation of KGCN and KGNN-LS, which averages AUC
            and F1 over mini-batches of rows in random order and drops the last, partial one; for
            reproductions alone. ``None`` = off.

    Raises:
        InputError: a setting outside its range, an unknown name, or a selection on test.
    """

    def __init__(
        self,
        metrics: Sequence[ClickMetric],
        selection_metric: str,
        block_size: int,
        batchwise: int | None,
    ) -> None:
        self.metrics = list(metrics)
        self.selection_metric = selection_metric
        self.block_size = block_size
        self.batchwise = batchwise
        names = [metric.name for metric in self.metrics]
        if not names or len(set(names)) < len(names):
            raise InputError(f"eval.metrics: found {names}, expected at least one and none twice")
        for setting, number in {"block_size": block_size, "batchwise": batchwise}.items():
            if number is not None and (not isinstance(number, int) or number < 1):
                raise InputError(f"eval.{setting}: found {number}, expected a whole number from 1 up")
        if selection_metric not in self.keys("valid"):
            raise InputError(
                f"eval.selection_metric: found {selection_metric!r}, expected one of "
                f"{', '.join(self.keys('valid'))}"
            )

    def keys(self, split: str) -> list[str]:
        """The metric keys of a split."""
        parts = ["", "user/"] + (["batchwise/"] if self.batchwise is not None else [])
        return [f"{split}/{part}{metric.name}" for part in parts for metric in self.metrics]

    @property
    def selection_higher_is_better(self) -> bool:
        """Whether a greater value of the selection metric is the better one."""
        name = self.selection_metric.rsplit("/", 1)[-1]
        return next(metric.higher_is_better for metric in self.metrics if metric.name == name)

    def protocol(self) -> dict[str, str]:
        """The entries ``protocol/…`` of a run's summary that the evaluation decides."""
        stated = {"candidates": "labelled rows", "masked": "nothing", "selected_on": self.selection_metric}
        if self.batchwise is not None:
            stated["batchwise"] = f"means over full mini-batches of {self.batchwise} rows, the rest dropped"
        return stated

    def measure(self, scorer: Scorer, dataset: RecDataset, split: str) -> Evaluation:
        """Evaluate on ``valid`` or ``test``; the scores are taken for log-odds.

        Raises:
            InputError: the split gave no labelled rows.
            ValueError: a log-odds that is not finite.
        """
        if split not in ("valid", "test"):
            raise ValueError(f"split must be valid or test, got {split!r}")
        rows = dataset.labelled(split)
        if len(rows) == 0:
            raise InputError(f"dataset {dataset.name}: no labelled {split} row; hold out more in data.split")
        logits = self._logits(scorer, rows.pairs)
        user_ids, users = np.unique(rows.pairs[:, 0], return_inverse=True)
        pooled = np.zeros(len(rows), dtype=np.int64)
        columns = self._values(f"{split}/user/", rows, logits, users)
        over_all = self._values(f"{split}/", rows, logits, pooled)
        means = {key: float(values[0]) for key, values in over_all.items()}
        means |= {key: _mean(values) for key, values in columns.items()}
        if self.batchwise is not None:
            kept, batches = self._batches(len(rows), dataset.name)
            part = Rows(rows.pairs[kept], rows.known_labels[kept])
            by_batch = self._values(f"{split}/batchwise/", part, logits[kept], batches)
            means |= {key: _mean(values) for key, values in by_batch.items()}
        return Evaluation(user_ids, columns, means)

    def examples(self, scorer: Scorer, dataset: RecDataset, split: str, count: int, k: int) -> Ranking:
        """A few users' own rows, likeliest first; see :meth:`kgrec.evaluation.base.Evaluates.examples`."""
        rows = dataset.labelled(split)
        users = spread_out(np.unique(rows.pairs[:, 0]), count)
        items = np.full((len(users), k), NO_ITEM)
        hits, num_relevant = np.zeros(items.shape, dtype=bool), np.zeros(len(users), dtype=np.int64)
        for place, user in enumerate(users.tolist()):
            own = np.flatnonzero(rows.pairs[:, 0] == user)
            num_relevant[place] = rows.known_labels[own].sum()
            best = own[np.argsort(-self._logits(scorer, rows.pairs[own]), kind="stable")][:k]
            items[place, : len(best)] = rows.pairs[best, 1]
            hits[place, : len(best)] = rows.known_labels[best] == 1
        tensors = (torch.from_numpy(part) for part in (items, hits, num_relevant, users))
        return Ranking(*tensors)

    @torch.no_grad()
    def _logits(self, scorer: Scorer, pairs: Pairs) -> FloatArray:
        blocks = torch.from_numpy(pairs).to(scorer.device).split(self.block_size)
        logits = torch.cat([scorer.score_pairs(block[:, 0], block[:, 1]) for block in blocks])
        if not logits.isfinite().all():
            raise ValueError(f"{int((~logits.isfinite()).sum())} log-odds of {len(pairs)} are not finite")
        found: FloatArray = logits.double().cpu().numpy()
        return found

    def _values(self, prefix: str, rows: Rows, logits: FloatArray, groups: IntArray) -> dict[str, FloatArray]:
        labels = rows.known_labels
        return {f"{prefix}{metric.name}": metric(labels, logits, groups) for metric in self.metrics}

    def _batches(self, num_rows: int, dataset: str) -> tuple[IntArray, IntArray]:
        """The rows of full mini-batches in a fixed random order, and the batch of each."""
        size = self.batchwise or num_rows
        full = num_rows // size
        if full == 0:
            raise InputError(
                f"eval.batchwise: found {size}, expected at most the {num_rows} rows of {dataset}, as only "
                "full mini-batches count"
            )
        order = numpy_generator(0, "evaluation", "mini-batches").permutation(num_rows)
        return order[: full * size], np.repeat(np.arange(full), size)


def _mean(values: FloatArray) -> float:
    """Mean of what is defined; NaN where nothing is."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else float("nan")
