"""Cross-attention: the tokens of an item's text look at the entities its facts name."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kgrec.errors import InputError
from kgrec.nn.fusion.base import LeaningFusion, TokenContext, TokenFusion
from kgrec.nn.fusion.gate import Gate


class CrossAttention(TokenFusion, LeaningFusion):
    r"""Multi-head attention from text tokens to neighbouring entities, gated with the text.

    After the encoder–decoder attention of `Attention Is All You Need <https://arxiv.org/abs/1706.03762>`_
    (Vaswani et al., NeurIPS 2017, §3.2), with the tokens x_t of an item's text as queries, and as keys and
    values its neighbours' embeddings n_1 … n_K and, as n_0, its own structured features:

    .. math::
        n_0 = W_s s + b_s, \quad
        a_{tk} = \mathrm{softmax}_k\Big(\frac{(W_q x_t)^\top W_k n_k}{\sqrt{d}} + b_k\Big), \quad
        c = \frac{1}{T} \sum_t \sum_k a_{tk} W_v n_k, \quad
        \mathrm{out} = \mathrm{gate}(c, t)

    per head of width d, the heads side by side in c; the gate is :class:`~kgrec.nn.fusion.gate.Gate`, whose
    map of c is the output projection, and t the pooled text. b_0 is ``own_bias``, the others are 0.

    Differences: the output is pooled over the tokens, because an item is one vector; a gate in place of
    residual connection and layer norm, so that a side may be missing; n_0 makes the attention one over at
    least one key, and hands on what the graph network made of facts beyond the K; one layer, without a
    feed-forward part.

    W_k begins at zero, so the attention begins even: as a mean, through which a start of scope ``linear``
    regresses the entities in one go. It is learned in gradient steps (``model.start.hold_items=false`` or
    ``model.start=null``) or by a start of scope ``all``; the hybrid refuses a start that allows neither.

    Missing: where the text is missing a learned query asks in place of its tokens and ``out = W c + b``;
    where the graph is missing ``out`` is the projected text; where both are, ``out = 0``.

    Args:
        structured_dim: Ds.
        text_dim: Dt.
        out_dim: width of the item embeddings.
        initial_bias: prior log-odds of the structured side in the gate.
        num_heads: a divisor of ``out_dim``.
        own_bias: b_0, added to what each token makes of n_0: where all else is equal, n_0 has
            :math:`e^{b_0}` times the weight of a neighbour.
        max_neighbours: K ≥ 0 at most, the rarest first.
        max_tokens: T ≥ 1 at most, from the beginning of the text.

    Raises:
        InputError: a setting outside its range.
    """

    def __init__(
        self,
        structured_dim: int,
        text_dim: int,
        out_dim: int,
        *,
        initial_bias: float,
        num_heads: int,
        own_bias: float,
        max_neighbours: int,
        max_tokens: int,
    ) -> None:
        super().__init__(structured_dim, text_dim, out_dim)
        if num_heads < 1 or out_dim % num_heads:
            raise InputError(f"fusion.num_heads: found {num_heads}, expected a divisor of {out_dim}")
        if max_neighbours < 0:
            raise InputError(f"fusion.max_neighbours: found {max_neighbours}, expected at least 0")
        if max_tokens < 1:
            raise InputError(f"fusion.max_tokens: found {max_tokens}, expected at least 1")
        self.num_heads = num_heads
        self.own_bias = own_bias
        self.max_neighbours = max_neighbours
        self.max_tokens = max_tokens
        self.project_structured = nn.Linear(structured_dim, out_dim)
        self.query = nn.Linear(text_dim, out_dim, bias=False)
        self.key = nn.Linear(out_dim, out_dim, bias=False)
        self.value = nn.Linear(out_dim, out_dim, bias=False)
        self.query_without_text = nn.Parameter(torch.zeros(out_dim))
        self.gate = Gate(out_dim, text_dim, out_dim, initial_bias=initial_bias)
        for linear in (self.project_structured, self.query, self.value):
            nn.init.orthogonal_(linear.weight)
        nn.init.zeros_(self.project_structured.bias)
        nn.init.zeros_(self.key.weight)

    def lean(self, log_odds: float) -> None:
        """Set the gate's prior log-odds of the structured side."""
        self.gate.lean(log_odds)

    def forward(
        self,
        structured: Tensor,
        text: Tensor,
        has_text: Tensor,
        has_kg: Tensor,
        context: TokenContext | None = None,
    ) -> Tensor:
        """``[N, Ds], [N, Dt] -> [N, out_dim]``; the context's shapes as its class tells, else ValueError."""
        pooled = self._pooled(structured, text, has_text, has_kg, context)
        joined: Tensor = self.gate(pooled, text, has_text, has_kg)
        return joined

    def structured_share(
        self, structured: Tensor, text: Tensor, has_text: Tensor, has_kg: Tensor, *context: Any
    ) -> Tensor:
        """That of its gate."""
        pooled = self._pooled(structured, text, has_text, has_kg, *context)
        return self.gate.structured_share(pooled, text, has_text, has_kg)

    def _pooled(
        self,
        structured: Tensor,
        text: Tensor,
        has_text: Tensor,
        has_kg: Tensor,
        context: TokenContext | None = None,
    ) -> Tensor:
        """``[N, out_dim]``: what the text asked of the graph."""
        structured, text = self.blank_missing(structured, text, has_text, has_kg)
        context = self._blank_context(context, text, has_text, has_kg)
        own = self.project_structured(structured)
        keys = torch.cat([own.unsqueeze(1), context.neighbours], dim=1)
        queries, asks = self._queries(context, has_text)
        bias = torch.zeros(context.neighbour_mask.shape, dtype=own.dtype, device=own.device)
        bias = bias.masked_fill(~context.neighbour_mask, -torch.inf)
        bias = F.pad(bias, (1, 0), value=self.own_bias)
        answers = F.scaled_dot_product_attention(
            self._heads(queries),
            self._heads(self.key(keys)),
            self._heads(self.value(keys)),
            bias[:, None, None],
        )
        answers = answers.transpose(1, 2).flatten(2) * asks.unsqueeze(2)
        return answers.sum(dim=1) / asks.sum(dim=1, keepdim=True)

    def _queries(self, context: TokenContext, has_text: Tensor) -> tuple[Tensor, Tensor]:
        """``[N, T, out_dim]`` and the mask ``[N, T]`` of those that ask: at least one of each item."""
        is_silent = ~(context.token_mask.any(dim=1) & has_text)
        asks = context.token_mask & ~is_silent.unsqueeze(1)
        stands_in = torch.zeros_like(asks)
        stands_in[:, 0] = is_silent
        queries = self.query(context.tokens)
        return torch.where(stands_in.unsqueeze(2), self.query_without_text, queries), asks | stands_in

    def _blank_context(
        self, context: TokenContext | None, text: Tensor, has_text: Tensor, has_kg: Tensor
    ) -> TokenContext:
        """The context with 0 wherever its masks or those of its sides say that there is nothing."""
        n = len(text)
        if context is None:
            context = TokenContext(
                text.unsqueeze(1),
                has_text.unsqueeze(1),
                text.new_zeros(n, 0, self.out_dim),
                has_kg.new_zeros(n, 0),
            )
        self._check_context(context, n)
        token_mask = context.token_mask & has_text.unsqueeze(1)
        neighbour_mask = context.neighbour_mask & has_kg.unsqueeze(1)
        return TokenContext(
            context.tokens.masked_fill(~token_mask.unsqueeze(2), 0.0),
            token_mask,
            context.neighbours.masked_fill(~neighbour_mask.unsqueeze(2), 0.0),
            neighbour_mask,
        )

    def _check_context(self, context: TokenContext, n: int) -> None:
        num_tokens, num_neighbours = context.token_mask.shape[-1], context.neighbour_mask.shape[-1]
        expected = {
            "tokens": (context.tokens, (n, num_tokens, self.text_dim)),
            "token_mask": (context.token_mask, (n, num_tokens)),
            "neighbours": (context.neighbours, (n, num_neighbours, self.out_dim)),
            "neighbour_mask": (context.neighbour_mask, (n, num_neighbours)),
        }
        if num_tokens == 0:
            raise ValueError("tokens has no column, expected at least one, be it masked")
        for name, (tensor, shape) in expected.items():
            if tuple(tensor.shape) != shape:
                raise ValueError(f"{name} is {tuple(tensor.shape)}, expected {shape}")

    def _heads(self, rows: Tensor) -> Tensor:
        """``[N, L, out_dim] -> [N, heads, L, d]``."""
        return rows.unflatten(2, (self.num_heads, -1)).transpose(1, 2)
