"""Conclusions of rules as soft facts, in the models that learn facts."""

import logging
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from kgrec.errors import InputError
from kgrec.models.base import Batch, Recommender
from kgrec.models.cfkg import CFKG
from kgrec.models.cke import CKE
from kgrec.models.kgat import KGAT
from kgrec.models.triple_sampler import TripleSampler
from kgrec.nn.knowledge_attention import BiInteraction
from kgrec.nn.losses import BPR
from kgrec.nn.translation import NegativeDistance, TransR

HEADER = "rule,support,head coverage,confidence,PCA confidence\n"
SURE, UNSURE = '"wrote(x, y) <- directed(x, y)",8,0.8,0.8,0.9', '"wrote(x, y) <- wrote(y, x)",2,0.1,0.1,0.3'
CPU = torch.device("cpu")

NUM_FILMS, NUM_PEOPLE = 30, 10
DIRECTED, WROTE = 0, 1
MISSING = range(3, NUM_FILMS, 4)  # films whose director is not told to have written them


@pytest.fixture
def rule_file(tmp_path: Path) -> Callable[..., str]:
    def write(*rows: str) -> str:
        (tmp_path / "rules.csv").write_text(HEADER + "\n".join(rows) + "\n")
        return str(tmp_path / "rules.csv")

    return write


def sampler(triples: Sequence[Sequence[int]], **settings: object) -> TripleSampler:
    defaults = {"num_entities": 8, "relation_names": ("directed", "wrote"), "num_negatives": 3}
    return TripleSampler(np.array(triples), **(defaults | {"batch_size": 64, "seed": 0} | settings))


def conclusions_of(drawn: TripleSampler, steps: Iterable[int]) -> list[torch.Tensor]:
    found = []
    for step in steps:
        (one, _), (weight, batch) = drawn.batches(step, CPU)
        assert (one, weight) == (1.0, 0.5)
        rows = [batch.heads, batch.relations, batch.tails]
        found.append(torch.cat([torch.stack(rows, dim=1), batch.negatives], dim=1))
    return found


def test_conclusions_are_drawn_by_confidence_and_corrupted_by_what_nothing_says(rule_file) -> None:
    facts = [[0, DIRECTED, 5], [1, DIRECTED, 5], [0, WROTE, 5], [2, WROTE, 1]]
    drawn = sampler(facts, rules=rule_file(SURE, UNSURE), rule_weight=0.5)
    rows = torch.cat(conclusions_of(drawn, range(400)))
    # 0 wrote 5 is known; the other three are what 1 directed 5, 2 wrote 1 and 0 wrote 5 lead to.
    kinds, counts = rows[:, :3].unique(dim=0, return_counts=True)
    assert kinds.tolist() == [[1, WROTE, 2], [1, WROTE, 5], [5, WROTE, 0]]
    assert (counts / len(rows)).tolist() == pytest.approx([0.2, 0.6, 0.2], abs=0.05)
    of_first = rows[rows[:, 0] == 1, 3:].unique()
    assert of_first.tolist() == [0, 1, 3, 4, 6, 7]


def test_facts_are_drawn_as_without_rules(rule_file) -> None:
    facts = [[0, DIRECTED, 5], [1, DIRECTED, 5], [0, WROTE, 5]]
    plain, ruled = sampler(facts), sampler(facts, rules=rule_file(SURE), rule_weight=0.5)
    for step in range(5):
        assert torch.equal(plain.sample(step, CPU).entities(), ruled.sample(step, CPU).entities())
        (_, with_rules), _ = ruled.batches(step, CPU)
        assert torch.equal(with_rules.entities(), plain.sample(step, CPU).entities())
    assert len(list(plain.batches(0, CPU))) == 1


def test_rules_without_a_conclusion_add_nothing(rule_file, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="kgrec.models.triple_sampler"):
        ruled = sampler([[0, DIRECTED, 5], [0, WROTE, 5]], rules=rule_file(SURE), rule_weight=0.5)
    assert len(list(ruled.batches(0, CPU))) == 1
    assert "1 rules, 0 conclusions" in caplog.text


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({"rule_weight": -1.0}, r"model\.triples\.rule_weight: found -1"),
        ({"rule_weight": 1.0}, r"model\.triples\.rules: found null"),
        ({"rule_weight": 1.0, "rules": "nowhere.csv"}, r"nowhere\.csv: cannot be read"),
    ],
)
def test_bad_settings_are_refused(settings: dict[str, object], found: str) -> None:
    with pytest.raises(InputError, match=found):
        sampler([[0, 0, 1]], **settings)


def build(kind: str, inputs, rules: str | None, rule_weight: float) -> Recommender:
    triples = partial(TripleSampler, batch_size=64, seed=0, rules=rules, rule_weight=rule_weight)
    shared = {"embedding_dim": 8, "loss": BPR(num_negatives=1), "kg_weight": 1.0, "l2": 0.0}
    transr = {"translation": partial(TransR, relation_dim=8, normalize=True)}
    torch.manual_seed(0)
    if kind == "cfkg":
        return CFKG(inputs, init_std=0.1, similarity=NegativeDistance(), triples=triples, **shared)
    if kind == "cke":
        return CKE(inputs, init_std=0.1, triples=triples, **shared, **transr)
    layers = partial(BiInteraction, layer_dims=[8], dropout=0.0)
    return KGAT(inputs, layers=layers, triples=triples, **shared, **transr)


def films(make_inputs):
    """Films and people: whoever directed a film wrote it too, which is told of three in four."""
    directors = np.random.default_rng(0).integers(NUM_PEOPLE, size=NUM_FILMS) + NUM_FILMS
    facts = [(film, DIRECTED, int(person)) for film, person in enumerate(directors)]
    facts += [(film, WROTE, int(directors[film])) for film in range(NUM_FILMS) if film not in MISSING]
    train = [[int(film % 5 == user) for film in range(NUM_FILMS)] for user in range(5)]
    inputs = make_inputs(train, triples=facts)
    return inputs, directors


def trained(model: Recommender, steps: int) -> Recommender:
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
    items = torch.arange(NUM_FILMS)
    for step in range(steps):
        optimizer.zero_grad()
        model.loss(Batch(items % 5, items, ((items + 1) % NUM_FILMS)[:, None], step)).backward()
        optimizer.step()
    return model.eval()


def places_of_missing(model: Recommender, directors: np.ndarray) -> float:
    """Mean share of people who are a likelier writer of a film than the one who wrote it."""
    films, people = torch.tensor(MISSING), torch.arange(NUM_FILMS, NUM_FILMS + NUM_PEOPLE)
    entities = model.entity_table.weight.detach()
    if isinstance(model, CFKG):
        heads = entities[films] + model.relation_table.weight[WROTE].detach()
        scores = model.similarity.queries(heads) @ model.similarity.targets(entities[people]).T
    else:
        rows = torch.cat([films[:, None], people.expand(len(films), -1)], dim=1)
        counts = [0, len(films)]
        with torch.no_grad():
            scores = -model.translation(entities[rows], torch.full((len(films),), WROTE), counts)
    right = scores.gather(1, torch.from_numpy(directors[MISSING])[:, None] - NUM_FILMS)
    return float((scores > right).float().mean())


@pytest.mark.parametrize("kind", ["cke", "cfkg"])
def test_what_rules_conclude_becomes_likelier_than_random_facts(kind, make_inputs, rule_file) -> None:
    inputs, directors = films(make_inputs)
    path = rule_file('"r1(x, y) <- r0(x, y)",22,1.0,0.73,1.0')
    start, plain, ruled = (
        places_of_missing(trained(build(kind, inputs, path, weight), steps), directors)
        for weight, steps in ((0.0, 0), (0.0, 40), (1.0, 40))
    )
    assert start > 0.25  # half of the people by chance
    assert ruled < 0.05
    assert ruled < plain / 2


@pytest.mark.parametrize("kind", ["cke", "cfkg", "kgat"])
def test_a_weight_of_0_is_no_rules_to_the_bit(kind, make_inputs, rule_file) -> None:
    inputs, _ = films(make_inputs)
    path = rule_file('"r1(x, y) <- r0(x, y)",22,1.0,0.73,1.0')
    plain, off, on = (
        trained(build(kind, inputs, rules, weight), 3).state_dict()
        for rules, weight in ((None, 0.0), (path, 0.0), (path, 0.5))
    )
    assert all(torch.equal(plain[name], off[name]) for name in plain)
    assert not all(torch.equal(plain[name], on[name]) for name in plain)


def test_kgat_reads_rules_in_the_direction_of_the_facts(make_inputs, rule_file) -> None:
    inputs, directors = films(make_inputs)
    path = rule_file('"r1(x, y) <- r0(x, y)",22,1.0,0.73,1.0')
    model = build("kgat", inputs, path, 0.5)
    batches = [list(model.triples.batches(step, CPU))[1][1] for step in range(20)]
    num_users = inputs.dataset.num_users
    found = torch.cat([torch.stack([batch.heads, batch.tails], dim=1) for batch in batches]) - num_users
    assert found.unique(dim=0).tolist() == [[film, directors[film]] for film in MISSING]
    (relation,) = batches[0].relations.unique().tolist()
    edges = model._graph.edge_index[:, model._graph.edge_type == relation]
    assert set(map(tuple, (edges.flip(0).T - num_users).tolist())) == {
        (film, directors[film]) for film in range(NUM_FILMS) if film not in MISSING
    }
