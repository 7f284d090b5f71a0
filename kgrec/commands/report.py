"""``kgrec report``: one page about a group of runs."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from kgrec.cli import CommandParser


def main(arguments: Sequence[str]) -> int:
    """Write the page, and its picture where asked; print where they lie."""
    parser = CommandParser(
        "report",
        "One HTML page about a group of runs, which needs no network and no other file: figures, tests\n"
        "against the best or a named reference, effects, learning curves, costs, protocol, environment, how\n"
        "to run it again. A click on a heading sorts.",
        "  kgrec report encoders --picture\n"
        '  kgrec report encoders --reference "lm=minilm_l6" --out encoders.html',
    )
    parser.add_argument(
        "groups",
        type=Path,
        nargs="+",
        metavar="group",
        help="group, or folder of runs; wandb:[ENTITY/]PROJECT/GROUP",
    )
    parser.add_argument(
        "--reference",
        metavar="SETTINGS",
        help="compare with the best arm of these settings (default: the best)",
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE.html", help="default: report.html in the folder of the first group"
    )
    parser.add_argument(
        "--picture",
        action="store_true",
        help="a .png of the page beside it, by Chromium or Chrome on the PATH",
    )
    given = parser.parse_args(arguments)

    from kgrec.reporting.compare import collect, folder_of, without_implied_settings
    from kgrec.reporting.document import write_whole
    from kgrec.reporting.group_page import group_page
    from kgrec.reporting.page_picture import find_browser, take_picture
    from kgrec.reporting.wandb_read import local

    if given.picture:
        find_browser()  # refused before anything is computed
    folders = [local(group) for group in given.groups]
    runs = without_implied_settings(collect(folders))
    out = given.out or folder_of(folders[0]) / "report.html"
    command = shlex.join(["kgrec", "report", *arguments])
    write_whole(
        out, group_page(runs, " and ".join(path.name for path in given.groups), command, given.reference)
    )
    print(out)
    if given.picture:
        take_picture(out, out.with_suffix(".png"))
        print(out.with_suffix(".png"))
    return 0
