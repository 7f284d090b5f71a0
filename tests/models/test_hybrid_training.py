"""What a training step of a hybrid hides, ranks and changes; what items are made of is in test_hybrid.py."""

import pytest
import torch
from torch import Tensor, nn

from kgrec.kg.graph import Graph
from kgrec.models.base import Batch, ModelInputs
from kgrec.models.graph_view import GraphView
from kgrec.models.hybrid import Hiding, Hybrid
from kgrec.models.regression_start import RegressionStart
from kgrec.nn.fusion.sum import Sum
from kgrec.nn.fusion.text_only import TextOnly
from kgrec.nn.gnn.base import GNN
from kgrec.nn.losses import BPR, FullSoftmax

FACTS = [(item, item % 2, 8 + item % 3) for item in range(8)] + [(item, 0, 11) for item in range(4)]
TEXT = torch.randn(8, 3, generator=torch.Generator().manual_seed(0)).tolist()
WITH_INTERACTIONS = GraphView(interactions=True, min_facts=1)


class Recording(GNN):
    """Features as they are; remembers the graph of each call."""

    def __init__(self, in_dim: int, num_relations: int) -> None:
        super().__init__(in_dim, num_relations, out_dim=in_dim)
        self.graphs: list[Graph] = []

    def forward(self, x: Tensor, graph: Graph) -> Tensor:
        self.graphs.append(graph)
        return x


class RecordingLoss(FullSoftmax):
    """Remembers which items competed in each call, and which pairs were ranked."""

    def __init__(self) -> None:
        super().__init__(temperature=1.0, normalize=False)
        self.masks: list[Tensor] = []
        self.positives: list[Tensor] = []

    def forward(self, users, items, positives, negatives, weights=None, candidate_mask=None, rows=None):
        self.masks.append(candidate_mask)
        self.positives.append(positives)
        return super().forward(users, items, positives, negatives, weights, candidate_mask, rows)


def hiding(**changed: float) -> Hiding:
    return Hiding(**{"items": 0.0, "graphs": 0.0, "facts": 0.0, "text": 0.0, **changed})


@pytest.fixture
def inputs(make_inputs, two_blocks) -> ModelInputs:
    """Two blocks in which item 3 is cold."""
    train = [[0 if item == 3 else value for item, value in enumerate(row)] for row in two_blocks]
    return make_inputs(train, triples=FACTS, text=TEXT)


def batch_of(inputs: ModelInputs, step: int = 0, num_negatives: int = 0, size: int | None = None) -> Batch:
    pairs = torch.from_numpy(inputs.dataset.train)[:size]
    generator = torch.Generator().manual_seed(step)
    negatives = torch.randint(8, (len(pairs), num_negatives), generator=generator)
    return Batch(pairs[:, 0], pairs[:, 1], negatives, step)


def trained(model: Hybrid, inputs: ModelInputs, steps: int = 5) -> Hybrid:
    """After some steps of Adam on all pairs, in evaluation mode."""
    model.train()
    optimizer = torch.optim.Adam([weight for weight in model.parameters() if weight.requires_grad], lr=0.05)
    for step in range(steps):
        optimizer.zero_grad()
        model.loss(batch_of(inputs, step, model.num_negatives)).backward()
        optimizer.step()
    return model.eval()


@torch.no_grad()
def embeddings_of(model: Hybrid) -> tuple[Tensor, Tensor]:
    users, items = model.embeddings()
    return users.clone(), items.clone()


def test_without_a_start_the_loss_reaches_every_parameter(inputs, make_hybrid) -> None:
    model = make_hybrid(inputs, hiding=hiding(items=0.5, graphs=0.2, facts=0.2, text=0.2)).train()
    for step in range(5):  # one step alone may hide what a parameter needs
        model.loss(batch_of(inputs, step)).backward()
    for name, weight in model.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.isfinite().all(), name
        assert weight.grad.any(), name


def test_after_a_start_the_held_item_side_stays_and_users_move(inputs, make_hybrid, start) -> None:
    model = make_hybrid(inputs, start=start, hiding=hiding(items=0.5))
    learning = {name for name, weight in model.named_parameters() if weight.requires_grad}
    assert learning == {"user_embedding", "shared_user"}
    users, items = embeddings_of(model)
    later_users, later_items = embeddings_of(trained(model, inputs))
    assert torch.equal(later_items, items)
    assert not torch.allclose(later_users, users)


def test_held_items_pass_no_gradient_through_the_network(inputs, make_hybrid, start) -> None:
    assert not make_hybrid(inputs, start=start).item_embeddings().requires_grad


def test_after_a_start_items_that_are_not_held_move(inputs, make_hybrid, start) -> None:
    free = RegressionStart(
        start.targets,
        start.ridge,
        start.lean,
        start.iterations,
        start.selection_k,
        start.scope,
        hold_items=False,
    )
    model = make_hybrid(inputs, start=free)
    assert all(weight.requires_grad for weight in model.parameters())
    _, items = embeddings_of(model)
    assert not torch.allclose(embeddings_of(trained(model, inputs))[1], items)


@pytest.mark.parametrize("scope", ["linear", "all"])
def test_the_scope_of_a_start_decides_what_it_changes(inputs, make_hybrid, start, scope) -> None:
    chosen = RegressionStart(
        start.targets, start.ridge, start.lean, start.iterations, start.selection_k, scope, hold_items=True
    )
    drawn = make_hybrid(inputs)  # of the same seed
    model = make_hybrid(inputs, start=chosen)
    for part in ("gnn", "fusion"):
        pairs = zip(getattr(drawn, part).parameters(), getattr(model, part).parameters(), strict=True)
        moved = [not torch.equal(before, after) for before, after in pairs]
        assert any(moved) == (scope == "all"), part


def test_a_start_is_linear_regression(inputs, make_hybrid, start) -> None:
    """What the start changes enters the items linearly: items of a sum are the sum of the items."""
    model = make_hybrid(inputs, start=start)
    linear = [model.entity_embedding, *model.from_count.parameters(), *model.from_text.parameters()]
    generator = torch.Generator().manual_seed(0)
    first, second = ([torch.randn(weight.shape, generator=generator) for weight in linear] for _ in range(2))

    @torch.no_grad()
    def items(values: list[Tensor]) -> Tensor:
        for weight, value in zip(linear, values, strict=True):
            weight.copy_(value)
        return model.item_embeddings()

    nothing = items([torch.zeros_like(weight) for weight in linear])
    both = items([a + b for a, b in zip(first, second, strict=True)])
    torch.testing.assert_close(both + nothing, items(first) + items(second), atol=1e-4, rtol=1e-4)


def test_same_seed_same_scores(inputs, make_hybrid) -> None:
    shares = hiding(items=0.5, graphs=0.3, facts=0.3, text=0.3)
    same, again, other = (
        trained(make_hybrid(inputs, seed, hiding=shares), inputs).score(torch.arange(8)) for seed in (0, 0, 1)
    )
    assert torch.equal(same, again)
    assert not torch.allclose(same, other)


def test_items_that_play_cold_lose_their_interactions_and_compete_among_themselves(
    inputs, make_hybrid
) -> None:
    loss = RecordingLoss()
    model = make_hybrid(
        inputs, gnn=Recording, loss=loss, hiding=hiding(items=0.5), graph_view=WITH_INTERACTIONS
    ).train()
    batch = batch_of(inputs)
    for step in range(20):
        model.loss(Batch(batch.users, batch.items, batch.negatives, step))
    assert len(loss.masks) == len(model.gnn.graphs) == 20
    for graph, cold, positives in zip(model.gnn.graphs, loss.masks, loss.positives, strict=True):
        assert not cold[3]  # has nothing to hide
        assert torch.equal(positives, batch.items[cold[batch.items]])
        touched = graph.is_interaction & torch.isin(graph.edge_index, graph.item_nodes[cold]).any(dim=0)
        assert torch.equal(graph.edge_weight, (~touched).float())
    share = torch.stack(loss.masks).float().mean(dim=0)
    warm = torch.from_numpy(inputs.dataset.warm_items)
    assert 0.35 < share[warm].mean() < 0.65
    assert (share[warm] > 0).all()


class RecordingFusion(Sum):
    """Remembers in each call which items had structure."""

    def __init__(self, structured_dim: int, text_dim: int, out_dim: int) -> None:
        super().__init__(structured_dim, text_dim, out_dim)
        self.has_kg: list[Tensor] = []

    def forward(self, structured: Tensor, text: Tensor, has_text: Tensor, has_kg: Tensor) -> Tensor:
        self.has_kg.append(has_kg)
        return super().forward(structured, text, has_text, has_kg)


@pytest.mark.parametrize("interactions", [False, True])
def test_an_item_that_plays_cold_has_the_structure_of_a_cold_one(
    make_inputs, two_blocks, make_hybrid, interactions
) -> None:
    """Items 0 to 3 have facts, the others interactions alone, which leave the graph while they play cold."""
    inputs = make_inputs(two_blocks, triples=FACTS[-4:], text=TEXT)
    loss, view = RecordingLoss(), GraphView(interactions, min_facts=1)
    model = make_hybrid(
        inputs, fusion=RecordingFusion, loss=loss, hiding=hiding(items=0.5), graph_view=view
    ).train()
    for step in range(10):
        model.loss(batch_of(inputs, step))
    has_facts = torch.arange(8) < 4
    for has_kg, cold in zip(model.fusion.has_kg, loss.masks, strict=True):
        assert torch.equal(has_kg, has_facts | (~cold & interactions))
    model.eval()
    model.item_embeddings()
    assert torch.equal(model.fusion.has_kg[-1], has_facts | torch.tensor(interactions))


def test_which_items_play_cold_follows_from_the_step_alone(inputs, make_hybrid) -> None:
    """Processes draw other random numbers in between, and must agree all the same."""
    masks = []
    for shift in range(2):
        loss = RecordingLoss()
        model = make_hybrid(inputs, loss=loss, hiding=hiding(items=0.5)).train()
        torch.rand(shift)
        for step in (4, 5):
            model.loss(batch_of(inputs, step))
        masks.append(loss.masks)
    assert torch.equal(masks[0][0], masks[1][0])
    assert torch.equal(masks[0][1], masks[1][1])
    assert not torch.equal(masks[0][0], masks[0][1])


@pytest.mark.parametrize("loss", [FullSoftmax(temperature=0.7, normalize=True), BPR(num_negatives=2)])
@pytest.mark.parametrize("view", [GraphView(False, 1), WITH_INTERACTIONS])
def test_with_nothing_hidden_items_are_trained_warm(inputs, make_hybrid, loss, view) -> None:
    """All pairs count, warm items compete, and the graph is the one that scores are made with."""
    model = make_hybrid(inputs, loss=loss, graph_view=view).train()
    batch = batch_of(inputs, num_negatives=loss.num_negatives)
    users = model.user_embedding[batch.users] + model.shared_user
    warm = torch.from_numpy(inputs.dataset.warm_items)
    expected = loss(users, model.item_embeddings(), batch.items, batch.negatives, candidate_mask=warm)
    torch.testing.assert_close(model.loss(batch), expected)


def test_the_loss_of_cold_steps_has_the_expected_number_of_pairs_below_it(inputs, make_hybrid) -> None:
    loss = RecordingLoss()
    model = make_hybrid(inputs, loss=loss, hiding=hiding(items=0.5)).train()
    batch = batch_of(inputs)
    value = model.loss(batch)
    chosen = loss.masks[0][batch.items]
    users = model.user_embedding[batch.users[chosen]] + model.shared_user
    mean = loss(
        users, model.item_embeddings(), batch.items[chosen], batch.negatives[chosen], None, loss.masks[0]
    )
    assert chosen.sum() not in (0, len(chosen) / 2, len(chosen))
    torch.testing.assert_close(value, mean * chosen.sum() / (0.5 * len(chosen)))


@pytest.mark.parametrize("begin", ["start", "random"])
def test_a_batch_in_which_nobody_plays_cold_has_loss_0(inputs, make_hybrid, start, begin) -> None:
    """Also where the held items need no gradient at all, as from text alone."""
    model = make_hybrid(
        inputs, start=start if begin == "start" else None, fusion=TextOnly, hiding=hiding(items=1e-6)
    ).train()
    loss = model.loss(batch_of(inputs, size=2))
    loss.backward()
    assert loss.item() == 0
    assert model.shared_user.grad is not None
    assert not any(weight.grad.any() for weight in model.parameters() if weight.grad is not None)


def test_an_edge_and_its_inverse_are_hidden_together(inputs, make_hybrid) -> None:
    model = make_hybrid(inputs, gnn=Recording, hiding=hiding(facts=0.5)).train()
    for step in range(20):
        model.loss(batch_of(inputs, step))
    weights = torch.stack([graph.edge_weight for graph in model.gnn.graphs])
    assert torch.equal(*weights.chunk(2, dim=1))
    assert set(weights.unique().tolist()) == {0.0, 1.0}
    assert 0.35 < weights.mean() < 0.65


@pytest.mark.parametrize(
    ("shares", "hidden_from", "seen_by"),
    [
        ({"graphs": 0.999}, "entity_embedding", "from_text"),
        ({"text": 0.999}, "from_text", "entity_embedding"),
    ],
)
def test_a_hidden_side_says_nothing_in_training_and_all_in_use(
    inputs, make_hybrid, shares, hidden_from, seen_by
) -> None:
    model = make_hybrid(inputs, hiding=hiding(**shares))

    @torch.no_grad()
    def reaction(changed: str) -> float:
        """How far the items move when a parameter does."""
        part = getattr(model, changed)
        weight = part.weight if isinstance(part, nn.Linear) else part
        torch.manual_seed(0)
        before = model.item_embeddings()
        weight.add_(1.0)
        torch.manual_seed(0)
        moved = (model.item_embeddings() - before).abs().max().item()
        weight.sub_(1.0)
        return moved

    model.train()
    assert reaction(hidden_from) == 0
    assert reaction(seen_by) > 0
    model.eval()
    assert reaction(hidden_from) > 0
    assert reaction(seen_by) > 0


@pytest.mark.parametrize(("telling", "lean"), [("text", -4.0), ("facts", 4.0)])
def test_the_gate_leans_to_the_side_that_validation_trusts(
    make_inputs, make_hybrid, two_blocks, start, telling, lean
) -> None:
    """Items 3 and 7 are cold; one side names the block of every item, the other one swaps these two."""
    cold, right, swapped = [3, 7], [0, 0, 0, 0, 1, 1, 1, 1], [0, 0, 0, 1, 1, 1, 1, 0]
    train, valid = (
        [[v * ((i in cold) == held) for i, v in enumerate(row)] for row in two_blocks] for held in (0, 1)
    )
    by_text, by_facts = (right, swapped) if telling == "text" else (swapped, right)
    text = [[1.0 - block, float(block)] for block in by_text]
    facts = [(item, 0, 8 + block) for item, block in enumerate(by_facts)]
    inputs = make_inputs(train, valid, cold, facts, text)
    asked = RegressionStart(
        start.targets, start.ridge, (-4.0, 4.0), start.iterations, 1, start.scope, hold_items=True
    )
    model = make_hybrid(inputs, start=asked)
    assert model.chosen["lean"] == lean
    assert torch.equal(model.fusion.gate.bias, torch.full_like(model.fusion.gate.bias, lean))
    assert "lean" not in make_hybrid(inputs, start=asked, fusion=Sum).chosen
