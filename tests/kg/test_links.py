import polars as pl
import pytest

from kgrec.errors import InputError
from kgrec.kg.links import check_links, links_by_name

ITEMS = ["i1", "i2", "i3"]
ENTITIES = ["http://kg/Q42", "http://kg/Q43"]


def check(rows: list[tuple[str, str]]) -> None:
    links = pl.DataFrame(rows, schema=["item", "entity"], orient="row")
    check_links(links, ITEMS, ENTITIES, lambda row: f"links.csv, line {row + 2}")


def test_good_links_pass_even_where_items_share_an_entity() -> None:
    check([("i1", "http://kg/Q42"), ("i3", "http://kg/Q42")])
    check([])


def test_link_to_unknown_entity_names_row_and_nearest() -> None:
    with pytest.raises(InputError) as raised:
        check([("i1", "http://kg/Q42"), ("i2", "http://kg/Q44")])
    message = str(raised.value)
    assert message.startswith(
        "links.csv, line 3: entity 'http://kg/Q44' is in no triple; nearest: 'http://kg/Q4"
    )


def test_link_with_another_kind_of_name_shows_examples() -> None:
    with pytest.raises(
        InputError, match=r"entity 'Q42' is in no triple; expected one such as 'http://kg/Q42', "
    ):
        check([("i1", "Q42")])


def test_link_of_unknown_item() -> None:
    with pytest.raises(InputError, match=r"links\.csv, line 2: item 'film9' is in neither the items nor"):
        check([("film9", "http://kg/Q42")])


def test_item_linked_twice_names_both_rows() -> None:
    with pytest.raises(
        InputError, match=r"line 4: item 'i1' is linked a second time, first in links\.csv, line 2"
    ):
        check([("i1", "http://kg/Q42"), ("i2", "http://kg/Q42"), ("i1", "http://kg/Q43")])


def test_links_into_an_empty_graph() -> None:
    with pytest.raises(InputError, match="entity 'e' is in no triple; there is none"):
        check_links(pl.DataFrame({"item": ["i1"], "entity": ["e"]}), ITEMS, [], str)


def test_links_by_name() -> None:
    assert links_by_name(["b", "x", "a"], ["a", "b", "c"]).rows() == [("b", "b"), ("a", "a")]
    assert links_by_name(["x"], ["a"]).schema == {"item": pl.String, "entity": pl.String}
