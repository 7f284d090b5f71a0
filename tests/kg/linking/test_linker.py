from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from kgrec.errors import InputError
from kgrec.kg.linking.base import LinkTask
from kgrec.kg.linking.facts import with_agreement
from kgrec.kg.linking.fuzzy import Fuzzy
from kgrec.kg.linking.given import Given
from kgrec.kg.linking.item_side import item_side
from kgrec.kg.linking.linker import Linking, link_items, quality
from kgrec.kg.linking.report import report, write_links
from kgrec.kg.linking.same_as import SameAs
from kgrec.kg.linking.title_year import TitleYear

MakeTask = Callable[..., LinkTask]
TITLES = TitleYear(max_year_gap=1, needs_year=True)
FUZZY = Fuzzy(threshold=0.7, max_year_gap=1, needs_year=True, min_length=4)


def linked(linking: Linking) -> dict[str, tuple[str, str]]:
    return {row["item"]: (row["entity"], row["method"]) for row in linking.links.iter_rows(named=True)}


def test_methods_run_in_order_of_trust(make_task: MakeTask) -> None:
    task = make_task(
        ("1", "Heat (1986)"), ("2", "Matrix (1999)"), ("3", "Seven (1995)"), ("4", "Nothing (1901)"),
        given={"1": "x/heat95", "2": "z/matrix"},
    )  # fmt: skip
    linking = link_items(task, [Given(), SameAs(), TITLES], margin=0.02, min_agreement=0.01)
    assert linked(linking) == {
        "1": ("x/heat95", "given"),
        "2": ("x/matrix", "same_as"),
        "3": ("x/seven", "title_year"),
    }
    assert linking.num_items == 4


def test_facts_decide_between_close_candidates_or_nobody_does(make_task: MakeTask) -> None:
    task = make_task(("1", "Twin (1990)", None, "Comedy"), ("2", "Twin (1990)"))
    linking = link_items(task, [TITLES, FUZZY], margin=0.02, min_agreement=0)
    assert linked(linking) == {"1": ("x/twin2", "title_year")}
    assert linking.ambiguous.select("item", "entity").rows() == [("2", "x/twin1"), ("2", "x/twin2")]


def test_facts_speak_against_a_doubtful_match_only(make_task: MakeTask) -> None:
    rows = [("1", "Fly, The (1986)", None, "Drama"), ("2", "Fly, The (1957)", None, "Drama|Comedy")]
    linking = link_items(make_task(*rows), [TITLES], margin=0.02, min_agreement=0.01)
    assert linked(linking) == {"1": ("x/fly86", "title_year")}
    assert linking.refused.select("item", "entity", "agreement").rows() == [("2", "x/fly58", 0.0)]
    assert len(link_items(make_task(*rows), [TITLES], margin=0.02, min_agreement=0).links) == 2


def test_agreement_counts_what_the_graph_can_know(make_task: MakeTask) -> None:
    task = make_task(("1", None, None, "Drama|Horror"), ("2", None, None, "Sci-Fi"), ("3",))
    pairs = pl.DataFrame(
        {"item": ["1", "1", "2", "3"], "entity": ["x/twin1", "x/mann", "x/twin1", "x/twin1"]}
    )
    agreement = with_agreement(pairs.with_columns(score=pl.lit(1.0)), task)["agreement"].to_list()
    assert agreement == [0.5, 0.0, None, None]


def test_a_taken_entity_is_not_offered_to_fuzzy(make_task: MakeTask) -> None:
    task = make_task(("1", "Seven (1995)"), ("2", "Sevne (1995)"))
    assert linked(link_items(task, [TITLES, FUZZY], margin=0, min_agreement=0)) == {
        "1": ("x/seven", "title_year")
    }


def test_two_items_of_one_entity_are_a_conflict(make_task: MakeTask) -> None:
    task = make_task(("1", "Seven (1995)"), ("2", "Heat (1995)"), ("3", "Seven (1995)"))
    linking = link_items(task, [TITLES], margin=0, min_agreement=0)
    assert linking.conflicts["item"].to_list() == ["1", "3"]
    text = report(linking, task, sample=1, seed=0, hidden=None)
    assert "3 of 3 items linked (100.0%)" in text
    assert "  x/seven: 1 (Seven (1995)), 3 (Seven (1995))" in text
    assert "owl:sameAs leads back to where it began, 1 times" in text
    assert text == report(linking, task, sample=1, seed=0, hidden=None)


def test_quality_counts_only_items_of_which_the_truth_is_known(make_task: MakeTask) -> None:
    links = pl.DataFrame({"item": ["1", "2", "3", "4"], "entity": ["a", "b", "c", "d"]})
    truth = pl.DataFrame({"item": ["1", "2", "3", "5"], "entity": ["a", "x", None, "e"]})
    found = quality(links, truth)
    assert (found.judged, found.right, found.known) == (3, 1, 3)
    assert (found.precision, found.recall) == (1 / 3, 1 / 3)
    hidden = pl.DataFrame({"item": ["1", "2"], "entity": ["x/seven", "x/heat86"]})
    task = make_task(("1", "Seven (1995)"), ("2", "Heat (1995)"))
    text = report(
        link_items(task, [TITLES], margin=0, min_agreement=0), task, sample=0, seed=0, hidden=hidden
    )
    assert "  all         precision 0.500 (1 of 2), recall 0.500 (of 2)" in text


def test_links_are_written_whole_or_not_at_all(make_task: MakeTask, tmp_path: Path) -> None:
    task = make_task(("1", "Seven (1995)"))
    linking = link_items(task, [TITLES], margin=0, min_agreement=0)
    write_links(linking.links, tmp_path / "new" / "links.csv")
    assert (tmp_path / "new" / "links.csv").read_text() == (
        "item,entity,method,score\n1,x/seven,title_year,1.0000\n"
    )
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(OSError, match="folder"):
        write_links(linking.links, tmp_path / "folder.csv")
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".tmp")] == []


def test_a_column_that_is_not_there_is_named() -> None:
    table = pl.DataFrame({"item": ["1"], "name": ["Heat"]})
    with pytest.raises(InputError, match=r"id 'imdb': the item table has no such column.*item, name"):
        item_side(table, title="name", identifiers=["imdb"])


@pytest.mark.parametrize(
    "bad", [{"margin": -1.0, "min_agreement": 0.0}, {"margin": 0.0, "min_agreement": 2.0}]
)
def test_settings_outside_their_range_are_refused(make_task: MakeTask, bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="expected"):
        link_items(make_task(("1",)), [TITLES], **bad)
