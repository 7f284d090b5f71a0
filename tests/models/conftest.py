from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from kgrec.data.dataset import RecDataset
from kgrec.data.ids import IdMap
from kgrec.kg.graph import build_graph
from kgrec.models.base import ModelInputs
from kgrec.models.factor_targets import FactorTargets
from kgrec.models.graph_view import GraphView
from kgrec.models.hybrid import Hiding, Hybrid
from kgrec.models.regression_start import RegressionStart
from kgrec.nn.fusion.gate import Gate
from kgrec.nn.gnn.rgcn import RGCN
from kgrec.nn.losses import FullSoftmax
from kgrec.nn.sparse import relation_norm
from kgrec.seed import seed_everything
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
def make_hybrid() -> Callable[..., Hybrid]:
    """A hybrid of one R-GCN layer and a gate, begun at random; fitted, in evaluation mode."""

    def make(inputs: ModelInputs, seed: int = 0, **changed: object) -> Hybrid:
        seed_everything(seed)
        settings = {
            "embedding_dim": 8,
            "gnn": partial(
                RGCN,
                num_layers=1,
                num_bases=1,
                normalization=relation_norm,
                dropout=0.0,
                activation=nn.ReLU(),
            ),
            "fusion": partial(Gate, initial_bias=0.0),
            "loss": FullSoftmax(temperature=1.0, normalize=False),
            "start": None,
            "hiding": Hiding(items=0.0, graphs=0.0, facts=0.0, text=0.0),
            "graph_view": GraphView(interactions=False, min_facts=1),
        }
        model = Hybrid(inputs, **(settings | changed))
        model.fit()
        return model.eval()

    return make


@pytest.fixture
def start() -> RegressionStart:
    """A start with one setting, which needs no validation data."""
    targets = FactorTargets((None,), (1.0,), user_exponent=0.0, item_exponent=0.0)
    return RegressionStart(
        targets, ridge=(0.5,), lean=(), iterations=60, selection_k=1, scope="linear", hold_items=True
    )


@pytest.fixture
def two_blocks() -> list[list[int]]:
    """Two groups of users, each with its own half of eight items and one item not yet seen."""
    left = [[int(item != user) for item in range(4)] + [0] * 4 for user in range(4)]
    right = [[0] * 4 + [int(item != user) for item in range(4)] for user in range(4)]
    return left + right
