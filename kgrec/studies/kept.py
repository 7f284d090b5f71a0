"""Finished runs in one small file for each arm, so that a study goes on where its run folders are gone."""

import re
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import polars as pl

from kgrec.errors import InputError
from kgrec.reporting.run_folder import RunFolder
from kgrec.studies.plan import Trial
from kgrec.study import Arm

TEXTS = ("env.json", "summary.json")  # the summary last: it makes a run a finished one
PER_USER = "per_user.parquet"


class KeptRuns:
    """Files ``<arm>.parquet``: what a report reads of a run, and neither its checkpoint nor its settings.

    A row per run: its id, ``summary.json`` and ``env.json`` (versions, commit, seed), its users and, as lists
    beside them, their values of the study's metrics; these are empty for a run that was only compared with
    its rivals. A run id tells settings and seed, not code: the commit of each run stands in the report.

    Args:
        folder: where they lie; made when the first one is kept.
        metrics: of the study, on both splits: a run has those of one.
    """

    def __init__(self, folder: Path, metrics: Sequence[str]) -> None:
        self.folder = folder
        self.metrics = tuple(metrics)

    def keep(self, trial: Trial) -> None:
        """Add the finished runs of a trial that are not there yet.

        Raises:
            InputError: they cannot be read or written.
        """
        path = self._file(trial.arm)
        kept = _read(path)
        known = set(kept["run"]) if kept is not None else set()
        reported = {job.run.name for job in trial.finals}
        new = [
            self._row(run, self.metrics if run.name in reported else ())
            for run in {run.name: run for run in _runs(trial)}.values()
            if run.is_finished and run.name not in known
        ]
        if new:
            rows = pl.concat([*([] if kept is None else [kept]), *new], how="diagonal").sort("run")
            content = BytesIO()
            rows.write_parquet(content, compression_level=19)
            RunFolder(self.folder).write(path.name, content.getvalue())

    def give_back(self, trial: Trial) -> None:
        """Make run folders of what was kept of a trial's runs; one that is finished stays as it is.

        Raises:
            InputError: a file that cannot be read, or a folder that cannot be written.
        """
        wanted = {run.name: run for run in _runs(trial) if not run.is_finished}
        kept = _read(self._file(trial.arm)) if wanted else None
        if kept is None:
            return
        for row in kept.filter(pl.col("run").is_in(list(wanted))).iter_rows(named=True):
            values = {name: row[name] for name in ("user", *self.metrics) if row.get(name) is not None}
            wanted[row["run"]].write_per_user(pl.DataFrame(values))
            for text in TEXTS:
                wanted[row["run"]].write(text, row[text].encode())

    def _file(self, arm: Arm) -> Path:
        return self.folder / (re.sub(r"[^\w.+-]+", "_", arm.name) + ".parquet")

    def _row(self, run: RunFolder, metrics: Sequence[str]) -> pl.DataFrame:
        has_users = bool(metrics) and (run.path / PER_USER).is_file()
        table = run.read_per_user() if has_users else pl.DataFrame({"user": []}, schema={"user": pl.String})
        columns = [metric for metric in metrics if metric in table.columns]
        return pl.DataFrame(
            {
                "run": [run.name],
                **{text: [(run.path / text).read_text()] for text in TEXTS},
                **{name: [table[name]] for name in ("user", *columns)},
            }
        )


def _read(path: Path) -> pl.DataFrame | None:
    """The rows of a file; ``None`` where there is none."""
    if not path.is_file():
        return None
    try:
        return pl.read_parquet(path).select("run", *TEXTS, "user", pl.exclude("run", *TEXTS, "user"))
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InputError(f"{path}: found no runs that were kept ({error}); delete the file") from error


def _runs(trial: Trial) -> list[RunFolder]:
    return [job.run for job in (*trial.candidates, *trial.finals)]
