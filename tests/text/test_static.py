"""StaticEncoder against layer 0 of the whole model."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

from kgrec.errors import InputError
from kgrec.text.encoder import encode_items
from kgrec.text.static import StaticEncoder
from kgrec.text.transformer import TransformerEncoder

VOCABULARY, POSITIONS, WIDTH = 25, 32, 16


def make_static(folder: Path, **changes: Any) -> StaticEncoder:
    settings: dict[str, Any] = {
        "model": str(folder),
        "max_length": 32,
        "normalize": False,
        "vocabulary": "full",
    }
    return StaticEncoder(**settings | changes)


@pytest.mark.parametrize(
    "kind", ["bert", "roberta", "mpnet", "distilbert", "modernbert", "gpt2", "qwen3", "t5"]
)
def test_rows_are_the_pooled_layer_0_of_the_whole_model(
    kind: str, make_model: Callable[..., Path], texts: list[str]
) -> None:
    whole = TransformerEncoder(str(make_model(kind)), None, "mean", 32, 3, "float32", False, "cpu")
    torch.testing.assert_close(make_static(make_model(kind)).encode(texts), whole.layer_states(texts)[0])


def test_a_model_that_projects_its_embeddings_is_read_before_the_projection(
    make_model: Callable[..., Path], texts: list[str]
) -> None:
    assert make_static(make_model("albert")).encode(texts).shape == (len(texts), 8)


def test_no_layer_is_needed(bert: Path, tmp_path: Path, texts: list[str]) -> None:
    folder = shutil.copytree(bert, tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    tables = {f"bert.{name}": value for name, value in weights.items() if name.startswith("embeddings.")}
    assert len(tables) == 5
    save_file(tables, folder / "model.safetensors")
    assert torch.equal(make_static(folder).encode(texts), make_static(bert).encode(texts))


def test_weights_in_several_files_and_old_names_of_the_norm(
    bert: Path, tmp_path: Path, texts: list[str]
) -> None:
    folder = shutil.copytree(bert, tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    for index, (name, value) in enumerate(weights.items()):
        old = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
        save_file({old: value}, folder / f"model-{index}.safetensors")
    assert torch.equal(make_static(folder).encode(texts), make_static(bert).encode(texts))


def test_many_texts_equal_single_ones_in_any_order(bert: Path, texts: list[str]) -> None:
    encoder = make_static(bert)
    many = texts * 40  # more than one step
    rows = encoder.encode(many)
    torch.testing.assert_close(rows, torch.cat([encoder.encode([text]) for text in texts]).repeat(40, 1))
    torch.testing.assert_close(encoder.encode(many[::-1]).flip(0), rows)


def test_the_corpus_vocabulary_gives_identical_rows_from_a_smaller_table(
    bert: Path, texts: list[str]
) -> None:
    full, corpus = make_static(bert), make_static(bert, vocabulary="corpus")
    rest = (POSITIONS + 2 + 2) * WIDTH
    for some in (["heat"], texts, ["19 95"]):  # grows with what it has read
        assert torch.equal(corpus.encode(some), full.encode(some))
    assert full.cost()["lm_params"] == VOCABULARY * WIDTH + rest
    # heat toy story the good bad and ugly a crime drama film of space alien 19 95, [CLS], [SEP], ##s
    assert corpus.cost()["lm_params"] == 20 * WIDTH + rest
    assert corpus.cost()["lm_bytes"] == 4 * corpus.cost()["lm_params"]


def test_the_features_carry_the_cost_of_the_corpus_they_were_made_from(bert: Path, tmp_path: Path) -> None:
    encoder = make_static(bert, vocabulary="corpus")
    cost = encode_items(encoder, ["heat", "", "toy"], tmp_path).cost
    assert cost["lm_params"] == (2 + 2 + POSITIONS + 2 + 2) * WIDTH
    assert cost["lm_params_without_embeddings"] == 2 * WIDTH


def test_cost_equals_layer_0_of_the_whole_model(bert: Path) -> None:
    whole = TransformerEncoder(str(bert), None, "mean", 32, 3, "float32", False, "cpu")
    assert make_static(bert).cost() == whole.cost_at(0)


def test_normalized_rows_have_length_one(bert: Path, texts: list[str]) -> None:
    plain, scaled = (make_static(bert, normalize=value).encode(texts) for value in (False, True))
    torch.testing.assert_close(scaled, F.normalize(plain, dim=1))


def test_texts_without_tokens_get_zeros(make_model: Callable[..., Path]) -> None:
    for vocabulary in ("full", "corpus"):
        encoder = make_static(make_model("gpt2"), vocabulary=vocabulary)
        assert encoder.encode(["heat", " ", "toy"]).any(dim=1).tolist() == [True, False, True]
        assert encoder.encode([]).shape == (0, WIDTH)


def test_the_cache_key_names_every_setting(make_model: Callable[..., Path]) -> None:
    changes: list[dict[str, Any]] = [{}, {"max_length": 8}, {"normalize": True}, {"vocabulary": "corpus"}]
    changes.append({"dtype": "int8"})
    keys = [make_static(make_model("bert"), **change).cache_key for change in changes]
    keys.append(make_static(make_model("bert", 1)).cache_key)
    keys.append(
        TransformerEncoder(str(make_model("bert")), 1, "mean", 32, 3, "float32", False, "cpu").cache_key
    )
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"vocabulary": "half"}, "vocabulary: 'half' is none of full, corpus, cut"),
        ({"max_length": 0}, "max_length: 0"),
        ({"max_length": 33}, "max_length: 33 is more than the 32"),
    ],
)
def test_settings_out_of_range(bert: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make_static(bert, **changes).encode(["heat"])


def test_a_model_without_a_known_table_is_refused(bert: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(bert, tmp_path / "model")
    save_file({"strange.table": torch.zeros(2, 2)}, folder / "model.safetensors")
    with pytest.raises(InputError, match="no embedding table"):
        make_static(folder).encode(["heat"])
