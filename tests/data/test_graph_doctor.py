from collections.abc import Callable
from dataclasses import replace

import polars as pl

from kgrec.data.dataset import RawDataset
from kgrec.data.graph_doctor import diagnose_graph, graph_sections
from kgrec.data.prepare import prepare
from kgrec.data.splits import LeaveOneOutSplit
from kgrec.kg.linking.graph_side import SAME_AS

MakeRaw = Callable[..., RawDataset]
LINKS = pl.DataFrame({"item": ["1", "2"], "entity": ["a", "b"]})


def triples(*rows: tuple[str | None, ...]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=dict.fromkeys(["head", "relation", "tail"], pl.String), orient="row")


def problems(*rows: tuple[str | None, ...], links: pl.DataFrame = LINKS) -> list[str]:
    sections = graph_sections(triples(*rows), links)
    return [line[2:] for section in sections for line in section.lines if line.startswith("! ")]


def notes(*rows: tuple[str | None, ...]) -> list[str]:
    return [line for section in graph_sections(triples(*rows), LINKS) for line in section.lines]


SOUND = (("a", "by", "x"), ("b", "by", "x"))


def test_a_sound_graph_has_no_problem_and_neither_has_none() -> None:
    assert problems(*SOUND) == []
    assert problems() == []


def test_broken_rows_and_names() -> None:
    found = problems(
        *SOUND,
        ("a", "by", "x"),
        ("a", None, "x"),
        (" ", "by", "x"),
        ("b", "by", "dbr:Heat"),
        ("a", "by", "x "),
    )
    assert found == [
        "2 triples without a head, relation or tail",
        "1 triples repeat another",
        "1 names begin with an undeclared prefix: dbr:Heat",
        "2 names begin or end with a blank:  , x ",
    ]
    assert problems(*SOUND, ("a", "by", "schema://x"), ("a", "by", "genre:War")) == []


def test_relations_with_one_triple_and_in_both_ways() -> None:
    assert problems(*SOUND, ("a", "rare", "x")) == ["1 relations have one triple only: rare"]
    assert problems(*SOUND, ("x", "by", "b")) == [
        "1 relations hold in both directions for some pairs, not for most: by (66.7%)",
        "1 relations between items and others have the item now as head, now as tail: by (2 and 1)",
    ]
    # A relation between items may have an item on either side.
    assert problems(("a", "sequel", "b"), ("b", "sequel", "y"), ("y", "sequel", "a")) == []


def test_inverse_and_symmetric_relations_are_told() -> None:
    lines = notes(*SOUND, ("x", "made", "a"), ("x", "made", "b"), ("a", "like", "b"), ("b", "like", "a"))
    assert "by and made say the same, one backwards" in lines
    assert "like is symmetric" in lines


def test_same_as_in_a_ring_and_over_two_items() -> None:
    ring = [("a", SAME_AS, "c"), ("c", SAME_AS, "d"), ("d", SAME_AS, "a")]
    assert problems(*SOUND, *ring) == ["1 times it leads back to where it began: a → c → d"]
    assert problems(*SOUND, ("a", SAME_AS, "c"), ("b", SAME_AS, "c")) == [
        "1 classes are linked by several items: 1 = 2"
    ]


def test_the_whole_report_holds_what_the_data_doctor_knows(make_raw: MakeRaw) -> None:
    raw = make_raw()
    raw = replace(raw, card=replace(raw.card, published_counts={"triples": 5}))
    dataset = prepare(
        raw, split=LeaveOneOutSplit(), rating_threshold=None, k_core=0, drop_inverse_relations=None, seed=0
    )
    report = diagnose_graph(raw, dataset)
    assert report.problems == 2
    text = report.to_text()
    assert "≠ 5" in text
    assert "! 1 links to an entity without triples" in text
    assert "hub p0" in text
