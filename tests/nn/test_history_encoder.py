from typing import Any

import pytest
import torch

from kgrec.errors import InputError
from kgrec.nn.history_encoder import HistoryEncoder


def encoder(**changes: Any) -> HistoryEncoder:
    torch.manual_seed(0)
    settings: dict[str, Any] = {"pooled": True, "recurrent": False, "shrinkage": 1.0, "dropout": 0.0}
    return HistoryEncoder(2, 3, **(settings | changes)).eval()


PLACES = torch.tensor([[[9.0, 9.0], [2.0, 0.0], [0.0, 4.0]]])
FILLED = torch.tensor([[False, True, True]])


def test_the_mean_begins_with_harmonic_weights_over_what_is_filled() -> None:
    """Weights 1/2 and 1: (1/2 · (2, 0) + (0, 4)) / 1.5."""
    assert encoder()(PLACES, FILLED).tolist() == [pytest.approx([1 / 1.5, 4 / 1.5])]
    assert encoder(shrinkage=0.0)(PLACES, FILLED).tolist() == [pytest.approx([1, 4])]


def test_places_that_are_not_filled_are_never_looked_at() -> None:
    other = PLACES.clone()
    other[0, 0] = -100.0
    for recurrent in (False, True):
        part = encoder(recurrent=recurrent)
        assert torch.equal(part(PLACES, FILLED), part(other, FILLED))


def test_only_the_recurrent_part_sees_more_of_the_order_than_the_distance() -> None:
    """With equal weights the mean does not see it at all."""
    swapped = PLACES[:, [0, 2, 1]]
    for recurrent, sees in ((False, False), (True, True)):
        part = encoder(recurrent=recurrent)
        assert part.log_weight is not None
        torch.nn.init.zeros_(part.log_weight)
        assert torch.allclose(part(PLACES, FILLED), part(swapped, FILLED)) != sees


def test_both_parts_are_added() -> None:
    both = encoder(recurrent=True)
    assert both.recurrent is not None
    assert both.from_state is not None
    state = both.from_state(both.recurrent(PLACES * FILLED.unsqueeze(2))[0][:, -1])
    torch.testing.assert_close(both(PLACES, FILLED), encoder()(PLACES, FILLED) + state)


def test_an_empty_history_is_finite() -> None:
    assert encoder(recurrent=True)(PLACES, torch.zeros(1, 3, dtype=torch.bool)).isfinite().all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pooled": False}, "found pooled=false and recurrent=false"),
        ({"shrinkage": 1.5}, "model.encoder.shrinkage: found 1.5"),
        ({"dropout": 1.0}, "model.encoder.dropout: found 1.0"),
    ],
)
def test_settings_out_of_range_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        encoder(**changes)
