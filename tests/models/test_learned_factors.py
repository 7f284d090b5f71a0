"""Known answers of the recommenders that learn user and item embeddings: BPR-MF and LightGCN."""

import numpy as np
import pytest
import torch

from kgrec.errors import InputError
from kgrec.models.base import Batch
from kgrec.models.bpr_mf import BPRMF
from kgrec.models.lightgcn import LightGCN
from kgrec.nn.losses import BPR, FullSoftmax

LOSSES = {
    "bpr": lambda: BPR(num_negatives=3),
    "softmax": lambda: FullSoftmax(temperature=0.2, normalize=True),
}
MODELS = {
    "bpr_mf": lambda inputs, loss: BPRMF(inputs, embedding_dim=8, init_std=0.1, loss=loss),
    "lightgcn": lambda inputs, loss: LightGCN(inputs, embedding_dim=8, num_layers=2, init_std=0.1, loss=loss),
}


def train(model, inputs, steps: int = 150) -> None:
    """Full-batch training; negatives are items outside the user's block."""
    pairs = torch.from_numpy(inputs.dataset.train)
    users, items = pairs.T
    rng = np.random.default_rng(0)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for step in range(steps):
        offset = rng.integers(0, 4, (len(users), model.num_negatives))
        negatives = torch.from_numpy(offset) + 4 * (users < 4).long()[:, None]
        optimizer.zero_grad()
        model.loss(Batch(users, items, negatives, step)).backward()
        optimizer.step()


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("model", MODELS)
def test_learns_the_blocks(make_inputs, two_blocks, model, loss):
    torch.manual_seed(0)
    inputs = make_inputs(two_blocks)
    recommender = MODELS[model](inputs, LOSSES[loss]())
    train(recommender, inputs)
    scores = recommender.score(torch.arange(8)).detach()
    unseen = scores.masked_fill(torch.tensor(two_blocks) > 0, -torch.inf)
    assert (unseen.argmax(1) // 4).tolist() == [0] * 4 + [1] * 4


@pytest.mark.parametrize("loss", LOSSES)
def test_lightgcn_counts_every_pair_of_a_user(make_inputs, two_blocks, loss):
    model = MODELS["lightgcn"](make_inputs(two_blocks), LOSSES[loss]())
    users, items = torch.tensor([5, 0, 5, 2, 0]), torch.tensor([4, 1, 6, 0, 3])
    negatives = torch.tensor([[0, 1, 7], [5, 6, 2], [2, 2, 1], [4, 5, 6], [7, 7, 7]])[
        :, : model.num_negatives
    ]
    alone = [model.loss(Batch(users[k : k + 1], items[k : k + 1], negatives[k : k + 1], 0)) for k in range(5)]
    together = model.loss(Batch(users, items, negatives, 0))
    torch.testing.assert_close(together, torch.stack(alone).mean())


@pytest.mark.parametrize("model", MODELS)
def test_scores_are_those_the_loss_trains(make_inputs, two_blocks, model):
    inputs = make_inputs(two_blocks)
    cosine = MODELS[model](inputs, LOSSES["softmax"]())
    users, items = cosine.embeddings()
    assert users.norm(dim=1).tolist() == pytest.approx([1] * 8)
    assert items.norm(dim=1).tolist() == pytest.approx([1] * 8)
    plain = MODELS[model](inputs, LOSSES["bpr"]())
    plain.load_state_dict(cosine.state_dict())
    lengths = plain.embeddings()[0].norm(dim=1)
    assert torch.allclose(plain.embeddings()[0] / lengths[:, None], users)


def test_num_negatives_are_the_losses(make_inputs):
    inputs = make_inputs([[1, 0]])
    for build in MODELS.values():
        assert [build(inputs, loss()).num_negatives for loss in LOSSES.values()] == [3, 0]


def test_lightgcn_is_the_mean_of_propagated_embeddings(make_inputs):
    matrix = np.array([[1, 1, 0], [0, 1, 0]])
    # facts must not leak into the propagation
    inputs = make_inputs(matrix.tolist(), triples=[(0, 0, 2), (1, 0, 2)])
    model = LightGCN(inputs, embedding_dim=4, num_layers=2, init_std=0.1, loss=LOSSES["bpr"]())
    adjacency = np.block([[np.zeros((2, 2)), matrix], [matrix.T, np.zeros((3, 3))]])
    degree = np.maximum(adjacency.sum(1), 1)
    normalised = adjacency / np.sqrt(np.outer(degree, degree))
    start = model.table.weight.detach().numpy()
    expected = (start + normalised @ start + normalised @ normalised @ start) / 3
    users, items = model.embeddings()
    assert torch.cat([users, items]).detach().numpy() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("dim", "std"), [(0, 0.1), (4, 0.0)])
def test_bad_settings_are_refused(make_inputs, dim, std):
    inputs = make_inputs([[1, 0]])
    with pytest.raises(InputError, match="expected"):
        BPRMF(inputs, dim, std, LOSSES["bpr"]())
    with pytest.raises(InputError, match="expected"):
        LightGCN(inputs, dim, 1, std, LOSSES["bpr"]())
