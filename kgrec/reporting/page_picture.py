"""A picture of a page, for where a page cannot be opened: taken by a browser that is installed."""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from kgrec.errors import InputError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
"""Programs that are looked for, in this order."""

WIDTH = 1280  # pixels: the widest that a page's text becomes, and its margins; tables may be wider
MAX_SIDE = 16_000  # pixels; browsers draw nothing that is longer than 16,384
SECONDS = 120.0  # that a browser may take

UNFOLD = """<style>body { margin-left: 2rem; } .wide { overflow: visible; }</style>
<script>
const whole = document.documentElement;
document.title = ["size", whole.scrollWidth, whole.scrollHeight].join(" ");
</script></body>"""
"""In a picture nothing scrolls: tables are shown in their full width, and the page tells its size."""


def find_browser() -> str:
    """The program that takes the picture.

    Raises:
        InputError: none is on the PATH.
    """
    for name in BROWSERS:
        if found := shutil.which(name):
            return found
    raise InputError(
        f"a picture needs a browser: found none of {', '.join(BROWSERS)} on the PATH; install one"
    )


def take_picture(page: Path, picture: Path) -> None:
    """Draw a page of one file from its top to its end, at most :data:`MAX_SIDE` of it.

    The browser has a profile of its own, so that one which is open stays as it is.

    Args:
        page: HTML that needs no other file.
        picture: ``.png`` to write.

    Raises:
        InputError: no browser, it fails, or the picture cannot be written.
    """
    browser = find_browser()
    with tempfile.TemporaryDirectory() as folder:
        # The page is our own, and many machines forbid the sandbox to a headless browser.
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        command = [browser, *options, f"--user-data-dir={folder}/profile"]
        unfolded, drawn = Path(folder) / "page.html", Path(folder) / "picture.png"
        unfolded.write_text(page.read_text(encoding="utf-8").replace("</body>", UNFOLD), encoding="utf-8")
        told = _run([*command, f"--window-size={WIDTH},800", "--dump-dom", unfolded.as_uri()])
        size = re.search(r"<title>size (\d+) (\d+)</title>", told)
        if size is None:
            raise InputError(f"{browser}: did not tell the size of {page}")
        window = ",".join(str(min(int(side), MAX_SIDE)) for side in size.groups())
        _run([*command, f"--window-size={window}", f"--screenshot={drawn}", unfolded.as_uri()])
        _move(drawn, picture)


def _run(command: list[str]) -> str:
    """What the browser prints.

    Raises:
        InputError: it ends badly, or not at all.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=True)
    except subprocess.TimeoutExpired as error:
        raise InputError(f"{command[0]}: not done after {SECONDS:.0f} s") from error
    except (OSError, subprocess.CalledProcessError) as error:
        raise InputError(f"{command[0]}: {error}") from error
    return done.stdout


def _move(drawn: Path, picture: Path) -> None:
    """Under a temporary name, then renamed: the two folders may lie on two file systems."""
    temporary = picture.with_name(f".{picture.name}.tmp")
    try:
        shutil.copyfile(drawn, temporary)
        temporary.replace(picture)
    except OSError as error:
        raise InputError(f"{picture}: cannot be written ({error.strerror})") from error
