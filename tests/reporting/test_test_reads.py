"""The book of test reads only grows, and lies where the checkout keeps its results."""

import json
from pathlib import Path

import pytest

from kgrec.errors import InputError
from kgrec.reporting.test_reads import book_of_test_reads, log_test_read


def test_each_read_is_a_line(tmp_path: Path) -> None:
    book = tmp_path / "new" / "book.jsonl"
    for value in (0.25, 0.5):
        log_test_read(book, "run", "c0ffee", {"model": "ease"}, {"test/recall@10": value})
    lines = [json.loads(line) for line in book.read_text().splitlines()]
    assert [line["figure"] for line in lines] == [{"test/recall@10": 0.25}, {"test/recall@10": 0.5}]
    assert all(line["run"] == "run" and line["commit"] == "c0ffee" and line["date"] for line in lines)


def test_a_book_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"set paths\.test_reads"):
        log_test_read(tmp_path / "file" / "book.jsonl", "run", None, {}, {})


def test_where_the_book_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert book_of_test_reads(None, Path("runs")) == Path("runs/test_reads.jsonl")
    (tmp_path / "experiments" / "results").mkdir(parents=True)
    assert book_of_test_reads(None, Path("runs")) == Path("experiments/results/test_reads.jsonl")
    assert book_of_test_reads("mine.jsonl", Path("runs")) == Path("mine.jsonl")
