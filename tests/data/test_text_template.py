import polars as pl
import pytest

from kgrec.data.text_template import TextTemplate
from kgrec.errors import InputError

FRAME = pl.DataFrame(
    {
        "title": ["Heat", "Ali", None, "", " "],
        "plot": ["A thief.", None, "No title.", None, ""],
        "year": [1995, 2001, None, None, None],
        "cast": [["a"], ["b"], [], [], None],
    }
)


def test_values_fill_their_places_and_empty_ones_leave_them_empty() -> None:
    texts = TextTemplate("{title}. {plot}").render(FRAME, "items.csv")
    assert texts.to_list() == ["Heat. A thief.", "Ali.", ". No title.", None, None]
    assert texts.dtype == pl.String


def test_literal_text_numbers_and_braces() -> None:
    template = TextTemplate("{{{title}}} ({year}), film")
    assert template.columns == ["title", "year"]
    assert template.render(FRAME.head(2), "items.csv").to_list() == [
        "{Heat} (1995), film",
        "{Ali} (2001), film",
    ]


def test_a_column_may_stand_twice() -> None:
    assert TextTemplate("{title} {title}").render(FRAME.head(1), "items.csv").to_list() == ["Heat Heat"]


def test_unknown_column_lists_the_valid_ones() -> None:
    with pytest.raises(
        InputError, match=r"items\.csv has no column 'name'; columns there are: title, plot, year, cast"
    ):
        TextTemplate("{name}").render(FRAME, "items.csv")


def test_columns_of_lists_are_refused() -> None:
    with pytest.raises(InputError, match=r"column 'cast' of items\.csv holds List\(String\)"):
        TextTemplate("{cast}").render(FRAME, "items.csv")


@pytest.mark.parametrize("template", ["{title", "title}", "no column", "{}", "{title:>3}", "{title!r}", ""])
def test_malformed_templates_are_refused_at_construction(template: str) -> None:
    with pytest.raises(InputError, match="text_template"):
        TextTemplate(template)


@pytest.mark.parametrize("template", ["{0}", "{title.x}", "{title[0]}"])
def test_anything_but_a_column_name_is_an_unknown_column(template: str) -> None:
    with pytest.raises(InputError, match="has no column"):
        TextTemplate(template).render(FRAME, "items.csv")
