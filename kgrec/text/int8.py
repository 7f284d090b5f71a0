"""Weights of a language model stored as whole numbers of 8 bits, four times smaller than float32."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

LARGEST = 127
"""Largest absolute value: -128 is left out, so that the scale is the same on both sides of zero."""


def quantize_rows(values: Tensor) -> tuple[Tensor, Tensor]:
    """Symmetric quantisation of each row by its own largest absolute value.

    Args:
        values: ``[N, D]`` floating point.

    Returns:
        ``[N, D]`` int8 and ``[N, 1]`` float32 scales with ``values ≈ int8 · scale``, off by half a scale at
        most; a row of zeros has scale 0.
    """
    scale = values.float().abs().amax(dim=1, keepdim=True) / LARGEST  # a norm does the same, but slowly
    whole = values * scale.clamp(min=torch.finfo(torch.float32).tiny).reciprocal()
    return whole.round_().to(torch.int8), scale


@dataclass(frozen=True)
class Int8Rows:
    """A table ``[N, D]`` in int8, read back as float32 one row at a time.

    Attributes:
        weight: ``[N, D]`` int8.
        scale: ``[N, 1]`` float32.
    """

    weight: Tensor
    scale: Tensor

    @classmethod
    def of(cls, table: Tensor) -> "Int8Rows":
        """The table, quantised row by row."""
        return cls(*quantize_rows(table))

    def __getitem__(self, rows: Tensor | int) -> Tensor:
        return self.weight[rows].float() * self.scale[rows]

    @property
    def shape(self) -> torch.Size:
        """``[N, D]``."""
        return self.weight.shape

    def numel(self) -> int:
        """Parameters; scales are how they are stored, and none themselves."""
        return self.weight.numel()

    @property
    def nbytes(self) -> int:
        """Bytes stored, scales included."""
        return self.weight.nbytes + self.scale.nbytes


class Int8Embedding(nn.Module):
    """``nn.Embedding`` whose rows are int8 with a scale each; what is looked up is float32."""

    def __init__(self, table: nn.Embedding) -> None:
        super().__init__()
        weight, scale = quantize_rows(table.weight.detach())
        self.weight = nn.Parameter(weight, requires_grad=False)
        self.register_buffer("scale", scale)
        self.padding_idx = table.padding_idx

    def forward(self, ids: Tensor) -> Tensor:
        """``[...]`` ids → ``[..., D]``."""
        return Int8Rows(self.weight, self.get_buffer("scale"))[ids]


class Int8Linear(nn.Module):
    """``nn.Linear`` in int8 with a scale for each output channel, and for each input row as it comes.

    y[n, o] = s[n] · w[o] · Σ_i X[n, i] · W[o, i] + b[o] with whole numbers X, W, summed in int32: LLM.int8()
    without its outlier columns, https://arxiv.org/abs/2208.07339 section 2.2 (vector-wise quantisation).
    Because a row (a token) is scaled by its own values, a text's vector is its own, as it would not be with
    one scale for a whole batch (``torch.ao.quantization.quantize_dynamic``). Another batch size still changes
    the last bits of what is rounded here, and where a value stands between two whole numbers, that shows.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        weight, scale = quantize_rows(linear.weight.detach())
        self.weight = nn.Parameter(weight, requires_grad=False)
        self.register_buffer("scale", scale.squeeze(1))
        self.bias = linear.bias

    def forward(self, x: Tensor) -> Tensor:
        """``[..., in]`` → ``[..., out]`` float32."""
        rows, scale = quantize_rows(x.reshape(-1, x.shape[-1]))
        out = torch._int_mm(rows, self.weight.t()).float().mul_(scale).mul_(self.get_buffer("scale"))
        if self.bias is not None:
            out.add_(self.bias)
        return out.view(*x.shape[:-1], -1)


def quantize(network: nn.Module) -> int:
    """Put int8 in the place of every embedding table and linear layer of ``network``.

    Norms, biases and parts of other classes stay as they are.

    Returns:
        How many linear layers were replaced.
    """
    replaced = 0
    for name, module in list(network.named_modules()):
        parent, _, attribute = name.rpartition(".")
        if type(module) is nn.Linear:  # a class of its own may read its weights in its own way
            setattr(network.get_submodule(parent), attribute, Int8Linear(module))
            replaced += 1
        elif type(module) is nn.Embedding:
            setattr(network.get_submodule(parent), attribute, Int8Embedding(module))
    return replaced


def dequantized(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights by name in float32, where some are in int8 with their scales beside them.

    ``x.weight`` in int8 has its scales in ``x.scale``, as in the state of a network that :func:`quantize` has
    changed. Quantised again they are the same whole numbers.
    """
    whole = {name for name, tensor in weights.items() if tensor.dtype == torch.int8}
    scale_of = {name: f"{name.removesuffix('weight')}scale" for name in whole}
    scales = set(scale_of.values())
    return {
        name: tensor.float() * weights[scale_of[name]].view(-1, 1) if name in whole else tensor
        for name, tensor in weights.items()
        if name not in scales
    }


def stored_bytes(module: nn.Module) -> int:
    """Bytes of the parameters, and of the scales where they are int8."""
    scales = (
        part.get_buffer("scale") for part in module.modules() if isinstance(part, Int8Linear | Int8Embedding)
    )
    return sum(map(_bytes, module.parameters())) + sum(scale.nbytes for scale in scales)


def _bytes(parameter: Tensor) -> int:
    """Of what is stored; a tensor made of others, such as torchao's, counts itself as the floats it means."""
    if not hasattr(parameter, "__tensor_flatten__"):
        return parameter.nbytes
    return sum(getattr(parameter, part).nbytes for part in parameter.__tensor_flatten__()[0])
