"""``kgrec wandb``: Weights & Biases; one file per action."""

from collections.abc import Sequence

from kgrec.cli import run_action

ACTIONS = {"sync": "send the offline runs of a group to the account"}
EXAMPLE = "  kgrec wandb sync encoders"


def main(arguments: Sequence[str]) -> int:
    """Run one action."""
    return run_action("wandb", ACTIONS, EXAMPLE, arguments)
