"""What runs have to show, from real ones on the dataset with a known answer."""

import json
from pathlib import Path

import pytest
import torch

from kgrec.build import build, compose
from kgrec.evaluate import load_run
from kgrec.exhibits import exhibits_of
from kgrec.reporting.exhibits import Exhibits
from kgrec.reporting.run_folder import RunFolder
from kgrec.train import train

SETTINGS = ["data=planted", "lm=hashing", "train.max_epochs=3", "train.runtime.device=cpu"]
SETTINGS += ["train.runtime.progress='off'", "test=false"]


def folders(path: Path) -> list[str]:
    return [f"paths.{name}={path / name}" for name in ("runs", "cache", "data")]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("exhibits")


def shown_of(run: RunFolder) -> Exhibits:
    cfg, inputs, model = load_run(run.path)
    return exhibits_of(inputs, model, build(cfg.eval), run.read_metrics(), "valid")


@pytest.fixture(scope="module")
def run(workplace: Path) -> RunFolder:
    return train(compose([*SETTINGS, *folders(workplace), "logger=none"]))


@pytest.fixture(scope="module")
def shown(run: RunFolder) -> Exhibits:
    return shown_of(run)


def test_examples_are_lists_of_the_evaluation(run: RunFolder, shown: Exhibits) -> None:
    assert (shown.ranked, len(shown.examples)) == ("valid/cold", 10)
    measured = dict(run.read_per_user().select("user", "valid/cold/recall@10").iter_rows())
    for example in shown.examples:
        hits = sum(at.hit for at in example.top)
        assert hits / example.num_relevant == pytest.approx(measured[example.user])
        assert len(example.history) == min(example.num_history, 10) > 0
        assert not set(example.history) & {at.title for at in example.top}
    assert sum(at.hit for example in shown.examples for at in example.top) > 0


def test_figures_and_values(shown: Exhibits) -> None:
    expected = {"curve/train/loss", "curve/valid/cold/recall@20", "graph_share", "relation_weights"}
    assert set(shown.figures) == {*expected, "item_map"}
    assert shown.values["graph_share"].shape == (300,)
    (axes,) = shown.figures["relation_weights"].axes
    assert "interacts" not in [text.get_text() for text in axes.get_yticklabels()]  # the graph view has none


def test_showing_draws_from_no_stream(run: RunFolder, shown: Exhibits) -> None:
    before = torch.random.get_rng_state()
    again = shown_of(run)
    assert again.examples == shown.examples
    clouds = [figures["item_map"].axes[0].collections[0] for figures in (again.figures, shown.figures)]
    assert clouds[0].get_offsets().tolist() == clouds[1].get_offsets().tolist()
    cfg, inputs, model = load_run(run.path)
    before = torch.random.get_rng_state()
    exhibits_of(inputs, model, build(cfg.eval), run.read_metrics(), "valid")
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_model_with_nothing_to_tell_shows_its_lists(workplace: Path) -> None:
    run = train(compose([*SETTINGS, *folders(workplace), "model=popularity", "logger=none"]))
    shown = shown_of(run)
    assert len(shown.examples) == 10
    assert shown.figures == shown.values == {}


@pytest.mark.slow
def test_the_logger_changes_no_figure_and_the_folder_has_the_examples(
    run: RunFolder, shown: Exhibits, tmp_path: Path
) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    mirrored = train(compose([*SETTINGS, *folders(tmp_path), "logger=tensorboard"]))
    assert mirrored.name == run.name
    assert mirrored.read_metrics() == run.read_metrics()
    assert mirrored.read_per_user().equals(run.read_per_user())
    assert json.loads((mirrored.path / "examples.json").read_text()) == json.loads(
        json.dumps(shown.as_json())
    )
    assert not (run.path / "examples.json").exists()
    assert list((mirrored.path / "tensorboard").iterdir())
