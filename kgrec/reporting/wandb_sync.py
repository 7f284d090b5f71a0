"""Offline W&B runs of a group, sent by W&B's own command."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from kgrec.errors import InputError
from kgrec.reporting.compare import folder_of
from kgrec.reporting.loggers.wandb import check_account


def offline_runs(group: Path) -> list[Path]:
    """Folders that W&B wrote offline in the runs of a group, the earliest first, but for those sent already.

    Raises:
        InputError: no such group, or none of its runs has one.
    """
    folder = folder_of(group)
    found = sorted(folder.rglob("wandb/offline-run-*"))
    if not found:
        raise InputError(f"{folder}: found no offline W&B run, expected runs of logger=wandb without account")
    return [path for path in found if not any(path.glob("*.wandb.synced"))]


def sync(folders: Sequence[Path]) -> int:
    """Send them; what W&B says goes to the terminal.

    Returns:
        The exit code of ``wandb sync``; 0 where there is nothing to send.

    Raises:
        InputError: no account is configured.
    """
    check_account()
    if not folders:
        return 0
    command = [sys.executable, "-m", "wandb", "sync", *map(str, folders)]
    return subprocess.run(command, check=False).returncode
