"""Two orders of one list made into one."""

import pytest
import torch

from kgrec.errors import InputError
from kgrec.models.rank_blend import RankBlend, reordered

INF = torch.inf
FIRST = torch.tensor([[9.0, 5.0, 4.0, 1.0], [3.0, 2.0, -INF, -INF]])
SECOND = torch.tensor([[0.0, 7.0, 1.0, 2.0], [1.0, 2.0, 50.0, 60.0]])


def test_the_ends_are_the_orders_of_the_stages() -> None:
    assert torch.equal(reordered(FIRST, SECOND, 0.0), FIRST)
    expected = torch.tensor([[1.0, 9.0, 4.0, 5.0], [2.0, 3.0, -INF, -INF]])
    assert torch.equal(reordered(FIRST, SECOND, 1.0), expected)


def test_a_blend_lies_between_and_does_not_hang_on_units() -> None:
    half = reordered(FIRST, SECOND, 0.5)
    assert torch.equal(half[0].sort(descending=True).values, FIRST[0])
    assert half[0].argmax() == 1  # second best of the one, best of the other
    assert torch.equal(reordered(FIRST, 100 * SECOND + 7, 0.5), half)


def test_equal_scores_leave_the_first_order() -> None:
    assert torch.equal(reordered(FIRST, torch.zeros_like(SECOND), 1.0), FIRST)


def test_the_share_is_that_of_the_best_lists() -> None:
    blend = RankBlend([0.0, 0.5, 1.0], num_users=2, selection_k=2)
    assert blend.best(FIRST, SECOND, torch.tensor([[0, 1, 0, 0], [1, 0, 0, 0]])) == 0.5
    assert blend.best(FIRST, SECOND, torch.tensor([[0, 1, 0, 0], [0, 1, 0, 0]])) == 1.0
    assert blend.best(FIRST, SECOND, torch.tensor([[1, 0, 0, 0], [1, 0, 0, 0]])) == 0.0
    nothing = torch.zeros(2, 4)
    assert RankBlend([0.5, 0.0], 2, 2).best(FIRST, SECOND, nothing) == 0.0  # the lowest of the equally good


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (([], 1, 1), "blend.weight"),
        (([1.5], 1, 1), r"shares in \[0, 1\]"),
        (([0.5], 0, 1), "blend.num_users: found 0"),
        (([0.5], 1, 0), "blend.selection_k: found 0"),
    ],
)
def test_wrong_settings_are_refused(settings: tuple, message: str) -> None:
    with pytest.raises(InputError, match=message):
        RankBlend(*settings)
