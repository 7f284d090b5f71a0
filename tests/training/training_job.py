"""A small training, for tests to import and to run as a process of its own.

``python training_job.py RUN_FOLDER SECONDS_PER_EPOCH BATCH_SIZE DROPOUT`` prints its result as JSON.
"""

import json
import logging
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from kgrec.data.dataset import RecDataset
from kgrec.data.ids import IdMap
from kgrec.data.labels import Rows
from kgrec.models.base import Batch, ModelInputs, Recommender
from kgrec.reporting.loggers.none import NoLogger
from kgrec.reporting.run_folder import RunFolder
from kgrec.seed import seed_everything
from kgrec.training.early_stopping import EarlyStopping
from kgrec.training.runtime import Runtime, part_processes
from kgrec.training.trainer import Trainer, TrainingResult

NUM_USERS, NUM_ITEMS, SEED = 12, 20, 5
METRIC = "valid/recall@1"


class MatrixFactorisation(Recommender):
    """BPR over inner products; ``dropout`` makes it draw from the global generators."""

    num_negatives = 2

    def __init__(self, inputs: ModelInputs, dim: int = 4, dropout: float = 0.0) -> None:
        super().__init__(inputs)
        self.users = nn.Embedding(self.num_users, dim)
        self.items = nn.Embedding(self.num_items, dim)
        self.dropout = nn.Dropout(dropout)
        self.idle = nn.Parameter(torch.ones(3))  # a part that no loss ever uses
        sparse = torch.eye(self.num_users).to_sparse_csr()
        self.register_buffer("graph", sparse, persistent=False)  # as graph models hold theirs

    def loss(self, batch: Batch) -> Tensor:
        users = self.dropout(self.graph @ self.users.weight)[batch.users]
        positive = (users * self.items(batch.items)).sum(1, keepdim=True)
        negative = (users[:, None] * self.items(batch.negatives)).sum(2)
        return -nn.functional.logsigmoid(positive - negative).mean()

    def embeddings(self) -> tuple[Tensor, Tensor]:
        return self.users.weight, self.items.weight


def make_dataset(num_pairs: int = 53) -> RecDataset:
    """Random pairs; the first item of each user is its validation item."""
    rng = np.random.default_rng(0)
    cells = rng.permutation(NUM_USERS * NUM_ITEMS)[:num_pairs]
    train = np.stack([cells // NUM_ITEMS, cells % NUM_ITEMS], axis=1).astype(np.int64)
    nothing = np.zeros((0, 2), dtype=np.int64)
    return RecDataset(
        name="tiny",
        users=IdMap([f"u{i}" for i in range(NUM_USERS)]),
        items=IdMap([f"i{i}" for i in range(NUM_ITEMS)]),
        entities=IdMap([]),
        relations=IdMap([]),
        train=train,
        valid=nothing,
        test=nothing,
        triples=np.zeros((0, 3), dtype=np.int64),
        item_to_entity=np.full(NUM_ITEMS, -1, dtype=np.int64),
        item_texts=[""] * NUM_ITEMS,
        item_titles=[""] * NUM_ITEMS,
        cold_valid=np.zeros(NUM_ITEMS, dtype=bool),
        cold_test=np.zeros(NUM_ITEMS, dtype=bool),
    )


def make_trainer(**changes: object) -> Trainer:
    settings: dict[str, object] = {
        "max_epochs": 6,
        "batch_size": 10,
        "optimizer": partial(torch.optim.AdamW, lr=0.05, weight_decay=0.01, fused=True),
        "early_stopping": partial(EarlyStopping, patience=None),
        "max_grad_norm": None,
        "eval_every": 1,
        "checkpoint_every": 1,
        "runtime": Runtime(device="cpu", mixed_precision="no", progress="off"),
    }
    return Trainer(**(settings | changes))  # type: ignore[arg-type]


def make_model(dataset: RecDataset, dropout: float = 0.0) -> MatrixFactorisation:
    seed_everything(SEED)
    return MatrixFactorisation(ModelInputs(dataset), dropout=dropout)


def mean_margin(model: Recommender) -> dict[str, float]:
    """A smooth stand-in for a validation metric: mean score of item 0."""
    return {METRIC: float(model.score(torch.arange(NUM_USERS))[:, 0].mean()), "valid/other": 1.0}


def fit(trainer: Trainer, model: Recommender, run: RunFolder, **changes: object) -> TrainingResult:
    arguments: dict[str, object] = {
        "rows": Rows(make_dataset().train),
        "validate": mean_margin,
        "selection_metric": METRIC,
        "run": run,
        "logger": NoLogger(),
        "seed": SEED,
    }
    return trainer.fit(model, **(arguments | changes))  # type: ignore[arg-type]


def train(folder: Path, seconds_per_epoch: float, batch_size: int, dropout: float) -> dict[str, Any]:
    """History and user embeddings of one training, as JSON types."""

    def validate(model: Recommender) -> dict[str, float]:
        time.sleep(seconds_per_epoch)
        return mean_margin(model)

    trainer = make_trainer(batch_size=batch_size)
    with trainer.runtime.accelerator().main_process_first():  # as an entry does, to fetch data once
        dataset = make_dataset()
    model = make_model(dataset, dropout)
    result = fit(trainer, model, RunFolder(folder), rows=Rows(dataset.train), validate=validate)
    return {"history": result.history, "users": model.users.weight.tolist()}


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    folder, seconds, size, rate = sys.argv[1:]
    print(json.dumps(train(Path(folder), float(seconds), int(size), float(rate))))
    part_processes()
