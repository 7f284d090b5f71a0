"""Operations counted while a model runs, against the closed formula."""

from collections.abc import Callable
from pathlib import Path

import pytest

from kgrec.errors import InputError
from kgrec.text.flops import flops_of_text
from kgrec.text.static import StaticEncoder
from kgrec.text.transformer import TransformerEncoder

WIDTH, INNER = 16, 32


def make_encoder(folder: Path, num_layers: int | None, dtype: str = "float32") -> TransformerEncoder:
    return TransformerEncoder(str(folder), num_layers, "mean", 32, 3, dtype, True, "cpu")


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int8"])
@pytest.mark.parametrize(("num_layers", "num_tokens"), [(1, 1), (1, 9), (3, 9), (3, 32)])
def test_a_stack_of_bert_layers_takes_what_the_formula_says(
    bert: Path, num_layers: int, num_tokens: int, dtype: str
) -> None:
    projections = 2 * num_tokens * (4 * WIDTH**2 + 2 * WIDTH * INNER)
    attention = 4 * num_tokens**2 * WIDTH
    counted = flops_of_text(make_encoder(bert, num_layers, dtype), num_tokens)
    assert counted == num_layers * (projections + attention)


def test_a_decoder_with_grouped_heads(make_model: Callable[..., Path]) -> None:
    # query and output 16 → 16, key and value 16 → 8 (one head of 8), three matrices in the gated part
    projections = 2 * 9 * (2 * WIDTH**2 + 2 * WIDTH * 8 + 3 * WIDTH * INNER)
    counted = flops_of_text(make_encoder(make_model("qwen3"), 2), 9)
    assert counted == 2 * (projections + 4 * 9**2 * WIDTH)


def test_token_embeddings_take_no_product(bert: Path) -> None:
    assert flops_of_text(StaticEncoder(str(bert), 32, True, "full"), 9) == 0


@pytest.mark.parametrize("num_tokens", [0, 33])
def test_a_text_that_no_encoder_reads_is_refused(bert: Path, num_tokens: int) -> None:
    with pytest.raises(InputError, match=rf"num_tokens: found {num_tokens}, expected 1 … max_length=32"):
        flops_of_text(make_encoder(bert, 1), num_tokens)
