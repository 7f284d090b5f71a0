from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from kgrec.data.formats.recbole import read_atomic, read_interactions, read_links, read_triples
from kgrec.errors import InputError


def write(folder: Path, name: str, *lines: str) -> Path:
    path = folder / name
    path.write_text("\n".join(lines) + "\n")
    return path


def test_types_decide_what_columns_become(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "x.item",
        "item_id:token\ttitle:token_seq\tprice:float\tvector:float_seq",
        "007\tToy Story\t1.5\t0.5 -1",
        "8\t\t\t",
    )
    table = read_atomic(path, {"item_id": "token"})
    assert table.to_dict(as_series=False) == {
        "item_id": ["007", "8"],
        "title": ["Toy Story", None],
        "price": [1.5, None],
        "vector": [[0.5, -1.0], None],
    }


def test_interactions_keep_ids_as_strings_and_leave_out_other_columns(tmp_path: Path) -> None:
    path = write(
        tmp_path, "x.inter", "item_id:token\tuser_id:token\trating:float\tmood:token", "00X\t1\t4\tgood"
    )
    table = read_interactions(path)
    assert table.columns == ["user", "item", "rating"]
    assert table.rows() == [("1", "00X", 4.0)]


def test_triples_and_links(tmp_path: Path) -> None:
    triples = write(tmp_path, "x.kg", "head_id:token\trelation_id:token\ttail_id:token", "a\tr\tb")
    links = write(tmp_path, "x.link", "entity_id:token\titem_id:token", "e\t1")
    assert read_triples(triples).rows(named=True) == [{"head": "a", "relation": "r", "tail": "b"}]
    assert read_links(links).rows(named=True) == [{"item": "1", "entity": "e"}]


INTER = "user_id:token\titem_id:token\trating:float"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["user_id\titem_id", "1\t2"], r"line 1: column 'user_id' is not name:type"),
        (["user_id:id\titem_id:token", "1\t2"], r"line 1: column 'user_id:id' is not name:type"),
        (["user_id:token\tuser_id:float", "1\t2"], "line 1: column user_id occurs twice"),
        (["user_id:token\tmovie:token", "1\t2"], r"line 1: no column item_id:token; found user_id:token"),
        (["user_id:token\titem_id:float", "1\t2"], "line 1: no column item_id:token"),
        ([INTER.replace("rating:float", "rating:token"), "1\t2\t3"], "line 1: column rating must be of type"),
        ([INTER, "1\t2\t3", "1\t\t3"], "line 3: item_id is empty"),
        ([INTER, "1\t2\t3", "1\t3\tgood"], "line 3: rating is 'good'; a finite number"),
        ([INTER, "1\t2\tnan"], "line 2: rating is 'nan'; a finite number"),
        ([INTER, "1\t2\tinf"], "line 2: rating is 'inf'; a finite number"),
        ([INTER, "1\t2\t3\t4"], "line 2: 4 tab-separated fields, the header has 3"),
    ],
)
def test_a_broken_interactions_file_is_refused(tmp_path: Path, lines: list[str], message: str) -> None:
    path = write(tmp_path, "x.inter", *lines)
    with pytest.raises(InputError, match=rf"x\.inter: {message}"):
        read_interactions(path)


def test_a_broken_list_of_floats_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "x.item", "item_id:token\tvector:float_seq", "1\t1 2", "2\t1 two")
    with pytest.raises(InputError, match=r"x\.item: line 3: vector is '1 two'"):
        read_atomic(path, {"item_id": "token"})


@pytest.mark.parametrize("read", [read_interactions, read_triples, read_links])
def test_missing_and_empty_files_are_refused(tmp_path: Path, read: Callable[[Path], pl.DataFrame]) -> None:
    with pytest.raises(InputError, match="no such file"):
        read(tmp_path / "absent")
    (tmp_path / "empty").touch()
    with pytest.raises(InputError, match="the file is empty"):
        read(tmp_path / "empty")
