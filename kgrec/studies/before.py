"""What a study's runs read and kgrec makes itself, e.g. a language model tuned on the data of each split."""

import logging
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from kgrec.errors import InputError
from kgrec.studies.plan import Trial

log = logging.getLogger(__name__)


def make_ready(trials: Sequence[Trial], num_workers: int) -> None:
    """Do what unfinished trials need done before, see :attr:`kgrec.study.Arm.before`.

    What several trials need is done once; a command that did it in an earlier start finds it.

    Args:
        trials: their run folders tell what is finished.
        num_workers: commands at a time, each on one thread of its own process.

    Raises:
        InputError: a command that failed, with the last line it wrote.
    """
    unfinished = [trial for trial in trials if trial.to_run()]
    for step in range(max((len(trial.arm.before) for trial in unfinished), default=0)):
        lines = dict.fromkeys(_line(trial, step) for trial in unfinished if step < len(trial.arm.before))
        with ThreadPoolExecutor(num_workers) as pool:
            for line, error in zip(lines, pool.map(_do, lines), strict=True):
                if error:
                    raise InputError(f"kgrec {line}: {error}")


def _line(trial: Trial, step: int) -> str:
    """The command with the trial's seed and the folder of the study's runs filled in."""
    folder = trial.finals[0].run.path.parent
    return trial.arm.before[step].format(seed=trial.seed, folder=shlex.quote(str(folder)))


def _do(line: str) -> str:
    """Empty where all went well, else why not."""
    log.info("kgrec %s", line)
    done = subprocess.run(
        [sys.executable, "-m", "kgrec", *shlex.split(line)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    return (done.stderr.strip().splitlines() or ["failed"])[-1] if done.returncode else ""
