"""What ``kgrec kg export`` writes is read back, by kgrec or by the program that it is for."""

import json
from pathlib import Path

import networkx as nx
import numpy as np
import polars as pl
import pytest
import torch
from safetensors import safe_open

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


def test_items_of_one_entity_and_title_are_labelled_once(workplace: Path) -> None:
    Path("r.csv").write_text("user,item\nu,1\nu,2\nu,3\nv,1\nv,2\nv,3\n")
    Path("i.csv").write_text("item,title\n1,Heat\n2,Heat\n3,Hot\n")
    Path("g.tsv").write_text("a\tby\tb\n")
    Path("l.csv").write_text("item,entity\n1,a\n2,a\n3,a\n")
    files = {
        "interactions": "r.csv",
        "items": "i.csv",
        "kg": "g.tsv",
        "links": "l.csv",
        "title_column": "title",
    }
    export("g.npz", "data=custom", *(f"data.source.{key}={value}" for key, value in files.items()))
    labels = [row[2] for row in read_statements(Path("g.npz")).rows() if row[3] is not None]
    assert labels == ["Heat", "Hot"]


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


def run_of(workplace: Path, *settings: str) -> Path:
    quick = [PLANTED, *settings, "logger=none", "train.max_epochs=1", "test=false"]
    assert main(["train", *quick, f"paths.runs={workplace / 'runs'}"]) == 0
    return next((workplace / "runs").rglob("summary.json")).parent


@pytest.mark.parametrize(
    "model", ["hybrid", "warm_hybrid", "kgat", "lightkg", "kgrec", "kgin", "kgcn", "ripplenet"]
)
def test_vectors_of_entities(model: str, workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = run_of(workplace, f"model={model}", "lm=hashing")
    capsys.readouterr()
    export("v.safetensors", "--vectors", str(run))
    told = capsys.readouterr().out
    with safe_open("v.safetensors", framework="np") as file:
        vectors, metadata = file.get_tensor("vectors"), file.metadata()
    names = json.loads(metadata["names"])
    assert told.startswith(f"v.safetensors: {len(names)} entities, {vectors.shape[1]} numbers each")
    assert len(vectors) == len(names)
    assert np.isfinite(vectors).all()
    trained = TrainedRun.load(run)
    item = 3
    entity = trained.dataset.entities.raw_ids[int(trained.dataset.item_to_entity[item])]
    assert json.loads(metadata["titles"])[names.index(entity)] == trained.dataset.item_titles[item]
    with torch.no_grad():
        nodes = trained.model.node_vectors()
    assert nodes is not None
    node = trained.dataset.num_users + item
    assert np.allclose(vectors[names.index(entity)], nodes[node].numpy(), atol=1e-6)
    if model in ("kgat", "lightkg", "kgrec"):  # what ranks items is what is written of their entities
        with torch.no_grad():
            _, items = trained.model.embeddings()
        cosine = torch.nn.functional.cosine_similarity(nodes[node], items[item], dim=0)
        assert cosine.item() == pytest.approx(1.0, abs=1e-5)


def test_vectors_for_gensim_and_for_the_projector(workplace: Path, dataset: RecDataset) -> None:
    run = run_of(workplace, "model=kgcn")
    export("v.txt", "--vectors", str(run))
    head, *lines = Path("v.txt").read_text().splitlines()
    assert [int(size) for size in head.split()] == [dataset.num_entities, len(lines[0].split()) - 1]
    assert [line.split()[0] for line in lines] == dataset.entities.raw_ids
    export("v.tsv", "--vectors", str(run))
    numbers = np.loadtxt("v.tsv", delimiter="\t")
    assert np.allclose(numbers[7], [float(value) for value in lines[7].split()[1:]])
    names = pl.read_csv("v.names.tsv", separator="\t", infer_schema=False)
    assert names["name"].to_list() == dataset.entities.raw_ids
    assert set(names["title"].drop_nulls()) == set(dataset.item_titles)


def test_a_model_without_vectors_of_entities_says_so(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = run_of(workplace, "model=popularity")
    assert main(["kg", "export", "v.txt", "--vectors", str(run)]) == 2
    assert "model Popularity has no vectors of entities" in capsys.readouterr().err
    assert not Path("v.txt").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["g.docx", PLANTED],
            "g.docx: unknown ending; a graph is written to .ttl, .nt, .graphml, .npz, .csv",
        ),
        (["v.csv", "--embeddings", "runs/x"], "--embeddings takes all settings from the run and writes .npz"),
        (["v.npz", PLANTED, "--embeddings", "runs/x"], "--embeddings takes all settings from the run"),
        (
            ["v.npz", "--vectors", "runs/x"],
            "--vectors takes all settings from the run and writes .safetensors",
        ),
    ],
)
def test_what_cannot_be_exported(
    arguments: list[str], message: str, workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["kg", "export", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert list(workplace.iterdir()) == []
