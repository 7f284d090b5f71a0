"""kgrec's side of the comparison: train, validate, and write down what it took.

``python kgrec_driver.py SPEC.json``, run by ``recbole.py``. The run goes through kgrec's own trainer and
evaluator, as ``kgrec train`` does, but writes no run folder. Nothing is ever evaluated on test.
"""

import json
import resource
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from kgrec.build import build, compose
from kgrec.evaluation.evaluator import Evaluator
from kgrec.models.base import Recommender
from kgrec.pipeline import load_dataset, load_inputs, load_model, load_task, load_trainer
from kgrec.seed import seed_everything

PACKAGES = ("torch", "numpy", "scipy", "polars", "accelerate")


class NoRecords:
    """In the place of a run folder and a logger: a training that is only timed leaves nothing."""

    def __init__(self, folder: Path) -> None:
        self.checkpoint_dir = folder / "checkpoint"

    def reset_metrics(self, rows: Sequence[Mapping[str, float]]) -> None:
        """Nothing to reset."""

    def append_metrics(self, row: Mapping[str, float]) -> None:
        """Nothing to store."""

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Nothing to mirror."""


class Stopwatch:
    """A validation that tells how long it and the epoch before it took.

    What the trainer does between two validations counts as training, its own bookkeeping included.
    """

    def __init__(self, evaluator: Evaluator, dataset: Any) -> None:
        self.evaluator, self.dataset = evaluator, dataset
        self.epochs: list[dict[str, float]] = []

    def start(self) -> None:
        """Call just before ``fit``."""
        self.started = time.perf_counter()
        self.last = (self.started, time.process_time())

    def __call__(self, model: Recommender) -> dict[str, float]:
        """Validation metrics of ``model``."""
        began, began_cpu = time.perf_counter(), time.process_time()
        means = self.evaluator.measure(model, self.dataset, "valid").means
        ended, ended_cpu = time.perf_counter(), time.process_time()
        self.epochs.append(
            {
                "train_s": began - self.last[0],
                "train_cpu_s": began_cpu - self.last[1],
                "rank_s": ended - began,
                "rank_cpu_s": ended_cpu - began_cpu,
                "elapsed_s": ended - self.started,
                "recall": means["valid/recall@10"],
            }
        )
        self.last = (time.perf_counter(), time.process_time())
        return means


def measure(spec: dict[str, Any]) -> dict[str, Any]:
    """Train as ``spec`` says; the record that ``recbole_driver.py`` writes too."""
    imports_rss_mb = peak_rss_mb()
    began = time.perf_counter()
    cfg = compose(spec["overrides"])  # its seed is that of the split, which every repeat shares
    trainer, evaluator = load_trainer(cfg), build(cfg.eval)
    dataset = load_dataset(cfg)
    inputs = load_inputs(cfg, dataset)
    seed_everything(spec["seed"])
    model = load_model(cfg, inputs)
    load_s = time.perf_counter() - began
    stopwatch = Stopwatch(evaluator, dataset)
    with tempfile.TemporaryDirectory() as folder:
        nowhere = NoRecords(Path(folder))
        stopwatch.start()
        trainer.fit(
            model,
            load_task(cfg).training_rows(dataset),
            validate=stopwatch,
            selection_metric=evaluator.selection_metric,
            run=nowhere,
            logger=nowhere,
            seed=spec["seed"],
        )
    return {
        "epochs": stopwatch.epochs,
        "load_s": load_s,
        "imports_rss_mb": imports_rss_mb,
        "peak_rss_mb": peak_rss_mb(),
        "train_pairs": len(dataset.train),
        "num_users": dataset.num_users,
        "num_items": dataset.num_items,
        "threads": torch.get_num_threads(),
        "versions": {name: version(name) for name in PACKAGES},
    }


def peak_rss_mb() -> float:
    """Most physical memory this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """``kgrec_driver.py SPEC.json``: the record goes where the spec says."""
    spec = json.loads(Path(sys.argv[1]).read_text())
    torch.set_num_threads(spec["threads"])
    Path(spec["record"]).write_text(json.dumps(measure(spec)))


if __name__ == "__main__":
    main()
