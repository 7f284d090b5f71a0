"""A sweep from its plan to its best trial."""

import os
from dataclasses import asdict

from kgrec.errors import InputError
from kgrec.reporting.environment import git_state
from kgrec.sweep.plan import Plan
from kgrec.sweep.progress import SweepProgress
from kgrec.sweep.study import SweepStudy, join
from kgrec.sweep.worker import work
from kgrec.sweep.workers import run_workers


def sweep(plan: Plan, kind: str | None, num_workers: int, command: str) -> SweepStudy:
    """Begin a sweep, go on with one that was stopped, or join one that runs; until its budget is used up.

    Args:
        plan: of the sweep.
        kind: of storage, see :func:`kgrec.sweep.study.join`.
        num_workers: of this start; one works in this process.
        command: by which this can be done again.

    Raises:
        InputError: no worker, defaults that cannot be run, or a folder that holds another sweep.
    """
    if num_workers < 1:
        raise InputError(f"--workers: found {num_workers}, expected at least 1")
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise InputError("found one of several processes of the same job, expected one: use --workers")
    study = join(plan, kind)
    code = git_state() or {}
    study.note(
        {
            "command": command,
            "commit": code.get("commit"),
            "uncommitted_changes": bool(code.get("dirty")),
            "overrides": plan.overrides,
            "budget": asdict(plan.budget),
        }
    )
    with SweepProgress(plan, study, num_workers) as progress:
        if num_workers == 1:
            work(plan, study, progress.look)
        else:
            run_workers(plan, num_workers, progress.look)
    return study
