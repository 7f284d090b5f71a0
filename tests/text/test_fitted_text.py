"""A cut vocabulary on the way from the config to the features: warm items alone decide it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from omegaconf import DictConfig

from kgrec.build import compose
from kgrec.data.dataset import RecDataset
from kgrec.pipeline import load_dataset, load_encoder, load_text
from kgrec.reporting.run_folder import settings_of_run
from kgrec.studies.texts import encode_texts
from kgrec.text import transformer

TRANSFORMER = {"_target_": "kgrec.text.transformer.TransformerEncoder", "dtype": "float32"}
STATIC = {"_target_": "kgrec.text.static.StaticEncoder", "vocabulary": "full"}


def cut(bert: Path, tmp_path: Path, *overrides: str) -> DictConfig:
    settings = [f"lm.model={bert}", "lm.max_length=32", "lm.vocabulary=cut", f"paths.cache={tmp_path}"]
    return compose(["data=planted", "lm=hf", *settings, *overrides])


def with_text(dataset: RecDataset, item: int, text: str) -> RecDataset:
    texts = list(dataset.item_texts)
    texts[item] = text
    return replace(dataset, item_texts=texts)


def test_texts_of_warm_items_decide_and_those_of_cold_ones_do_not(bert: Path, tmp_path: Path) -> None:
    cfg = cut(bert, tmp_path)
    dataset = load_dataset(cfg)
    assert 0 < dataset.warm_items.sum() < dataset.num_items
    key = load_encoder(cfg, dataset).cache_key
    warm, cold = np.flatnonzero(dataset.warm_items)[0], np.flatnonzero(~dataset.warm_items)[0]
    assert load_encoder(cfg, with_text(dataset, cold, "toy story")).cache_key == key
    assert load_encoder(cfg, with_text(dataset, warm, "toy story")).cache_key != key
    without_text = replace(dataset, item_texts=[""] * dataset.num_items)
    assert (
        load_encoder(cfg, without_text).cost()["lm_params"] < load_encoder(cfg, dataset).cost()["lm_params"]
    )


def test_a_study_encodes_what_its_runs_read(
    bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configs = [cut(bert, tmp_path, f"lm.num_layers={layers}") for layers in (1, 2)]
    encode_texts(configs)
    monkeypatch.setattr(transformer, "load_backbone", lambda *_: pytest.fail("loaded"))
    for cfg in configs:
        features = load_text(cfg, load_dataset(cfg))
        assert features.has_text.any()


def test_settings_that_came_later_leave_earlier_runs_their_names() -> None:
    for earlier, later in (
        (TRANSFORMER, {"prefix": "", "vocabulary": "full"}),
        (STATIC, {"dtype": "float32"}),
    ):
        settings = settings_of_run({"lm": earlier})
        assert settings == {f"lm.{key}": value for key, value in earlier.items()}
        assert settings_of_run({"lm": earlier | later}) == settings
    assert settings_of_run({"lm": TRANSFORMER | {"vocabulary": "cut"}})["lm.vocabulary"] == "cut"
    assert settings_of_run({"lm": TRANSFORMER | {"prefix": "query: "}})["lm.prefix"] == "query: "
    assert settings_of_run({"lm": STATIC | {"dtype": "int8"}})["lm.dtype"] == "int8"
