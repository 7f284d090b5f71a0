"""The picture of a page: whole, as a browser draws it, or one clear line where there is no browser."""

import struct
from pathlib import Path

import pytest

from kgrec.errors import InputError
from kgrec.reporting import page_picture
from kgrec.reporting.html import Section, page
from kgrec.reporting.page_picture import WIDTH, find_browser, take_picture
from kgrec.reporting.tables import Table


@pytest.fixture
def browser() -> str:
    try:
        return find_browser()
    except InputError as error:
        pytest.skip(str(error))


def size(picture: Path) -> tuple[int, int]:
    """Width and height that a PNG states."""
    content = picture.read_bytes()
    assert content.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", content[16:24])
    return width, height


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """A page with a table that is longer and wider than a screen."""
    columns = [f"test/cold/recall@{k}" for k in range(20)]
    table = Table(["arm", *columns], [[f"arm {row}", *(0.5 for _ in columns)] for row in range(110)])
    path = tmp_path / "report.html"
    path.write_text(page("A group", ["A lead."], [Section("Figures", tables=[("", table)])]))
    return path


def test_it_is_as_large_as_the_page(browser: str, report: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = report.with_suffix(".png")
    take_picture(report, picture)
    width, height = size(picture)
    assert width > WIDTH
    assert 110 * 20 < height < 110 * 60  # a row is more than 20 pixels high
    assert sorted(entry.name for entry in report.parent.iterdir()) == ["report.html", "report.png"]
    monkeypatch.setattr(page_picture, "MAX_SIDE", 1500)
    take_picture(report, picture)
    assert size(picture) == (1500, 1500)


def test_no_browser_is_told_before_the_page_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from kgrec.cli import main

    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["report", str(tmp_path / "no-such-group"), "--picture"]) == 2
    assert "kgrec report: a picture needs a browser: found none of chromium, " in capsys.readouterr().err


def test_a_browser_that_fails_leaves_nothing(report: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = report.parent / "bin" / "chromium"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{broken.parent}:/bin:/usr/bin")
    with pytest.raises(InputError, match="exit status 3"):
        take_picture(report, report.with_suffix(".png"))
    assert not report.with_suffix(".png").exists()
