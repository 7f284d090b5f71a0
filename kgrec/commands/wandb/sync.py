"""``kgrec wandb sync``: the offline runs of a group, sent to the account."""

from collections.abc import Sequence
from pathlib import Path

from kgrec.cli import CommandParser


def main(arguments: Sequence[str]) -> int:
    """Send what W&B kept while it was offline; 1 where it could not all be sent."""
    parser = CommandParser(
        "wandb sync",
        "Send the offline W&B runs of a group to the account, by W&B's own sync; runs that were sent before\n"
        "are left out. Needs an API key: WANDB_API_KEY or `wandb login`.",
        "  kgrec wandb sync encoders\n  kgrec wandb sync runs/encoders runs/default --dry-run",
    )
    parser.add_argument("groups", type=Path, nargs="+", metavar="group", help="group, or folder of runs")
    parser.add_argument("--dry-run", action="store_true", help="name what would be sent; needs no account")
    given = parser.parse_args(arguments)

    from kgrec.reporting.wandb_sync import offline_runs, sync

    found = [folder for group in given.groups for folder in offline_runs(group)]
    if given.dry_run:
        print("\n".join(map(str, found)))
        return 0
    return int(sync(found) != 0)
