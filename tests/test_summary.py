"""Digests that tell whether two runs saw the same data, and costs read from a model's folder."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from kgrec.kg.graph import Graph, build_graph
from kgrec.lm.folder import Step
from kgrec.summary import graph_digest, lm_training_costs

TRIPLES = [[1, 0, 0], [3, 0, 0], [0, 1, 2]]
LINKS = [1, -1, 3]
RELATIONS = ["by", "in"]
PAIRS = [[0, 0], [1, 2]]
STEP = Step("tune", "kgrec lm tune", {}, "", "", None, "2026-01-01T00:00:00+00:00", {})


def graph_of(
    triples: list[list[int]] = TRIPLES,
    links: list[int] = LINKS,
    relations: list[str] = RELATIONS,
    pairs: list[list[int]] = PAIRS,
) -> Graph:
    return build_graph(
        num_users=2,
        num_items=3,
        num_entities=4,
        relation_names=relations,
        interactions=np.array(pairs),
        triples=np.array(triples),
        item_to_entity=np.array(links),
    )


def test_the_digest_of_a_graph_tells_facts_links_and_names_but_not_interactions() -> None:
    same = graph_digest(graph_of())
    assert same == graph_digest(graph_of(triples=TRIPLES[::-1]))  # a graph is a set of facts
    assert same == graph_digest(graph_of(pairs=[[0, 1]]))
    others = [
        graph_of(triples=TRIPLES[:2]),
        graph_of(triples=[[1, 1, 0], *TRIPLES[1:]]),
        graph_of(links=[1, -1, 2]),
        graph_of(relations=["by", "of"]),
    ]
    assert len({same, *map(graph_digest, others)}) == 5


def test_what_training_a_language_model_took_is_told_by_its_folder(tmp_path: Path) -> None:
    assert lm_training_costs(str(tmp_path)) == {}
    steps = [
        {"train_s": 5.0, "params": 90.0, "peak_memory_mb": 700.0},
        {"train_s": 2.0, "trained_params": 9.0, "peak_memory_mb": 600.0},
        {"bytes": 4.0},
    ]
    rows = [asdict(replace(STEP, figures=figures)) for figures in steps]
    (tmp_path / "lineage.json").write_text(json.dumps(rows))
    assert lm_training_costs(str(tmp_path)) == {
        "cost/lm_trained_params": 9.0,
        "cost/lm_train_s": 7.0,
        "cost/lm_train_peak_mb": 700.0,
    }
