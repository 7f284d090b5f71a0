"""``kgrec reproduce``: run a study, print its table and claims."""

import argparse
import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kgrec.errors import InputError
from kgrec.studies.files import experiments_dir, load_study
from kgrec.study import Suite

if TYPE_CHECKING:
    from kgrec.studies.runner import Outcome


def main(arguments: Sequence[str]) -> int:
    """Run a study, or list the studies.

    Returns:
        0; 1 where a job failed, or with ``--check`` where a claim does not hold, a figure left its tolerance
        or there was nothing to check.
    """
    given = _parser().parse_intermixed_args(list(arguments))
    folder = experiments_dir(given.experiments)
    if given.list:
        from kgrec.studies.listing import listing

        print(listing(folder, Path("runs")), end="")
        return 0
    name, overrides, only = _sorted_words(given)
    study = load_study(name, folder)
    for option, value in (("--seeds", given.seeds), ("--workers", given.workers)):
        if value is not None and value < 1:
            raise InputError(f"{option}: found {value}, expected at least 1")

    from kgrec.studies.runner import as_json, reproduce  # loads torch
    from kgrec.studies.suite import reproduce_suite

    how = (given.workers, shlex.join(["kgrec", "reproduce", *arguments]), given.kept)
    if isinstance(study, Suite):
        outcome = reproduce_suite(study, only, given.seeds, overrides, *how)
    else:
        outcome = reproduce(study, only, given.seeds or study.num_splits, overrides, *how)
    _print(outcome)
    if given.json is not None:
        _write(given.json, as_json(outcome.report))
        print(f"report as JSON: {given.json}")
    stands = _check(outcome.report, folder) if given.check else True
    return 1 if outcome.failures or not stands else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kgrec reproduce",
        description="Run a study: every arm on every split, then its table, claims and plot. Finished runs "
        "are skipped, so the same command goes on where it was stopped.",
        epilog="examples:\n  kgrec reproduce --list\n  kgrec reproduce parity-ml-100k-cold --seeds 3\n"
        "  kgrec reproduce check-planted --check\n"
        "  kgrec reproduce parity-ml-100k-cold --seeds 1 --only random popularity test=false\n\n"
        "test=false leaves the test set alone and reports on validation.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "words", nargs="*", metavar="NAME [key=value ...]", help="study, and settings for all arms"
    )
    parser.add_argument("--list", action="store_true", help="the studies: paper, figures, date, cost")
    parser.add_argument("--seeds", type=int, metavar="N", help="splits 0 … N-1 (default: as the study says)")
    parser.add_argument("--only", nargs="+", default=[], metavar="ARM", help="these arms only")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report here too")
    parser.add_argument(
        "--check",
        action="store_true",
        help="exit with 1 unless every claim holds and every figure stands where experiments/results has it, "
        "or else where it was published",
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=os.cpu_count() or 1,
        metavar="W",
        help="processes (default: one per core)",
    )
    parser.add_argument(
        "--kept",
        type=Path,
        metavar="DIR",
        help="finished runs, a small file each: those in DIR are not run again, new ones are added",
    )
    parser.add_argument(
        "--experiments", type=Path, metavar="DIR", help="folder of studies (default: the checkout's)"
    )
    return parser


def _sorted_words(given: argparse.Namespace) -> tuple[str, list[str], list[str]]:
    """Study name, overrides, arms; overrides may also stand behind the arms of ``--only``."""
    words = [*given.words, *(word for word in given.only if "=" in word)]
    names = [word for word in words if "=" not in word]
    if len(names) != 1:
        found = ", ".join(names) or "none"
        raise InputError(f"found {found} as name of a study, expected one; kgrec reproduce --list shows them")
    return names[0], [word for word in words if "=" in word], [word for word in given.only if "=" not in word]


def _print(outcome: "Outcome") -> None:
    from kgrec.studies import page
    from kgrec.studies.progress import duration

    print(page.suite_text(outcome.report) if "parts" in outcome.report else page.text(outcome.report))
    for failure in outcome.failures:
        print(f"failed: {failure.trial}: {failure.message}")
    print(f"\nreport, table, plot and runs: {outcome.folder.resolve()}")
    print(f"time {duration(outcome.seconds)}, peak memory at most {outcome.peak_mb / 1024:.1f} GB")


def _check(report: dict[str, Any], folder: Path) -> bool:
    """Whether every claim holds and every figure stands; says what does not."""
    from kgrec.reporting.tables import render_text
    from kgrec.studies.checking import check_figures, figures_that_left
    from kgrec.studies.results import kept_rows, read_reports

    claims = [claim for claim in report["claims"] if not claim["informative"]]
    figures = check_figures(report, list(kept_rows(read_reports(folder / "results"))))
    held = sum(claim["status"] == "holds" for claim in claims)
    within = sum(figure.stands for figure in figures)
    print(f"check: {held} of {len(claims)} claims hold, {within} of {len(figures)} figures stand")
    if within < len(figures):
        print(render_text(figures_that_left(figures)), end="")
    return bool(claims or figures) and held == len(claims) and within == len(figures)


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise InputError(f"--json {path}: cannot be written ({error.strerror})") from error
