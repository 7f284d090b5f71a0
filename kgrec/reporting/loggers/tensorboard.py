"""TensorBoard: event files in the run folder."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kgrec.errors import InputError
from kgrec.reporting.exhibits import Exhibits
from kgrec.reporting.loggers.base import RunInfo, RunLogger
from kgrec.reporting.plots import pixels
from kgrec.reporting.run_folder import RunFolder, flatten
from kgrec.reporting.tables import is_number, render_markdown

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class TensorBoardLogger(RunLogger):
    """``tensorboard/`` in the run folder; ``tensorboard --logdir runs/<group>`` shows the runs of a group.

    Epochs are scalars; the summary stands beside the settings on the page of hyperparameters; settings,
    sources and examples are texts, the plots images. Where a run goes on, its events from the first new step
    on count as if they had not been written.

    Args:
        show: whether examples and plots are made at the end.
    """

    FOLDER = "tensorboard"

    def __init__(self, show: bool) -> None:
        self.shows = show
        self._folder = Path()
        self._info = RunInfo({}, "", "", "")
        self._writer: SummaryWriter | None = None
        self._step = 0

    def start(self, run_folder: RunFolder, info: RunInfo) -> None:
        """Begin a file of events at the first step that is logged.

        Raises:
            InputError: tensorboard is not installed.
        """
        try:
            from torch.utils.tensorboard import SummaryWriter  # noqa: F401
        except ModuleNotFoundError as error:
            raise InputError(
                "logger=tensorboard needs tensorboard: pip install 'kgrec[tensorboard]'"
            ) from error
        self._folder, self._info, self._step = run_folder.path / self.FOLDER, info, 0

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """A scalar for each metric."""
        writer = self._writer_from(step)
        for name, value in metrics.items():
            writer.add_scalar(name, value, step)
        writer.flush()

    def summary(self, values: Mapping[str, Any]) -> None:
        """A line of the table of hyperparameters: plain settings, and the numbers of the summary.

        These are called ``summary/…``, or those of the best epoch would stand among those of the last.
        """
        settings = {
            key: value
            for key, value in flatten(self._info.config).items()
            if isinstance(value, bool | str | int | float)
        }
        numbers = {f"summary/{key}": value for key, value in values.items() if is_number(value)}
        self._writer_from(self._step).add_hparams(settings, numbers, run_name=".", global_step=self._step)

    def show(self, exhibits: Exhibits) -> None:
        """Examples as text, figures as images, distributions as histograms."""
        writer = self._writer_from(self._step)
        for name, figure in exhibits.figures.items():
            writer.add_image(name, pixels(figure), self._step, dataformats="HWC")
        for name, values in exhibits.values.items():
            writer.add_histogram(f"{name}/items", values, self._step)
        if exhibits.examples:
            writer.add_text("examples", render_markdown(exhibits.example_table()), self._step)

    def finish(self, failed: bool = False) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _writer_from(self, step: int) -> "SummaryWriter":
        """The open file; a new one hides what earlier files hold from ``step`` on."""
        from torch.utils.tensorboard import SummaryWriter

        if self._writer is None:
            self._writer = SummaryWriter(str(self._folder), purge_step=step)
            told = {
                "group": self._info.group,
                "job_type": self._info.job_type,
                "tags": list(self._info.tags),
                "sources": {source.kind: source.digest for source in self._info.sources},
                **flatten(self._info.config),
            }
            self._writer.add_text("settings", f"```\n{json.dumps(told, indent=2, default=str)}\n```", step)
        self._step = step
        return self._writer
