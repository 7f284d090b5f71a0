"""How much a language model computes for one text: multiplications and additions, counted as it runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from kgrec.errors import InputError
from kgrec.text.static import StaticEncoder
from kgrec.text.transformer import TransformerEncoder


def flops_of_text(encoder: TransformerEncoder | StaticEncoder, num_tokens: int) -> int:
    """Operations of matrix products in one forward pass, a multiplication and an addition each counted.

    For a BERT layer of width h and inner width f, and a text of n tokens: 2·n·(4·h² + 2·h·f) + 4·n²·h, the
    projections and the two products of attention; decoders with grouped heads have less of the former. In
    int8 they are as many, of a cheaper kind. Left out, as :class:`torch.utils.flop_counter.FlopCounterMode`
    does: biases, norms, activations, softmax, lookups and pooling. So token embeddings alone take 0.

    Args:
        encoder: its layers are those kept, loaded where they are not yet.
        num_tokens: of the text, special tokens and prefix included.

    Raises:
        InputError: fewer than one token, or more than the encoder reads.
    """
    if not 1 <= num_tokens <= encoder.max_length:
        raise InputError(f"num_tokens: found {num_tokens}, expected 1 … max_length={encoder.max_length}")
    if isinstance(encoder, StaticEncoder):
        return 0
    tokens = torch.ones(1, num_tokens, dtype=torch.int64, device=encoder.device)
    with torch.no_grad(), counted_products() as counter:
        encoder.backbone.states(torch.zeros_like(tokens), tokens, every_layer=False)
    return int(counter.get_total_flops())


@contextmanager
def counted_products() -> Iterator[FlopCounterMode]:
    """Counts dense matrix products, int8 ones too; ``get_total_flops()`` of what it gives tells the sum."""
    counter = FlopCounterMode(display=False, custom_mapping={torch.ops.aten._int_mm: _product})
    # plain attention: the counter does not know the fused one of the CPU
    with sdpa_kernel(SDPBackend.MATH), counter:
        yield counter


def _product(left: Any, right: Any, *_: Any, **__: Any) -> int:
    """Operations of ``[m, k] @ [k, n]``, given the two shapes."""
    return 2 * int(left[0]) * int(left[1]) * int(right[1])
