from pathlib import Path

import pytest

from kgrec.data.formats.tsv import read_tsv
from kgrec.errors import InputError


def write(folder: Path, data: bytes) -> Path:
    path = folder / "table.tsv"
    path.write_bytes(data)
    return path


def test_all_columns_are_strings_and_empty_fields_are_null(tmp_path: Path) -> None:
    table = read_tsv(write(tmp_path, b"a\tb\n01\t\n\t2\n"))
    assert table.to_dict(as_series=False) == {"a": ["01", None], "b": [None, "2"]}


def test_quotes_are_ordinary_characters(tmp_path: Path) -> None:
    table = read_tsv(write(tmp_path, b'a\tb\n"Weird Al\tx\n7"\ty\n'))
    assert table["a"].to_list() == ['"Weird Al', '7"']


@pytest.mark.parametrize("data", [b"a\tb\r\n1\t2\r\n\r\n", b"\xef\xbb\xbfa\tb\n1\t2", b"a\tb\n1\t2\n\n"])
def test_line_ends_byte_order_marks_and_last_blank_lines_do_not_matter(tmp_path: Path, data: bytes) -> None:
    assert read_tsv(write(tmp_path, data)).rows() == [("1", "2")]


def test_latin_1_is_read_as_such(tmp_path: Path) -> None:
    path = write(tmp_path, "id\ttag\n1\tcafé\n".encode("latin-1"))
    assert read_tsv(path, "latin-1")["tag"].to_list() == ["café"]
    with pytest.raises(InputError, match=r"table\.tsv: line 2: not utf-8 text"):
        read_tsv(path)


def test_a_header_alone_is_a_table_without_rows(tmp_path: Path) -> None:
    assert read_tsv(write(tmp_path, b"a\tb\n")).shape == (0, 2)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the file is empty"),
        (b"\n\n", "the file is empty"),
        (b"a\ta\n1\t2\n", r"line 1: a column name occurs twice in \['a', 'a'\]"),
        (b"a\tb\n1\t2\n3\n", "line 3: 1 tab-separated fields, the header has 2"),
        (b"a\tb\n1\t2\t3\n4\n", "line 2: 3 tab-separated fields, the header has 2"),
        (b"a\tb\n1\t2\n\n3\t4\n", "line 3: 1 tab-separated fields"),
    ],
)
def test_a_broken_table_is_refused_with_its_line(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_tsv(write(tmp_path, data))


def test_missing_files_and_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.tsv: no such file"):
        read_tsv(tmp_path / "nowhere.tsv")
    with pytest.raises(InputError, match="cannot be read"):
        read_tsv(tmp_path)
