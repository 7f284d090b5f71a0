"""Groups of a W&B project as run folders: the files that the logger kept, read back as they stood."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from kgrec.errors import InputError
from kgrec.reporting.compare import RUNS
from kgrec.reporting.loggers.wandb import KEPT, check_account, name_of, quieten
from kgrec.reporting.run_folder import RunFolder

log = logging.getLogger(__name__)

PREFIX = "wandb:"
"""What a group of a W&B project begins with: ``wandb:[ENTITY/]PROJECT/GROUP``."""

OPTIONAL = {"metrics.jsonl"}
"""Files that not every run has: a model without epochs has no metrics."""


def local(group: Path) -> Path:
    """The folder of a group, fetched first where it is one of a W&B project.

    Raises:
        InputError: see :func:`fetch`; or a malformed name.
    """
    name = str(group)
    if not name.startswith(PREFIX):
        return group
    parts = name.removeprefix(PREFIX).split("/")
    if len(parts) not in (2, 3) or not all(part.strip(".") for part in parts):
        raise InputError(f"{name}: found no project and group in it, expected wandb:[ENTITY/]PROJECT/GROUP")
    return fetch("/".join(parts[:-1]), parts[-1])


def fetch(project: str, group: str) -> Path:
    """Fetch the finished runs of a group into ``runs/wandb-<entity>/<project>/<group>/<W&B run id>``.

    A run that was fetched before is not fetched again. What has not ended, or lacks the files of a run
    folder, is left out, which is logged.

    Args:
        project: ``[entity/]project``; without entity the account's default.
        group: as W&B has it.

    Returns:
        The folder of the group.

    Raises:
        InputError: no account, a server that does not answer or refuses, no such project, or no run of the
            group that can be read back.
    """
    check_account()
    where = f"{PREFIX}{project}/{group}"
    with _in_one_line(where):
        runs = _runs(project, group)
        found = _listed(runs)
        folder = RUNS / f"wandb-{runs.entity}" / runs.project / group
        complete = sum(_fetch_run(run, RunFolder(folder / run.id)) for run in found)
    if not complete:
        raise InputError(
            f"{where}: found {len(found)} runs, none of them finished with its {', '.join(KEPT)}, expected "
            "at least one, made with logger=wandb"
        )
    if complete < len(found):
        log.warning(
            "%s: %d of %d runs are not finished or lack files, and are left out",
            where,
            len(found) - complete,
            len(found),
        )
    return folder


def _fetch_run(run: Any, folder: RunFolder) -> bool:
    """Whether the run is there, now or since before; the summary comes last, which makes it finished."""
    if folder.is_finished:
        return True
    if run.state != "finished":
        return False
    paths = {f"{name_of(run.id)}/{name}": name for name in KEPT}
    files = {paths[file.name]: file for file in _listed(run.files(names=list(paths)))}
    # A file that was announced and never sent is listed with no bytes.
    if any(name not in files or not files[name].size for name in set(KEPT) - OPTIONAL):
        return False
    with TemporaryDirectory() as temporary:
        for file in files.values():
            file.download(root=temporary).close()
        for name in KEPT:
            if name in files:
                folder.write(name, (Path(temporary) / files[name].name).read_bytes())
    return True


def _runs(project: str, group: str) -> Any:
    import wandb
    from wandb.apis.normalize import normalize_exceptions

    quieten()
    return normalize_exceptions(wandb.Api().runs)(project, filters={"group": group})


def _listed(pages: Any) -> list[Any]:
    """All pages; the client lets through here what it turns into its own errors elsewhere."""
    from wandb.apis.normalize import normalize_exceptions

    listed: list[Any] = normalize_exceptions(list)(pages)
    return listed


@contextmanager
def _in_one_line(where: str) -> Iterator[None]:
    import wandb

    try:
        yield
    except (wandb.errors.Error, OSError) as error:
        what = f"{where}: cannot be read ({' '.join(str(error).split())})"
        if isinstance(error, wandb.errors.AuthenticationError):
            what += "; expected a key that the server knows"
        raise InputError(what) from error
