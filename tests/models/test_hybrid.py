"""What the items of a hybrid are made of; how it is trained is in test_hybrid_training.py."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from kgrec.errors import InputError
from kgrec.kg.graph import Graph
from kgrec.models.graph_view import GraphView
from kgrec.models.hybrid import Hiding, Hybrid
from kgrec.nn.gnn.rgcn import RGCN
from kgrec.nn.losses import FullSoftmax
from kgrec.nn.sparse import mean_norm, relation_norm

# Items 0-3 and 4-7 are two groups; items 3 and 7 are cold. Entity 8 marks the first group, 9 the second.
TRAIN = [[1, 1, 1, 0, 0, 0, 0, 0]] * 3 + [[0, 0, 0, 0, 1, 1, 1, 0]] * 3
GROUP_FACTS = [(item, 0, 8 if item < 4 else 9) for item in range(8)]
GROUP_TEXT = [[1.0, 0.2]] * 4 + [[0.0, 1.0]] * 4
MIXED_TEXT = [[1.0, 0.2], [0.0, 1.0]] * 4
USERS = torch.arange(6)
WITH_INTERACTIONS = GraphView(interactions=True, min_facts=1)


def rich_features(rng: np.random.Generator) -> dict[str, list]:
    """Facts of eight items in both directions and among items, and a text each; nothing is symmetric.

    Entities 8, numbered before the others, and 11 have one fact.
    """
    common = [(0, 1, 10), (1, 0, 10), (2, 0, 9), (9, 1, 3), (3, 0, 10), (4, 1, 9)]
    facts = [*common, (5, 0, 0), (6, 1, 8), (7, 0, 11)]
    return {"triples": facts, "text": rng.standard_normal((8, 3)).tolist()}


@torch.no_grad()
def items_of(model: Hybrid) -> Tensor:
    return model.embeddings()[1]


@torch.no_grad()
def cold_choice(model: Hybrid) -> list[int]:
    """The better of the two cold items, for each user."""
    return [(3, 7)[index] for index in model.score(USERS)[:, [3, 7]].argmax(1).tolist()]


@pytest.mark.parametrize(
    "features",
    [{"triples": GROUP_FACTS}, {"text": GROUP_TEXT}, {"triples": GROUP_FACTS, "text": MIXED_TEXT}],
    ids=["facts", "text", "both"],
)
def test_cold_items_go_to_the_users_of_their_group(make_inputs, make_hybrid, start, features) -> None:
    assert cold_choice(make_hybrid(make_inputs(TRAIN, **features), start=start)) == [3] * 3 + [7] * 3


def test_items_alike_in_facts_and_text_are_the_same_to_the_model(make_inputs, make_hybrid, start) -> None:
    """Cold item 3 against warm items 0, 1 and 2: being touched makes no difference."""
    items = items_of(make_hybrid(make_inputs(TRAIN, triples=GROUP_FACTS, text=GROUP_TEXT), start=start))
    for item in range(3):
        torch.testing.assert_close(items[item], items[3])
    assert not torch.allclose(items[7], items[3])


def test_ids_say_nothing(make_inputs, make_hybrid, start) -> None:
    """The same items in another order are scored the same.

    Facts between items are left out: only without these are factors that are known up to their sign
    regressed equally well with either sign.
    """
    rng = np.random.default_rng(0)
    train = (rng.random((9, 8)) < 0.5).astype(int)
    train[:, 3] = 0
    features, order = rich_features(rng), rng.permutation(8)
    features["triples"].remove((5, 0, 0))
    scores = make_hybrid(make_inputs(train.tolist(), **features), start=start).score(torch.arange(9))

    new_id = {int(old): new for new, old in enumerate(order)}
    moved = [(new_id.get(h, h), r, new_id.get(t, t)) for h, r, t in features["triples"]]
    text = [features["text"][old] for old in order]
    inputs = make_inputs(train[:, order].tolist(), triples=moved, text=text)
    torch.testing.assert_close(
        make_hybrid(inputs, start=start).score(torch.arange(9)), scores[:, order], atol=1e-3, rtol=1e-3
    )


@pytest.mark.parametrize("interactions", [False, True])
def test_held_out_interactions_change_nothing(make_inputs, make_hybrid, interactions) -> None:
    inputs = make_inputs(TRAIN, triples=GROUP_FACTS, text=GROUP_TEXT)
    touched = replace(inputs.dataset, valid=np.array([[0, 7]]), test=np.array([[1, 3], [5, 3]]))
    view = GraphView(interactions, min_facts=1)
    plain, other = (
        make_hybrid(replace(inputs, dataset=dataset), graph_view=view)
        for dataset in (inputs.dataset, touched)
    )
    assert torch.equal(plain.score(USERS), other.score(USERS))


def test_interactions_reach_items_only_where_the_view_shows_them(make_inputs, make_hybrid) -> None:
    more = [row[:] for row in TRAIN]
    more[5][0] = 1  # user 5 touches item 0 too
    facts_only, shown = (
        [
            items_of(make_hybrid(make_inputs(train, triples=GROUP_FACTS), graph_view=view))
            for train in (TRAIN, more)
        ]
        for view in (GraphView(interactions=False, min_facts=1), WITH_INTERACTIONS)
    )
    assert torch.equal(*facts_only)
    changed = (shown[0] != shown[1]).any(dim=1)
    assert changed.nonzero().squeeze(1).tolist() == [0]


def test_missing_sides_are_made_up_for_by_the_other(make_inputs, make_hybrid, start) -> None:
    """Item 3 has no text, item 7 no facts, item 6 neither: it is 0 and scored so."""
    text = [[1.0, 0.2]] * 3 + [[0.0, 0.0]] + [[0.1, 1.0]] * 2 + [[0.0, 0.0], [0.1, 1.0]]
    facts = [fact for fact in GROUP_FACTS if fact[0] < 6]
    model = make_hybrid(make_inputs(TRAIN, triples=facts, text=text), start=start)
    assert cold_choice(model) == [3] * 3 + [7] * 3
    before = items_of(model)
    assert not before[6].any()
    with torch.no_grad():
        model.from_text.weight.add_(1.0)
    assert torch.equal(items_of(model)[3], before[3])
    assert not torch.allclose(items_of(model)[7], before[7])
    with torch.no_grad():
        model.entity_embedding.add_(1.0)
        model.from_count.weight.add_(1.0)
    assert not torch.allclose(items_of(model)[3], before[3])


def test_without_a_graph_no_graph_parameters_are_needed_for_a_new_item(make_inputs, make_hybrid) -> None:
    model = make_hybrid(make_inputs(TRAIN, text=GROUP_TEXT))
    read = sum(weight.numel() for part in (model.from_text, model.fusion) for weight in part.parameters())
    assert model.new_item_parameters() == read
    with_graph = make_hybrid(make_inputs(TRAIN, text=GROUP_TEXT, triples=GROUP_FACTS))
    users = with_graph.user_embedding.numel() + with_graph.shared_user.numel()
    everything = sum(weight.numel() for weight in with_graph.parameters())
    assert with_graph.new_item_parameters() == everything - users


def test_rare_entities_have_no_embedding_but_are_counted(make_inputs, make_hybrid) -> None:
    facts = [(0, 0, 8), (1, 0, 8), (2, 0, 8), (2, 0, 9), (3, 0, 8), (3, 0, 10)]
    model = make_hybrid(make_inputs(TRAIN, triples=facts), graph_view=GraphView(False, min_facts=2))
    assert model.entity_embedding.shape == (1, 8)
    items = items_of(model)
    torch.testing.assert_close(items[2], items[3])  # they differ by an entity of their own only
    assert not torch.allclose(items[2], items[1])  # one fact more


def test_interactions_are_structure_where_the_view_shows_them(make_inputs, make_hybrid) -> None:
    """Items 0, 1 and 2 are touched, 0 and 3 have a fact, 7 has neither."""
    inputs = make_inputs(TRAIN, triples=[(0, 0, 8), (3, 0, 8)], text=GROUP_TEXT)
    told = {
        view.interactions: make_hybrid(inputs, graph_view=view).has_kg.nonzero().squeeze(1).tolist()
        for view in (GraphView(interactions=False, min_facts=1), WITH_INTERACTIONS)
    }
    assert told == {False: [0, 3], True: [0, 1, 2, 3, 4, 5, 6]}


def test_touched_items_without_a_fact_or_text_are_told_apart_where_interactions_are_shown(
    make_inputs, make_hybrid
) -> None:
    inputs = make_inputs(TRAIN)
    without = items_of(make_hybrid(inputs))
    shown = items_of(make_hybrid(inputs, graph_view=WITH_INTERACTIONS))
    assert not without.any()
    assert shown.any(dim=1).tolist() == [True] * 3 + [False] + [True] * 3 + [False]
    assert not torch.allclose(shown[0], shown[4])


def test_a_new_item_reads_no_graph_parameter_where_nobody_has_a_fact(make_inputs, make_hybrid) -> None:
    """Nobody has touched a new item, so that interactions of others do not count."""
    text_alone, shown = (
        make_hybrid(make_inputs(TRAIN, text=GROUP_TEXT), graph_view=view)
        for view in (GraphView(interactions=False, min_facts=1), WITH_INTERACTIONS)
    )
    assert shown.new_item_parameters() == text_alone.new_item_parameters()


def facts_of(graph: Graph, item: int) -> Tensor:
    """``[F, 2]`` relation and source node of the edges into an item that are no interaction."""
    into = (graph.edge_index[1] == graph.item_nodes[item]) & ~graph.is_interaction
    return torch.stack([graph.edge_type[into], graph.edge_index[0, into]], dim=1)


@pytest.mark.parametrize(("norm", "num_layers"), [(relation_norm, 1), (mean_norm, 2)])
@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("view", [GraphView(False, 1), GraphView(False, 2), WITH_INTERACTIONS])
def test_a_new_item_like_an_old_one_has_its_embedding(
    make_inputs, make_hybrid, norm, num_layers, normalize, view
) -> None:
    """With all views for the cold items 3 and 7; warm ones also hear their users where these are shown."""
    inputs = make_inputs(TRAIN, **rich_features(np.random.default_rng(1)))
    gnn = partial(
        RGCN, num_layers=num_layers, num_bases=2, normalization=norm, dropout=0.0, activation=nn.ReLU()
    )
    loss = FullSoftmax(temperature=1.0, normalize=normalize)
    model = make_hybrid(inputs, gnn=gnn, graph_view=view, loss=loss)
    items = items_of(model)
    for item in (3, 7) if view.interactions else range(8):
        with torch.no_grad():
            new = model.embed_new_item(inputs.text.embeddings[item], facts_of(inputs.graph, item))
        torch.testing.assert_close(new, items[item], atol=1e-5, rtol=0)


def test_a_new_item_with_facts_that_the_network_does_not_see(make_inputs, make_hybrid) -> None:
    """Entities 8 and 11 have one fact each and are left out: which of them it is cannot matter."""
    inputs = make_inputs(TRAIN, **rich_features(np.random.default_rng(1)))
    model = make_hybrid(inputs, graph_view=GraphView(False, min_facts=2))
    text, rare = inputs.text.embeddings[0], [facts_of(inputs.graph, item) for item in (6, 7)]
    assert [len(facts) for facts in rare] == [1, 1]
    assert rare[0][0, 1] != rare[1][0, 1]
    with torch.no_grad():
        first, second = (model.embed_new_item(text, facts) for facts in rare)
        without = model.embed_new_item(text, rare[0][:0])
        nothing = model.embed_new_item(torch.zeros(3), rare[0][:0])
    assert torch.equal(first, second)
    assert not torch.allclose(first, without)
    assert without.any()
    assert not nothing.any()


@pytest.mark.parametrize("setting", ["items", "graphs", "facts", "text"])
@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_shares_out_of_range_are_refused(setting: str, share: float) -> None:
    shares = {"items": 0.0, "graphs": 0.0, "facts": 0.0, "text": 0.0}
    with pytest.raises(
        InputError, match=rf"model.hiding.{setting}: found {share}, expected a share in \[0, 1\)"
    ):
        Hiding(**{**shares, setting: share})


@pytest.mark.parametrize(("activation", "is_flat"), [(nn.ReLU(), True), (nn.Identity(), False)])
def test_a_network_that_would_learn_nothing_of_the_graph_is_refused(
    make_inputs, make_hybrid, start, activation: nn.Module, is_flat: bool
) -> None:
    """Begun at zero, behind an activation that is flat there, facts would have no gradient, and no effect."""
    network = partial(
        RGCN, num_layers=2, num_bases=1, normalization=relation_norm, dropout=0.0, activation=activation
    )
    inputs = make_inputs(TRAIN, triples=GROUP_FACTS)
    if is_flat:
        with pytest.raises(InputError, match=r"flat at zero, where model\.start begins"):
            make_hybrid(inputs, gnn=network, start=start)
    else:
        assert cold_choice(make_hybrid(inputs, gnn=network, start=start)) == [3] * 3 + [7] * 3
