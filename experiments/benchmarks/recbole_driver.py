"""RecBole's side of the comparison: train, validate, and write down what it took.

Run by ``recbole.py`` inside an environment of its own, with ``python -P`` so that the folder of this file
(which holds a ``recbole.py``) does not hide the package: ``python -P recbole_driver.py SPEC.json``.
It imports nothing of kgrec, and leaves RecBole's files as they are: what a newer torch needs is patched in
memory, see :func:`patch_for_newer_torch`. Nothing is ever evaluated on test.
"""

import json
import resource
import sys
import time
import types
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

PACKAGES = ("recbole", "torch", "numpy", "scipy", "pandas")
LARGE_EVAL_BATCH = 2**23
"""Scores at once: all validation users of both datasets in one block, RecBole's fastest setting."""


def patch_for_newer_torch() -> None:
    """Give RecBole what it needs of torch and torch_scatter: two functions, replaced in memory."""
    load = torch.load

    def load_everything(*args: Any, **kwargs: Any) -> Any:
        return load(*args, **{"weights_only": False, **kwargs})

    torch.load = load_everything

    def scatter_mean(src: torch.Tensor, index: torch.Tensor, dim: int, dim_size: int) -> torch.Tensor:
        """Mean of the rows of ``src`` by ``index``; as torch_scatter computes it: two sums."""
        if dim != 0:
            raise ValueError(f"dim {dim}, expected 0")
        total = src.new_zeros(dim_size, *src.shape[1:]).index_add_(0, index, src)
        count = src.new_zeros(dim_size).index_add_(0, index, src.new_ones(len(index)))
        return total / count.clamp(min=1).unsqueeze(1)

    module = types.ModuleType("torch_scatter")
    module.scatter_mean = scatter_mean  # type: ignore[attr-defined]
    sys.modules["torch_scatter"] = module


def config_of(spec: dict[str, Any]) -> dict[str, Any]:
    """RecBole's settings: its model defaults, and what both sides share."""
    knowledge = {"kg": ["head_id", "relation_id", "tail_id"], "link": ["item_id", "entity_id"]}
    return {
        "data_path": spec["data_path"],
        "benchmark_filename": ["train", "valid", "test"],
        "load_col": {"inter": ["user_id", "item_id"]} | (knowledge if spec["needs_graph"] else {}),
        "use_gpu": False,
        "seed": spec["seed"],
        "epochs": spec["epochs"],
        "stopping_step": spec["patience"] or spec["epochs"],
        "train_batch_size": spec["batch_size"],
        "embedding_size": spec["embedding_dim"],
        "kg_embedding_size": spec["embedding_dim"],
        "learning_rate": spec["lr"],
        "train_neg_sample_args": {"distribution": "uniform", "sample_num": 1},
        "eval_batch_size": LARGE_EVAL_BATCH,
        "topk": [10],
        "valid_metric": "Recall@10",
        "metric_decimal_place": 6,
        "show_progress": False,
        "state": "ERROR",
        **spec["recbole_settings"],
    }


class Stopwatch:
    """Wraps a trainer's two halves of an epoch, so that each tells how long it took."""

    def __init__(self, trainer: Any) -> None:
        self.epochs: list[dict[str, float]] = []
        self.train, self.validate = trainer._train_epoch, trainer._valid_epoch
        trainer._train_epoch, trainer._valid_epoch = self.timed_train, self.timed_validate

    def start(self) -> None:
        """Call just before ``fit``."""
        self.started = time.perf_counter()

    def timed_train(self, *args: Any, **kwargs: Any) -> Any:
        """One training epoch."""
        began, cpu = time.perf_counter(), time.process_time()
        result = self.train(*args, **kwargs)
        self.epochs.append({"train_s": time.perf_counter() - began, "train_cpu_s": time.process_time() - cpu})
        return result

    def timed_validate(self, *args: Any, **kwargs: Any) -> Any:
        """One ranking of all validation users."""
        began, cpu = time.perf_counter(), time.process_time()
        score, result = self.validate(*args, **kwargs)
        ended = time.perf_counter()
        self.epochs[-1] |= {
            "rank_s": ended - began,
            "rank_cpu_s": time.process_time() - cpu,
            "elapsed_s": ended - self.started,
            "recall": float(score),
        }
        return score, result


def measure(spec: dict[str, Any]) -> dict[str, Any]:
    """Train as ``spec`` says; the record that ``kgrec_driver.py`` writes too."""
    from recbole.config import Config
    from recbole.data import create_dataset, data_preparation
    from recbole.utils import get_model, get_trainer, init_logger, init_seed

    imports_rss_mb = peak_rss_mb()
    began = time.perf_counter()
    config = Config(model=spec["recbole_model"], dataset=spec["recbole_dataset"], config_dict=config_of(spec))
    init_seed(config["seed"], config["reproducibility"])
    init_logger(config)
    dataset = create_dataset(config)
    train_data, valid_data, _ = data_preparation(config, dataset)
    model = get_model(config["model"])(config, train_data._dataset).to(config["device"])
    trainer = get_trainer(config["MODEL_TYPE"], config["model"])(config, model)
    load_s = time.perf_counter() - began
    stopwatch = Stopwatch(trainer)
    stopwatch.start()
    trainer.fit(train_data, valid_data, verbose=False, saved=False)
    return {
        "epochs": stopwatch.epochs,
        "load_s": load_s,
        "imports_rss_mb": imports_rss_mb,
        "peak_rss_mb": peak_rss_mb(),
        "train_pairs": len(train_data._dataset),
        "num_users": dataset.user_num - 1,
        "num_items": dataset.item_num - 1,
        "threads": torch.get_num_threads(),
        "versions": {name: version(name) for name in PACKAGES},
    }


def peak_rss_mb() -> float:
    """Most physical memory this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """``recbole_driver.py SPEC.json``: the record goes where the spec says."""
    spec = json.loads(Path(sys.argv[1]).read_text())
    del sys.argv[1:]  # RecBole reads the command line by itself
    torch.set_num_threads(spec["threads"])
    patch_for_newer_torch()
    record = measure(spec)
    Path(spec["record"]).write_text(json.dumps(record))


if __name__ == "__main__":
    main()
