"""What a study is: arms that differ in settings, and claims about them listed before the runs."""

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass, replace
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
        label: written beside the arm's point in the plot.
        draws: replicates of the arm on each split, e.g. the random draws of a control graph. Each is run,
            and chooses, by itself; a user's value is the mean over them, before any statistic.
    """

    name: str
    overrides: tuple[str, ...]
    choices: tuple[tuple[str, ...], ...] = ((),)
    series: str = ""
    label: str = ""
    draws: tuple[tuple[str, ...], ...] = ((),)

    def __post_init__(self) -> None:
        if not self.draws or len(set(self.draws)) < len(self.draws):
            raise ValueError(f"arm {self.name!r}: expected one draw or more, all different; got {self.draws}")


@dataclass(frozen=True)
class Claim:
    """``statistic(arm, than)`` is more than ``at_least``, on the study's primary metric.

    Attributes:
        name: the sentence that the report prints.
        statistic: ``difference`` arm - than, or ``ratio`` arm / than.
        at_least: what the lower end of the interval must exceed.
        needs: a claim without which this one says nothing; where that one does not hold, this one is
            ``not_testable``.
        otherwise: what the report says in that case.
        informative: worth a line, but no claim of the study: left out of Holm's family and of ``--check``.
    """

    name: str
    statistic: Literal["difference", "ratio"]
    arm: str
    than: str
    at_least: float
    needs: str = ""
    otherwise: str = ""
    informative: bool = False


@dataclass(frozen=True)
class Study:
    """Arms × splits, and what is claimed of them.

    Attributes:
        name: as in ``kgrec reproduce NAME``; the file is ``name`` with ``_`` for ``-``.
        question: one sentence.
        common: settings of all arms.
        arms: rows of the table, in this order.
        claims: listed before the runs; one that another ``needs`` comes first.
        primary: metric of the claims, a column of ``per_user.parquet``.
        metrics: metrics of the table, the primary one among them.
        sample: what seeds draw anew: the item ``splits`` (cold protocols), or ``seeds`` alone, with the
            same split and users (warm protocols); decides how intervals are made.
        test_to_train: test units over training units of a split, for the interval that allows for the
            overlap of splits; ``None`` = not given.
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
    sample: Literal["splits", "seeds"] = "splits"
    test_to_train: float | None = None
    num_splits: int = 10
    min_splits: int = 10
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        names = [arm.name for arm in self.arms]
        if len(set(names)) < len(names):
            raise ValueError(f"two arms of one name: {names}")
        earlier: set[str] = set()
        for claim in self.claims:
            for arm in (claim.arm, claim.than):
                if arm not in names:
                    raise ValueError(f"claim {claim.name!r} names arm {arm!r}; arms are {names}")
            if claim.needs and claim.needs not in earlier:
                raise ValueError(f"claim {claim.name!r} needs {claim.needs!r}, which is no earlier claim")
            earlier.add(claim.name)
        if self.primary not in self.metrics:
            raise ValueError(f"primary metric {self.primary!r} is not among {self.metrics}")

    def on_validation(self) -> "Study":
        """The same study, its figures read on validation: for looks that leave the test set alone."""
        metrics = tuple(metric.replace("test/", "valid/", 1) for metric in self.metrics)
        note = "figures of validation, on which epochs and choices were selected: they flatter every arm"
        return replace(
            self,
            primary=self.primary.replace("test/", "valid/", 1),
            metrics=metrics,
            notes=(note, *self.notes),
        )

    def arms_named(self, names: Sequence[str]) -> tuple[Arm, ...]:
        """The arms of these names, in the study's order; all of them where no name is given.

        Raises:
            InputError: an unknown name; the message lists the arms.
        """
        known = [arm.name for arm in self.arms]
        if wrong := [name for name in names if name not in known]:
            raise InputError(f"study {self.name} has no arm {wrong[0]!r}; valid: {', '.join(known)}")
        return tuple(arm for arm in self.arms if not names or arm.name in names)


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
