import numpy as np
import pytest
import torch

from kgrec.errors import InputError
from kgrec.kg.graph import build_graph
from kgrec.models.triple_sampler import TripleSampler, fact_triples

TRIPLES = np.array([[0, 1, 3], [0, 0, 1], [2, 0, 1], [0, 0, 2], [0, 1, 3], [4, 2, 0]])
CPU = torch.device("cpu")


def build(triples: np.ndarray = TRIPLES, **settings: object) -> TripleSampler:
    defaults = {"num_entities": 5, "relation_names": "abc", "num_negatives": 4, "batch_size": 64, "seed": 0}
    return TripleSampler(triples, **(defaults | settings))


def test_draws_true_triples_ordered_by_relation_and_false_tails() -> None:
    facts = {tuple(triple) for triple in TRIPLES.tolist()}
    seen, corrupted = set(), set()
    for step in range(200):
        batch = build().sample(step, CPU)
        relations = batch.relations.tolist()
        assert relations == sorted(relations)
        assert batch.relation_counts == tuple(relations.count(relation) for relation in range(3))
        rows = zip(
            batch.heads.tolist(), relations, batch.tails.tolist(), batch.negatives.tolist(), strict=True
        )
        for head, relation, tail, negatives in rows:
            seen.add((head, relation, tail))
            corrupted |= {(head, relation, negative) for negative in negatives}
    assert seen == facts
    queries = {(head, relation) for head, relation, _ in facts}
    assert corrupted == {(*query, tail) for query in queries for tail in range(5)} - facts


def test_every_triple_is_as_likely_and_a_repeated_one_counts_once() -> None:
    sampler = build()
    batches = [sampler.sample(step, CPU) for step in range(2000)]
    keys = torch.cat([batch.heads * 100 + batch.relations * 10 + batch.tails for batch in batches])
    assert (keys.unique(return_counts=True)[1] / len(keys)).tolist() == pytest.approx([0.2] * 5, abs=0.02)


def test_a_draw_depends_on_seed_and_step_alone() -> None:
    first, again = build(), build()
    first.sample(1, CPU)
    assert torch.equal(first.sample(7, CPU).entities(), again.sample(7, CPU).entities())
    assert not torch.equal(again.sample(7, CPU).entities(), again.sample(8, CPU).entities())
    assert not torch.equal(again.sample(7, CPU).entities(), build(seed=1).sample(7, CPU).entities())


def test_one_look_up_serves_heads_and_tails() -> None:
    batch = build().sample(0, CPU)
    entities = batch.entities()
    assert entities.shape == (5, 6)  # not more than there are triples
    assert build(batch_size=3).sample(0, CPU).entities().shape == (3, 6)
    assert torch.equal(entities[:, 0], batch.heads)
    assert torch.equal(entities[:, 1], batch.tails)
    assert torch.equal(entities[:, 2:], batch.negatives)


def test_triples_without_a_false_tail_are_left_out() -> None:
    everything = np.array([[0, 0, tail] for tail in range(5)])
    sampler = build(np.concatenate([everything, TRIPLES[-1:]]))
    assert len(sampler) == 1
    assert sampler.sample(0, CPU).heads.tolist() == [4]
    assert len(build(everything)) == len(build(np.empty((0, 3), dtype=np.int64))) == 0


def test_no_negatives_where_none_are_wanted() -> None:
    assert build(num_negatives=0).sample(0, CPU).negatives.shape == (5, 0)


def test_facts_of_a_graph_are_those_stated() -> None:
    graph = build_graph(
        num_users=3,
        num_items=2,
        num_entities=3,
        relation_names=["a", "b"],
        interactions=np.array([[0, 0], [2, 1]]),
        triples=np.array([[1, 0, 2], [0, 1, 2]]),
        item_to_entity=np.array([1, -1]),
    )
    # item 0 is entity 1; the others follow the two items: entity 0 → 2, entity 2 → 3
    assert sorted(fact_triples(graph).tolist()) == [[0, 0, 3], [2, 1, 3]]


def test_bad_batch_size_is_refused() -> None:
    with pytest.raises(InputError, match=r"model\.triples\.batch_size: found 0"):
        build(batch_size=0)
