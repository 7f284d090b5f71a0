"""Ranges of settings that many models have, refused alike."""

from kgrec.errors import InputError


def check_sizes(**sizes: int) -> None:
    """Refuse a size ``model.<name>`` below 1.

    Raises:
        InputError: naming the first such size.
    """
    for name, size in sizes.items():
        if size < 1:
            raise InputError(f"model.{name}: found {size}, expected a whole number >= 1")


def check_weights(**weights: float) -> None:
    """Refuse a weight ``model.<name>`` that is no number from 0 up.

    Raises:
        InputError: naming the first such weight.
    """
    for name, weight in weights.items():
        if not weight >= 0:
            raise InputError(f"model.{name}: found {weight}, expected a number >= 0")
