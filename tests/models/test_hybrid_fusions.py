"""What a hybrid does for fusions that have a loss of their own, or look into tokens and neighbours."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from kgrec.errors import InputError
from kgrec.models.base import Batch, ModelInputs
from kgrec.models.graph_view import GraphView
from kgrec.models.hybrid import Hiding, Hybrid
from kgrec.models.regression_start import RegressionStart
from kgrec.nn.fusion.contrastive_alignment import ContrastiveAlignment
from kgrec.nn.fusion.cross_attention import CrossAttention
from kgrec.nn.fusion.gate import Gate
from kgrec.nn.fusion.masked_reconstruction import MaskedReconstruction
from kgrec.text.tokens import TokenFeatures

FACTS = [(item, item % 2, 8 + item % 3) for item in range(8)] + [(item, 0, 11) for item in range(4)]
TEXT = torch.randn(8, 3, generator=torch.Generator().manual_seed(0)).tolist()
OWN_LOSS = {
    "contrastive_alignment": partial(
        ContrastiveAlignment, initial_bias=0.0, weight=0.5, temperature=0.5, max_items=100
    ),
    "masked_reconstruction": partial(
        MaskedReconstruction, initial_bias=0.0, weight=0.5, graph_share=0.5, exponent=2.0
    ),
}
ATTENTION = partial(
    CrossAttention, initial_bias=0.0, num_heads=2, own_bias=0.0, max_neighbours=4, max_tokens=4
)


@pytest.fixture(params=OWN_LOSS)
def own_loss(request: pytest.FixtureRequest) -> partial:
    return OWN_LOSS[request.param]


@pytest.fixture
def inputs(make_inputs, two_blocks) -> ModelInputs:
    return make_inputs(two_blocks, triples=FACTS, text=TEXT)


def batch_of(inputs: ModelInputs, size: int | None = None, step: int = 0) -> Batch:
    pairs = torch.from_numpy(inputs.dataset.train)[:size]
    return Batch(pairs[:, 0], pairs[:, 1], torch.empty(len(pairs), 0, dtype=torch.int64), step)


def hiding(**changed: float) -> Hiding:
    return Hiding(**{"items": 0.0, "graphs": 0.0, "facts": 0.0, "text": 0.0, **changed})


def free(start: RegressionStart) -> RegressionStart:
    """The start that lets the items go."""
    settings = (start.targets, start.ridge, start.lean, start.iterations, start.selection_k, start.scope)
    return RegressionStart(*settings, hold_items=False)


def with_tokens(inputs: ModelInputs, tokens: Tensor, mask: Tensor) -> ModelInputs:
    text = inputs.text
    return replace(inputs, text=TokenFeatures(text.embeddings, text.has_text, text.cost, tokens, mask))


def attentive(model: Hybrid) -> Hybrid:
    """With keys that are not zero, as after some training."""
    nn.init.normal_(model.fusion.key.weight, generator=torch.Generator().manual_seed(4))
    return model


def loss_of(model: Hybrid, batch: Batch) -> Tensor:
    torch.manual_seed(5)
    return model.loss(batch)


@pytest.mark.parametrize("size", [None, 2])
def test_a_fusion_s_own_loss_is_added_with_its_weight(inputs, make_hybrid, own_loss, size) -> None:
    """Also in a batch in which nobody competes."""
    shares = hiding(items=0.5 if size is None else 1e-6)
    models = [
        make_hybrid(inputs, fusion=partial(own_loss, weight=w), hiding=shares).train() for w in (0, 1, 3)
    ]
    nothing, once, thrice = (loss_of(model, batch_of(inputs, size)) for model in models)
    assert once > nothing
    torch.testing.assert_close(thrice - nothing, 3 * (once - nothing))
    assert size is None or nothing == 0


def test_cold_items_take_no_part_in_an_own_loss(make_inputs, two_blocks, make_hybrid, own_loss) -> None:
    """Item 3 is touched by nobody; an entity that it alone names stays where it was."""
    train = [[0 if item == 3 else value for item, value in enumerate(row)] for row in two_blocks]
    inputs = make_inputs(train, triples=[*FACTS, (3, 0, 12), (0, 0, 13)], text=TEXT)
    model = make_hybrid(inputs, fusion=own_loss).train()
    for step in range(5):
        model.loss(batch_of(inputs, step=step)).backward()
    reached = model.entity_embedding.grad.any(dim=1).tolist()
    assert reached == [True] * 4 + [False, True]


def test_without_weight_it_trains_as_a_gate_does(inputs, make_hybrid, own_loss) -> None:
    model = make_hybrid(inputs, fusion=partial(own_loss, weight=0.0)).train()
    gate = make_hybrid(inputs, fusion=partial(Gate, initial_bias=0.0)).train()
    gate.load_state_dict(model.state_dict(), strict=False)
    torch.testing.assert_close(loss_of(model, batch_of(inputs)), loss_of(gate, batch_of(inputs)))


def test_its_own_loss_reaches_what_both_sides_are_made_of(inputs, make_hybrid, own_loss) -> None:
    model = make_hybrid(inputs, fusion=own_loss).train()
    for _ in range(5):  # one step may hide the same side of all items
        model.fusion.auxiliary_loss(*model._fusion_inputs(None)).backward()
    for weight in (model.entity_embedding, model.from_count.weight, model.from_text.weight):
        assert weight.grad.any()
    assert model.user_embedding.grad is None or not model.user_embedding.grad.any()


def test_an_own_loss_beside_held_items_is_refused(inputs, make_hybrid, start, own_loss) -> None:
    with pytest.raises(InputError, match=r"fusion\.weight: found 0\.5 beside model\.start\.hold_items=true"):
        make_hybrid(inputs, fusion=own_loss, start=start)
    model = make_hybrid(inputs, fusion=own_loss, start=free(start))
    assert all(weight.requires_grad for weight in model.parameters())
    assert make_hybrid(inputs, fusion=partial(own_loss, weight=0.0), start=start).has_start


def test_a_new_item_needs_no_more_than_behind_a_gate(inputs, make_hybrid, own_loss) -> None:
    """What only the own loss reads is not held."""
    model = make_hybrid(inputs, fusion=own_loss)
    assert model.new_item_parameters() == make_hybrid(inputs).new_item_parameters()


def test_the_start_does_not_know_an_own_loss(inputs, make_hybrid, start, own_loss) -> None:
    """As the docstrings say: its items are those of a plain gate."""
    asked = free(start)
    model = make_hybrid(inputs, fusion=own_loss, start=asked)
    gate = make_hybrid(inputs, fusion=partial(Gate, initial_bias=0.0), start=asked)
    gate.fusion.load_state_dict(model.fusion.state_dict(), strict=False)
    gate.gnn.load_state_dict(model.gnn.state_dict())
    gate._reset_parameters()
    gate.fit()
    torch.testing.assert_close(model.item_embeddings(), gate.item_embeddings(), atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("without", ["triples", "text"])
def test_an_own_loss_without_any_item_of_both_sides_is_refused(
    make_inputs, two_blocks, make_hybrid, own_loss, without
) -> None:
    sides = {"triples": FACTS, "text": TEXT}
    del sides[without]
    with pytest.raises(InputError, match="no item of the training pairs has both a text and a fact"):
        make_hybrid(make_inputs(two_blocks, **sides), fusion=own_loss)


def test_attention_that_would_stay_even_is_refused(inputs, make_hybrid, start) -> None:
    with pytest.raises(InputError, match=r"found CrossAttention beside model\.start\.scope=linear and"):
        make_hybrid(inputs, fusion=ATTENTION, start=start)
    regressed = RegressionStart(start.targets, start.ridge, start.lean, 5, 1, "all", hold_items=True)
    assert make_hybrid(inputs, fusion=ATTENTION, start=regressed).fusion.key.weight.any()


def test_every_parameter_of_cross_attention_learns(inputs, make_hybrid) -> None:
    tokens, mask = torch.randn(8, 3, 3), torch.ones(8, 3, dtype=torch.bool)
    mask[0], inputs.text.has_text[0] = False, False  # asks with the learned query
    shares = hiding(items=0.5, graphs=0.2, facts=0.2, text=0.2)
    model = attentive(make_hybrid(with_tokens(inputs, tokens, mask), fusion=ATTENTION, hiding=shares)).train()
    for step in range(5):  # item 0 must be among those ranked
        model.loss(batch_of(inputs, step=step)).backward()
    for name, weight in model.named_parameters():
        assert weight.grad.isfinite().all(), name
        assert weight.grad.any(), name


def test_an_item_is_what_its_tokens_and_neighbours_say(inputs, make_hybrid) -> None:
    """Beside the pooled text, tokens matter to their item, entities to those that have a fact of them."""
    tokens, mask = torch.randn(8, 3, 3), torch.ones(8, 3, dtype=torch.bool)
    mask[:, 2] = False
    moved = tokens.clone()
    moved[4, 1] += 5.0
    moved[5, 2] += 5.0
    models = [attentive(make_hybrid(with_tokens(inputs, t, mask), fusion=ATTENTION)) for t in (tokens, moved)]
    with torch.no_grad():
        before, after = (model.item_embeddings() for model in models)
        assert (before != after).any(dim=1).nonzero().flatten().tolist() == [4]
        models[0].entity_embedding[3] += 1.0  # entity 11
        changed = (models[0].item_embeddings() - before).abs().amax(dim=1) > 1e-6
    assert changed.tolist() == [True] * 4 + [False] * 4


@pytest.mark.parametrize("hidden", ["graphs", "facts"])
def test_what_a_step_hides_of_the_graph_the_attention_does_not_see(inputs, make_hybrid, hidden) -> None:
    model = attentive(make_hybrid(inputs, fusion=ATTENTION, hiding=hiding(**{hidden: 0.999}))).train()

    @torch.no_grad()
    def reaction() -> float:
        before = model.item_embeddings(cold=torch.zeros(8, dtype=torch.bool))
        model.entity_embedding.add_(1.0)
        moved = model.item_embeddings(cold=torch.zeros(8, dtype=torch.bool))
        model.entity_embedding.sub_(1.0)
        return (moved - before).abs().max().item()

    assert reaction() == 0
    model.hiding = hiding()
    assert reaction() > 0


@pytest.mark.parametrize("view", [GraphView(False, 1), GraphView(False, 2)])
def test_a_new_item_like_an_old_one_has_its_embedding(make_inputs, two_blocks, make_hybrid, view) -> None:
    inputs = make_inputs(two_blocks, triples=FACTS, text=TEXT)
    model = attentive(make_hybrid(inputs, fusion=partial(ATTENTION, max_neighbours=1), graph_view=view))
    with torch.no_grad():
        items = model.embeddings()[1]
        for item in range(8):
            into = inputs.graph.edge_index[1] == inputs.graph.item_nodes[item]
            into &= ~inputs.graph.is_interaction
            facts = torch.stack([inputs.graph.edge_type[into], inputs.graph.edge_index[0, into]], dim=1)
            new = model.embed_new_item(inputs.text.embeddings[item], facts)
            torch.testing.assert_close(new, items[item], atol=1e-5, rtol=0)


def test_cross_attention_starts_at_a_regression(inputs, make_hybrid, start) -> None:
    """Through a mean over the neighbours; the steps that follow are free to learn the attention."""
    model = make_hybrid(inputs, fusion=ATTENTION, start=free(start))
    assert model.has_start
    assert all(weight.requires_grad for weight in model.parameters())
    assert not model.fusion.key.weight.any()
    users = torch.arange(8)
    scores = model.score(users)
    own, other = (np.add.outer(users.numpy() // 4, np.arange(8) // 4) % 2 == side for side in (0, 1))
    assert scores.detach().numpy()[own].mean() > scores.detach().numpy()[other].mean()
