"""What every recommender of ``conf/model`` must do."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import DictConfig

from kgrec.build import build, compose, options, target_class
from kgrec.data.dataset import RecDataset
from kgrec.data.ids import IdMap
from kgrec.data.sequences import Sequences
from kgrec.errors import InputError
from kgrec.kg.graph import build_graph
from kgrec.models.base import Batch, ModelInputs, Recommender
from kgrec.models.pairwise import PairwiseRecommender
from kgrec.nn.losses import SampledLoss
from kgrec.seed import seed_everything
from kgrec.text.encoder import TextFeatures

CONFIGS = sorted((Path(__file__).parents[2] / "conf" / "model").glob("*.yaml"))
READS_TEXT = [path.stem for path in CONFIGS if "${lm}" in path.read_text()]
"""Models that hold a language model themselves; they are given a tiny one."""
WITH_LOSS = [path.stem for path in CONFIGS if "\nloss:" in path.read_text()]
NUM_USERS, NUM_ITEMS, NUM_ENTITIES, NUM_RELATIONS, TEXT_DIM = 30, 24, 40, 3, 5
COLD_VALID, COLD_TEST, UNLINKED, WITHOUT_TEXT = [3, 11], [7, 20], [2, 11, 15], [0, 3, 15]
USERS = torch.arange(NUM_USERS)


def mask(size: int, ids: list[int]) -> np.ndarray:
    found = np.zeros(size, dtype=bool)
    found[ids] = True
    return found


def id_map(prefix: str, size: int) -> IdMap:
    return IdMap([f"{prefix}{index}" for index in range(size)])


def random_dataset() -> RecDataset:
    """Cold, unlinked and no-text items, two items of one entity, a user without training interactions."""
    rng = np.random.default_rng(0)
    cold_valid, cold_test = mask(NUM_ITEMS, COLD_VALID), mask(NUM_ITEMS, COLD_TEST)
    pairs = np.argwhere(rng.random((NUM_USERS, NUM_ITEMS)) < 0.4)
    valid, test = cold_valid[pairs[:, 1]], cold_test[pairs[:, 1]]
    item_to_entity = np.arange(NUM_ITEMS)
    item_to_entity[UNLINKED], item_to_entity[5] = -1, item_to_entity[4]
    return RecDataset(
        name="random",
        users=id_map("u", NUM_USERS),
        items=id_map("i", NUM_ITEMS),
        entities=id_map("e", NUM_ENTITIES),
        relations=id_map("r", NUM_RELATIONS),
        train=pairs[~valid & ~test & (pairs[:, 0] != 6)],
        valid=pairs[valid],
        test=pairs[test],
        triples=rng.integers(0, [NUM_ENTITIES, NUM_RELATIONS, NUM_ENTITIES], size=(120, 3)),
        item_to_entity=item_to_entity,
        item_texts=["" if item in WITHOUT_TEXT else f"text {item}" for item in range(NUM_ITEMS)],
        item_titles=[""] * NUM_ITEMS,
        cold_valid=cold_valid,
        cold_test=cold_test,
        sequences=random_sequences(),
    )


def random_sequences() -> Sequences:
    """A history of up to four items for each user: models that do not read histories take no notice."""
    rng = np.random.default_rng(1)
    histories = np.stack([rng.permutation(NUM_ITEMS)[:4] for _ in range(NUM_USERS)])
    histories[np.arange(4) < rng.integers(4, size=NUM_USERS)[:, None]] = -1
    return Sequences(np.arange(NUM_USERS), np.full(NUM_USERS, 4), histories, np.empty((0, 2), dtype=np.int64))


def make_inputs(dataset: RecDataset, triples: np.ndarray, has_text: np.ndarray) -> ModelInputs:
    graph = build_graph(
        NUM_USERS,
        NUM_ITEMS,
        NUM_ENTITIES,
        dataset.relations.raw_ids,
        dataset.train,
        triples,
        dataset.item_to_entity,
    )
    rows = torch.randn(NUM_ITEMS, TEXT_DIM, generator=torch.Generator().manual_seed(0))
    shown = torch.from_numpy(has_text)
    return ModelInputs(dataset, graph, TextFeatures(rows * shown[:, None], shown, {}))


@pytest.fixture(scope="module")
def inputs() -> ModelInputs:
    dataset = random_dataset()
    return make_inputs(dataset, dataset.triples, ~mask(NUM_ITEMS, WITHOUT_TEXT))


@pytest.fixture(scope="module", params=CONFIGS, ids=lambda path: path.stem)
def name(request: pytest.FixtureRequest) -> str:
    return request.param.stem


@pytest.fixture(scope="module")
def config(name: str, bert: Path) -> DictConfig:
    return compose([f"model={name}", *language_model(name, bert)])


def language_model(name: str, folder: Path) -> list[str]:
    """Settings by which a model that reads texts itself is small enough for a test."""
    tiny = ["lm=hf", f"lm.model={folder}", "lm.max_length=32", "lm.device=cpu", "model.prompt.max_tokens=16"]
    return tiny if name in READS_TEXT else []


@pytest.fixture(scope="module")
def model(config: DictConfig, inputs: ModelInputs) -> Recommender:
    return fitted(config, inputs)


def fitted(config: DictConfig, inputs: ModelInputs) -> Recommender:
    """A model as evaluation sees it, but for training: seeded, closed form solved."""
    seed_everything(0)
    model: Recommender = build(config.model)(inputs=inputs)
    model.fit()
    return model.eval()


def batch_of(inputs: ModelInputs, num_negatives: int) -> Batch:
    pairs = torch.from_numpy(inputs.dataset.train)
    generator = torch.Generator().manual_seed(0)
    negatives = torch.randint(NUM_ITEMS, (len(pairs), num_negatives), generator=generator)
    return Batch(pairs[:, 0], pairs[:, 1], negatives, step=0)


def is_trainable(model: Recommender) -> bool:
    return any(parameter.requires_grad for parameter in model.parameters())


@torch.no_grad()
def scores_of(model: Recommender, users: torch.Tensor = USERS) -> torch.Tensor:
    return model.score(users)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_config_file_has_the_usual_form(path: Path) -> None:
    first, *rest = path.read_text().splitlines()
    assert first.startswith("# ")
    assert f"_target_: kgrec.models.{path.stem}." in "\n".join(rest)
    assert "_partial_: true" in rest


def test_scores_are_finite_and_one_per_item(model: Recommender) -> None:
    scores = scores_of(model)
    assert scores.shape == (NUM_USERS, NUM_ITEMS)
    assert scores.dtype == torch.float32
    assert scores.isfinite().all()


def test_a_users_scores_do_not_depend_on_the_batch(model: Recommender) -> None:
    together = scores_of(model)
    shuffled = torch.tensor([9, 2, 9, 0, 29])
    assert torch.allclose(scores_of(model, shuffled), together[shuffled], atol=1e-6)
    alone = torch.cat([scores_of(model, user) for user in USERS.split(1)])
    assert torch.allclose(alone, together, atol=1e-6)
    assert scores_of(model, USERS[:0]).shape == (0, NUM_ITEMS)


def test_embeddings_give_the_scores(model: Recommender) -> None:
    with torch.no_grad():
        pair = model.embeddings()
    if pair is not None:
        users, items = pair
        assert users.shape == (NUM_USERS, items.shape[1])
        assert items.shape[0] == NUM_ITEMS
        assert torch.allclose(users @ items.T, scores_of(model), atol=1e-6)


def test_scores_of_pairs_are_those_of_the_matrix(model: Recommender) -> None:
    items = torch.randint(NUM_ITEMS, (NUM_USERS,), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        pairs = model.score_pairs(USERS, items)
    assert torch.allclose(pairs, scores_of(model)[USERS, items], atol=1e-5)


def test_penalty_is_a_finite_number_from_zero_up(model: Recommender) -> None:
    generator = torch.Generator().manual_seed(0)
    items = torch.randint(NUM_ITEMS, (NUM_USERS,), generator=generator)
    labels = torch.randint(2, (NUM_USERS,), generator=generator).float()
    penalty = model.penalty(USERS, items, labels)
    assert penalty.shape == ()
    assert penalty.isfinite()
    assert penalty >= 0


def test_same_seed_same_scores(config: DictConfig, inputs: ModelInputs, model: Recommender) -> None:
    assert torch.equal(scores_of(fitted(config, inputs)), scores_of(model))


def test_models_with_a_loss_are_the_trainable_ones(name: str, model: Recommender) -> None:
    assert is_trainable(model) == (name in WITH_LOSS)


def test_loss_of_trainable_models_reaches_every_parameter(model: Recommender, inputs: ModelInputs) -> None:
    batch = batch_of(inputs, model.num_negatives)
    if not is_trainable(model):
        with pytest.raises(TypeError, match="no training loss"):
            model.loss(batch)
        return
    loss = model(batch)
    assert loss.shape == ()
    assert loss.isfinite()
    loss.backward()
    trained = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    for name, parameter in trained.items():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
    assert any(parameter.grad.any() for parameter in trained.values())
    held = [weight for weight in model.parameters() if not weight.requires_grad]
    assert all(weight.grad is None for weight in held)
    model.zero_grad()


@pytest.mark.parametrize("loss", options("loss"))
@pytest.mark.parametrize("trained", WITH_LOSS)
def test_any_loss_can_be_minimised(trained: str, inputs: ModelInputs, loss: str, bert: Path) -> None:
    given = language_model(trained, bert)
    config = compose([f"model={trained}", f"loss={loss}", "model.loss=${loss}", *given])
    scores_samples = issubclass(target_class(config.model), PairwiseRecommender)
    if scores_samples and not issubclass(target_class(config.loss), SampledLoss):
        with pytest.raises(InputError, match=r"model\.loss: found \w*Softmax.*expected loss=bce, bpr or"):
            build(config.model)(inputs=inputs)
        return
    if "num_negatives" in config.loss:  # more than there are items would only draw them again
        config.loss.num_negatives = min(config.loss.num_negatives, NUM_ITEMS)
    model = fitted(config, inputs).train()
    batch = batch_of(inputs, model.num_negatives)
    if trained in READS_TEXT:
        # Without ids random pairs cannot be learned by heart: tests/models/test_lm_ranker.py plants some.
        model.loss(batch).backward()
        assert any(weight.grad is not None and weight.grad.any() for weight in model.parameters())
        return
    optimizer = torch.optim.Adam([weight for weight in model.parameters() if weight.requires_grad], lr=0.05)
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        value = model.loss(batch)
        value.backward()
        optimizer.step()
        losses.append(value.item())
    assert min(losses) < 0.95 * losses[0]  # a start that holds the items leaves little to learn


def test_state_can_be_stored_and_loaded(config: DictConfig, inputs: ModelInputs, model: Recommender) -> None:
    seed_everything(1)
    fresh: Recommender = build(config.model)(inputs=inputs)
    fresh.load_state_dict(model.state_dict())
    assert torch.equal(scores_of(fresh.eval()), scores_of(model))


@pytest.mark.parametrize("missing", ["graph", "text", "both"])
def test_empty_graph_and_text_leave_scores_finite(config: DictConfig, missing: str) -> None:
    dataset = random_dataset()
    triples = dataset.triples if missing == "text" else np.empty((0, 3), dtype=np.int64)
    has_text = np.full(NUM_ITEMS, missing == "graph")
    model = fitted(config, make_inputs(dataset, triples, has_text))
    assert scores_of(model).isfinite().all()


def test_needed_inputs_are_asked_for(config: DictConfig, inputs: ModelInputs, model: Recommender) -> None:
    bare = ModelInputs(inputs.dataset)
    if model.needs_graph or model.needs_text:
        with pytest.raises(ValueError, match="needs"):
            build(config.model)(inputs=bare)
    else:
        assert torch.equal(scores_of(fitted(config, bare)), scores_of(model))


def test_test_interactions_are_never_read(
    config: DictConfig, inputs: ModelInputs, model: Recommender
) -> None:
    hidden = replace(inputs.dataset, test=inputs.dataset.test[:0], cold_test=mask(NUM_ITEMS, []))
    blind = replace(inputs, dataset=hidden)
    assert torch.equal(scores_of(fitted(config, blind)), scores_of(model))


def test_diagnostics_are_of_items_and_of_relations_with_an_edge(
    model: Recommender, inputs: ModelInputs
) -> None:
    with torch.no_grad():
        found = model.diagnostics()
    assert all(values.shape == (NUM_ITEMS,) for values in found.of_items.values())
    for weights in found.of_relations.values():
        names = [name for name, _ in weights]
        assert len(set(names)) == len(names) > 0
        assert all(np.isfinite(weight) for _, weight in weights)
