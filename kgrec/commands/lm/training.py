"""What the verbs that train share: from a configuration to a folder, resumed where it was stopped."""

import dataclasses
import shutil
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kgrec.cli import is_main_process

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from kgrec.lm.folder import Step
    from kgrec.reporting.run_folder import RunFolder

    Train = Callable[[DictConfig, RunFolder], tuple[Any, Any, dict[str, float]]]
    """Configuration and where the checkpoint goes → network, tokenizer, figures."""


def trained_step(
    verb: str,
    cfg: "DictConfig",
    decisive: Collection[str],
    parent: str | None,
    out: Path,
    command: Sequence[str],
    train: "Train",
) -> "Step":
    """The step as it stands in the folder's lineage: measured now, or earlier by the same command.

    Args:
        verb: of the step.
        cfg: the whole configuration.
        decisive: its parts that decide what comes out.
        parent: the model that is trained further; ``None`` = from scratch.
        out: the folder of the result; a checkpoint lies beside it while it is made.
        command: the arguments after ``kgrec``.
        train: does it.

    Raises:
        InputError: ``out`` holds something else, or what ``train`` refuses.
    """
    from kgrec.lm.folder import check_out, checkpoint_dir, find_lm, new_step, read_lineage, save_lm
    from kgrec.pipeline import settings
    from kgrec.reporting.environment import git_state
    from kgrec.reporting.run_folder import RunFolder, settings_of_run

    flat = settings_of_run(settings(cfg)) | {"seed": cfg.seed}
    kept = {key: value for key, value in flat.items() if key.split(".")[0] in decisive}
    kept = {key: value for key, value in kept.items() if not key.startswith("train.runtime.")}
    step = new_step(verb, command, kept, parent, (git_state() or {}).get("commit"))
    check_out(out, step)
    if earlier := read_lineage(out):  # the same step: check_out refuses any other
        return earlier[-1]
    before = read_lineage(find_lm(parent)) if parent else ()
    run = RunFolder(checkpoint_dir(out))
    network, tokenizer, figures = train(cfg, run)
    step = dataclasses.replace(step, figures={**figures, "peak_memory_mb": _peak_memory_mb()})
    if is_main_process():
        save_lm(out, network, tokenizer, [*before, step])
        shutil.rmtree(run.path)
    return step


def start_run(cfg: "DictConfig", run: "RunFolder") -> None:
    """Open the folder of the checkpoint, once everything else has been found to be sound.

    Raises:
        InputError: it holds the checkpoint of other settings.
    """
    import yaml  # type: ignore[import-untyped]

    from kgrec.pipeline import settings

    if is_main_process():
        run.start(yaml.safe_dump(settings(cfg)), cfg.seed)


def _peak_memory_mb() -> float:
    """Of the GPU where there is one, else of the process; in 2^20 bytes."""
    import torch

    from kgrec.evaluation.cost import peak_rss_mb

    return torch.cuda.max_memory_allocated() / 2**20 if torch.cuda.is_available() else peak_rss_mb()
