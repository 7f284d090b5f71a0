import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from hydra.utils import instantiate
from omegaconf import OmegaConf

from kgrec.errors import InputError
from kgrec.nn.losses import (
    BPR,
    BinaryCrossEntropy,
    FullSoftmax,
    InfoNCE,
    RankingLoss,
    SampledLoss,
    SampledSoftmax,
    embedding_l2,
    read_l2,
)

CONFIGS = sorted((Path(__file__).parents[2] / "conf" / "loss").glob("*.yaml"))

# Two users and three items whose inner products are
#     user 0: ln 2, ln 4, 0        user 1: 0, 0, ln 8
USERS = torch.eye(2)
ITEMS = torch.tensor([[math.log(2), 0.0], [math.log(4), 0.0], [0.0, math.log(8)]])
POSITIVES = torch.tensor([0, 2])
NEGATIVES = torch.tensor([[1, 2], [0, 1]])
NO_NEGATIVES = torch.zeros(2, 0, dtype=torch.int64)


def random_batch(num_users: int = 7, num_items: int = 9, dim: int = 4) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    users = torch.randn(num_users, dim, generator=generator)
    items = torch.randn(num_items, dim, generator=generator)
    positives = torch.randint(num_items, (num_users,), generator=generator)
    others = torch.arange(num_items).expand(num_users, -1)
    negatives = others[others != positives.unsqueeze(1)].reshape(num_users, num_items - 1)
    return users, items, positives, negatives


def test_bpr_by_hand() -> None:
    # -ln σ(s+ - s-) = ln(1 + e^(s- - s+)).
    # User 0: item 1: ln(1 + 4/2) = ln 3; item 2: ln(1 + 1/2) = ln 1.5. User 1: twice ln(1 + 1/8) = ln 1.125.
    expected = (math.log(3) + math.log(1.5) + 2 * math.log(1.125)) / 4
    loss = BPR(num_negatives=2)(USERS, ITEMS, POSITIVES, NEGATIVES)
    assert loss.item() == pytest.approx(expected)


def test_bpr_weights_and_mask_by_hand() -> None:
    loss = BPR(num_negatives=2)
    weights, mask = torch.tensor([3.0, 1.0]), torch.tensor([True, False, True])
    weighted = (3 * (math.log(3) + math.log(1.5)) + 2 * math.log(1.125)) / 8
    assert loss(USERS, ITEMS, POSITIVES, NEGATIVES, weights).item() == pytest.approx(weighted)
    # Item 1 may not compete: user 0 keeps item 2, user 1 keeps item 0.
    masked = (3 * math.log(1.5) + math.log(1.125)) / 4
    assert loss(USERS, ITEMS, POSITIVES, NEGATIVES, weights, mask).item() == pytest.approx(masked)


def test_bce_by_hand() -> None:
    # -ln σ(s) = ln(1 + e^-s), -ln(1 - σ(s)) = ln(1 + e^s).
    # User 0: ln 1.5 + ln 5 + ln 2; user 1: ln 1.125 + 2 ln 2.
    first, second = math.log(1.5 * 5 * 2), math.log(1.125 * 2 * 2)
    loss = BinaryCrossEntropy(num_negatives=2)
    assert loss(USERS, ITEMS, POSITIVES, NEGATIVES).item() == pytest.approx((first + second) / 6)
    weights, mask = torch.tensor([3.0, 1.0]), torch.tensor([True, False, True])
    weighted = loss(USERS, ITEMS, POSITIVES, NEGATIVES, weights)
    assert weighted.item() == pytest.approx((3 * first + second) / 12)
    # Item 1 may not compete: user 0 keeps item 2, user 1 keeps item 0; the positives stay.
    masked = loss(USERS, ITEMS, POSITIVES, NEGATIVES, weights, mask)
    assert masked.item() == pytest.approx((3 * math.log(1.5 * 2) + math.log(1.125 * 2)) / 8)


def test_full_softmax_by_hand() -> None:
    # User 0: 2 / (2 + 4 + 1); user 1: 8 / (1 + 1 + 8).
    expected = (math.log(7 / 2) + math.log(10 / 8)) / 2
    loss = FullSoftmax(temperature=1.0, normalize=False)
    assert loss(USERS, ITEMS, POSITIVES, NO_NEGATIVES).item() == pytest.approx(expected)
    # τ = ½ squares the odds: 4 / (4 + 16 + 1), 64 / (1 + 1 + 64).
    expected = (math.log(21 / 4) + math.log(66 / 64)) / 2
    loss = FullSoftmax(temperature=0.5, normalize=False)
    assert loss(USERS, ITEMS, POSITIVES, NO_NEGATIVES).item() == pytest.approx(expected)
    # Cosines: user 0: 1, 1, 0; user 1: 0, 0, 1.
    expected = (math.log(2 + math.exp(-1)) + math.log(1 + 2 * math.exp(-1))) / 2
    loss = FullSoftmax(temperature=1.0, normalize=True)
    assert loss(USERS, ITEMS, POSITIVES, NO_NEGATIVES).item() == pytest.approx(expected)


def test_full_softmax_mask_by_hand() -> None:
    loss = FullSoftmax(temperature=1.0, normalize=False)
    # Item 1 excluded: 2 / (2 + 1), 8 / (1 + 8).
    mask = torch.tensor([True, False, True])
    expected = (math.log(3 / 2) + math.log(9 / 8)) / 2
    assert loss(USERS, ITEMS, POSITIVES, NO_NEGATIVES, None, mask).item() == pytest.approx(expected)
    # Item 0, user 0's positive, excluded: it stays for user 0, 2 / (2 + 4 + 1), not for user 1, 8 / (1 + 8).
    mask = torch.tensor([False, True, True])
    expected = (math.log(7 / 2) + math.log(9 / 8)) / 2
    assert loss(USERS, ITEMS, POSITIVES, NO_NEGATIVES, None, mask).item() == pytest.approx(expected)


@pytest.mark.parametrize("masked", [False, True])
def test_full_softmax_is_cross_entropy(masked: bool) -> None:
    users, items, positives, _ = random_batch()
    mask = torch.tensor([True, True, False] * 3) if masked else None
    weights = torch.rand(7, generator=torch.Generator().manual_seed(1))
    gradients = []
    for ours in (True, False):
        u, i = users.clone().requires_grad_(), items.clone().requires_grad_()
        if ours:
            loss = FullSoftmax(temperature=0.3, normalize=True)(u, i, positives, NO_NEGATIVES, weights, mask)
        else:
            logits = F.cosine_similarity(u.unsqueeze(1), i.unsqueeze(0), dim=2) / 0.3
            if mask is not None:
                keep = mask | F.one_hot(positives, 9).bool()
                logits = logits.masked_fill(~keep, -torch.inf)
            losses = F.cross_entropy(logits, positives, reduction="none")
            loss = (losses * weights).sum() / weights.sum()
        loss.backward()
        gradients.append((loss.detach(), u.grad, i.grad))
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b)


def test_full_softmax_with_every_candidate_excluded_is_zero() -> None:
    users, items, positives, _ = random_batch()
    users.requires_grad_()
    nobody = torch.zeros(9, dtype=torch.bool)
    loss = FullSoftmax(temperature=0.3, normalize=True)(users, items, positives, NO_NEGATIVES, None, nobody)
    loss.backward()
    assert loss.item() == pytest.approx(0.0, abs=1e-6)
    torch.testing.assert_close(users.grad, torch.zeros_like(users), atol=1e-6, rtol=0)


@pytest.mark.parametrize("mask", [None, torch.tensor([True, False, True] * 3)])
def test_sampled_softmax_with_all_negatives_is_the_full_one(mask: torch.Tensor | None) -> None:
    batch = random_batch()
    full = FullSoftmax(temperature=0.3, normalize=True)(*batch, None, mask)
    sampled = SampledSoftmax(temperature=0.3, normalize=True, num_negatives=8)(*batch, None, mask)
    torch.testing.assert_close(full, sampled)


def test_infonce_by_hand() -> None:
    # Cosines of a = (1,0), (0,1) with b = (0,5), (0,2): rows 0 0 / 1 1, so columns 0 1 / 0 1.
    first, second = torch.eye(2), torch.tensor([[0.0, 5.0], [0.0, 2.0]])
    by_row = math.log(2)
    by_column = (math.log(1 + math.e) + math.log(1 + math.e) - 1) / 2
    loss = InfoNCE(temperature=1.0)(first, second)
    assert loss.item() == pytest.approx((by_row + by_column) / 2)
    with pytest.raises(ValueError, match="views"):
        InfoNCE(temperature=1.0)(first, second[:1])


def test_infonce_is_least_for_equal_views() -> None:
    first = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    loss = InfoNCE(temperature=0.1)
    assert loss(first, first) < loss(first, first.roll(1, dims=0))


@pytest.fixture(params=CONFIGS, ids=lambda path: path.stem)
def loss(request: pytest.FixtureRequest) -> RankingLoss:
    return instantiate(OmegaConf.load(request.param))


def test_configured_losses_swap(loss: RankingLoss) -> None:
    """One call for all; large scores and weights of zero stay finite."""
    users, items, positives, negatives = random_batch()
    users, items = (1e3 * users).requires_grad_(), items.requires_grad_()
    negatives = negatives[:, : loss.num_negatives]
    value = loss(users, items, positives, negatives, torch.rand(7), torch.rand(9) > 0.5)
    value.backward()
    assert value.shape == ()
    assert torch.isfinite(value)
    assert torch.isfinite(users.grad).all()
    assert torch.isfinite(items.grad).all()
    assert loss(users, items, positives, negatives, torch.zeros(7)).item() == 0.0


def test_equal_weights_are_no_weights(loss: RankingLoss) -> None:
    users, items, positives, negatives = random_batch()
    batch = (users, items, positives, negatives[:, : loss.num_negatives])
    everyone = torch.ones(9, dtype=torch.bool)
    torch.testing.assert_close(loss(*batch), loss(*batch, torch.full((7,), 0.5), everyone))


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_pairs_grouped_by_user_have_the_loss_of_pairs(
    loss: RankingLoss, weighted: bool, masked: bool
) -> None:
    """``rows`` names the user of each pair; loss and gradients are those of users written out per pair."""
    users, items, positives, negatives = random_batch()
    users, rows = users[:3], torch.tensor([2, 0, 0, 2, 2, 0, 2])  # user 1 has no pair
    weights = torch.rand(7, generator=torch.Generator().manual_seed(1)) if weighted else None
    mask = torch.tensor([True, True, False] * 3) if masked else None
    batch = (positives, negatives[:, : loss.num_negatives], weights, mask)
    results = []
    for grouped in (True, False):
        u, i = users.clone().requires_grad_(), items.clone().requires_grad_()
        value = loss(u, i, *batch, rows) if grouped else loss(u[rows], i, *batch)
        value.backward()
        results.append((value.detach(), u.grad, i.grad))
    for by_user, by_pair in zip(*results, strict=True):
        torch.testing.assert_close(by_user, by_pair)
    assert not results[0][1][1].any()


def test_scores_of_pairs_have_the_loss_of_tables(loss: RankingLoss) -> None:
    """A sampled loss reads scores only: given by hand they have the loss that the tables have."""
    if not isinstance(loss, SampledLoss):
        assert loss.num_negatives == 0
        return
    users, items, positives, negatives = random_batch()
    negatives, mask = negatives[:, : loss.num_negatives], torch.tensor([True, True, False] * 3)
    weights = torch.rand(7, generator=torch.Generator().manual_seed(1))
    scores = loss.ranking_space(users) @ loss.ranking_space(items).T
    positive, negative = scores[torch.arange(7), positives], scores.gather(1, negatives)
    by_table = loss(users, items, positives, negatives, weights, mask)
    torch.testing.assert_close(loss.of_scores(positive, negative, weights, mask[negatives]), by_table)
    torch.testing.assert_close(loss.of_scores(positive, negative), loss(users, items, positives, negatives))
    assert loss.of_scores(positive + 1, negative) < loss.of_scores(positive, negative)


def test_loss_falls_as_the_positive_rises(loss: RankingLoss) -> None:
    """In the loss's own ranking space: moving each user to its item lowers the loss."""
    users, items, positives, negatives = random_batch()
    negatives = negatives[:, : loss.num_negatives]
    before = loss(users, items, positives, negatives)
    assert loss(users + items[positives], items, positives, negatives) < before


def test_ranking_space() -> None:
    x = torch.tensor([[3.0, 4.0], [0.0, 0.0]])
    cosine = FullSoftmax(temperature=1.0, normalize=True)
    torch.testing.assert_close(cosine.ranking_space(x), torch.tensor([[0.6, 0.8], [0.0, 0.0]]))
    assert torch.equal(FullSoftmax(temperature=1.0, normalize=False).ranking_space(x), x)
    assert torch.equal(BPR(num_negatives=1).ranking_space(x), x)


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(InputError, match=r"loss.temperature is 0; expected > 0"):
        FullSoftmax(temperature=0, normalize=True)
    with pytest.raises(InputError, match=r"loss.temperature is -1"):
        InfoNCE(temperature=-1)
    with pytest.raises(InputError, match=r"loss.num_negatives is 0; expected ≥ 1"):
        BPR(num_negatives=0)
    with pytest.raises(InputError, match=r"loss.num_negatives is 0"):
        BinaryCrossEntropy(num_negatives=0)
    with pytest.raises(InputError, match=r"loss.num_negatives is 0"):
        SampledSoftmax(temperature=1, normalize=True, num_negatives=0)


def test_missing_negatives_are_refused() -> None:
    with pytest.raises(ValueError, match=r"negatives are \(2, 0\), expected \[2, n ≥ 1\]"):
        BPR(num_negatives=1)(USERS, ITEMS, POSITIVES, NO_NEGATIVES)


def test_embedding_l2_is_half_the_mean_squared_length_of_each_tensor() -> None:
    first, second = torch.tensor([[3.0, 4.0], [0.0, 0.0]]), torch.ones(4, 2, 3)
    assert embedding_l2(first).item() == pytest.approx(25 / 4)
    assert embedding_l2(first, second).item() == pytest.approx(25 / 4 + 24 / 8)


def test_read_l2_is_the_penalty_of_the_rows_that_are_read() -> None:
    users, items = torch.tensor([[1.0, 0.0], [0.0, 2.0]]), torch.tensor([[3.0, 4.0], [1.0, 1.0], [9.0, 9.0]])
    positives, negatives = torch.tensor([0, 1]), torch.tensor([[1, 1], [0, 1]])
    # Users 1 + 4; positives 25 + 2; negatives 2 + 2 + 25 + 2: half of it, over two pairs.
    assert read_l2(users, items, positives, negatives).item() == pytest.approx((5 + 27 + 31) / 4)
    assert read_l2(users, items, positives, negatives[:, :0]).item() == pytest.approx((5 + 27) / 4)
    rows = items[positives], items[negatives]
    assert torch.allclose(read_l2(users, items, positives, negatives), embedding_l2(users, *rows))
