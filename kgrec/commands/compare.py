"""``kgrec compare``: runs side by side, their differences tested, what each setting does; or two runs."""

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kgrec.cli import CommandParser
from kgrec.errors import InputError

if TYPE_CHECKING:
    from kgrec.reporting.html import Section

log = logging.getLogger(__name__)

FORMATS = ("markdown", "text", "csv", "latex", "html")
BEST = ""


def main(arguments: Sequence[str]) -> int:
    """Show or write what was asked for."""
    given = _parser().parse_args(arguments)

    from kgrec.reporting.document import format_of, render_document, write_document

    if given.out is not None:
        format_of(given.out)  # refused before anything is computed
    title = " and ".join(map(str, given.runs))
    sections = _two_runs(given.runs) if given.differ else _sections(given)
    if given.out is None:
        print(render_document(title, sections, given.format), end="")
    else:
        print("\n".join(str(path) for path in write_document(given.out, title, sections)))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser(
        "compare",
        "Compare finished runs by the settings in which they differ; several seeds of one setting become a\n"
        "mean and a standard deviation. Groups lie in runs/, or are named as folders; those of a W&B\n"
        "project are fetched into runs/ first, which needs an account.",
        "  kgrec compare encoders\n"
        "  kgrec compare runs/encoders runs/default --metrics test/cold/recall@20 cost/lm_params\n"
        '  kgrec compare encoders --reference "lm=minilm_l6 kg=none" --effects --out table.tex\n'
        "  kgrec compare encoders --curves curves.png --out encoders.html --reference\n"
        "  kgrec compare encoders wandb:kgrec/encoders wandb:team/kgrec/encoders\n"
        "  kgrec compare --differ runs/default/RUN runs/default/OTHER",
    )
    parser.add_argument(
        "runs",
        type=Path,
        nargs="+",
        metavar="group",
        help="group, run folder, or folder of some; wandb:[ENTITY/]PROJECT/GROUP",
    )
    parser.add_argument(
        "--metrics", nargs="+", metavar="KEY", help="keys of summary.json; the first one sorts"
    )
    parser.add_argument(
        "--reference",
        nargs="?",
        const=BEST,
        metavar="SETTINGS",
        help="differences of each arm to the best one (of these settings), with tests paired by user",
    )
    parser.add_argument(
        "--effects", action="store_true", help="what each setting does, the others held fixed"
    )
    parser.add_argument("--curves", type=Path, metavar="FILE", help="learning curves as png, svg or pdf")
    parser.add_argument("--differ", action="store_true", help="in what two runs differ")
    parser.add_argument("--format", choices=FORMATS, default="markdown", help="default: markdown")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="write it here; .md .tex .csv .html or .txt decides the format",
    )
    return parser


def _sections(given: argparse.Namespace) -> "list[Section]":
    from kgrec.reporting.arms import check_same_protocol
    from kgrec.reporting.compare import (
        COSTS,
        MEASURED,
        collect,
        compare,
        leading_metrics,
        without_implied_settings,
    )
    from kgrec.reporting.curves import curve_figure, save_curves
    from kgrec.reporting.differences import difference_section, effect_section
    from kgrec.reporting.html import Section
    from kgrec.reporting.wandb_read import local

    runs = without_implied_settings(collect(map(local, given.runs)))
    metrics = given.metrics or [*leading_metrics(runs), *(cost for cost in COSTS if cost in runs.values)]
    tables = [("", compare(runs, metrics))]
    sections = [Section("Means", text=check_same_protocol(runs), tables=tables)]
    measured = [metric for metric in metrics if metric.startswith(MEASURED)]
    if (given.reference is not None or given.effects) and not measured:
        raise InputError(
            f"--metrics: found {', '.join(metrics)}, expected one of users, such as test/recall@10"
        )
    if given.reference is not None:
        sections.append(difference_section(runs, measured, given.reference or None))
    if given.effects:
        sections.append(effect_section(runs, measured[0]))
    if given.curves is not None:
        save_curves(runs, given.curves)
        log.info("%s: learning curves", given.curves)
    if given.out is not None and given.out.suffix == ".html":
        sections.append(Section("Learning curves", figures=curve_figure(runs)))
    return sections


def _two_runs(paths: Sequence[Path]) -> "list[Section]":
    from kgrec.reporting.differ import differ_sections
    from kgrec.reporting.run_folder import RunFolder

    if len(paths) != 2:
        raise InputError(f"--differ: found {len(paths)} folders, expected two runs")
    return differ_sections(RunFolder(paths[0]), RunFolder(paths[1]))
