"""The softmax over the items of a batch."""

import torch

from kgrec.nn.losses import FullSoftmax, InBatchSoftmax

NONE = torch.empty(4, 0, dtype=torch.int64)
USERS, ITEMS = (torch.randn(n, 3, generator=torch.Generator().manual_seed(n)) for n in (4, 6))
POSITIVES = torch.tensor([2, 5, 2, 0])


def test_it_is_the_full_softmax_over_the_batch_s_items() -> None:
    in_batch = InBatchSoftmax(temperature=0.3, normalize=True)
    full = FullSoftmax(temperature=0.3, normalize=True)
    among = torch.zeros(6, dtype=torch.bool)
    among[POSITIVES] = True
    expected = full(USERS, ITEMS, POSITIVES, NONE, candidate_mask=among)
    assert torch.allclose(in_batch(USERS, ITEMS, POSITIVES, NONE), expected)


def test_the_mask_spares_a_pair_s_own_item() -> None:
    in_batch = InBatchSoftmax(temperature=1.0, normalize=False)
    only = torch.zeros(6, dtype=torch.bool)
    only[5] = True
    found = in_batch(USERS, ITEMS, POSITIVES, NONE, candidate_mask=only)
    scores = USERS @ ITEMS.T
    losses = [torch.logsumexp(scores[k, [p, 5]], 0) - scores[k, p] for k, p in enumerate([2, 5, 2, 0])]
    losses[1] = torch.tensor(0.0)  # its own item is the only candidate
    assert torch.allclose(found, torch.stack(losses).mean())


def test_weights_and_rows() -> None:
    in_batch = InBatchSoftmax(temperature=0.5, normalize=True)
    weights = torch.tensor([1.0, 0.0, 2.0, 1.0])
    rows = torch.tensor([0, 1, 1, 0])
    by_pair = in_batch(USERS[rows], ITEMS, POSITIVES, NONE, weights)
    assert torch.allclose(in_batch(USERS[:2], ITEMS, POSITIVES, NONE, weights, rows=rows), by_pair)
    assert in_batch(USERS, ITEMS, POSITIVES, NONE, torch.zeros(4)) == 0
