"""The linear layers of a transformer's layer by what they do, and how they are made narrower."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from kgrec.errors import InputError

_ROLES = ("query", "key", "value", "merge", "up", "down")
_BERT = {  # RoBERTa and ELECTRA too
    **{role: f"attention.self.{role}" for role in _ROLES[:3]},
    **{"merge": "attention.output.dense", "up": "intermediate.dense", "down": "output.dense"},
}
_DISTILBERT = {
    **{role: f"attention.{role[0]}_lin" for role in _ROLES[:3]},
    **{"merge": "attention.out_lin", "up": "ffn.lin1", "down": "ffn.lin2"},
}


@dataclass(frozen=True)
class Block:
    """One layer, with hidden width ``h``, ``n`` heads of width ``d`` and inner width ``f``.

    Attributes:
        query, key, value: ``h → n·d``.
        merge: ``n·d → h``, the heads side by side.
        up: ``h → f``, before the activation.
        down: ``f → h``, after it.
        head_dim: ``d``.
    """

    query: nn.Linear
    key: nn.Linear
    value: nn.Linear
    merge: nn.Linear
    up: nn.Linear
    down: nn.Linear
    head_dim: int

    @property
    def num_heads(self) -> int:
        """``n``."""
        return self.merge.in_features // self.head_dim

    @property
    def width(self) -> int:
        """``f``."""
        return self.down.in_features

    def keep_heads(self, heads: Sequence[int] | Tensor) -> None:
        """Drop all other heads. Their width, and so the scale of the products, stays."""
        columns = torch.arange(self.merge.in_features).view(self.num_heads, self.head_dim)[heads].flatten()
        for linear in (self.query, self.key, self.value):
            _keep_outputs(linear, columns)
        _keep_inputs(self.merge, columns)

    def keep_neurons(self, neurons: Tensor) -> None:
        """Drop all other neurons between ``up`` and ``down``."""
        _keep_outputs(self.up, neurons)
        _keep_inputs(self.down, neurons)


def layer_list(network: nn.Module, depth: int) -> tuple[str, nn.ModuleList] | None:
    """Name and list of the layers that a text passes; ``None`` where they are not ``depth`` separate ones."""
    for name, module in network.named_modules():  # outermost first
        if isinstance(module, nn.ModuleList) and len(module) == depth:
            return name, module
    return None


def blocks(network: Any) -> list[Block]:
    """The layers of a network, in order.

    Raises:
        InputError: an architecture whose layers are built otherwise than BERT's.
    """
    config = network.config
    found = layer_list(network, config.num_hidden_layers)
    modules = [dict(layer.named_modules()) for layer in found[1]] if found else []
    known = (names for names in (_BERT, _DISTILBERT) if modules and set(names.values()) <= modules[0].keys())
    names = next(known, None)
    if names is None:
        raise InputError(
            f"model: found architecture {config.model_type}, but heads and inner widths are pruned of layers "
            "built like those of BERT, RoBERTa or DistilBERT"
        )
    head_dim = config.hidden_size // config.num_attention_heads
    return [Block(**{role: layer[names[role]] for role in _ROLES}, head_dim=head_dim) for layer in modules]


def narrow_heads(network: Any, num_heads: int) -> None:
    """Give every layer so many heads: the shape of a pruned model, before its weights come."""
    for block in blocks(network):
        block.keep_heads(range(num_heads))


def _keep_outputs(linear: nn.Linear, rows: Tensor) -> None:
    linear.weight = nn.Parameter(linear.weight.detach()[rows].clone())
    if linear.bias is not None:
        linear.bias = nn.Parameter(linear.bias.detach()[rows].clone())
    linear.out_features = len(rows)


def _keep_inputs(linear: nn.Linear, columns: Tensor) -> None:
    linear.weight = nn.Parameter(linear.weight.detach()[:, columns].clone())
    linear.in_features = len(columns)
