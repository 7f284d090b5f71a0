import pytest

from kgrec.errors import InputError
from kgrec.training.early_stopping import EarlyStopping


def test_best_value_and_patience() -> None:
    stopping = EarlyStopping(patience=2, higher_is_better=True)
    answers = [stopping.update(value, epoch) for epoch, value in enumerate([0.1, 0.3, 0.3, 0.2], start=1)]
    assert answers == [True, True, False, False]
    assert (stopping.best, stopping.best_epoch, stopping.should_stop) == (0.3, 2, True)


def test_an_improvement_resets_patience() -> None:
    stopping = EarlyStopping(patience=2, higher_is_better=True)
    for epoch, value in enumerate([0.3, 0.2, 0.4, 0.1], start=1):
        stopping.update(value, epoch)
    assert not stopping.should_stop


def test_lower_is_better() -> None:
    stopping = EarlyStopping(patience=1, higher_is_better=False)
    assert stopping.update(2.0, 1)
    assert stopping.update(1.0, 2)
    assert not stopping.update(1.5, 3)
    assert (stopping.best, stopping.should_stop) == (1.0, True)


def test_without_patience_it_never_stops() -> None:
    stopping = EarlyStopping(patience=None, higher_is_better=True)
    for epoch in range(100):
        stopping.update(-epoch, epoch)
    assert not stopping.should_stop
    assert stopping.best_epoch == 0


def test_state_goes_round() -> None:
    first = EarlyStopping(patience=2, higher_is_better=True)
    first.update(0.5, 1)
    first.update(0.4, 2)
    second = EarlyStopping(patience=2, higher_is_better=True)
    second.load_state_dict(first.state_dict())
    second.update(0.3, 3)
    assert (second.best, second.best_epoch, second.should_stop) == (0.5, 1, True)


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(ValueError, match="epoch 4"):
        EarlyStopping(patience=2, higher_is_better=True).update(float("nan"), 4)


def test_patience_below_one_is_refused() -> None:
    with pytest.raises(InputError, match=r"patience: found 0"):
        EarlyStopping(patience=0, higher_is_better=True)
