"""Numbers of a graph decide who likes what: models that read them find cold items, others do not."""

import json
import logging
from pathlib import Path

import numpy as np
import pytest
import torch

from kgrec.build import compose
from kgrec.cli import main
from kgrec.models.base import ModelInputs, Recommender
from kgrec.pipeline import load_dataset, load_inputs, load_model
from kgrec.recommend import TrainedRun

NUM_ITEMS, NUM_USERS = 300, 100


@pytest.fixture
def films(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Settings of a dataset whose even users like long films and whose odd ones short ones."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KGREC_CACHE_DIR", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    minutes = rng.integers(60, 200, NUM_ITEMS)
    facts = [
        f"<http://f/{item}> <http://f/by> <http://f/studio{rng.integers(4)}> ; "
        f"<http://f/minutes> {minutes[item]} ; <http://f/id> {rng.integers(10**6)} ."
        for item in range(NUM_ITEMS)
    ]
    Path("films.ttl").write_text("\n".join(facts))
    order = np.argsort(minutes)
    halves = order[NUM_ITEMS // 2 :], order[: NUM_ITEMS // 2]
    rows = [
        f"u{user},http://f/{item}"
        for user in range(NUM_USERS)
        for item in rng.choice(halves[user % 2], 40, False)
    ]
    Path("ratings.csv").write_text("user,item\n" + "\n".join(rows))
    own = ["data=custom", "data.source.interactions=ratings.csv", "data.source.kg=films.ttl"]
    return [*own, "data/split=cold_item", "lm=none", "logger=none", "test=false", "paths.runs=runs"]


ATTRIBUTES = "data.source.reading.attributes"


def inputs_of(settings: list[str]) -> tuple[ModelInputs, Recommender]:
    cfg = compose(settings)
    inputs = load_inputs(cfg, load_dataset(cfg))
    torch.manual_seed(0)
    return inputs, load_model(cfg, inputs)


def recall(settings: list[str], group: str) -> float:
    assert main(["train", *settings, f"group={group}"]) == 0
    (summary,) = Path("runs", group).rglob("summary.json")
    return float(json.loads(summary.read_text())["valid/cold/recall@10"])


@pytest.mark.parametrize("model", ["ridge", "ease_graph", "hybrid"])
def test_cold_items_are_found_by_a_number(films: list[str], model: str) -> None:
    settings = [*films, f"model={model}", "train.max_epochs=2"]
    without = recall(settings, "without")
    with_numbers = recall([*settings, f"{ATTRIBUTES}={{minutes:linear}}"], "with")
    assert with_numbers > without + 0.1
    assert (
        recall([*settings, f"{ATTRIBUTES}={{minutes:linear}}", "kg=rewired"], "rewired") < with_numbers - 0.1
    )


def test_without_the_setting_nothing_changes(films: list[str]) -> None:
    inputs, model = inputs_of([*films, "model=hybrid"])
    assert (inputs.dataset.numbers, inputs.attributes) == (None, None)
    assert not [name for name, _ in model.named_parameters() if "attributes" in name]
    inputs, model = inputs_of([*films, "model=hybrid", f"{ATTRIBUTES}=quantile"])
    assert inputs.attributes is not None
    assert inputs.attributes.names == ("http://f/minutes", "http://f/id")
    assert dict(model.named_parameters())["attributes.map.weight"].shape == (32, 2)
    assert "http://f/minutes (quantile) of 300" in inputs.dataset.preparation_log[-1]


def test_a_model_that_does_not_read_them_says_so(films: list[str], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        inputs, _ = inputs_of([*films, "model=graph_knn", f"{ATTRIBUTES}=linear"])
    assert inputs.attributes is None
    assert "model=graph_knn does not read the numeric attributes of items" in caplog.text


def test_a_graph_of_numbers_alone_is_enough(films: list[str]) -> None:
    numbers = [
        f'<http://f/{item}> <http://f/minutes> "{60 + item}"^^<http://www.w3.org/2001/XMLSchema#integer> .'
        for item in range(NUM_ITEMS)
    ]
    Path("films.nt").write_text("\n".join(numbers))
    settings = [
        *films,
        "data.source.kg=films.nt",
        f"{ATTRIBUTES}=linear",
        "model=hybrid",
        "train.max_epochs=1",
    ]
    assert recall(settings, "numbers") > 0
    (summary,) = Path("runs").rglob("summary.json")
    run = TrainedRun.load(summary.parent)
    new = run.embed_item("", [])
    assert torch.isfinite(new).all()
