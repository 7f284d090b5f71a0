"""``kgrec sweep export``: a sweep as files."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kgrec.cli import CommandParser
from kgrec.errors import InputError

if TYPE_CHECKING:
    from kgrec.sweep.study import SweepStudy


def main(arguments: Sequence[str]) -> int:
    """Write what was asked for."""
    parser = CommandParser(
        "sweep export",
        "Write a sweep as files: its whole record as JSON, its trials as CSV, its best trial as an\n"
        "experiment that `kgrec train experiment=NAME` reads.",
        "  kgrec sweep export sweep-cke-lastfm --json experiments/results/tuning/cke_lastfm.json\n"
        "  kgrec sweep export sweep-cke-lastfm --csv trials.csv --yaml conf/experiment/cke_lastfm_best.yaml",
    )
    parser.add_argument("group", type=Path, help="group in runs/, or its folder")
    parser.add_argument("--json", type=Path, metavar="FILE", help="the record")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="the trials")
    parser.add_argument("--yaml", type=Path, metavar="FILE", help="the best trial; an existing file is kept")
    given = parser.parse_args(arguments)
    if given.json is given.csv is given.yaml is None:
        raise InputError("found nothing to write, expected --json, --csv or --yaml")

    from kgrec.reporting.compare import folder_of
    from kgrec.reporting.tables import render_csv
    from kgrec.sweep.record import as_json, trials_table
    from kgrec.sweep.study import existing

    study = existing(folder_of(given.group))
    if given.yaml is not None:
        _write(given.yaml, _experiment(study, given.yaml))
    if given.json is not None:
        _write(given.json, as_json(study))
    if given.csv is not None:
        _write(given.csv, render_csv(trials_table(study, in_full=True)).encode())
    return 0


def _experiment(study: "SweepStudy", path: Path) -> bytes:
    from kgrec.sweep.experiment import experiment_file
    from kgrec.sweep.record import best_of

    if path.exists():
        raise InputError(f"--yaml {path}: there is such a file already; choose another name")
    if path.suffix != ".yaml":
        raise InputError(f"--yaml {path}: found no .yaml at its end")
    best, facts = best_of(study), study.facts
    space, value = f"conf/sweep/{facts['search']}.yaml", f"{facts['metric']} = {best.value:.4f}"
    about = f"The best of {len(study.trials())} trials of {space}: {value}."
    return experiment_file(path.stem, study.overrides_of(best), about)


def _write(path: Path, content: bytes) -> None:
    from kgrec.reporting.run_folder import RunFolder

    RunFolder(path.parent).write(path.name, content)
    print(path)
