import numpy as np
import pytest

from kgrec.kg.arms.dropped import Dropped
from kgrec.kg.arms.full import FullGraph
from kgrec.kg.arms.none import NoGraph
from kgrec.kg.arms.relinked import Relinked
from kgrec.kg.arms.rewired import Rewired
from kgrec.kg.attributes import ItemAttributes, NumericFacts, described

ALL = np.ones(4, dtype=bool)
LINKS = np.array([0, 1, 2, 3])


def numbers(values: list[float], scale: str = "linear", entities: list[int] | None = None) -> NumericFacts:
    """One attribute of the entities 0, 1, …, or of those given."""
    ids = list(range(len(values))) if entities is None else entities
    facts = np.array([[entity, 0] for entity in ids], dtype=np.int64)
    return NumericFacts(("year",), (scale,), facts, np.array(values, dtype=float))


def test_columns_are_standardised_by_warm_items_alone() -> None:
    warm = np.array([True, True, True, False])
    of = ItemAttributes.of(numbers([1.0, 2.0, 3.0, 2.5]), LINKS, warm)
    assert of.names == ("year",)  # all warm items have one, so that it is there tells nothing
    deviation = np.std([1, 2, 3])
    assert of.columns[:, 0].tolist() == pytest.approx([-1 / deviation, 0, 1 / deviation, 0.5 / deviation])
    beyond = ItemAttributes.of(numbers([1.0, 2.0, 3.0, 1000.0]), LINKS, warm)
    assert beyond.columns[3].tolist() == beyond.columns[2].tolist()


def test_a_missing_number_is_the_mean_and_says_that_it_is_missing() -> None:
    of = ItemAttributes.of(numbers([1.0, 3.0]), np.array([0, 1, -1, -1]), ALL)
    assert of.names == ("year", "has year")
    expected = np.array([[-1, 1], [1, 1], [0, -1], [0, -1]]) / 2**0.5
    assert of.columns.numpy() == pytest.approx(expected)
    assert of.unknown.tolist() == of.columns[2].tolist()
    assert of.has_any.tolist() == [True, True, False, False]
    assert (of.columns**2).sum(1).mean().item() == pytest.approx(0.75)  # 1 where nothing is missing


def test_several_numbers_of_one_entity_count_with_their_mean() -> None:
    twice = numbers([1.0, 3.0, 7.0], entities=[0, 0, 1])
    assert twice.of_items(np.array([1, 0, -1]))[:2].tolist() == [[7.0], [2.0]]
    assert described(twice, np.array([1, 0, -1])) == ("numeric attributes: year (linear) of 2; 2 of 3 items")


@pytest.mark.parametrize(
    ("scale", "positions"),
    [
        ("linear", [0, 1, 10, 100]),
        ("log", np.log1p([0, 1, 10, 100])),
        ("quantile", [0.125, 0.375, 0.625, 0.875]),
    ],
)
def test_scales(scale: str, positions: list[float]) -> None:
    columns = ItemAttributes.of(numbers([0.0, 1.0, 10.0, 100.0], scale), LINKS, ALL).columns[:, 0].numpy()
    place = np.array(positions)
    assert columns == pytest.approx((place - place.mean()) / place.std(), rel=1e-5)


def test_what_tells_nothing_is_left_out() -> None:
    assert ItemAttributes.of(numbers([5.0] * 4), LINKS, ALL).names == ()
    cold_alone = ItemAttributes.of(numbers([1.0], entities=[3]), LINKS, LINKS < 3)
    assert (cold_alone.names, cold_alone.columns.shape) == ((), (4, 0))


def test_arms_do_to_numbers_what_they_do_to_facts() -> None:
    links, rng = np.arange(50), np.random.default_rng(0)
    given = numbers(rng.random(50).tolist())
    triples = np.stack([links, np.zeros(50, dtype=int), np.roll(links, 1)], axis=1)

    def seen(arm: object) -> np.ndarray:
        facts, linked = given.under(arm, triples, links, seed=0)  # type: ignore[arg-type]
        return facts.of_items(linked)[:, 0]

    assert seen(FullGraph()).tolist() == given.values.tolist()
    assert np.isnan(seen(NoGraph())).all()
    for arm in (Rewired(repair_tries=10, draw=0), Relinked(num_bins=1, draw=0)):
        found = seen(arm)
        assert sorted(found.tolist()) == sorted(given.values.tolist())
        assert (found == given.values).mean() < 0.2
    dropped = seen(Dropped(0.4, draw=0))
    assert np.isnan(dropped).sum() == 20
    assert (dropped == given.values).sum() == 30
