"""Low-rank changes of the weights, the ranks given to the matrices that need them."""

import logging
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from kgrec.errors import InputError
from kgrec.lm.methods.injected import InjectedTuning
from kgrec.lm.methods.lora import check_low_rank
from kgrec.text.transformer import TransformerEncoder

log = logging.getLogger(__name__)

ADAPTER = "default"
PARTS = ("lora_A", "lora_E", "lora_B")
"""peft's names of Q, of the diagonal of Λ, and of P."""


class AdaLoRA(InjectedTuning):
    r"""Each weight matrix gets a trained change :math:`\frac{\alpha}{r} P \Lambda Q` whose rank shrinks.

    `AdaLoRA: Adaptive Budget Allocation for Parameter-Efficient Fine-Tuning
    <https://arxiv.org/abs/2303.10512>`_ (Zhang et al., ICLR 2023). Λ is diagonal, Q and P are held near
    orthogonal by a penalty (§3.1, eq. 3 and 4), so that an entry of Λ is a singular value. Its importance is
    that of itself and of its two vectors: the sensitivity :math:`|w \nabla_w L|` of a weight times its
    uncertainty, both smoothed over the steps (§3.2, eq. 7 to 11). Over all matrices together the least
    important singular values are set to zero, until ``target_rank`` per matrix are left (§3.3, eq. 12).
    Importance and allocation are peft's (``peft.tuners.adalora``).

    Differences from the paper, which are its authors' code's too: the penalty is the mean over all P and Q of
    :math:`\|P^\top P - I\|_F`, not the sum of the squares; a weight is taken as it is after the update, and
    its gradient as it is after clipping. Phases are shares of the steps that training takes at most: where
    patience ends it before, or the best epoch is an earlier one, more singular values are left.

    Args:
        targets: see :class:`~kgrec.lm.methods.injected.InjectedTuning`.
        rank: r of each matrix at the start, above ``target_rank``.
        target_rank: mean rank of a matrix at the end, at least 1.
        alpha: α > 0.
        dropout: of the input of Q, [0, 1).
        phases: ``(begin, end)``, shares of all steps without a change of ranks; together below 1.
        every: steps between two allocations, at least 1.
        orthogonality: γ ≥ 0, weight of the penalty.

    Raises:
        InputError: a setting out of range.
    """

    def __init__(
        self,
        targets: Sequence[str],
        rank: int,
        target_rank: int,
        alpha: float,
        dropout: float,
        phases: tuple[float, float],
        every: int,
        orthogonality: float,
    ) -> None:
        super().__init__(targets)
        check_low_rank(rank, alpha, dropout)
        if not 1 <= target_rank < rank:
            raise InputError(
                f"lm_tune.method.target_rank: found {target_rank}, expected at least 1 and below rank {rank}"
            )
        if len(phases) != 2 or min(phases) < 0 or not sum(phases) < 1:
            raise InputError(
                f"lm_tune.method.phases: found {list(phases)}, expected two shares that are together below 1"
            )
        if every < 1:
            raise InputError(f"lm_tune.method.every: found {every}, expected at least 1")
        if not orthogonality >= 0:
            raise InputError(f"lm_tune.method.orthogonality: found {orthogonality}, expected at least 0")
        self.rank = rank
        self.target_rank = target_rank
        self.alpha = alpha
        self.dropout = dropout
        self.begin, self.end = phases
        self.every = every
        self.orthogonality = orthogonality

    def config(self, targets: list[str]) -> Any:
        """See :meth:`InjectedTuning.config`; the numbers of steps are those of :meth:`after_step`."""
        from peft import AdaLoraConfig

        return AdaLoraConfig(
            init_r=self.rank,
            target_r=self.target_rank,
            lora_alpha=self.alpha,
            lora_dropout=self.dropout,
            deltaT=self.every,
            total_step=1,
            target_modules=targets,
        )

    def inject(self, config: Any, network: nn.Module) -> None:
        """As the other methods, but the library's tuner, which allocates, is kept."""
        from peft.tuners.adalora import AdaLoraModel, SVDLinear

        self._config = config
        self._tuner = AdaLoraModel(network, config, ADAPTER)
        layers = [(name, layer) for name, layer in network.named_modules() if isinstance(layer, SVDLinear)]
        self._weights = {
            f"{name}.{part}.{ADAPTER}": (layer, part, getattr(layer, part)[ADAPTER])
            for name, layer in layers
            for part in PARTS
        }
        for layer, part, weight in self._weights.values():
            layer.register_buffer(f"sensitivity_{part}", torch.zeros_like(weight))
            layer.register_buffer(f"uncertainty_{part}", torch.zeros_like(weight))
        self._layers = {f"{name}.lora_E.{ADAPTER}": layer for name, layer in layers}
        for layer in self._layers.values():
            layer.register_buffer("kept", torch.ones(self.rank, dtype=torch.bool))

    def penalty(self) -> Tensor:
        """γ times the mean distance of all P and Q from orthogonal ones."""
        distances = []
        for _, part, weight in self._weights.values():
            if part != "lora_E":
                square = weight @ weight.T if part == "lora_A" else weight.T @ weight
                distances.append(
                    torch.linalg.matrix_norm(square - torch.eye(self.rank, device=square.device))
                )
        return self.orthogonality * torch.stack(distances).mean()

    def after_step(self, step: int, steps: int) -> None:
        """Take in the importance of each weight, and set singular values to zero where it is time to."""
        config, allocator = self._config, self._tuner.rankallocator
        config.total_step = steps
        # The library's last allocation goes by what earlier steps have told: there must be one.
        config.tinit, config.tfinal = int(self.begin * steps), min(int(self.end * steps), steps - 2)
        for _, _, weight in self._weights.values():
            # a weight that no text passes through has none, and one that overflowed in fp16 tells nothing
            gradient = torch.zeros_like(weight) if weight.grad is None else weight.grad
            weight.grad = gradient.nan_to_num(0.0, 0.0, 0.0)
        # The network's buffers are what a checkpoint holds: the library's own state is filled from them.
        allocator.exp_avg_ipt = self._buffers("sensitivity")
        allocator.exp_avg_unc = self._buffers("uncertainty")
        allocator.ipt = dict(allocator.exp_avg_ipt)
        config.rank_pattern = {name: layer.kept.tolist() for name, layer in self._layers.items()}
        self._tuner.update_and_allocate(step + 1)
        for state, told in (("sensitivity", allocator.exp_avg_ipt), ("uncertainty", allocator.exp_avg_unc)):
            for name, value in told.items():
                layer, part, _ = self._weights[name]
                setattr(layer, f"{state}_{part}", value)
        for name, layer in self._layers.items():
            layer.kept = torch.tensor(config.rank_pattern[name], device=layer.kept.device)

    def _buffers(self, state: str) -> dict[str, Tensor]:
        return {name: getattr(layer, f"{state}_{part}") for name, (layer, part, _) in self._weights.items()}

    def merge(self, encoder: TransformerEncoder) -> None:
        """See :meth:`InjectedTuning.merge`; tells how many singular values are left."""
        values = [weight for _, part, weight in self._weights.values() if part == "lora_E"]
        left = sum(int(value.count_nonzero()) for value in values)
        total = self.rank * len(values)
        log.info("the weights kept have %d of %d singular values that are not zero", left, total)
        super().merge(encoder)
