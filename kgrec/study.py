"""What a study is: arms that differ in settings, and claims about them listed before the runs."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kgrec.errors import InputError


@dataclass(frozen=True)
class Arm:
    """One row of the table.

    Attributes:
        name: shown in the table and named by claims and by ``--only``.
        overrides: settings of this arm on top of the study's common ones.
        choices: alternatives of equal standing, e.g. the read-out layers of a language model. Each is
            trained without a look at test; the best on validation, split by split, is then tested.
        series: the curve of the plot that the arm belongs to, empty = not drawn.
    """

    name: str
    overrides: tuple[str, ...]
    choices: tuple[tuple[str, ...], ...] = ((),)
    series: str = ""


@dataclass(frozen=True)
class Claim:
    """``statistic(arm, than) >= at_least`` on the study's primary metric.

    Attributes:
        name: the sentence that the report prints.
        statistic: ``difference`` arm - than, or ``ratio`` arm / than.
        at_least: the bound that the lower end of the interval must reach.
        needs: a claim without which this one says nothing; where that one does not hold, this one is
            ``not_testable``.
        otherwise: what the report says in that case.
    """

    name: str
    statistic: Literal["difference", "ratio"]
    arm: str
    than: str
    at_least: float
    needs: str = ""
    otherwise: str = ""


@dataclass(frozen=True)
class Study:
    """Arms × splits, and what is claimed of them.

    Attributes:
        name: as in ``kgrec reproduce NAME``; the file is ``name`` with ``_`` for ``-``.
        question: one sentence.
        common: settings of all arms.
        primary: metric of the claims, a column of ``per_user.parquet``.
        metrics: metrics of the table, the primary one among them.
        num_splits: splits (seeds ``0 … n-1``) of a full run.
        min_splits: with fewer, every status is marked provisional.
        notes: what a reader must know before quoting a figure.
    """

    name: str
    question: str
    common: tuple[str, ...]
    arms: tuple[Arm, ...]
    claims: tuple[Claim, ...]
    primary: str
    metrics: tuple[str, ...]
    num_splits: int = 10
    min_splits: int = 10
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        names = {arm.name for arm in self.arms}
        for claim in self.claims:
            for arm in (claim.arm, claim.than):
                if arm not in names:
                    raise ValueError(f"claim {claim.name!r} names arm {arm!r}; arms are {sorted(names)}")
        if self.primary not in self.metrics:
            raise ValueError(f"primary metric {self.primary!r} is not among {self.metrics}")


def experiments_dir(given: Path | None) -> Path:
    """The folder of study files: ``--experiments DIR``, else that of the checkout.

    Raises:
        InputError: there is none.
    """
    folder = given or Path(__file__).resolve().parent.parent / "experiments"
    if not folder.is_dir():
        raise InputError(f"no folder of studies at {folder}: give one with --experiments DIR")
    return folder


def find_studies(folder: Path) -> dict[str, Path]:
    """Study name → file, for every ``reproductions/*.py`` and ``ablations/*.py`` of the folder."""
    files = [file for kind in ("reproductions", "ablations") for file in sorted((folder / kind).glob("*.py"))]
    return {file.stem.replace("_", "-"): file for file in files}


def load_study(name: str, folder: Path) -> Study:
    """Load a study from its file, by path: the package imports nothing from ``experiments``.

    Raises:
        InputError: unknown name (the known ones are listed), or a file without a ``STUDY``.
    """
    studies = find_studies(folder)
    if name not in studies:
        raise InputError(f"no study {name!r} in {folder}; valid: {', '.join(studies) or 'none'}")
    spec = importlib.util.spec_from_file_location(f"kgrec_study_{studies[name].stem}", studies[name])
    if spec is None or spec.loader is None:
        raise InputError(f"{studies[name]}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    study = getattr(module, "STUDY", None)
    if not isinstance(study, Study):
        raise InputError(f"{studies[name]}: expected a module attribute STUDY of type kgrec.study.Study")
    return study
