"""Low-rank changes of a network's linear layers whose strength the graph sets."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from kgrec.errors import InputError

INIT_STD = 0.02


class ConditionedLoRA(nn.Module):
    r"""LoRA with one factor for each rank, told by a feature vector g of the text that is read.

    .. math:: \Delta W = \frac{\alpha}{r} B\, \mathrm{diag}(1 + V g) A

    LoRA is that of `Hu et al., ICLR 2022 <https://arxiv.org/abs/2106.09685>`_ (§4.1, eq. 3). A layer scaled
    by another input is `FiLM <https://arxiv.org/abs/1709.07871>`_ (Perez et al., AAAI 2018, §2.1, eq. 2),
    here inside the bottleneck. B and V begin at zero: training begins at the network as it was, and at
    plain LoRA.

    The layers stay where they are and are given the change by a hook, within :meth:`given` alone.

    Args:
        network: its linear layers are worked on; it is frozen by whoever wants it frozen.
        condition_dim: width of g.
        targets: ends of the names of layers, e.g. ``query``; empty = all.
        rank: r ≥ 1.
        alpha: α > 0.

    Raises:
        InputError: a setting out of range, or no such layer.
    """

    def __init__(
        self, network: nn.Module, condition_dim: int, *, targets: Sequence[str], rank: int, alpha: float
    ) -> None:
        super().__init__()
        if rank < 1 or not alpha > 0:
            raise InputError(
                f"model.scorer.adapters: found rank={rank} and alpha={alpha}, expected at least 1 and above 0"
            )
        found = [
            (module, sizes)
            for name, module in network.named_modules()
            if (sizes := _linear_sizes(module)) and (not targets or name.endswith(tuple(targets)))
        ]
        if not found:
            raise InputError(
                f"model.scorer.adapters.targets: found {list(targets)}, but no such linear layer in the model"
            )
        self.changes = nn.ModuleList(
            _Change(inputs, outputs, condition_dim, rank, alpha / rank) for _, (inputs, outputs) in found
        )
        self._condition: Tensor | None = None
        for (module, _), change in zip(found, self.changes, strict=True):
            module.register_forward_hook(self._hook(change))

    @contextmanager
    def given(self, condition: Tensor) -> Iterator[None]:
        """Within, layers that read ``[B, T, in]`` are changed as ``condition [B, condition_dim]`` says."""
        self._condition = condition
        try:
            yield
        finally:
            self._condition = None

    def _hook(self, change: nn.Module) -> Any:
        def changed(_module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
            if self._condition is None:
                return output
            more: Tensor = change(inputs[0], self._condition)
            return output + more

        return changed


class _Change(nn.Module):
    """What is added to the output of one layer."""

    def __init__(self, inputs: int, outputs: int, condition_dim: int, rank: int, scale: float) -> None:
        super().__init__()
        self.scale = scale
        self.down = nn.Parameter(INIT_STD * torch.randn(inputs, rank))
        self.up = nn.Parameter(torch.zeros(rank, outputs))
        self.strength = nn.Parameter(torch.zeros(condition_dim, rank))

    def forward(self, inputs: Tensor, condition: Tensor) -> Tensor:
        """``[B, T, in]`` and ``[B, condition_dim]`` → ``[B, T, out]``."""
        strength = 1 + condition @ self.strength
        return self.scale * ((inputs @ self.down) * strength.unsqueeze(1)) @ self.up


def _linear_sizes(module: nn.Module) -> tuple[int, int] | None:
    """Inputs and outputs of a linear layer; GPT-2's, of a class of its own, hold their weights transposed."""
    if isinstance(module, nn.Linear):
        return module.in_features, module.out_features
    if type(module).__name__ == "Conv1D":
        inputs, outputs = module.weight.shape  # type: ignore[misc]
        return int(inputs), int(outputs)
    return None
