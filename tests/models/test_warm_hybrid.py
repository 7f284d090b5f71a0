"""What the warm hybrid scores, and that its graph is used."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor

from kgrec.errors import InputError
from kgrec.models.base import Batch, ModelInputs
from kgrec.models.item_graph import ItemGraph
from kgrec.models.item_operator import ItemOperator
from kgrec.models.selection import ValidationRecall, some_of
from kgrec.models.warm_hybrid import Blend, WarmHybrid
from kgrec.nn.fusion.residual import Residual
from kgrec.nn.gnn.lightgcn import LightGCN
from kgrec.nn.losses import FullSoftmax
from kgrec.seed import seed_everything

FACTS = [(item, 0, 8 + item // 4) for item in range(8)]
TEXT = torch.randn(8, 3, generator=torch.Generator().manual_seed(0)).tolist()
USERS = torch.arange(8)
OPERATOR = ItemOperator([1.0], [], [], [0.3], max_relations=1, selection_k=1)


def item_graph(**changed: float) -> ItemGraph:
    settings = {
        "facts": 0.5,
        "min_facts": 2,
        "text_neighbours": 2,
        "text": 1.0,
        "fact_neighbours": 0,
        "fact_similarity": 0.0,
        "dropout": 0.0,
    }
    return ItemGraph(**{**settings, **changed})  # type: ignore[arg-type]


def make_model(inputs: ModelInputs, seed: int = 0, **changed: object) -> WarmHybrid:
    seed_everything(seed)
    settings = {
        "embedding_dim": 4,
        "init_std": 0.1,
        "item_ids": True,
        "gnn": partial(LightGCN, num_layers=1),
        "fusion": Residual,
        "loss": FullSoftmax(temperature=0.5, normalize=False),
        "item_graph": item_graph(),
        "blend": None,
    }
    return WarmHybrid(inputs, **{**settings, **changed}).eval()  # type: ignore[arg-type]


@torch.no_grad()
def scores_of(model: WarmHybrid, users: Tensor = USERS) -> Tensor:
    return model.score(users)


def batch_of(inputs: ModelInputs) -> Batch:
    pairs = torch.from_numpy(inputs.dataset.train)
    return Batch(pairs[:, 0], pairs[:, 1], torch.empty(len(pairs), 0, dtype=torch.long), step=0)


def train(model: WarmHybrid, inputs: ModelInputs, steps: int, lr: float = 0.05) -> WarmHybrid:
    model.train()
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    for _ in range(steps):
        optimizer.zero_grad()
        model.loss(batch_of(inputs)).backward()
        optimizer.step()
    return model.eval()


@pytest.fixture
def inputs(make_inputs, two_blocks) -> ModelInputs:
    return make_inputs(two_blocks, triples=FACTS, text=TEXT)


@pytest.mark.parametrize("normalize", [False, True])
def test_scores_are_products_of_averaged_neighbourhoods(inputs, normalize) -> None:
    """One layer of LightGCN, written with a dense matrix: ½ (x + D^-½ A D^-½ x)."""
    model = make_model(inputs, loss=FullSoftmax(temperature=0.5, normalize=normalize))
    graph, table = model.graph, model.table.weight.detach()
    adjacency = torch.zeros(graph.num_nodes, graph.num_nodes)
    adjacency.index_put_((graph.edge_index[1], graph.edge_index[0]), graph.edge_weight, accumulate=True)
    assert (adjacency != adjacency.bool()).any()
    scale = adjacency.sum(1).rsqrt()
    x = table.clone()
    text = torch.tensor(TEXT) - torch.tensor(TEXT).mean(0)
    x[8:16] += torch.nn.functional.normalize(text, dim=1) @ model.from_text.weight.detach().T
    z = (x + scale[:, None] * (adjacency @ (scale[:, None] * x))) / 2
    if normalize:
        z = torch.nn.functional.normalize(z, dim=1)
    torch.testing.assert_close(scores_of(model), z[:8] @ z[8:16].T)


def test_the_closed_form_is_added_with_its_weight(inputs) -> None:
    network = scores_of(make_model(inputs))
    closed = OPERATOR.solve(inputs).score(USERS)
    assert closed.any()
    for weight in (0.7, 2.0):
        blended = scores_of(make_model(inputs, blend=Blend(OPERATOR, weight)))
        torch.testing.assert_close(blended, network + weight * closed)
    few = torch.tensor([5, 1])
    torch.testing.assert_close(scores_of(make_model(inputs, blend=Blend(OPERATOR, 2.0)), few), blended[few])


def test_the_network_is_trained_on_its_own_scores(inputs) -> None:
    alone, blended = (make_model(inputs, blend=blend) for blend in (None, Blend(OPERATOR, 2.0)))
    users, items = alone.embeddings()
    pairs = torch.from_numpy(inputs.dataset.train)
    log_shares = (users @ items.T / 0.5).log_softmax(dim=1)
    torch.testing.assert_close(alone.loss(batch_of(inputs)), -log_shares[pairs[:, 0], pairs[:, 1]].mean())
    assert torch.equal(blended.loss(batch_of(inputs)), alone.loss(batch_of(inputs)))


def test_embeddings_exist_only_where_no_closed_form_is_added(inputs) -> None:
    assert make_model(inputs, blend=Blend(OPERATOR, 0.1)).embeddings() is None
    for model in (make_model(inputs), make_model(inputs, blend=Blend(OPERATOR, 0.0))):
        users, items = model.embeddings()
        torch.testing.assert_close(users @ items.T, scores_of(model))


def test_scores_follow_training(inputs) -> None:
    """Embeddings that are kept for block after block of users must not outlive a step."""
    model = make_model(inputs, blend=Blend(OPERATOR, 0.7))
    before = scores_of(model)
    after = scores_of(train(model, inputs, steps=3))
    assert not torch.allclose(after, before)
    assert torch.equal(model.score(USERS).detach(), after)  # with gradients nothing is kept
    with torch.no_grad():
        model.table.weight.mul_(2.0)
    assert not torch.allclose(scores_of(model), after)


def test_without_ids_items_of_the_same_surroundings_are_equal(make_inputs) -> None:
    """Items 0 and 1 have the same users, facts and text; item 2 has other users, item 3 other text."""
    rows = [[1, 1, 0, 1], [0, 0, 1, 0], [1, 1, 1, 1]]
    facts, text = [(item, 0, 4) for item in range(4)], [[1.0, 0.0]] * 3 + [[0.0, 1.0]]
    inputs = make_inputs(rows, triples=facts, text=text)
    without = train(make_model(inputs, item_ids=False), inputs, steps=3)
    scores = scores_of(without, torch.arange(3))
    torch.testing.assert_close(scores[:, 0], scores[:, 1])
    for other in (2, 3):
        assert not torch.allclose(scores[:, 0], scores[:, other], atol=1e-4)
    with_ids = scores_of(train(make_model(inputs), inputs, steps=3), torch.arange(3))
    assert not torch.allclose(with_ids[:, 0], with_ids[:, 1], atol=1e-4)


def test_edges_are_dropped_in_training_only(inputs) -> None:
    plain, thinned = make_model(inputs), make_model(inputs, item_graph=item_graph(dropout=0.5))
    assert torch.equal(scores_of(thinned), scores_of(plain))
    assert torch.equal(thinned.loss(batch_of(inputs)), plain.loss(batch_of(inputs)))
    assert torch.equal(plain.train().loss(batch_of(inputs)), plain.eval().loss(batch_of(inputs)))
    thinned.train()
    losses = {thinned.loss(batch_of(inputs)).item() for _ in range(5)}
    assert len(losses) == 5


def test_stored_and_loaded_it_gives_the_same_scores(inputs) -> None:
    blend = Blend(OPERATOR, 0.7)
    stored = train(make_model(inputs, blend=blend), inputs, steps=3)
    fresh = make_model(inputs, seed=1, blend=blend)
    assert not torch.allclose(scores_of(fresh), scores_of(stored))
    fresh.load_state_dict(stored.state_dict())
    assert torch.equal(scores_of(fresh), scores_of(stored))


def test_the_closed_form_moves_with_the_model(inputs) -> None:
    model = make_model(inputs, blend=Blend(OPERATOR, 0.7))
    scores_of(model)
    assert model.to("meta")._solved_operator().weights.device.type == "meta"


def planted(make_inputs, seed: int) -> ModelInputs:
    """30 users like the 15 items of one of 4 makers each; two are known: users of a maker seldom meet."""
    rng = np.random.default_rng(seed)
    maker = rng.permutation(60) % 4
    known, liked = np.zeros((30, 60), dtype=int), np.zeros((30, 60), dtype=int)
    for user in range(30):
        items = rng.permutation(np.flatnonzero(maker == user % 4))
        known[user, items[:2]], liked[user, items[2:]] = 1, 1
    facts = [(item, 0, 60 + int(maker[item])) for item in range(60)]
    return make_inputs(known.tolist(), liked.tolist(), triples=facts)


@pytest.mark.parametrize("seed", [0, 1])
def test_preferences_planted_in_the_graph_are_learned_from_it(make_inputs, seed) -> None:
    inputs = planted(make_inputs, seed)
    recall = ValidationRecall(inputs.dataset, 13)

    def found(facts: float) -> float:
        model = make_model(
            inputs,
            seed,
            embedding_dim=16,
            gnn=partial(LightGCN, num_layers=2),
            loss=FullSoftmax(temperature=1.0, normalize=False),
            item_graph=item_graph(facts=facts),
        )
        train(model, inputs, steps=10)
        return recall(some_of(lambda users: scores_of(model, users)))

    assert found(10.0) > 0.9
    assert found(0.0) < 0.4  # chance is 13 of 58


@pytest.mark.parametrize(("setting", "value"), [("embedding_dim", 0), ("init_std", 0.0), ("init_std", -1.0)])
def test_values_out_of_range_are_refused(inputs, setting: str, value: float) -> None:
    with pytest.raises(InputError, match=rf"model\.{setting}: found {value}, expected"):
        make_model(inputs, **{setting: value})


def test_a_negative_weight_of_the_closed_form_is_refused() -> None:
    with pytest.raises(InputError, match=r"model\.blend\.weight: found -0.1, expected at least 0"):
        Blend(OPERATOR, -0.1)
