"""``kgrec <command>``: arguments in, exit code out. Heavy imports wait until a command runs."""

import argparse
import importlib
import logging
import os
import sys
from collections.abc import Sequence

from kgrec.errors import InputError

COMMANDS = {
    "train": "train a model, evaluate it, leave a run folder",
    "evaluate": "evaluate a finished run again",
    "reproduce": "run a study: its table, claims and plot",
    "compare": "compare runs: mean and spread over seeds",
    "recommend": "top items for a user, or the place of a new item",
    "data": "fetch, stats, doctor: the dataset and its faults",
    "kg": "stats, show, export, arms: the knowledge graph",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        0 on success, 1 where a check or a job failed, 2 on bad input (one line on standard error).
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(
        prog="kgrec",
        description="Knowledge graphs x small language models x recommendation, measured.",
        epilog="commands:\n"
        + "\n".join(f"  {name:<10} {what}" for name, what in COMMANDS.items())
        + "\n\nexample:\n  kgrec train data=planted model=hybrid gnn=rgcn fusion=gate\n"
        "  kgrec <command> --help shows the command's own settings and an example",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=list(COMMANDS), metavar="command", help="see below")
    if not arguments or arguments[0] in ("-h", "--help"):
        parser.print_help()
        return 0
    command = parser.parse_args(arguments[:1]).command
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        return int(importlib.import_module(f"kgrec.commands.{command}").main(arguments[1:]) or 0)
    except InputError as error:
        print(f"kgrec {command}: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of our output (head, less) has gone: not an error of ours
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print(f"kgrec {command}: interrupted; start the same command again to go on", file=sys.stderr)
        return 130
