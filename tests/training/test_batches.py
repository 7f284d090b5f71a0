import numpy as np
import pytest
import torch

from kgrec.data.labels import Rows
from kgrec.shapes import IntArray
from kgrec.training.batches import PairBatches

PAIRS = np.stack([np.arange(23), np.arange(23) * 10], axis=1)


class EchoSampler:
    """Two draws per pair, so that a test can see which stream they came from."""

    def sample(self, users: IntArray, rng: np.random.Generator) -> IntArray:
        return rng.integers(0, 1000, (len(users), 2))


def batches(process: int = 0, processes: int = 1, batch_size: int = 5, seed: int = 0) -> PairBatches:
    return PairBatches(Rows(PAIRS), EchoSampler(), batch_size, seed, process, processes, torch.device("cpu"))


def test_an_epoch_holds_every_pair_once_in_a_new_order() -> None:
    epochs = [torch.cat([batch.users for batch in batches().epoch(epoch)]) for epoch in (1, 2)]
    assert sorted(epochs[0].tolist()) == list(range(23))
    assert sorted(epochs[1].tolist()) == list(range(23))
    assert epochs[0].tolist() != epochs[1].tolist()
    assert epochs[0].tolist() != list(range(23))


def test_users_and_items_stay_together() -> None:
    for batch in batches().epoch(1):
        assert torch.equal(batch.items, batch.users * 10)
        assert batch.negatives.shape == (len(batch.users), 2)


@pytest.mark.parametrize("processes", [1, 3])
def test_labels_stay_with_their_rows(processes: int) -> None:
    rows = Rows(PAIRS, (PAIRS[:, 0] % 3 == 0).astype(float))
    for process in range(processes):
        labelled = PairBatches(rows, None, 5, 0, process, processes, torch.device("cpu"))
        for batch in labelled.epoch(1):
            assert batch.labels is not None
            assert batch.labels.dtype == torch.float32
            assert torch.equal(batch.labels, (batch.users % 3 == 0).float())
    assert all(batch.labels is None for batch in batches().epoch(1))


def test_sizes_and_steps() -> None:
    assert len(batches()) == 5
    assert [batches().size(index) for index in range(5)] == [5, 5, 5, 5, 3]
    assert [batch.step for batch in batches().epoch(3)] == [10, 11, 12, 13, 14]


def test_an_epoch_depends_on_the_seed_and_not_on_the_epochs_before() -> None:
    used = batches()
    list(used.epoch(1))
    again, other = list(used.epoch(2)), list(batches(seed=1).epoch(2))
    fresh = list(batches().epoch(2))
    assert all(torch.equal(a.users, b.users) for a, b in zip(again, fresh, strict=True))
    assert all(torch.equal(a.negatives, b.negatives) for a, b in zip(again, fresh, strict=True))
    assert not all(torch.equal(a.users, b.users) for a, b in zip(again, other, strict=True))


@pytest.mark.parametrize("processes", [2, 3, 5])
def test_shares_make_up_the_global_batch(processes: int) -> None:
    shares = [list(batches(process, processes).epoch(1)) for process in range(processes)]
    for index, whole in enumerate(batches().epoch(1)):
        parts = [share[index] for share in shares if share[index].weight > 0]
        for name in ("users", "items", "negatives"):
            assert torch.equal(torch.cat([getattr(part, name) for part in parts]), getattr(whole, name))
        means = [part.users.double().mean() * part.weight for part in parts]
        torch.testing.assert_close(sum(means) / processes, whole.users.double().mean())


def test_no_process_is_left_without_a_pair() -> None:
    shares = [next(batches(process, processes=4, batch_size=1).epoch(1)) for process in range(4)]
    assert [len(share.users) for share in shares] == [1, 1, 1, 1]
    assert sorted(share.weight for share in shares) == [0, 0, 0, 4]


def test_without_a_sampler_there_are_no_negatives() -> None:
    plain = PairBatches(Rows(PAIRS), None, 5, 0, 0, 1, torch.device("cpu"))
    assert all(batch.negatives.shape == (len(batch.users), 0) for batch in plain.epoch(1))
