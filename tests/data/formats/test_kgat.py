from pathlib import Path

import pytest

from kgrec.data.formats.kgat import read_interactions, read_triples
from kgrec.errors import InputError


def file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "file.txt"
    path.write_bytes(text.encode())
    return path


@pytest.mark.parametrize("text", ["0 1 25\n3 0 4\n", "0\t1\t25\r\n3\t0\t4", "0  1 25 \n 3 0 04\n\n"])
def test_triples_are_three_numbers_between_blanks(tmp_path: Path, text: str) -> None:
    triples = read_triples(file(tmp_path, text))
    assert triples.columns == ["head", "relation", "tail"]
    assert triples.rows() == [("0", "1", "25"), ("3", "0", "4")]


@pytest.mark.parametrize("text", ["0 4 5\n1\n2 4 4\n", "0 4 5 \r\n1 \r\n2\t4\t04 \r\n"])
def test_a_line_is_a_user_with_all_items(tmp_path: Path, text: str) -> None:
    rows = read_interactions(file(tmp_path, text))
    assert rows.columns == ["user", "item"]
    assert rows.rows() == [("0", "4"), ("0", "5"), ("2", "4"), ("2", "4")]


@pytest.mark.parametrize(
    "line", ["1 2", "1 2 3 4", "1 x 3", "1 -2 3", "1 2 3.0", "", "1 2 99999999999999999999"]
)
def test_a_line_that_is_no_triple_is_named(tmp_path: Path, line: str) -> None:
    with pytest.raises(InputError) as caught:
        read_triples(file(tmp_path, f"0 1 2\n{line}\n1 1 1\n"))
    found = f"file.txt: line 2: found {line!r}, expected 3 whole numbers: head relation tail"
    assert str(caught.value).endswith(found)


@pytest.mark.parametrize("line", ["1 2 x", "1,2", "u1 2", "1 -2", "", "1 99999999999999999999"])
def test_a_line_that_is_not_all_numbers_is_named(tmp_path: Path, line: str) -> None:
    with pytest.raises(InputError) as caught:
        read_interactions(file(tmp_path, f"0 1 2\n{line}\n1 1\n"))
    assert str(caught.value).endswith(
        f"file.txt: line 2: found {line!r}, expected whole numbers: user item item …"
    )


def test_a_long_line_is_cut_in_the_message(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"line 1: found '1 1 [1 ]{56}…', expected"):
        read_interactions(file(tmp_path, "1 " * 1000 + "x"))


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    for read in (read_triples, read_interactions):
        with pytest.raises(InputError, match=r"file\.txt: the file is empty; rows are needed"):
            read(file(tmp_path, "\n"))
