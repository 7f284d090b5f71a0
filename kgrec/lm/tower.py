"""A language model that is trained: texts in, one vector each out, with gradients."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from kgrec.errors import InputError
from kgrec.text.pooling import POOLINGS
from kgrec.text.transformer import TransformerEncoder

Disturb = Callable[[Tensor], Tensor]
"""Word embeddings ``[B, T, D]`` of a batch of texts → what the model reads in their place."""


class Tower(nn.Module):
    """The network of an encoder as a module to train; in evaluation mode it gives what the encoder gives.

    Args:
        encoder: whose network is taken, trained in place, and whose pooling, prefix, longest text and batch
            size hold; weights in float32, vocabulary full.
        dropout: probability, [0, 1), of every dropout in the network; ``None`` = as the model was published.

    Raises:
        InputError: a dropout out of range; an encoder in int8 or bfloat16, or with a cut vocabulary.
    """

    def __init__(self, encoder: TransformerEncoder, dropout: float | None) -> None:
        super().__init__()
        if not isinstance(encoder, TransformerEncoder):
            found = type(encoder).__name__
            raise InputError(f"model: found {found}, which has no layers to train; expected a language model")
        if encoder.dtype != "float32" or encoder.vocabulary != "full":
            raise InputError(
                f"lm: found dtype {encoder.dtype} and vocabulary {encoder.vocabulary}, expected float32 "
                "and full: train first, make it smaller afterwards"
            )
        if dropout is not None and not 0 <= dropout < 1:
            raise InputError(f"lm_recommender.dropout: found {dropout}, expected in [0, 1), or null")
        self.encoder = encoder
        self.network: nn.Module = encoder.backbone.network
        for module in self.network.modules() if dropout is not None else ():
            if isinstance(module, nn.Dropout):
                module.p = float(dropout or 0.0)

    @property
    def dim(self) -> int:
        """Width of a vector."""
        return self.encoder.dim

    def forward(self, texts: Sequence[str]) -> Tensor:
        """``[N, dim]``; a text without any token gets zeros."""
        ids = self.encoder.token_ids(self.encoder.backbone.tokenizer, texts)
        device = next(self.network.parameters()).device
        # by length, so that little padding is computed
        order = sorted((row for row, tokens in enumerate(ids) if tokens), key=lambda row: -len(ids[row]))
        parts = [torch.zeros(len(ids) - len(order), self.dim, device=device)]
        for start in range(0, len(order), self.encoder.batch_size):
            batch = [torch.tensor(ids[row]) for row in order[start : start + self.encoder.batch_size]]
            mask = pad_sequence([torch.ones_like(tokens) for tokens in batch], batch_first=True).to(device)
            input_ids = pad_sequence(batch, batch_first=True).to(device)
            states = self.encoder.backbone.states(input_ids, mask, every_layer=False)[0]
            parts.append(POOLINGS[self.encoder.pooling](states, mask))
        found = torch.tensor([*(row for row, tokens in enumerate(ids) if not tokens), *order], device=device)
        vectors = torch.cat(parts)[found.argsort()]
        return F.normalize(vectors, dim=1) if self.encoder.normalize else vectors

    @contextmanager
    def disturbed(self, disturb: Disturb) -> Iterator[None]:
        """Within, what ``disturb`` makes of the word embeddings is read in their place."""
        table = self.network.get_input_embeddings()  # type: ignore[operator]
        hook = table.register_forward_hook(lambda _module, _inputs, output: disturb(output))
        try:
            yield
        finally:
            hook.remove()
