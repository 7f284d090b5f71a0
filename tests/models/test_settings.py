"""Ranges of settings: the first wrong one is named."""

import pytest

from kgrec.errors import InputError
from kgrec.models.settings import check_sizes, check_weights


def test_settings_within_their_range_pass() -> None:
    check_sizes(num_layers=1, embedding_dim=64)
    check_weights(l2=0, kg_weight=0.5)


def test_the_first_wrong_setting_is_named() -> None:
    with pytest.raises(InputError, match=r"model\.hops: found 0, expected a whole number >= 1"):
        check_sizes(embedding_dim=64, hops=0, num_layers=0)
    with pytest.raises(InputError, match=r"model\.l2: found -0\.5, expected a number >= 0"):
        check_weights(kg_weight=1.0, l2=-0.5)
    with pytest.raises(InputError, match=r"model\.l2: found nan"):
        check_weights(l2=float("nan"))
