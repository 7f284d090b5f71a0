import numpy as np
import polars as pl
import pytest

from kgrec.kg.literals import (
    LABEL_RELATIONS,
    first_literals,
    in_languages,
    numeric_attributes,
    quantile_bins,
)
from kgrec.text.facts import texts_with_facts

XSD = "http://www.w3.org/2001/XMLSchema#"
Row = tuple[str, str, str, str | None, str | None]


def frame(*rows: Row) -> pl.DataFrame:
    names = ["head", "relation", "tail", "datatype", "language"]
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")


def text(head: str, relation: str, tail: str, language: str | None = None) -> Row:
    return head, relation, tail, XSD + "string", language


@pytest.mark.parametrize(
    ("languages", "expected"),
    [
        (["en"], ["Heat", "Heat (GB)", "Untagged", "Seul", "5", "node"]),
        (["de", "en"], ["Hitze", "Untagged", "Seul", "5", "node"]),
        (["EN-gb", "en"], ["Heat (GB)", "Untagged", "Seul", "5", "node"]),
        (["", "en"], ["Untitled", "Untagged", "Seul", "5", "node"]),
        (["ja"], ["Untitled", "Untagged", "Seul", "5", "node"]),
    ],
)
def test_each_text_in_the_best_language_there_is(languages: list[str], expected: list[str]) -> None:
    statements = frame(
        text("a", "name", "Heat", "en"),
        text("a", "name", "Heat (GB)", "en-GB"),
        text("a", "name", "Hitze", "de"),
        text("a", "name", "Untitled"),
        text("a", "note", "Untagged"),
        text("b", "name", "Seul"),
        text("b", "name", "Ecrit", "fr"),
        ("a", "year", "5", XSD + "integer", None),
        ("a", "by", "node", None, None),
    )
    assert in_languages(statements, languages)["tail"].to_list() == expected


def test_texts_in_no_language_asked_for_are_dropped() -> None:
    assert in_languages(frame(text("a", "name", "Chaleur", "fr")), ["en"]).is_empty()


def test_first_literals_prefer_the_first_relation_then_file_order() -> None:
    name, label = "http://schema.org/name", LABEL_RELATIONS[0]
    statements = frame(
        text("a", name, "Name of a"),
        text("a", label, "  "),
        text("a", label, " A "),
        text("a", label, "A again"),
        text("b", name, "B"),
        text("b", "http://films/year", "1995"),
        ("c", label, "a:node", None, None),
    )
    assert first_literals(statements, LABEL_RELATIONS) == {"a": "A", "b": "B"}
    assert first_literals(statements, [name]) == {"a": "Name of a", "b": "B"}


def test_numbers_and_dates_become_values() -> None:
    statements = frame(
        ("a", "length", "120", XSD + "integer", None),
        ("a", "score", "7.5", XSD + "decimal", None),
        ("b", "score", "-1.5E2", XSD + "double", None),
        ("b", "made", "1995", XSD + "gYear", None),
        ("c", "made", "1995-07-01", XSD + "date", None),
        ("d", "made", "-0044-03-15T12:00:00Z", XSD + "dateTime", None),
        ("e", "length", "long", XSD + "integer", None),
        ("e", "score", "NaN", XSD + "double", None),
        ("e", "score", "INF", XSD + "double", None),
        ("e", "made", "soon", XSD + "date", None),
        text("e", "length", "120"),
        ("e", "length", "120", None, None),
    )
    found = numeric_attributes(statements)
    assert found.select("head", "relation").rows() == [
        ("a", "length"), ("a", "score"), ("b", "score"), ("b", "made"), ("c", "made"), ("d", "made"),
    ]  # fmt: skip
    assert found["value"].to_list() == pytest.approx([120, 7.5, -150, 1995, 1995.5, -44 + 2 / 12 + 14 / 372])


def test_bins_hold_about_as_many_values_each_and_keep_their_order() -> None:
    rng = np.random.default_rng(0)
    values = np.exp(rng.normal(size=1000))
    attributes = pl.DataFrame({"head": [f"h{i}" for i in range(1000)], "relation": "votes", "value": values})
    binned = quantile_bins(attributes, 8)
    assert binned["head"].equals(attributes["head"])
    counts = binned["tail"].value_counts()["count"]
    assert len(counts) == 8
    assert (counts.min(), counts.max()) == (125, 125)
    spans = attributes.with_columns(bin=binned["tail"]).group_by("bin").agg(
        low=pl.col("value").min(), high=pl.col("value").max()
    ).sort("low")  # fmt: skip
    assert (spans["high"].to_numpy()[:-1] < spans["low"].to_numpy()[1:]).all()


def test_relations_have_bins_of_their_own_and_few_values_one_each() -> None:
    attributes = pl.DataFrame(
        {"head": list("abcabc"), "relation": ["x"] * 3 + ["y"] * 3, "value": [1.0, 2.0, 2.0, 2.0, 7.5, 7.5]}
    )
    assert quantile_bins(attributes, 2)["tail"].to_list() == [
        "x:[1]", "x:[2]", "x:[2]", "y:[2]", "y:[7.5]", "y:[7.5]",
    ]  # fmt: skip


def test_relations_that_end_alike_share_no_bin() -> None:
    relations = ["http://a/Release Year", "http://b/release_year#", "http://c/12", "http://c/13"]
    attributes = pl.DataFrame({"head": list("abcd"), "relation": relations, "value": [1.0] * 4})
    assert quantile_bins(attributes, 2)["tail"].to_list() == [
        "release_year:[1]", "release_year_2:[1]", "value:[1]", "value_2:[1]",
    ]  # fmt: skip


def test_bins_read_well_as_facts() -> None:
    attributes = pl.DataFrame({"head": list("abc"), "relation": "http://f/score", "value": [6.25, 7.0, 8.5]})
    triples = quantile_bins(attributes, 2)
    text = texts_with_facts(
        ["Heat"], np.array([[0, 0, 1]]), np.array([0]), ["a", triples["tail"][0]], ["http://f/score"], 5
    )
    assert text == ["Heat. score: [6.25, 7)"]


def test_ties_at_the_edges_lose_no_value() -> None:
    values = [0.0] * 90 + [float(value) for value in range(1, 11)]
    attributes = pl.DataFrame({"head": [str(i) for i in range(100)], "relation": "r", "value": values})
    binned = quantile_bins(attributes, 4)
    assert len(binned) == 100
    assert binned["tail"].null_count() == 0
    assert binned["tail"][:90].n_unique() == 1


def test_no_values_no_bins() -> None:
    empty = pl.DataFrame(schema={"head": pl.String, "relation": pl.String, "value": pl.Float64})
    assert quantile_bins(empty, 4).schema == dict.fromkeys(("head", "relation", "tail"), pl.String)
    with pytest.raises(ValueError, match="bins is 1, expected 2 or more"):
        quantile_bins(empty, 1)
