"""encode_items and its cache, with an encoder that counts what it is asked."""

import errno
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from kgrec.errors import InputError
from kgrec.text import store
from kgrec.text.encoder import Cost, encode_items
from kgrec.text.none import NoText


@dataclass
class LengthEncoder:
    """Row of a text: its length and its first letter; zero for "?"."""

    cache_key: str = "length"
    dim: int = 2
    dtype: torch.dtype = torch.float32
    encoded: list[list[str]] = field(default_factory=list)

    def encode(self, texts: list[str]) -> Tensor:
        self.encoded.append(list(texts))
        rows = [[0.0, 0.0] if text == "?" else [float(len(text)), float(ord(text[0]))] for text in texts]
        return torch.tensor(rows, dtype=self.dtype).reshape(-1, 2)

    def cost(self) -> Cost:
        return {"lm_params": 3, "lm_params_without_embeddings": 1, "lm_bytes": 12}


def test_rows_follow_the_items_and_empty_texts_are_zero(tmp_path: Path) -> None:
    features = encode_items(LengthEncoder(), ["ab", "", "c", "ab", " \n"], tmp_path)
    expected = [[2.0, 97.0], [0.0, 0.0], [1.0, 99.0], [2.0, 97.0], [0.0, 0.0]]
    assert features.embeddings.tolist() == expected
    assert features.has_text.tolist() == [True, False, True, True, False]


def test_equal_texts_are_encoded_once_and_empty_ones_never(tmp_path: Path) -> None:
    encoder = LengthEncoder()
    encode_items(encoder, ["ab", "", "c", "ab", "  "], tmp_path)
    assert encoder.encoded == [["ab", "c"]]


def test_a_row_of_zeros_counts_as_no_text(tmp_path: Path) -> None:
    assert encode_items(LengthEncoder(), ["?", "a"], tmp_path).has_text.tolist() == [False, True]


def test_cost_is_the_encoders_with_the_rate_added(tmp_path: Path) -> None:
    cost = encode_items(LengthEncoder(), ["ab", "c"], tmp_path).cost
    assert cost.pop("encode_items_per_s") > 0
    assert cost == LengthEncoder().cost()


def test_a_cache_hit_encodes_nothing_and_gives_the_same(tmp_path: Path) -> None:
    first = encode_items(LengthEncoder(), ["ab", "", "c"], tmp_path)
    encoder = LengthEncoder()
    second = encode_items(encoder, ["ab", "", "c"], tmp_path)
    assert encoder.encoded == []
    assert torch.equal(first.embeddings, second.embeddings)
    assert torch.equal(first.has_text, second.has_text)
    assert first.cost == second.cost


@pytest.mark.parametrize(
    ("cache_key", "texts", "encoded"),
    [
        ("other", ["ab", "c"], [["ab", "c"]]),
        ("length", ["c", "ab"], []),
        ("length", ["ab", "c", "", "ab"], []),
        ("length", ["a", "bc"], [["a", "bc"]]),
        ("length", ["c", "new", "ab", "new"], [["new"]]),
    ],
)
def test_only_texts_that_this_encoder_has_not_read_are_encoded(
    tmp_path: Path, cache_key: str, texts: list[str], encoded: list[list[str]]
) -> None:
    encode_items(LengthEncoder(), ["ab", "c"], tmp_path)
    encoder = LengthEncoder(cache_key=cache_key)
    features = encode_items(encoder, texts, tmp_path)
    assert encoder.encoded == encoded
    assert features.embeddings[:, 0].tolist() == [float(len(text)) for text in texts]


def test_the_cache_holds_one_file_and_nothing_temporary(tmp_path: Path) -> None:
    encode_items(LengthEncoder(), ["ab"], tmp_path)
    (file,) = (tmp_path / "text").iterdir()
    assert file.suffix == ".safetensors"
    assert len(file.stem) == 64


def test_a_damaged_cache_file_is_made_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first = encode_items(LengthEncoder(), ["ab"], tmp_path)
    (file,) = (tmp_path / "text").iterdir()
    file.write_bytes(file.read_bytes()[:-3])
    encoder = LengthEncoder()
    assert torch.equal(encode_items(encoder, ["ab"], tmp_path).embeddings, first.embeddings)
    assert len(encoder.encoded) == 1
    assert str(file) in caplog.text
    encode_items(encoder, ["ab"], tmp_path)
    assert len(encoder.encoded) == 1


def test_an_unwritable_folder_is_told_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("a file where the folder should be")
    encoder = LengthEncoder()
    with pytest.raises(InputError, match=r"paths\.cache"):
        encode_items(encoder, ["ab"], tmp_path)
    assert encoder.encoded == []


def test_a_full_disk_is_an_input_error_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_half(_tensors: Any, path: Path, **_options: Any) -> None:
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(store, "save_file", write_half)
    with pytest.raises(InputError, match="No space left"):
        encode_items(LengthEncoder(), ["ab"], tmp_path)
    assert list((tmp_path / "text").iterdir()) == []


def test_values_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    class Overflowing(LengthEncoder):
        def encode(self, texts: list[str]) -> Tensor:
            return torch.full((len(texts), 2), torch.inf)

    with pytest.raises(ValueError, match="not finite"):
        encode_items(Overflowing(), ["ab"], tmp_path)


def test_a_wrong_number_of_rows_is_refused(tmp_path: Path) -> None:
    class Forgetful(LengthEncoder):
        def encode(self, texts: list[str]) -> Tensor:
            return super().encode(texts)[1:]

    with pytest.raises(ValueError, match=r"\(1, 2\) for 2 texts"):
        encode_items(Forgetful(), ["ab", "c"], tmp_path)


def test_features_are_float32_whatever_the_encoder_gives(tmp_path: Path) -> None:
    features = encode_items(LengthEncoder(dtype=torch.bfloat16), ["ab", ""], tmp_path)
    assert features.embeddings.dtype == torch.float32
    assert features.has_text.dtype == torch.bool


def test_no_text_gives_one_zero_column_and_no_item_with_text(tmp_path: Path) -> None:
    features = encode_items(NoText(), ["ab", "", "c"], tmp_path)
    assert features.embeddings.tolist() == [[0.0], [0.0], [0.0]]
    assert not features.has_text.any()
    assert features.cost == {"lm_params": 0, "lm_params_without_embeddings": 0, "lm_bytes": 0}


@pytest.mark.parametrize("texts", [[], ["", " "]])
def test_items_without_any_text(tmp_path: Path, texts: list[str]) -> None:
    features = encode_items(LengthEncoder(), texts, tmp_path)
    assert features.embeddings.shape == (len(texts), 2)
    assert not features.has_text.any()
