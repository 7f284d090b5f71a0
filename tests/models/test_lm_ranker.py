"""The second stage on tiny language models and data with a planted answer."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import DictConfig

from kgrec.build import build, compose
from kgrec.data.dataset import RecDataset
from kgrec.data.ids import IdMap
from kgrec.errors import InputError
from kgrec.kg.graph import build_graph
from kgrec.models.base import Batch, ModelInputs
from kgrec.models.lm_ranker import LMRanker
from kgrec.seed import seed_everything
from kgrec.text.encoder import TextFeatures

NUM_USERS, NUM_ITEMS, NUM_ENTITIES = 40, 60, 64
KINDS = ["crime drama film", "alien space story"]
USERS = torch.arange(NUM_USERS)
ADAPTERS = (
    "model.scorer.adapters={_target_: kgrec.nn.conditioned_lora.ConditionedLoRA, _partial_: true, "
    "targets: [], rank: 4, alpha: 8}"
)


def planted(decides: str) -> RecDataset:
    """Each user likes the items of one kind, which the text tells, or the graph alone."""
    rng = np.random.default_rng(0)
    kind = rng.integers(2, size=NUM_ITEMS)
    likes = (USERS.numpy() % 2)[:, None] == kind
    pairs = np.argwhere(likes & (rng.random((NUM_USERS, NUM_ITEMS)) < 0.6))
    part = rng.random(len(pairs))
    items, entities = np.arange(NUM_ITEMS), np.arange(NUM_ITEMS)
    facts = np.stack(
        [items, np.zeros_like(items), NUM_ITEMS + 2 * rng.integers(2, size=NUM_ITEMS) + kind], axis=1
    )
    texts = [KINDS[k] if decides == "text" else "the good" for k in kind]
    return RecDataset(
        name="planted pairs",
        users=IdMap([f"u{n}" for n in range(NUM_USERS)]),
        items=IdMap([f"i{n}" for n in range(NUM_ITEMS)]),
        entities=IdMap([f"e{n}" for n in range(NUM_ENTITIES)]),
        relations=IdMap(["r"]),
        train=pairs[part < 0.7],
        valid=pairs[(part >= 0.7) & (part < 0.85)],
        test=pairs[part >= 0.85],
        triples=facts if decides == "graph" else facts[:0],
        item_to_entity=entities,
        item_texts=texts,
        item_titles=texts,
        cold_valid=np.zeros(NUM_ITEMS, dtype=bool),
        cold_test=np.zeros(NUM_ITEMS, dtype=bool),
    )


def inputs_of(dataset: RecDataset, kg: str = "full") -> ModelInputs:
    triples, links = build(compose([f"kg={kg}"]).kg)(dataset.triples, dataset.item_to_entity, 0)
    graph = build_graph(
        NUM_USERS, NUM_ITEMS, NUM_ENTITIES, dataset.relations.raw_ids, dataset.train, triples, links
    )
    names = sorted(set(dataset.item_texts))
    rows = torch.eye(len(names))[[names.index(text) for text in dataset.item_texts]]
    return ModelInputs(dataset, graph, TextFeatures(rows, torch.ones(NUM_ITEMS, dtype=torch.bool), {}))


def config(folder: Path, *settings: str) -> DictConfig:
    """Behind a random first stage, so that whatever is found is the ranker's own."""
    return compose(
        [
            *("model=lm_ranker", "lm=hf", f"lm.model={folder}", "lm.device=cpu", "lm.max_length=32"),
            *("model@model.first_stage.model=random", "model.first_stage.k=20"),
            *("model.features.embedding_dim=4", "model.features.start.targets.rank=[4]"),
            *("model.holdout.by=interactions", "model.holdout.share=0.4", "model.holdout.max_pairs=null"),
            *("model.prompt.max_tokens=28", "model.prompt.history=2", "model.blend.weight=[0.0,0.5,1.0]"),
            *settings,
        ]
    )


def ranker(folder: Path, inputs: ModelInputs, *settings: str) -> LMRanker:
    """Fitted, not trained."""
    seed_everything(0)
    model: LMRanker = build(config(folder, *settings).model)(inputs=inputs)
    model.fit()
    return model


def batch_of(model: LMRanker, step: int) -> Batch:
    pairs = torch.from_numpy(model._inputs.dataset.train)
    return Batch(pairs[:, 0], pairs[:, 1], torch.empty(len(pairs), 0, dtype=torch.long), step)


def trained(model: LMRanker, steps: int = 25, lr: float = 0.02) -> list[float]:
    optimizer = torch.optim.Adam([w for w in model.parameters() if w.requires_grad], lr=lr)
    losses = []
    model.train()
    for step in range(steps):
        optimizer.zero_grad()
        loss = model.loss(batch_of(model, step))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    model.before_validation()
    return losses


@torch.no_grad()
def hits(model: LMRanker) -> float:
    """Share of the ten best unseen items that are of the user's kind: .36 at random, .71 at most."""
    data = model._inputs.dataset
    kind = np.zeros(NUM_ITEMS, dtype=int)
    everything = np.concatenate([data.train, data.valid, data.test])
    kind[everything[:, 1]] = everything[:, 0] % 2
    scores = model.score(USERS)
    scores[tuple(data.train.T)] = -torch.inf
    best = scores.topk(10).indices.numpy()
    return float((kind[best] == (USERS.numpy() % 2)[:, None]).mean())


FULL = (
    "~model.scorer.method",
    "+model.scorer.method={_target_: kgrec.lm.methods.full.FullTuning, num_layers: null}",
)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("bert", ("model.scorer.soft_tokens=false",)),
        ("bert", ("model.scorer.soft_tokens=false", "loss=bce", "model.loss=${loss}")),
        ("gpt2", ("model.scorer.soft_tokens=false", "lm.pooling=last", *FULL)),
        ("qwen3", ("model.scorer.soft_tokens=false", "lm.pooling=last")),
    ],
)
def test_the_text_is_learned_by_encoders_and_decoders(
    make_model: Callable[..., Path], kind: str, settings: tuple[str, ...]
) -> None:
    model = ranker(make_model(kind), inputs_of(planted("text")), *settings)
    model.eval()
    before = hits(model)
    losses = trained(model)
    assert min(losses) < 0.98 * losses[0]
    assert before < 0.45
    assert hits(model) > 0.65
    assert model.chosen["blend_weight"] > 0


@pytest.mark.parametrize("settings", [(), ("model.scorer.soft_tokens=false", ADAPTERS)])
def test_the_graph_is_learned_where_it_is_read_and_true(bert: Path, settings: tuple[str, ...]) -> None:
    data = planted("graph")
    found = {}
    for name, kg, more in [
        ("reads", "full", settings),
        ("rewired", "rewired", settings),
        ("blind", "full", ("model.scorer.soft_tokens=false",)),
    ]:
        model = ranker(bert, inputs_of(data, kg), *more)
        trained(model)
        found[name] = hits(model)
    assert found["reads"] > 0.65
    assert found["reads"] > found["rewired"] + 0.2
    assert found["reads"] > found["blind"] + 0.2


def test_training_begins_at_no_graph(bert: Path) -> None:
    data = planted("graph")
    losses, scores = [], []
    for kg in ("full", "rewired"):
        model = ranker(bert, inputs_of(data, kg))
        torch.nn.init.normal_(model.scorer.head.weight, generator=torch.Generator().manual_seed(0))
        losses.append(float(model.loss(batch_of(model, 0))))
        model.blend_weight.fill_(1.0)
        with torch.no_grad():
            scores.append(model.eval().score(USERS))
    assert losses[0] == losses[1]
    assert torch.equal(*scores)


def test_soft_tokens_change_scores_once_they_say_something(bert: Path) -> None:
    model = ranker(bert, inputs_of(planted("graph"))).eval()
    torch.nn.init.normal_(model.scorer.head.weight)
    model.blend_weight.fill_(1.0)
    with torch.no_grad():
        before = model.score(USERS)
        torch.nn.init.normal_(model.scorer.soft_tokens.weight)
        assert not torch.equal(model.score(USERS), before)


def test_a_method_acts_on_the_loss_and_after_each_step(bert: Path) -> None:
    """AdaLoRA: the penalty is in the loss, and the last step leaves the ranks that were asked for."""
    losses = []
    for weight in (0, 100):
        seed_everything(0)
        cfg = config(bert)
        cfg.model.scorer.method = compose(
            ["+lm_tune=adalora", "lm_tune.method.phases=[0,0]", f"lm_tune.method.orthogonality={weight}"]
        ).lm_tune.method
        model = build(cfg.model)(inputs=inputs_of(planted("text")))
        model.fit()
        torch.nn.init.normal_(model.scorer.head.weight, generator=torch.Generator().manual_seed(0))
        losses.append(model.loss(batch_of(model, 0)))
    assert float((losses[1] - losses[0]).detach()) > 10
    losses[1].backward()
    torch.optim.Adam([weight for weight in model.parameters() if weight.requires_grad]).step()
    for step in range(2):
        model.after_step(step, 2)
    kept = [layer.kept for layer in model.modules() if hasattr(layer, "kept")]
    assert sum(int(ranks.sum()) for ranks in kept) == 8 * len(kept)


def test_no_share_is_the_first_stage_and_the_rest_keeps_its_place(bert: Path) -> None:
    model = ranker(bert, inputs_of(planted("text"))).eval()
    torch.nn.init.normal_(model.scorer.head.weight)
    with torch.no_grad():
        first = model.first.score(USERS)
        assert torch.equal(model.score(USERS), first)
        model.blend_weight.fill_(1.0)
        anew = model.score_among(USERS, torch.arange(30))
    changed = anew != first
    assert changed.any()
    assert not changed[:, 30:].any()
    assert not (changed & (model.seen.dense(USERS) > 0)).any()
    assert torch.equal(anew.sort(dim=1).values, first.sort(dim=1).values)


def test_a_batch_without_a_held_out_pair_has_no_loss_but_a_gradient(bert: Path) -> None:
    model = ranker(bert, inputs_of(planted("text")))
    known = torch.from_numpy(model._inputs.dataset.train[~model._held])
    loss = model.loss(Batch(known[:, 0], known[:, 1], known[:, :0], 0))
    loss.backward()
    assert loss == 0
    assert all(w.grad is not None for w in model.parameters() if w.requires_grad)


def test_a_stored_ranker_ranks_the_same_without_being_fitted(bert: Path) -> None:
    inputs = inputs_of(planted("graph"))
    model = ranker(bert, inputs)
    trained(model, steps=3)
    model.blend_weight.fill_(0.5)
    fresh: LMRanker = build(config(bert).model)(inputs=inputs)
    fresh.load_state_dict(model.state_dict())
    with torch.no_grad():
        assert torch.equal(fresh.eval().score(USERS), model.score(USERS))


def test_what_has_no_layers_is_refused(bert: Path) -> None:
    inputs = inputs_of(planted("text"))
    with pytest.raises(InputError, match="which has no layers to read a pair with"):
        build(compose(["model=lm_ranker", "lm=hashing"]).model)(inputs=inputs)
    with pytest.raises(InputError, match="max_tokens: found 99, but the model reads 32"):
        ranker(bert, inputs, "model.prompt.max_tokens=99")
