"""What every logger offers: a mirror of the run folder."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from kgrec.reporting.exhibits import Exhibits
from kgrec.reporting.run_folder import RunFolder


@dataclass(frozen=True)
class Source:
    """What a run learns from, known by its content: two runs with equal digests saw the same.

    Attributes:
        kind: ``dataset`` or ``graph``.
        name: e.g. ``ml-100k``.
        digest: of the content.
        facts: counts and settings that describe it, JSON types.
    """

    kind: str
    name: str
    digest: str
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class RunInfo:
    """What a logger is told of a run.

    Attributes:
        config: resolved configuration, plain values, the seed among them.
        name: shown name.
        group: runs that are compared with each other, e.g. the sweep.
        job_type: what the job does, e.g. ``train``.
        tags: free words.
        sources: what the run learns from.
    """

    config: Mapping[str, Any]
    name: str
    group: str
    job_type: str
    tags: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()


class RunLogger(ABC):
    """Mirror one run after the other; leaving a ``with`` block finishes the run, also where it failed.

    Attributes:
        shows: whether :meth:`show` does something: what it is given takes time to make.
    """

    shows: bool = False

    @abstractmethod
    def start(self, run_folder: RunFolder, info: RunInfo) -> None:
        """Begin a run, or go on with the one that an earlier job began in the same folder.

        Args:
            run_folder: of the run; the logger's own files lie in it.
            info: see :class:`RunInfo`.
        """

    @abstractmethod
    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Mirror the metrics of one step (an epoch)."""

    @abstractmethod
    def summary(self, values: Mapping[str, Any]) -> None:
        """Mirror the summary of the finished run, and the run's model where the logger keeps models."""

    @abstractmethod
    def show(self, exhibits: Exhibits) -> None:
        """Mirror what the run has to show, as far as the logger can."""

    @abstractmethod
    def finish(self, failed: bool = False) -> None:
        """End the run; does nothing where none was begun."""

    def __enter__(self) -> "RunLogger":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finish(failed=kind is not None)
