from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from kgrec.build import compose
from kgrec.data.dataset import RawDataset, RecDataset
from kgrec.data.prepare import prepare
from kgrec.data.splits import LeaveOneOutSplit
from kgrec.kg.shaping.core import Core
from kgrec.kg.shaping.relations import Relations
from kgrec.kg.shaping.shape import Shape
from kgrec.pipeline import run_name


def prepared(raw: RawDataset, **settings: Any) -> RecDataset:
    return prepare(
        raw,
        split=LeaveOneOutSplit(),
        rating_threshold=None,
        k_core=0,
        drop_inverse_relations=None,
        seed=0,
        **settings,
    )


def facts(dataset: RecDataset) -> set[tuple[str, str, str]]:
    entities, relations = dataset.entities.raw_ids, dataset.relations.raw_ids
    return {(entities[h], relations[r], entities[t]) for h, r, t in dataset.triples}


def test_what_is_left_is_numbered_anew_and_links_stay(make_raw: Callable[..., RawDataset]) -> None:
    plain = prepared(make_raw())
    dataset = prepared(make_raw(), shape=Shape([Relations(allow=None, deny=["by"])]))
    assert facts(dataset) == {fact for fact in facts(plain) if fact[1] == "made"}
    assert dataset.relations.raw_ids == ["made"]
    links = [dataset.entities.raw_ids[e] if e >= 0 else None for e in dataset.item_to_entity]
    assert links == [plain.entities.raw_ids[e] if e >= 0 else None for e in plain.item_to_entity]
    assert dataset.preparation_log[-2] == (
        "shape relations: 4 → 2 triples, 3 → 3 entities, 2 → 1 relations, 2 → 2 items' entities with facts"
    )
    assert dataset.preparation_log[-1].startswith("shaped graph ")
    again = prepared(make_raw(), shape=Shape([Relations(allow=None, deny=["by"])]))
    assert again.preparation_log == dataset.preparation_log


def test_a_graph_may_lose_all_its_triples(make_raw: Callable[..., RawDataset]) -> None:
    dataset = prepared(make_raw(), shape=Shape([Core(entity=0, relation=99)]))
    assert dataset.triples.shape == (0, 3)
    assert sorted(dataset.entities.raw_ids) == ["e0", "e1", "e9"]


def test_no_steps_change_nothing(make_raw: Callable[..., RawDataset]) -> None:
    plain, same = prepared(make_raw()), prepared(make_raw(), shape=Shape([]))
    np.testing.assert_array_equal(plain.triples, same.triples)
    assert plain.preparation_log == same.preparation_log


@pytest.mark.parametrize("choice", ["shape=none", "shape=core"])
def test_runs_without_a_shape_keep_their_names(choice: str) -> None:
    settings = ["data=lastfm", "model=kgin", "kg=rewired"]
    known = run_name(compose(settings)) == run_name(compose([*settings, choice]))
    assert known == (choice == "shape=none")
