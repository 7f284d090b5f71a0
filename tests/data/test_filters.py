import polars as pl
import pytest

from kgrec.data.filters import drop_duplicates, keep_core, keep_rated_at_least
from kgrec.errors import InputError


def frame(*pairs: str, **columns: list) -> pl.DataFrame:
    """One row per two letters: user, item."""
    return pl.DataFrame({"user": [pair[0] for pair in pairs], "item": [pair[1] for pair in pairs], **columns})


def names(interactions: pl.DataFrame) -> list[str]:
    return [user + item for user, item in interactions.select("user", "item").iter_rows()]


def test_rating_threshold_keeps_what_is_rated_at_least_that() -> None:
    kept, line = keep_rated_at_least(frame("aX", "aY", "bX", rating=[4.0, 3.9, 5.0]), 4.0)
    assert names(kept) == ["aX", "bX"]
    assert line == "rating >= 4.0: 3 → 2 interactions"


def test_rating_threshold_needs_ratings() -> None:
    with pytest.raises(InputError, match="have no ratings; set it to null"):
        keep_rated_at_least(frame("aX"), 4.0)
    with pytest.raises(InputError, match="1 of 2 interactions have no rating"):
        keep_rated_at_least(frame("aX", "aY", rating=[5.0, None]), 4.0)


def test_of_duplicates_the_first_row_stays() -> None:
    kept, line = drop_duplicates(frame("bX", "aX", "bX", rating=[1.0, 2.0, 3.0]))
    assert kept.rows() == [("b", "X", 1.0), ("a", "X", 2.0)]
    assert line == "duplicate pairs dropped: 3 → 2 interactions"


def test_of_duplicates_with_times_the_earliest_stays_in_file_order() -> None:
    rows = frame("bX", "aX", "bX", "bX", timestamp=[9.0, 5.0, 1.0, None])
    kept, _ = drop_duplicates(rows)
    assert kept.rows() == [("a", "X", 5.0), ("b", "X", 1.0)]


def test_a_pair_in_two_parts_of_a_given_split_is_a_leak() -> None:
    with pytest.raises(InputError, match="1 pairs of user and item are in two parts"):
        drop_duplicates(frame("aX", "bX", "aX", split=["train", "train", "test"]))
    kept, _ = drop_duplicates(frame("aX", "bX", "aX", split=["train", "test", "train"]))
    assert names(kept) == ["aX", "bX"]


def test_the_core_is_found_in_rounds() -> None:
    # Without user c, item Z has one user left; without Z, user b has one item left.
    interactions = frame("aX", "aY", "dX", "dY", "bX", "bZ", "cZ")
    kept, line = keep_core(interactions, 2)
    assert names(kept) == ["aX", "aY", "dX", "dY"]
    assert line == "2-core: 7 → 4 interactions, 4 → 2 users, 3 → 2 items"


def test_a_core_of_nothing_is_refused() -> None:
    with pytest.raises(InputError, match=r"data\.k_core is 3: no interaction is left"):
        keep_core(frame("aX", "aY"), 3)
