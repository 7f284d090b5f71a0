"""Batches of tokens and packed rows: what is in them, and that they change no vector."""

from collections.abc import Callable
from itertools import chain
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from kgrec.build import build, compose
from kgrec.errors import InputError
from kgrec.pipeline import run_name
from kgrec.text.batches import Speed, batches_of
from kgrec.text.transformer import TransformerEncoder

LENGTHS = [3, 9, 0, 1, 9, 4, 3, 30]
IDS = [list(range(length)) for length in LENGTHS]


def encoder(folder: Path, speed: Speed, **changes: str) -> TransformerEncoder:
    settings = {"pooling": "mean", "dtype": "float32"} | changes
    return TransformerEncoder(
        str(folder), None, settings["pooling"], 32, 3, settings["dtype"], False, "cpu", speed=speed
    )


@pytest.mark.parametrize(
    ("batching", "size"), [("packed", sum), ("length", lambda own: max(own) * len(own)), ("given", None)]
)
@pytest.mark.parametrize("limit", [1, 12, 20, None])
def test_every_text_is_in_one_batch_of_the_sizes_set(
    batching: str, size: Callable[[list[int]], int] | None, limit: int | None
) -> None:
    batches = batches_of(IDS, batching, 3, limit)
    assert sorted(chain.from_iterable(batches)) == [0, 1, 3, 4, 5, 6, 7]
    assert all(len(rows) <= 3 for rows in batches)
    if size and limit:
        assert all(len(rows) == 1 or size([LENGTHS[row] for row in rows]) <= limit for rows in batches)
    order = [LENGTHS[row] for row in chain.from_iterable(batches)]
    assert order == ([3, 9, 1, 9, 4, 3, 30] if batching == "given" else [30, 9, 9, 4, 3, 3, 1])


def test_a_packed_batch_takes_more_texts_than_a_padded_one() -> None:
    assert batches_of(IDS[:2], "packed", 9, 12) == [[1, 0]]
    assert batches_of(IDS[:2], "length", 9, 12) == [[1], [0]]


@pytest.mark.parametrize("pooling", ["mean", "cls", "max", "last"])
@pytest.mark.parametrize("batching", ["auto", "packed", "length", "given"])
@pytest.mark.parametrize("batch_tokens", [1, 16, None])
def test_no_way_of_batching_changes_a_vector(
    bert: Path, texts: list[str], batching: str, batch_tokens: int | None, pooling: str
) -> None:
    single = encoder(bert, Speed("length"), pooling=pooling)
    expected = torch.cat([single.encode([text]) for text in texts])
    rows = encoder(bert, Speed(batching, batch_tokens), pooling=pooling).encode(texts)
    assert F.cosine_similarity(rows.double(), expected.double()).min() >= 1 - 1e-5
    torch.testing.assert_close(rows, expected, rtol=1e-4, atol=1e-5)


def test_packed_rows_of_every_layer_and_of_int8(bert: Path, texts: list[str]) -> None:
    for dtype, least in (("float32", 1 - 1e-5), ("int8", 0.999)):
        packed, padded = (
            encoder(bert, Speed(batching), dtype=dtype).layer_states(texts)
            for batching in ("packed", "length")
        )
        for layer, rows in packed.items():
            assert F.cosine_similarity(rows, padded[layer]).min() >= least


def test_what_cannot_be_packed_is_padded_or_refused(
    make_model: Callable[..., Path], texts: list[str]
) -> None:
    roberta = make_model("roberta")
    auto, length = (encoder(roberta, Speed(batching)).encode(texts) for batching in ("auto", "length"))
    assert torch.equal(auto, length)
    with pytest.raises(InputError, match=r"packed needs a model of type bert .* found type roberta"):
        encoder(roberta, Speed("packed")).encode(texts)


@pytest.mark.parametrize(
    ("settings", "message"),
    [(("sorted", None), r"speed\.batching: 'sorted' is none of"), (("length", 0), r"speed\.batch_tokens: 0")],
)
def test_settings_out_of_range_are_refused(settings: tuple[str, int | None], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Speed(*settings)


def test_speed_is_a_setting_that_names_neither_run_nor_cache_entry() -> None:
    plain = compose(["lm=minilm_l1"])
    other = compose(["lm=minilm_l1", "lm.speed.batching=length", "lm.speed.batch_tokens=256"])
    assert build(other.lm).speed == Speed("length", 256)
    assert build(other.lm).cache_key == build(plain.lm).cache_key
    assert run_name(other) == run_name(plain)
    del plain.lm.speed  # as runs before it were
    assert run_name(other) == run_name(plain)
