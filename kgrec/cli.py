"""``kgrec <command>``: arguments in, exit code out. Heavy imports wait until a command runs."""

import argparse
import importlib
import io
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NoReturn

from kgrec.errors import InputError
from kgrec.progress import StatusLine, doing

COMMANDS = {
    "train": "train a model, evaluate it, leave a run folder",
    "evaluate": "evaluate a finished run again",
    "sweep": "search a model's settings on validation; show, export",
    "reproduce": "run a study: its table, claims and plot",
    "compare": "compare runs: means, tests, effects; or two runs",
    "report": "one page about a group of runs",
    "rerun": "repeat a run and compare the figures",
    "recommend": "top items for a user, or the place of a new item",
    "explain": "why this item: paths through the graph, and rules",
    "data": "fetch, stats, doctor: the dataset and its faults",
    "kg": "link, doctor, stats, show, rules, export …: the knowledge graph",
    "lm": "pretrain, tune, prune, quantize, distill, export: the language model",
    "wandb": "sync: send offline runs to Weights & Biases",
}

TALKATIVE = ("torchao", "torch.utils._pytree")
"""Loggers that, whenever peft or transformers import torchao, name kernels for other hardware and calls that
torch has deprecated."""

OVERRIDES_HELP = "settings, e.g. data=lastfm seed=1; `kgrec train --help` lists the groups"


class CommandParser(argparse.ArgumentParser):
    """An argument parser of one command, whose errors are one line like those of every other bad input.

    Args:
        command: as typed after ``kgrec``.
        description: what the command does.
        example: one or more command lines.
    """

    def __init__(self, command: str, description: str, example: str) -> None:
        super().__init__(
            prog=f"kgrec {command}".strip(),
            description=description,
            epilog=f"example:\n{example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        """Refuse the arguments.

        Raises:
            InputError: always.
        """
        raise InputError(f"{message}; see {self.prog} --help")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        0 on success, 1 where a check or a job failed, 2 on bad input (one line on standard error).
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help"):
        _overview().print_help()
        return 0
    with StatusLine(f"kgrec {arguments[0]}", speaks=is_main_process()):
        logging.basicConfig(
            level=logging.INFO if is_main_process() else logging.ERROR,
            format="%(message)s",
            stream=sys.stderr,
        )
        for name in TALKATIVE:
            logging.getLogger(name).setLevel(logging.ERROR)
        return _run_command(arguments[0], arguments[1:])


def _run_command(command: str, arguments: Sequence[str]) -> int:
    """Any error that a person can mend is one line."""
    try:
        if command not in COMMANDS:
            raise InputError(f"no such command; valid: {', '.join(COMMANDS)}")
        code = int(importlib.import_module(f"kgrec.commands.{command}").main(arguments) or 0)
        sys.stdout.flush()
        return code
    except InputError as error:
        print(f"kgrec {command}: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of our output (head, less) has gone: not an error of ours
        _discard_output()
        return 0
    except OSError as error:  # a file system that is full, read-only, not ours
        where = f"{error.filename}: " if error.filename else ""
        print(f"kgrec {command}: {where}{error.strerror or error}", file=sys.stderr)
        _discard_output()
        return 2
    except KeyboardInterrupt:
        print(f"kgrec {command}: interrupted; start the same command again to go on", file=sys.stderr)
        return 130


def run_action(command: str, actions: Mapping[str, str], example: str, arguments: Sequence[str]) -> int:
    """Run ``kgrec <command> <action> …``: the ``main`` of ``kgrec/commands/<command>/<action>.py``.

    Args:
        command: as typed after ``kgrec``.
        actions: action → what it does, for ``--help``.
        example: one or more command lines.
        arguments: what follows the command.

    Raises:
        InputError: no such action.
    """
    parser = CommandParser(
        command,
        "\n".join(f"{name:<10} {what}" for name, what in actions.items()),
        f"{example}\n  kgrec {command} <action> --help shows the action's own settings and an example",
    )
    parser.add_argument("action", choices=list(actions), metavar="action", help="one of those above")
    given = parser.parse_args(arguments[:1])
    doing(f"kgrec {command} {given.action}")
    action = importlib.import_module(f"kgrec.commands.{command}.{given.action}")
    return int(action.main(arguments[1:]) or 0)


def is_main_process() -> bool:
    """Whether this process speaks, of those that a launcher such as torchrun started together."""
    return os.environ.get("RANK", "0") == "0"


def _overview() -> argparse.ArgumentParser:
    parser = CommandParser(
        "",
        "Knowledge graphs x small language models x recommendation, measured.\n\ncommands:\n"
        + "\n".join(f"  {name:<10} {what}" for name, what in COMMANDS.items()),
        "  kgrec train data=planted model=hybrid gnn=rgcn fusion=gate\n"
        "  kgrec <command> --help shows the command's own settings and an example",
    )
    parser.add_argument("command", choices=list(COMMANDS), metavar="command", help="one of those above")
    return parser


def _discard_output() -> None:
    """What is still buffered can go nowhere: keep the interpreter from trying again at exit."""
    with suppress(io.UnsupportedOperation):  # standard output is no file: there is nothing to redirect
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
