"""``kgrec rerun``: a run once more, and whether its figures moved."""

from collections.abc import Sequence
from pathlib import Path

from kgrec.cli import CommandParser, is_main_process
from kgrec.errors import InputError

TOLERANCE = 0.001
UNCHANGED = "unchanged since: code, versions, device, threads, dataset, graph"


def main(arguments: Sequence[str]) -> int:
    """Tell what changed, run again, show the figures; 1 where one moved."""
    parser = CommandParser(
        "rerun",
        "Repeat a finished run from the settings in its folder and compare the figures. What changed since\n"
        "in code, versions, device, dataset or graph is told first. Exits with 1 where a metric moved.",
        "  kgrec rerun runs/default/lastfm_lightgcn_s0_1c0ffee5\n"
        "  kgrec rerun runs/default/lastfm_lightgcn_s0_1c0ffee5 --into checks --tolerance 0.005 --valid-only",
    )
    parser.add_argument("run", type=Path, help="run folder")
    parser.add_argument(
        "--into", metavar="GROUP", help="group of the repetition (default: <its group>-again)"
    )
    parser.add_argument(
        "--tolerance",
        type=float,
        default=TOLERANCE,
        metavar="X",
        help=f"largest absolute difference that counts as none (default: {TOLERANCE})",
    )
    parser.add_argument("--valid-only", action="store_true", help="leave the test set alone")
    given = parser.parse_args(arguments)
    if given.tolerance < 0:
        raise InputError(f"--tolerance: found {given.tolerance}, expected 0 or more")

    from kgrec.reporting.run_folder import RunFolder
    from kgrec.reporting.tables import render_text
    from kgrec.rerun import beside, changes_since, config_of_repeat
    from kgrec.train import train

    run = RunFolder(given.run)
    cfg = config_of_repeat(run, given.into, test=not given.valid_only)
    changed = changes_since(run, cfg)
    if is_main_process():
        told = ["changed since:", *(f"  {change}" for change in changed)] if changed else [UNCHANGED]
        print("\n".join(told), flush=True)
    again = train(cfg)
    if not is_main_process():
        return 0
    table, moved = beside(run, again, given.tolerance)
    print(f"\n{render_text(table)}\n{again.path}")
    print(f"moved by more than {given.tolerance:g}: {', '.join(moved) or 'none'}")
    return int(bool(moved))
