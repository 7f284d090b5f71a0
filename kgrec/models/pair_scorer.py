"""A language model that scores pairs: it reads a history and a candidate, the graph beside them."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from kgrec.errors import InputError
from kgrec.nn.conditioned_lora import ConditionedLoRA
from kgrec.nn.soft_tokens import SoftTokens
from kgrec.text.batches import length_batches, padded
from kgrec.text.pooling import POOLINGS
from kgrec.text.transformer import TransformerEncoder

NUM_SOFT_TOKENS = 3
"""The history, the candidate, and how near they are; see :meth:`PairScorer.forward`."""


class Tuning(Protocol):
    """Which weights of the language model are trained, e.g. :class:`kgrec.lm.methods.lora.LoRA`."""

    def prepare(self, encoder: TransformerEncoder) -> None:
        """Change the encoder's network in place, so that exactly what is trained asks for a gradient."""
        ...

    def penalty(self) -> Tensor:
        """What is added to the loss of a step, shape ``[]``."""
        ...

    def after_step(self, step: int, steps: int) -> None:
        """See :meth:`kgrec.models.base.Trainable.after_step`."""
        ...


class PairScorer(nn.Module):
    r"""A score for each text: :math:`s = w^\top \mathrm{pool}(M(x)) + b`, where w begins at zero.

    Args:
        encoder: its network is tuned in place; its pooling and batch size hold. Encoders pool as they were
            trained to, decoders take the last token (``lm.pooling=last``).
        method: which weights are trained; ``None`` = the network stays as it was published.
        soft_tokens: whether the graph's features are read before the text.
        adapters: builds :class:`~kgrec.nn.conditioned_lora.ConditionedLoRA` from ``(network,
            condition_dim)``; ``None`` = no weight of the network hangs on the graph.
        hidden: share of the texts whose candidate's features a training step hides, in [0, 1): few items
            are learned from, and their features tell which one it is.
        graph_dim: width of a feature vector.

    Raises:
        InputError: no language model with layers, one in int8 or bfloat16 or with a cut vocabulary; what
            the method and the adapters refuse.
    """

    def __init__(
        self,
        *,
        encoder: TransformerEncoder,
        method: Tuning | None,
        soft_tokens: bool,
        adapters: Callable[..., ConditionedLoRA] | None,
        hidden: float,
        graph_dim: int,
    ) -> None:
        super().__init__()
        _check(encoder)
        if not 0 <= hidden < 1:
            raise InputError(f"model.scorer.hidden: found {hidden}, expected a share in [0, 1)")
        self.hidden = hidden
        self.encoder = encoder
        self.network: nn.Module = encoder.backbone.network
        self.network.requires_grad_(False)
        self.method = method
        if method is not None:
            method.prepare(encoder)
        self.adapters = None if adapters is None else adapters(self.network, NUM_SOFT_TOKENS * graph_dim)
        self.soft_tokens: SoftTokens | None = None
        if soft_tokens:
            words = self._table.weight.detach()
            norm = float(words.norm(dim=1).mean())
            self.soft_tokens = SoftTokens(NUM_SOFT_TOKENS, graph_dim, words.shape[1], norm)
        self.head = nn.Linear(encoder.dim, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    @property
    def tokenizer(self) -> Any:
        """Of the language model."""
        return self.encoder.backbone.tokenizer

    @property
    def num_reserved(self) -> int:
        """Places before each text that soft tokens take."""
        return 0 if self.soft_tokens is None else NUM_SOFT_TOKENS

    @property
    def _table(self) -> nn.Embedding:
        table: nn.Embedding = self.network.get_input_embeddings()  # type: ignore[operator]
        return table

    def forward(self, ids: Sequence[Sequence[int]], reserved_from: int, features: Tensor) -> Tensor:
        """Scores ``[N]`` of texts; a score hangs on its own text and features alone.

        Args:
            ids: N texts of at least one token, from :class:`~kgrec.text.pair_prompt.PairPrompt`.
            reserved_from: place of the first soft token.
            features: ``[N, 3, graph_dim]``: of the history, of the candidate, and their inner product in
                every entry.
        """
        if self.training and self.hidden > 0:
            shown = torch.ones(len(features), NUM_SOFT_TOKENS, 1, device=features.device)
            shown[:, 1, 0] = (torch.rand(len(features), device=features.device) >= self.hidden).float()
            features = features * shown
        batches = length_batches(ids, self.encoder.batch_size)
        scores = [
            self._batch([ids[row] for row in rows], reserved_from, features[torch.tensor(rows)])
            for rows in batches
        ]
        order = torch.tensor([row for rows in batches for row in rows], device=features.device)
        return torch.cat(scores)[order.argsort()] if scores else features.new_zeros(0)

    def _batch(self, ids: list[Sequence[int]], reserved_from: int, features: Tensor) -> Tensor:
        input_ids, mask = padded(ids, features.device)
        with ExitStack() as stack:
            if self.soft_tokens is not None:
                tokens = self.soft_tokens(features)
                stack.callback(self._read_instead(tokens, reserved_from).remove)
            if self.adapters is not None:
                stack.enter_context(self.adapters.given(features.flatten(1)))
            states = self.encoder.backbone.states(input_ids, mask, every_layer=False)[0]
        scores: Tensor = self.head(POOLINGS[self.encoder.pooling](states, mask))
        return scores.squeeze(1)

    def _read_instead(self, tokens: Tensor, start: int) -> Any:
        """Put ``tokens [B, S, D]`` in the place of the words from ``start`` on, until the hook is removed."""
        end = start + tokens.shape[1]

        def replaced(_module: nn.Module, _inputs: Any, words: Tensor) -> Tensor:
            return torch.cat([words[:, :start], tokens.to(words.dtype), words[:, end:]], dim=1)

        return self._table.register_forward_hook(replaced)


def _check(encoder: object) -> None:
    if not isinstance(encoder, TransformerEncoder):
        raise InputError(
            f"lm: found {type(encoder).__name__}, which has no layers to read a pair with; expected a "
            "language model such as lm=minilm_l1"
        )
    if encoder.dtype != "float32" or encoder.vocabulary != "full":
        raise InputError(
            f"lm: found dtype {encoder.dtype} and vocabulary {encoder.vocabulary}, expected float32 and "
            "full: the model is trained"
        )
