from collections.abc import Callable

import numpy as np
import pytest
import torch

from kgrec.data.dataset import RecDataset
from kgrec.data.ids import IdMap
from kgrec.kg.graph import build_graph
from kgrec.models.base import ModelInputs
from kgrec.text.encoder import TextFeatures

MakeInputs = Callable[..., ModelInputs]


def names(prefix: str, size: int) -> IdMap:
    return IdMap([f"{prefix}{index}" for index in range(size)])


@pytest.fixture
def make_inputs() -> MakeInputs:
    """Inputs from matrices: every item i is linked to entity i; other entities follow."""

    def make(
        train: list[list[int]],
        valid: list[list[int]] | None = None,
        cold_valid: list[int] | None = None,
        triples: list[tuple[int, int, int]] | None = None,
        text: list[list[float]] | None = None,
    ) -> ModelInputs:
        matrix = np.array(train)
        num_users, num_items = matrix.shape
        facts = np.array(triples or np.empty((0, 3)), dtype=np.int64)
        num_entities = max(num_items, int(facts[:, [0, 2]].max(initial=0)) + 1)
        num_relations = int(facts[:, 1].max(initial=-1)) + 1
        is_cold = np.zeros(num_items, dtype=bool)
        is_cold[cold_valid or []] = True
        dataset = RecDataset(
            name="hand-written",
            users=names("u", num_users),
            items=names("i", num_items),
            entities=names("e", num_entities),
            relations=names("r", num_relations),
            train=np.argwhere(matrix),
            valid=np.argwhere(np.array(valid) if valid is not None else np.zeros_like(matrix)),
            test=np.empty((0, 2), dtype=np.int64),
            triples=facts,
            item_to_entity=np.arange(num_items),
            item_texts=[""] * num_items,
            item_titles=[""] * num_items,
            cold_valid=is_cold,
            cold_test=np.zeros(num_items, dtype=bool),
        )
        graph = build_graph(
            num_users,
            num_items,
            num_entities,
            dataset.relations.raw_ids,
            dataset.train,
            facts,
            dataset.item_to_entity,
        )
        rows = torch.tensor(text if text is not None else [[0.0]] * num_items)
        return ModelInputs(dataset, graph, TextFeatures(rows, rows.abs().sum(1) > 0, {}))

    return make


@pytest.fixture
def two_blocks() -> list[list[int]]:
    """Two groups of users, each with its own half of eight items and one item not yet seen."""
    left = [[int(item != user) for item in range(4)] + [0] * 4 for user in range(4)]
    right = [[0] * 4 + [int(item != user) for item in range(4)] for user in range(4)]
    return left + right
