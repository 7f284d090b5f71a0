"""``kgrec lm tune``: a language model trained for recommendation."""

import logging
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kgrec.cli import OVERRIDES_HELP, CommandParser
from kgrec.commands.lm.training import start_run, trained_step
from kgrec.errors import InputError
from kgrec.progress import another_speaks

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from kgrec.lm.folder import Step
    from kgrec.reporting.run_folder import RunFolder

log = logging.getLogger(__name__)

DECISIVE = ("data", "text", "loss", "lm", "lm_tune", "lm_recommender", "train", "seed")
"""Parts of the configuration that decide what comes out."""


def main(arguments: Sequence[str]) -> int:
    """Tune one model by one method, or by several for a table."""
    parser = CommandParser(
        "lm tune",
        "Train an encoder of texts so that the mean of a user's items lies near the next one. Reads\n"
        "training interactions and the texts of warm items; recall@20 on validation (cold items where the\n"
        "split holds some) stops it. The result is a folder for lm=hf lm.model=DIR. The same command goes\n"
        "on where it was stopped.",
        "  kgrec lm tune minilm_l1 data=ml-100k --method lora --out tuned\n"
        "  kgrec lm tune minilm_l1 data=ml-100k --methods full,lora,ia3 --out tuned   # a table\n"
        "  kgrec lm tune minilm_l6 data=ml-100k --out tuned loss=softmax lm_tune.method.rank=4 "
        "train.max_epochs=5",
    )
    parser.add_argument("model", help="an option of lm=…, a folder, or a hub name")
    parser.add_argument("overrides", nargs="*", metavar="setting", help=OVERRIDES_HELP)
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--method", default="lora", help="conf/lm_tune/METHOD.yaml (default: lora)")
    parser.add_argument("--methods", metavar="A,B", help="several, each to a folder of its own in --out")
    given = parser.parse_intermixed_args(arguments)

    if given.methods:
        return _table(given.model, given.methods.split(","), given.overrides, given.out)
    step = _tune(given.model, given.method, given.overrides, given.out, ["lm", "tune", *arguments])
    print(_told(given.method, step.figures))
    print(given.out)
    return 0


def _tune(model: str, method: str, overrides: Sequence[str], out: Path, command: list[str]) -> "Step":
    """The step, measured now or earlier."""
    cfg = compose_tuning(model, method, overrides)
    return trained_step("tune", cfg, DECISIVE, cfg.lm.model, out, command, _train)


def compose_tuning(model: str, method: str, overrides: Sequence[str]) -> "DictConfig":
    """The configuration of one tuning.

    Raises:
        InputError: no such method, or what :func:`kgrec.build.compose` refuses.
    """
    from kgrec.build import compose, options
    from kgrec.studies.plan import last_of_each

    if method not in options("lm_tune"):
        raise InputError(f"--method: found {method!r}, expected one of {', '.join(options('lm_tune'))}")
    named = [f"lm={model}"] if model in options("lm") else ["lm=hf", f"lm.model={model}"]
    chosen = [*named, f"+lm_tune={method}", "+lm_recommender=default", "loss=in_batch", "train=lm_tune"]
    cfg = compose(last_of_each([*chosen, *overrides]))
    if "model" not in cfg.lm:
        raise InputError(f"lm={model}: found no language model with layers to train")
    return cfg


def _train(cfg: "DictConfig", run: "RunFolder") -> tuple[Any, Any, dict[str, float]]:
    """Network, tokenizer, figures."""
    from kgrec.build import build
    from kgrec.lm.tune import K, plain_network, tune
    from kgrec.models.base import ModelInputs
    from kgrec.models.selection import ValidationRecall
    from kgrec.pipeline import item_texts, load_dataset, load_trainer
    from kgrec.reporting.loggers.none import NoLogger
    from kgrec.seed import seed_everything

    trainer = load_trainer(cfg)
    dataset = load_dataset(cfg)
    recall = ValidationRecall(dataset, K)
    encoder = build(cfg.lm)
    seed_everything(cfg.seed)
    model = build(cfg.lm_recommender)(
        ModelInputs(dataset), item_texts(cfg, dataset), recall.candidates, encoder
    )
    network = plain_network(encoder)
    start_run(cfg, run)
    figures = tune(model, dataset, recall, trainer, run, NoLogger(), cfg.seed)
    model.cpu().method.merge(encoder)
    return network, encoder.backbone.tokenizer, figures


def _told(method: str, figures: dict[str, float]) -> str:
    """One line of the table."""
    return (
        f"{method:<12} {figures['trained_params']:>12,.0f} trained ({figures['trained_share']:.2f} %), "
        f"recall@20 {figures['valid/recall@20/before']:.4f} -> {figures['valid/recall@20/after']:.4f} "
        f"(epoch {figures['best_epoch']:.0f} of {figures['epochs']:.0f}), {figures['train_s']:.0f} s, "
        f"peak {figures['peak_memory_mb']:.0f} MB"
    )


def _table(model: str, methods: list[str], overrides: Sequence[str], out: Path) -> int:
    """Each method in a process of its own, so that its peak memory is its own too."""
    from kgrec.lm.folder import read_lineage

    for method in methods:
        compose_tuning(model, method, overrides)  # known to be sound before the first one is trained
    for number, method in enumerate(methods, start=1):
        log.info("method %d of %d: %s", number, len(methods), method)
        line = [sys.executable, "-m", "kgrec", "lm", "tune", model, *overrides, "--method", method]
        with another_speaks():
            done = subprocess.run([*line, "--out", str(out / method)], stdout=subprocess.DEVNULL)
        if done.returncode:
            return done.returncode
    for method in methods:
        print(_told(method, read_lineage(out / method)[-1].figures))
    return 0
