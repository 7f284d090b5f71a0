from collections.abc import Callable
from dataclasses import replace

import numpy as np
import polars as pl

from kgrec.data.dataset import RawDataset, RecDataset
from kgrec.data.doctor import Report, diagnose
from kgrec.data.prepare import prepare
from kgrec.data.splits import LeaveOneOutSplit

MakeRaw = Callable[..., RawDataset]


def prepared(raw: RawDataset) -> RecDataset:
    return prepare(
        raw,
        split=LeaveOneOutSplit(),
        rating_threshold=None,
        k_core=0,
        drop_inverse_relations=None,
        seed=0,
    )


def problems(report: Report) -> list[str]:
    return [line for section in report.sections for line in section.lines if line.startswith("! ")]


def triples(*rows: str) -> pl.DataFrame:
    return pl.DataFrame([row.split() for row in rows], schema=["head", "relation", "tail"], orient="row")


def test_sound_parts_are_no_problem_and_a_bare_link_is(make_raw: MakeRaw) -> None:
    raw = make_raw()
    report = diagnose(raw, prepared(raw))
    assert problems(report) == ["! 1 links to an entity without triples"]
    text = report.to_text()
    assert text.startswith("tiny: 1 problem found\n\nCounts")
    assert "  ! 1 links to an entity without triples\n" in text
    assert "  1 of 4 items are not linked; 2 of 8 interactions are on them\n" in text
    assert "  hub p0: in 4 triples (100.0% of all)\n" in text
    assert "  2 of 4 items have no text\n" in text
    assert "too few pairs" in text


def test_counts_are_compared_with_the_published_ones(make_raw: MakeRaw) -> None:
    raw = make_raw()
    raw = replace(raw, card=replace(raw.card, published_counts={"users": 4, "items": 5}))
    lines = diagnose(raw, prepared(raw)).sections[0].lines
    assert lines[:2] == [f"users{4:>23} = 4", f"! items{4:>23} ≠ 5"]


def test_repeated_rows_and_missing_values_are_counted(make_raw: MakeRaw) -> None:
    raw = make_raw()
    broken = make_raw(
        interactions=pl.concat([raw.interactions, raw.interactions[:2]]).with_columns(
            rating=pl.col("rating").replace(5.0, None)
        ),
        items=pl.concat([raw.items, raw.items[:1]]),
        triples=triples("e0 by p0", "e0 by p0", "e9 by p0", "e1 by e1"),
        links=pl.DataFrame({"item": ["i0", "i0", "i1", "ghost"], "entity": ["e0", "e9", "e0", "e9"]}),
    )
    report = diagnose(broken, prepared(broken))
    assert problems(report) == [
        "! 3 interactions without rating",
        "! 2 interactions repeat a pair of user and item",
        "! 1 rows of the item table repeat an item",
        "! 1 triples repeat another",
        "! 1 links beyond the first of their item",
        "! 1 links of items that are not in the catalogue",
    ]
    lines = [line for section in report.sections for line in section.lines]
    assert "1 triples are self loops, which the graph leaves out" in lines
    assert "4 items link to an entity that another item links to as well" in lines


def test_leaks_are_found(make_raw: MakeRaw) -> None:
    raw = make_raw(triples=triples("ann heard e0", "e9 by p0", "e1 by p0"))
    dataset = prepared(raw)
    leaking = replace(dataset, train=np.concatenate([dataset.train, dataset.test]), valid=dataset.test)
    assert problems(diagnose(raw, leaking)) == [
        "! 1 of 1 valid pairs are in train",
        "! 1 of 1 test pairs are in train",
        "! 1 of 1 test pairs are in valid",
        "! 1 of 8 interactions are triples between the user and the item's entity",
    ]


def test_items_with_one_text_are_told(make_raw: MakeRaw) -> None:
    items = make_raw().items.with_columns(text=pl.lit("same"))
    raw = make_raw(items=items)
    assert "3 items have the same text as another" in diagnose(raw, prepared(raw)).to_text()


def test_a_graph_to_which_nothing_links_is_a_problem_and_no_graph_is_none(make_raw: MakeRaw) -> None:
    raw = make_raw(links=make_raw().links.clear())
    assert problems(diagnose(raw, prepared(raw))) == [
        "! 4 of 4 items are not linked; 8 of 8 interactions are on them"
    ]
    raw = make_raw(links=raw.links, triples=raw.triples.clear())
    assert diagnose(raw, prepared(raw)).problems == 0
