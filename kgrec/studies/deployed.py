"""The costs of a new item for the arms of a study, measured when their runs are finished, and kept."""

import datetime
import json
import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from kgrec.errors import InputError
from kgrec.pipeline import run_name
from kgrec.reporting.environment import environment
from kgrec.reporting.run_folder import RunFolder
from kgrec.studies.new_items import measure_new_items
from kgrec.studies.plan import Trial
from kgrec.study import Study

log = logging.getLogger(__name__)

FILE = "new_items.json"


def deployed_costs(
    study: Study, trials: Sequence[Trial], folders: Sequence[Path]
) -> dict[str, dict[str, float]]:
    """Arm → costs of a new item, of the study's deployed arms whose runs are finished.

    They are compared with each other, so all are measured anew, in turns, where one of them is new or has
    other settings; else those of the first folder that has them stand. An arm with choices is set up with the
    one that was best on most splits.

    Args:
        study: its deployed arms.
        trials: all that were planned.
        folders: where ``new_items.json`` lies or is put: costs, machine and date.

    Raises:
        InputError: the file cannot be read or written.
    """
    configs = {arm: cfg for arm in study.deployed if (cfg := _config(arm, trials)) is not None}
    if not configs:
        return {}
    names = {arm: run_name(cfg) for arm, cfg in configs.items()}
    found = [stored for folder in folders if (stored := _read(folder / FILE)).get("settings") == names]
    stored = found[0] if found else _measured(configs, names)
    for folder in folders:
        RunFolder(folder).write(FILE, (json.dumps(stored, indent=2) + "\n").encode())
    costs: dict[str, dict[str, float]] = stored["costs"]
    return costs


def _measured(configs: dict[str, DictConfig], names: dict[str, str]) -> dict[str, Any]:
    log.info("costs of a new item: %d deployments, in turns", len(configs))
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": environment(0)["host"],
        "settings": names,
        "costs": measure_new_items(configs),
    }


def _config(arm: str, trials: Sequence[Trial]) -> DictConfig | None:
    """Settings of the arm on the first split; ``None`` unless all its runs are finished."""
    own = [trial for trial in trials if trial.arm.name == arm]
    if not own or any(trial.to_run() for trial in own):
        return None
    most_chosen, _ = Counter(trial.chosen() for trial in own).most_common(1)[0]
    return own[0].finals[most_chosen].cfg


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        stored: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: found no costs of new items ({error}); delete the file") from error
    return stored
