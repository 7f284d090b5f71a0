"""Known answers of the models of sequences: transitions, EASE over histories, the hybrid."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from kgrec.data.dataset import RecDataset
from kgrec.data.ids import IdMap
from kgrec.data.sequences import Sequences
from kgrec.errors import InputError
from kgrec.kg.graph import build_graph
from kgrec.models.base import Batch, ModelInputs
from kgrec.models.history import ExpectedHit, lag_weights, padded_histories, recency_weights, summed_rows
from kgrec.models.history_ease import HistoryEASE
from kgrec.models.popularity import Popularity
from kgrec.models.sequence_hybrid import SequenceHybrid, TransitionBlend, facts_of_items
from kgrec.models.transition import Transition, TransitionCounts
from kgrec.nn.fusion.sum import Sum
from kgrec.nn.gnn.rgcn import RGCN
from kgrec.nn.history_encoder import HistoryEncoder
from kgrec.nn.losses import FullSoftmax
from kgrec.nn.sparse import relation_norm
from kgrec.seed import seed_everything
from kgrec.text.encoder import TextFeatures

NO_PAIR: list[list[int]] = []


def make_dataset(
    num_items: int,
    histories: Sequence[Sequence[int]],
    train: Sequence[Sequence[int]],
    valid: Sequence[Sequence[int]] = NO_PAIR,
    triples: Sequence[Sequence[int]] = NO_PAIR,
) -> RecDataset:
    """Items 0 … are entities 0 …; one relation; two more entities."""
    size = len(histories)
    return RecDataset(
        name="toy",
        users=IdMap([f"u/{number}" for number in range(size)]),
        items=IdMap([f"i{item}" for item in range(num_items)]),
        entities=IdMap([f"e{entity}" for entity in range(num_items + 2)]),
        relations=IdMap(["by"]),
        train=np.array(train, dtype=np.int64).reshape(-1, 2),
        valid=np.array(valid, dtype=np.int64).reshape(-1, 2),
        test=np.empty((0, 2), dtype=np.int64),
        triples=np.array(triples, dtype=np.int64).reshape(-1, 3),
        item_to_entity=np.arange(num_items),
        item_texts=[""] * num_items,
        item_titles=[""] * num_items,
        cold_valid=np.zeros(num_items, dtype=bool),
        cold_test=np.zeros(num_items, dtype=bool),
        sequences=Sequences(
            np.zeros(size, dtype=np.int64), np.arange(size), np.array(histories), np.array(train)
        ),
    )


def inputs_of(dataset: RecDataset) -> ModelInputs:
    graph = build_graph(
        dataset.num_users,
        dataset.num_items,
        dataset.num_entities,
        dataset.relations.raw_ids,
        dataset.train,
        dataset.triples,
        dataset.item_to_entity,
    )
    text = torch.zeros(dataset.num_items, 1)
    return ModelInputs(dataset, graph, TextFeatures(text, text[:, 0] > 0, {}))


def counts(**changes: Any) -> TransitionCounts:
    settings: dict[str, Any] = {
        "decay": [1.0],
        "smoothing": [2.0],
        "backward": [0.0],
        "evidence": [1.0],
        "half_life": [None],
        "others": 1,
    }
    return TransitionCounts(**(settings | changes))


SMALL = make_dataset(3, [[-1, 0], [1, 0], [-1, 1]], [[0, 1], [1, 2], [2, 2]])


def test_weights_of_lags_and_ages() -> None:
    assert lag_weights(3, 1.0).tolist() == pytest.approx([1 / 3, 1 / 2, 1])
    assert lag_weights(3, 0.0).tolist() == [1, 1, 1]
    assert recency_weights(3, 1.0).tolist() == [0.25, 0.5, 1]
    assert recency_weights(2, None).tolist() == [1, 1]
    rows = torch.tensor([[1.0], [10.0], [0.0]])
    assert summed_rows(torch.tensor([[2, 0], [0, 1]]), torch.tensor([0.5, 1.0]), rows).tolist() == [
        [1],
        [10.5],
    ]


def test_transitions_by_hand() -> None:
    """Targets 1, 2, 2 and half of each: π = .5, 1.5, 2.5 of 4.5. From 0: to 1 and to 2; from 1: 1.5 to 2."""
    model = Transition(inputs_of(SMALL), counts())
    model.fit()
    prior = np.array([0.5, 1.5, 2.5]) / 4.5
    from_0 = (np.array([0, 1, 1]) + 2 * prior) / 4
    from_1 = (np.array([0, 0, 1.5]) + 2 * prior) / 3.5
    after_0 = np.log(from_0)
    after_1_0 = np.log(prior) + np.log(from_0 / prior) + np.log(from_1 / prior) / 2
    assert model.score(torch.arange(2)).numpy() == pytest.approx(np.stack([after_0, after_1_0]), rel=1e-5)


def test_opposite_transitions_and_evidence_have_weights() -> None:
    model = Transition(inputs_of(SMALL), counts(backward=[0.5], evidence=[0.3]))
    model.fit()
    prior = np.array([0.5, 1.5, 2.5]) / 4.5
    both = np.array([[0, 1, 1], [0.5, 0, 1.5], [0.5, 0.75, 0]])
    share = (both + 2 * prior) / (both.sum(1, keepdims=True) + 2)
    expected = np.log(prior) + 0.3 * np.log(share[1] / prior)
    assert model.score(torch.tensor([2])).numpy() == pytest.approx(expected[None], rel=1e-5)


def test_the_expected_hit_is_the_mean_over_all_draws() -> None:
    """History 0, target 1: of items 2, 3, 4 one scores higher and one the same."""
    dataset = make_dataset(5, [[-1, 0]], [], valid=[[0, 1]])
    scores = torch.tensor([[9.0, 1.0, 2.0, 1.0, 0.0]])
    assert ExpectedHit(dataset, 1).of_scores(scores, 0).tolist() == [pytest.approx(0.5)]
    assert ExpectedHit(dataset, 2).of_scores(scores, 0).tolist() == [pytest.approx(0.25)]
    with pytest.raises(InputError, match="no validation sequence"):
        ExpectedHit(SMALL, 1)


def cyclic(num_items: int = 8, repeats: int = 12, triples: Sequence[Sequence[int]] = NO_PAIR) -> RecDataset:
    """Item i + 1 follows items i - 1 and i; the last round is for validation."""
    starts = np.tile(np.arange(num_items), repeats)
    histories = np.stack([starts - 1, starts], axis=1) % num_items
    pairs = np.stack([np.arange(len(starts)), (starts + 1) % num_items], axis=1)
    return make_dataset(num_items, histories.tolist(), pairs[:-num_items], pairs[-num_items:], triples)


def test_the_setting_is_chosen_on_validation() -> None:
    """Only what came last tells what comes next; without the past, all items are alike."""
    grid = counts(decay=[0.0, 3.0], evidence=[0.0, 1.0], smoothing=[1.0, 10.0], others=3)
    model = Transition(inputs_of(cyclic()), grid)
    model.fit()
    assert model.chosen["evidence"] == 1.0
    chosen = counts(**{name: [model.chosen[name]] for name in ("decay", "evidence", "smoothing")})
    alone = Transition(inputs_of(cyclic()), chosen)
    alone.fit()
    assert torch.equal(alone.score(torch.arange(9)), model.score(torch.arange(9)))
    assert model.score(torch.arange(8)).argmax(1).tolist() == [1, 2, 3, 4, 5, 6, 7, 0]


def test_old_transitions_count_less_where_a_half_life_says_so() -> None:
    """After 0 came 1 three times, then 2 twice."""
    dataset = make_dataset(3, [[0]] * 6, [[0, 1], [1, 1], [2, 1], [3, 2], [4, 2]])
    for half_life, best in ((None, 1), (1.0, 2)):
        model = Transition(inputs_of(dataset), counts(half_life=[half_life]))
        model.fit()
        assert model.score(torch.tensor([5])).argmax().item() == best


def test_ease_weighs_the_last_items_most() -> None:
    """0 goes with 1 and 2 with 3; of a history 2, 0 the last item decides."""
    histories = [[-1, 0], [-1, 1], [-1, 2], [-1, 3], [2, 0]]
    dataset = make_dataset(4, histories, [[0, 1], [1, 0], [2, 3], [3, 2]])
    model = HistoryEASE(inputs_of(dataset), ridge=[1.0], decay=[1.0], others=1)
    model.fit()
    # each pair is in two rows of X: the weight of a partner is 2 / (2 + 1)
    assert model.score(torch.tensor([4])).numpy() == pytest.approx(np.array([[0, 2 / 3, 0, 1 / 3]]), abs=1e-6)


def test_popularity_counts_targets() -> None:
    assert Popularity(inputs_of(SMALL)).score(torch.tensor([0])).tolist() == [[0, 1, 2]]


def hybrid(dataset: RecDataset, blend: TransitionBlend | None = None) -> SequenceHybrid:
    seed_everything(0)
    layers = partial(RGCN, num_layers=1, num_bases=1, normalization=relation_norm, dropout=0.0,
                     activation=torch.nn.ReLU())  # fmt: skip
    encoder = partial(HistoryEncoder, pooled=True, recurrent=True, shrinkage=1.0, dropout=0.0)
    return SequenceHybrid(
        inputs_of(dataset),
        embedding_dim=16,
        init_std=0.3,
        gnn=layers,
        fusion=Sum,
        loss=FullSoftmax(temperature=1.0, normalize=False),
        encoder=encoder,
        min_facts=1,
        blend=blend,
    )


def trained(model: SequenceHybrid, dataset: RecDataset, steps: int = 60) -> SequenceHybrid:
    sequences, items = torch.from_numpy(dataset.train).unbind(1)
    batch = Batch(sequences, items, torch.empty(len(items), 0, dtype=torch.long), step=0)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(steps):
        optimizer.zero_grad()
        model.loss(batch).backward()
        optimizer.step()
    return model.eval()


def test_the_hybrid_learns_what_follows() -> None:
    dataset = cyclic()
    model = trained(hybrid(dataset).train(), dataset)
    with torch.no_grad():
        assert model.score(torch.arange(8)).argmax(1).tolist() == [1, 2, 3, 4, 5, 6, 7, 0]


def test_sequences_are_no_nodes_and_facts_are_read() -> None:
    facts = [[0, 0, 8], [1, 0, 8]]
    dataset = cyclic(triples=facts)
    graph = inputs_of(dataset).graph
    assert graph is not None
    view = facts_of_items(graph, min_facts=1)
    assert view.num_nodes == 8 + 1  # entity 9 has no fact
    assert view.edge_index.tolist() == [[0, 1, 8, 8], [8, 8, 0, 1]]
    with torch.no_grad():
        with_facts, without = hybrid(dataset).eval(), hybrid(cyclic()).eval()
        with_facts.load_state_dict(without.state_dict() | {"table.weight": with_facts.table.weight})
        with_facts.table.weight[:8] = without.table.weight
        assert not torch.allclose(with_facts.score(torch.arange(4)), without.score(torch.arange(4)))


def test_the_share_of_the_transitions_is_chosen_on_validation() -> None:
    """An untrained network knows nothing, transitions all; of a trained one nothing is to be gained."""
    dataset = cyclic()
    model = hybrid(dataset, TransitionBlend(counts(others=3), (0.0, 0.5))).eval()
    users = torch.arange(8)
    with torch.no_grad():
        network = model.score(users)
        model.before_validation()
        assert model.chosen["blend_weight"] == 0.5
        solved = counts(others=3).solve(dataset).score(padded_histories(dataset)[users])
        expected = (network.log_softmax(1) + solved.log_softmax(1)) / 2
        torch.testing.assert_close(model.score(users), expected)
    assert model.state_dict()["blend_weight"] == 0.5
    trained(model.train(), dataset).before_validation()
    assert model.chosen["blend_weight"] == 0.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"decay": []}, "model.decay: found"),
        ({"smoothing": [0.0]}, "model.smoothing"),
        ({"half_life": [-1.0]}, "model.half_life"),
        ({"evidence": [-0.1]}, "model.evidence"),
    ],
)
def test_settings_out_of_range_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        counts(**changes)
    with pytest.raises(InputError, match=r"model\.blend\.weight: found \[1\.5\]"):
        TransitionBlend(counts(), (1.5,))


def test_sequences_are_needed() -> None:
    bare = replace(SMALL, sequences=None)
    with pytest.raises(InputError, match=r"set data/split=next_item"):
        Transition(ModelInputs(bare), counts())
    with pytest.raises(InputError, match=r"set data/split=next_item"):
        HistoryEASE(ModelInputs(bare), [1.0], [1.0], 1)
