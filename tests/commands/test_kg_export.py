"""What ``kgrec kg export`` writes is read back, by kgrec or by the program that it is for."""

import json
from pathlib import Path

import networkx as nx
import numpy as np
import polars as pl
import pytest
import torch

from kgrec.build import compose
from kgrec.cli import main
from kgrec.data.dataset import RecDataset
from kgrec.kg.hetero import load_hetero
from kgrec.kg.rdf import read_statements
from kgrec.pipeline import load_dataset
from kgrec.recommend import TrainedRun

PLANTED = "data=planted"


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KGREC_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("KGREC_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def dataset() -> RecDataset:
    return load_dataset(compose([PLANTED]))


def export(*arguments: str) -> None:
    assert main(["kg", "export", *arguments]) == 0


def test_rdf_and_the_store_hold_the_same(dataset: RecDataset) -> None:
    frames = []
    for name in ("g.ttl", "g.nt", "g.npz"):
        export(name, PLANTED)
        frames.append(set(read_statements(Path(name)).rows()))
    assert frames[0] == frames[1] == frames[2]
    assert len(frames[0]) == len(dataset.triples) + dataset.num_items


def test_graphml(dataset: RecDataset) -> None:
    export("g.graphml", PLANTED)
    graph = nx.read_graphml("g.graphml")
    assert (graph.number_of_nodes(), graph.number_of_edges()) == (dataset.num_entities, len(dataset.triples))
    entity = int(dataset.item_to_entity[3])
    assert graph.nodes[str(entity)] == {
        "name": dataset.entities.raw_ids[entity],
        "title": dataset.item_titles[3],
    }


def test_links(dataset: RecDataset) -> None:
    export("links.csv", PLANTED)
    rows = pl.read_csv("links.csv", infer_schema=False).rows()
    assert rows == [
        (dataset.items.raw_ids[item], dataset.entities.raw_ids[entity])
        for item, entity in enumerate(dataset.item_to_entity.tolist())
    ]


def test_graph_for_pytorch_geometric_is_that_of_the_arm(dataset: RecDataset) -> None:
    export("g.safetensors", PLANTED)
    data = load_hetero(Path("g.safetensors"))
    assert data["user"].num_nodes == dataset.num_users
    edges = data["user", "interacts", "item"].edge_index.T.tolist()
    assert sorted(edges) == sorted(dataset.train.tolist())
    export("none.safetensors", PLANTED, "kg=none")
    assert load_hetero(Path("none.safetensors")).edge_types == [("user", "interacts", "item")]


def test_what_is_exported_can_be_brought_as_ones_own(dataset: RecDataset) -> None:
    export("g.npz", PLANTED)
    export("links.csv", PLANTED)
    users, items = dataset.users.raw_ids, dataset.items.raw_ids
    rows = "".join(f"{users[user]},{items[item]}\n" for user, item in dataset.train.tolist())
    Path("ratings.csv").write_text("user,item\n" + rows)
    Path("items.csv").write_text("item\n" + "".join(f"{item}\n" for item in items))
    own = [f"data.source.{key}={value}" for key, value in (
        ("interactions", "ratings.csv"), ("kg", "g.npz"), ("links", "links.csv"),
            ("items", "items.csv"),
        ("reading.titles", "true"), ("reading.texts", "true"),
    )]  # fmt: skip
    again = load_dataset(compose(["data=custom", *own]))
    assert len(again.triples) == len(dataset.triples)
    assert {again.item_titles[again.items[name]] for name in ("i3", "i7")} == {
        dataset.item_titles[dataset.items[name]] for name in ("i3", "i7")
    }


def test_embeddings_of_a_run(workplace: Path) -> None:
    settings = [PLANTED, "model=lightgcn", "logger=none", "train.max_epochs=1", "test=false"]
    assert main(["train", *settings, f"paths.runs={workplace / 'runs'}"]) == 0
    run = next((workplace / "runs").rglob("summary.json")).parent
    assert json.loads((run / "summary.json").read_text())
    export("vectors.npz", "--embeddings", str(run))
    with np.load("vectors.npz", allow_pickle=False) as file:
        arrays = dict(file)
    trained = TrainedRun.load(run)
    with torch.no_grad():
        scores = trained.model.score(torch.arange(3)).numpy()
    assert np.allclose(arrays["users"][:3] @ arrays["items"].T, scores, atol=1e-5)
    assert arrays["user_ids"].tolist() == trained.dataset.users.raw_ids
    assert arrays["item_ids"].tolist() == trained.dataset.items.raw_ids


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["g.docx", PLANTED],
            "g.docx: unknown ending; a graph is written to .ttl, .nt, .graphml, .npz, .csv",
        ),
        (["v.csv", "--embeddings", "runs/x"], "--embeddings takes all settings from the run and writes .npz"),
        (["v.npz", PLANTED, "--embeddings", "runs/x"], "--embeddings takes all settings from the run"),
    ],
)
def test_what_cannot_be_exported(
    arguments: list[str], message: str, workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["kg", "export", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert list(workplace.iterdir()) == []
