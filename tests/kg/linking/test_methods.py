from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from kgrec.build import build, component, options
from kgrec.errors import InputError
from kgrec.kg.linking.base import CANDIDATES, LinkMethod, LinkTask
from kgrec.kg.linking.embedding import Embedding
from kgrec.kg.linking.fuzzy import Fuzzy
from kgrec.kg.linking.given import Given
from kgrec.kg.linking.graph_side import GraphSide
from kgrec.kg.linking.same_as import SameAs, same_as_classes
from kgrec.kg.linking.shared_id import SharedId, identifier_key
from kgrec.kg.linking.title_year import TitleYear
from kgrec.shapes import FloatArray

MakeTask = Callable[..., LinkTask]


def letters(texts: list[str]) -> FloatArray:
    """Counts of letters: a language model that knows how words are spelt."""
    return np.array([[text.count(chr(97 + letter)) for letter in range(26)] for text in texts], dtype=float)


def found(frame: pl.DataFrame) -> dict[tuple[str, str], float]:
    assert dict(frame.schema) == CANDIDATES
    return {(item, entity): round(score, 4) for item, entity, score in frame.iter_rows()}


@pytest.mark.parametrize("name", options("linking"))
def test_every_method_keeps_the_contract(name: str, make_task: MakeTask) -> None:
    method: LinkMethod = build(component("linking", name))
    assert method.name == name
    task = make_task(("1", "Heat (1995)", "tt0114369", "Crime"), given={"1": "y/matrix"})
    task = LinkTask(task.items, task.graph, encode=letters)
    rows = method(task)
    assert dict(rows.schema) == CANDIDATES
    assert rows["score"].is_between(0, 1, closed="right").all()
    assert set(rows["entity"]) <= set(task.graph.entities)
    assert not rows.select("item", "entity").is_duplicated().any()
    nothing = task.remaining(pl.Series("item", [], dtype=pl.String), frozenset())
    assert method(nothing).is_empty()


def test_given_links_need_facts(make_task: MakeTask) -> None:
    task = make_task(("1",), ("2",), given={"1": "x/seven", "2": "y/matrix"})
    assert found(Given()(task)) == {("1", "x/seven"): 1.0}


def test_same_as_is_followed_to_the_entity_with_facts(make_task: MakeTask) -> None:
    task = make_task(("1",), ("2",), given={"1": "y/matrix", "2": "nowhere"})
    assert found(SameAs()(task)) == {("1", "x/matrix"): 1.0}


def test_cycles_are_told_apart_from_chains() -> None:
    rows = [("a", "b"), ("b", "c"), ("c", "a"), ("d", "e"), ("e", "f"), ("g", "g")]
    classes = same_as_classes(pl.DataFrame(rows, schema=["head", "tail"], orient="row"))
    assert [sorted(group) for group in classes.members] == [["a", "b", "c"], ["d", "e", "f"], ["g"]]
    assert [sorted(cycle) for cycle in classes.cycles] == [["a", "b", "c"], ["g"]]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("tt0114369", "114369"),
        ("0-306-40615-2", "978-0-306-40615-7"),
        ("080442957X", "9780804429573"),
        ("ABC-7", "abc7"),
        ("0", "00"),
    ],
)
def test_spellings_of_one_identifier(one: str, other: str) -> None:
    assert identifier_key(one) == identifier_key(other)


def test_what_only_looks_like_an_isbn_is_none() -> None:
    assert identifier_key("0306406153") != identifier_key("9780306406157")
    assert identifier_key("tt") == "tt"


def test_shared_identifiers(make_task: MakeTask) -> None:
    task = make_task(("1", None, "0114369"), ("2", None, "heat95"), ("3", None, ""))
    assert found(SharedId()(task)) == {("1", "x/seven"): 1.0, ("2", "x/heat95"): 1.0}


def test_title_and_year(make_task: MakeTask) -> None:
    task = make_task(
        ("1", "Heat (1995)"), ("2", "Fly, The (1986)"), ("3", "Fly, The (1957)"), ("4", "Heat"), ("5", None)
    )
    assert found(TitleYear(max_year_gap=1, needs_year=True)(task)) == {
        ("1", "x/heat95"): 1.0,
        ("2", "x/fly86"): 1.0,
        ("3", "x/fly58"): 0.9,
    }
    without = found(TitleYear(max_year_gap=0, needs_year=False)(task))
    assert without[("4", "x/heat95")] == without[("4", "x/heat86")] == 0.85
    assert ("3", "x/fly58") not in without
    # The entity's own name is a name where no label is given; its year is unknown.
    assert without[("1", "x/heat")] == 0.85


def test_an_alias_or_a_part_counts_less(make_task: MakeTask) -> None:
    task = make_task(
        ("1", "Se7en (Seven) (1995)"), ("2", "Seven: The Ending (1995)"), ("3", "Seven: X (1994)")
    )
    assert found(TitleYear(max_year_gap=1, needs_year=True)(task)) == {
        ("1", "x/seven"): 0.95,
        ("2", "x/seven"): 0.9,
    }


def test_fuzzy_forgives_spelling_but_not_the_year(make_task: MakeTask) -> None:
    method = Fuzzy(threshold=0.8, max_year_gap=0, needs_year=True, min_length=4)
    task = make_task(("1", "Sevne (1995)"), ("2", "Sevne (1996)"), ("3", "Fl (1986)"))
    assert found(method(task)) == {("1", "x/seven"): 0.8}
    assert method(LinkTask(task.items, task.graph, taken=frozenset(["x/seven"]))).is_empty()


def test_embedding_asks_the_language_model(make_task: MakeTask) -> None:
    method = Embedding(threshold=0.99, max_year_gap=0, needs_year=True)
    task = make_task(("1", "Neves (1995)"), ("2", "Neves (1996)"))
    assert found(method(LinkTask(task.items, task.graph, encode=letters))) == {("1", "x/seven"): 1.0}
    with pytest.raises(InputError, match="lm=minilm"):
        method(task)


@pytest.mark.parametrize(
    "make",
    [
        lambda: TitleYear(max_year_gap=-1, needs_year=True),
        lambda: Fuzzy(threshold=90, max_year_gap=1, needs_year=True, min_length=5),
        lambda: Fuzzy(threshold=0.9, max_year_gap=-1, needs_year=True, min_length=5),
        lambda: Embedding(threshold=0, max_year_gap=1, needs_year=True),
        lambda: Embedding(threshold=0.9, max_year_gap=-1, needs_year=True),
    ],
)
def test_settings_outside_their_range_are_refused(make: Callable[[], LinkMethod]) -> None:
    with pytest.raises(ValueError, match=r"expected"):
        make()


def test_a_numbered_entity_has_no_name() -> None:
    """Artists are called 112 and 311, and an entity has that number: of another thing."""
    facts = pl.DataFrame(
        {"head": ["112", "Heat", "7"], "relation": ["year"] * 3, "tail": ["311", "1995", "x"]}
    )
    graph = GraphSide(facts, facts.clear())
    assert sorted(graph.names["entity"].unique().to_list()) == ["Heat", "x"]
    assert "1995" in graph.attributes["value"].to_list()
