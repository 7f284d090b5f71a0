import gzip
from pathlib import Path

import polars as pl
import pytest

from kgrec.data.formats.tables import check_unique, read_all_columns, read_table, row_name
from kgrec.errors import InputError

IDS = {"user": pl.String, "item": pl.String}
NUMBERS = {"rating": pl.Float64}
CSV = "user,item,rating\n01,a,4\n2,b,3.5\n"


def write(tmp_path: Path, name: str, content: str | bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_every_ending_gives_the_same_table(tmp_path: Path) -> None:
    frame = pl.DataFrame({"user": ["01", "2"], "item": ["a", "b"], "rating": [4.0, 3.5]})
    frame.write_parquet(tmp_path / "t.parquet")
    paths = [
        write(tmp_path, "t.csv", CSV),
        write(tmp_path, "t.tsv", CSV.replace(",", "\t")),
        write(tmp_path, "t.csv.gz", gzip.compress(CSV.encode())),
        write(tmp_path, "t.tsv.gz", gzip.compress(CSV.replace(",", "\t").encode())),
        write(tmp_path, "bom.csv", "\ufeff" + CSV),
        write(tmp_path, "spaced.csv", CSV.replace("user,item,rating", "user, item, rating ")),
        write(tmp_path, "blank_lines.csv", CSV.replace("\n", "\r\n\r\n")),
        tmp_path / "t.parquet",
    ]
    for path in paths:
        assert read_table(path, IDS, NUMBERS).equals(frame), path


def test_ids_are_strings_whatever_the_parquet_says(tmp_path: Path) -> None:
    pl.DataFrame({"user": [1, 2], "item": [3, 4], "rating": [1, 5]}).write_parquet(tmp_path / "t.parquet")
    frame = read_table(tmp_path / "t.parquet", IDS, NUMBERS)
    assert frame.rows() == [("1", "3", 1.0), ("2", "4", 5.0)]


def test_columns_are_renamed_and_others_left_out(tmp_path: Path) -> None:
    path = write(tmp_path, "t.csv", "who,what,stars,extra\nu,i,5,x\n")
    columns = {"user": "who", "item": "what", "rating": "stars", "timestamp": None}
    optional = {"rating": pl.Float64, "timestamp": pl.Float64, "split": pl.String}
    assert read_table(path, IDS, optional, columns).to_dicts() == [{"user": "u", "item": "i", "rating": 5.0}]


def test_missing_column_lists_those_there_are(tmp_path: Path) -> None:
    path = write(tmp_path, "t.csv", "who,item\nu,i\n")
    with pytest.raises(
        InputError, match=r"t\.csv: no column 'user' for 'user'; columns there are: who, item"
    ):
        read_table(path, IDS)
    with pytest.raises(InputError, match=r"no column 'wer' for 'user'; columns there are: who, item"):
        read_table(path, IDS, columns={"user": "wer"})
    with pytest.raises(InputError, match=r"no column None for 'user'"):
        read_table(path, IDS, columns={"user": None})


def test_optional_column_that_was_asked_for_by_name_must_be_there(tmp_path: Path) -> None:
    path = write(tmp_path, "t.csv", "user,item\nu,i\n")
    assert read_table(path, IDS, NUMBERS, {"rating": "rating"}).columns == ["user", "item"]
    with pytest.raises(InputError, match=r"no column 'stars' for 'rating'; columns there are: user, item"):
        read_table(path, IDS, NUMBERS, {"rating": "stars"})


@pytest.mark.parametrize("value", ["five", "nan", "inf", "4;5"])
def test_number_that_is_none_names_line_and_value(tmp_path: Path, value: str) -> None:
    path = write(tmp_path, "t.csv", CSV + f"3,c,{value}\n")
    with pytest.raises(InputError, match=rf"t\.csv, line 4: rating is '{value}', expected a number"):
        read_table(path, IDS, NUMBERS)


def test_the_files_own_column_name_is_in_the_error(tmp_path: Path) -> None:
    path = write(tmp_path, "t.csv", "user,item,stars\nu,i,many\n")
    with pytest.raises(InputError, match=r"line 2: stars is 'many'"):
        read_table(path, IDS, NUMBERS, {"rating": "stars"})


@pytest.mark.parametrize(
    ("row", "column"), [(",b,3", "user"), ('u,"",3', "item"), ("u,b,", "rating"), ("u", "item")]
)
def test_empty_value_names_line_and_column(tmp_path: Path, row: str, column: str) -> None:
    path = write(tmp_path, "t.csv", CSV + row + "\n")
    with pytest.raises(InputError, match=rf"t\.csv, line 4: {column} is empty"):
        read_table(path, IDS, NUMBERS)


def test_rows_of_a_parquet_are_counted_from_one(tmp_path: Path) -> None:
    pl.DataFrame({"user": ["u", None, "v"], "item": ["a", None, "b"]}).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(InputError, match=r"t\.parquet, row 2: user is empty"):
        read_table(tmp_path / "t.parquet", IDS)


def test_lines_are_right_after_quoted_line_breaks_and_blank_lines(tmp_path: Path) -> None:
    path = write(tmp_path, "t.csv", 'item,text\na,"two\nlines"\n\nb,x\nc,y\n')
    assert [row_name(path, row).rpartition(" ")[2] for row in range(3)] == ["2", "5", "6"]
    assert read_all_columns(path)["text"].to_list() == ["two\nlines", "x", "y"]


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.tsv"])
def test_files_that_are_no_table(tmp_path: Path, name: str) -> None:
    separator = "\t" if "tsv" in name else ","

    def with_content(text: str) -> Path:
        content = text.replace(",", separator).encode("latin-1")
        return write(tmp_path, name, gzip.compress(content) if name.endswith("gz") else content)

    with pytest.raises(InputError, match="the file is empty, expected a header and rows"):
        read_all_columns(with_content(""))
    with pytest.raises(InputError, match="no rows below the header user, item"):
        read_all_columns(with_content("user,item\n"))
    with pytest.raises(InputError, match="line 3: 3 fields, the header has 2; put quotes"):
        read_all_columns(with_content("user,item\n1,2\n1,2,3\n"))
    with pytest.raises(InputError, match="not a readable table: "):
        read_all_columns(with_content("user,item\n\xe9,2\n"))
    with pytest.raises(InputError, match="not a readable table: ") as raised:
        read_all_columns(with_content('user,item\n"1,2\n3,4\n'))
    assert "\n" not in str(raised.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.csv: no such file"):
        read_all_columns(tmp_path / "none.csv")
    with pytest.raises(InputError, match=r"t\.xlsx: unknown ending; a table is one of \.csv, \.tsv"):
        read_all_columns(write(tmp_path, "t.xlsx", "x"))
    with pytest.raises(InputError, match=r"t\.parquet: not a readable table"):
        read_all_columns(write(tmp_path, "t.parquet", "no parquet"))
    with pytest.raises(InputError, match=r"t\.csv\.gz: not a readable table"):
        read_all_columns(write(tmp_path, "t.csv.gz", gzip.compress(CSV.encode() * 100)[:-20]))


def test_columns_of_lists_are_refused(tmp_path: Path) -> None:
    pl.DataFrame({"user": [["u"]], "item": ["i"]}).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(InputError, match=r"column 'user' holds List\(String\), expected single values"):
        read_table(tmp_path / "t.parquet", IDS)


def test_check_unique_names_both_rows(tmp_path: Path) -> None:
    path = write(tmp_path, "t.csv", "item\na\nb\nc\nb\na\n")
    frame = read_table(path, {"item": pl.String})
    with pytest.raises(
        InputError, match=r"t\.csv, line 5: item 'b' a second time, first in .*t\.csv, line 3"
    ):
        check_unique(frame, "item", path)
    check_unique(frame.head(3), "item", path)
