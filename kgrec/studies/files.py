"""Studies and reproductions as files of ``experiments/``, loaded by path: the package imports none."""

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType

from kgrec.errors import InputError
from kgrec.study import Arm, Study, Suite

SEEDS_OF_A_REPRODUCTION = 5


def experiments_dir(given: Path | None) -> Path:
    """The folder of study files: ``--experiments DIR``, else that of the checkout.

    Raises:
        InputError: there is none.
    """
    folder = given or Path(__file__).resolve().parent.parent.parent / "experiments"
    if not folder.is_dir():
        raise InputError(f"no folder of studies at {folder}: give one with --experiments DIR")
    return folder


def find_studies(folder: Path) -> dict[str, Path]:
    """Study name → file, for every ``reproductions/*.py`` and ``ablations/*.py`` of the folder."""
    files = [file for kind in ("reproductions", "ablations") for file in sorted((folder / kind).glob("*.py"))]
    return {file.stem.replace("_", "-"): file for file in files}


def load_study(name: str, folder: Path) -> Study | Suite:
    """Load a study or a suite of them, one study of a suite, or a reproduction as the study of its one arm.

    Raises:
        InputError: unknown name (the known ones are listed), or a file that defines none of these.
    """
    studies = find_studies(folder)
    if name not in studies:
        if (part := _part_of_a_suite(name, studies)) is not None:
            return part
        raise InputError(f"no study {name!r} in {folder}; valid: {', '.join(studies) or 'none'}")
    module = _module(studies[name])
    study = getattr(module, "STUDY", None) or getattr(module, "SUITE", None)
    reproduction = getattr(module, "REPRODUCTION", None)
    if isinstance(study, Study | Suite):
        return study
    if isinstance(reproduction, Arm) and reproduction.published is not None:
        return _alone(name, reproduction)
    raise InputError(
        f"{studies[name]}: expected a module attribute STUDY of type kgrec.study.Study, SUITE of type "
        "kgrec.study.Suite, or REPRODUCTION, an Arm with published figures"
    )


def _part_of_a_suite(name: str, studies: Mapping[str, Path]) -> Study | None:
    """The study of this name in a suite whose name it begins with, e.g. ``parity-ml-100k-cold``."""
    for suite, path in studies.items():
        if name.startswith(f"{suite}-") and isinstance(found := getattr(_module(path), "SUITE", None), Suite):
            for study in found.studies(None):
                if study.name == name:
                    return study
    return None


def load_reproductions(folder: Path, names: Sequence[str]) -> tuple[Arm, ...]:
    """The ``REPRODUCTION`` of each file, for a study that collects them.

    Args:
        folder: where they lie, beside the study's own file.
        names: files without ``.py``, in the order of the table.

    Raises:
        InputError: a file that is missing or has no ``REPRODUCTION``.
    """
    arms = []
    for name in names:
        arm = getattr(_module(folder / f"{name}.py"), "REPRODUCTION", None)
        if not isinstance(arm, Arm):
            raise InputError(f"{folder / name}.py: expected a module attribute REPRODUCTION of type Arm")
        arms.append(arm)
    return tuple(arms)


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"kgrec_study_{path.stem}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise InputError(f"{path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _alone(name: str, arm: Arm) -> Study:
    assert arm.published is not None
    metrics = tuple(arm.published.figures)
    return Study(
        name=name,
        question=f"Does {arm.name} reach its figures in {arm.published.source.name}?",
        common=(),
        arms=(arm,),
        claims=(),
        primary=metrics[0],
        metrics=metrics,
        sample="seeds",
        num_splits=arm.seeds or SEEDS_OF_A_REPRODUCTION,
        min_splits=SEEDS_OF_A_REPRODUCTION,
    )
