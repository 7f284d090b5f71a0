"""Finished runs in one small file each, so that a study goes on where its run folders are gone."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import polars as pl

from kgrec.errors import InputError
from kgrec.reporting.run_folder import RunFolder
from kgrec.studies.plan import Trial

TEXTS = ("env.json", "summary.json")  # the summary last: it makes a run a finished one
PER_USER = "per_user.parquet"


class KeptRuns:
    """Files ``<run id>.parquet``: what a report reads of a run, and neither its checkpoint nor its settings.

    The values of users are the table, of the study's metrics alone, and empty for a run that was only
    compared with its rivals; summary and environment (versions, commit, seed) stand in the file's metadata.
    A run id tells settings and seed, not code: the commit of each run stands in the report.

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
        reported = {job.run.name for job in trial.finals}
        for run in _runs(trial):
            if run.is_finished and not self._file(run).exists():
                self._write(run, self.metrics if run.name in reported else ())

    def give_back(self, trial: Trial) -> None:
        """Make run folders of what was kept of a trial's runs; one that is finished stays as it is.

        Raises:
            InputError: a file that cannot be read, or a folder that cannot be written.
        """
        for run in _runs(trial):
            if self._file(run).exists() and not run.is_finished:
                self._read(run)

    def _file(self, run: RunFolder) -> Path:
        return self.folder / f"{run.name}.parquet"

    def _write(self, run: RunFolder, metrics: Sequence[str]) -> None:
        has_users = bool(metrics) and (run.path / PER_USER).is_file()
        table = run.read_per_user() if has_users else pl.DataFrame({"user": []})
        columns = [metric for metric in metrics if metric in table.columns]
        texts = {name: (run.path / name).read_text() for name in TEXTS}
        content = BytesIO()
        table.select("user", *columns).write_parquet(content, compression_level=19, metadata=texts)
        RunFolder(self.folder).write(self._file(run).name, content.getvalue())

    def _read(self, run: RunFolder) -> None:
        path = self._file(run)
        try:
            table, texts = pl.read_parquet(path), pl.read_parquet_metadata(path)
            contents = {name: texts[name].encode() for name in TEXTS}
        except (OSError, KeyError, pl.exceptions.PolarsError) as error:
            raise InputError(f"{path}: found no run that was kept ({error}); delete the file") from error
        run.write_per_user(table)
        for name, content in contents.items():
            run.write(name, content)


def _runs(trial: Trial) -> list[RunFolder]:
    return [job.run for job in (*trial.candidates, *trial.finals)]
