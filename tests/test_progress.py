"""What a person sees at a terminal while something takes long, and what a pipe sees: nothing."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios

import pytest

from kgrec.progress import NOBODY

PROGRAM = """
import time
from kgrec import progress
progress.SECONDS_OF_SILENCE, progress.SECONDS_BETWEEN_DRAWINGS = 0.2, 0.05
with progress.StatusLine("loading"):
    time.sleep(0.6)
    print("first")
    with progress.another_speaks():
        progress.doing("what a child tells")
        time.sleep(0.6)
    progress.doing("reading")
    time.sleep(0.6)
    bar = progress.bar(3, 0, "step", shown=progress.is_watched())
    progress.doing("training")
    bar.update()
    time.sleep(0.6)
    bar.close()
    progress.doing("the rest")
    time.sleep(0.6)
    items = [time.sleep(0.3) or item for item in progress.steps([1, 2], "slow ones", "item")]
print(items)
"""


def at_a_terminal(**environment: str) -> str:
    """Everything that is written to the terminal."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    variables = {name: value for name, value in os.environ.items() if name not in NOBODY}
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**variables, **environment},
    ) as process:
        os.close(theirs)
        written = b""
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:  # Linux says so when the other end is closed
                break
            if not part:
                break
            written += part
    os.close(ours)
    assert process.returncode == 0
    return written.decode().replace("\r\n", "\n")


def left(written: str) -> list[str]:
    """The lines that stay on the screen."""
    return [line.split("\r")[-1].removeprefix("\x1b[K") for line in written.rstrip("\n").split("\n")]


def test_a_terminal_is_told_what_is_done_and_keeps_none_of_it() -> None:
    written = at_a_terminal()
    assert "loading … 0:00" in written
    assert "reading … 0:00" in written
    assert "what a child tells" not in written
    assert "training" not in written  # a bar stands there
    assert "the rest … 0:00" in written
    assert "slow ones: 100%" in written
    lines = left(written)
    assert lines[0] == "first"
    assert "1/3" in lines[1]
    assert lines[-1] == "[1, 2]"
    assert not any("…" in line for line in lines)


@pytest.mark.parametrize("name", NOBODY)
def test_ci_and_notebooks_are_no_terminal_even_where_they_look_like_one(name: str) -> None:
    assert at_a_terminal(**{name: "1"}) == "first\n[1, 2]\n"


def test_a_pipe_sees_nothing_of_it() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("first\n[1, 2]\n", "")
