"""Low-rank changes of the weights."""

from collections.abc import Sequence
from typing import Any

from kgrec.errors import InputError
from kgrec.lm.methods.injected import InjectedTuning


class LoRA(InjectedTuning):
    r"""Each weight matrix gets a trained change of low rank: :math:`W + \frac{\alpha}{r} B A`.

    `LoRA: Low-Rank Adaptation of Large Language Models <https://arxiv.org/abs/2106.09685>`_ (Hu et al., ICLR
    2022, §4.1, eq. 3). With ``decompose`` the length of each column is trained apart from its direction
    (`DoRA: Weight-Decomposed Low-Rank Adaptation <https://arxiv.org/abs/2402.09353>`_, Liu et al., ICML 2024,
    §4.1, eq. 5).

    Args:
        targets: see :class:`~kgrec.lm.methods.injected.InjectedTuning`.
        rank: r ≥ 1.
        alpha: α > 0.
        dropout: of the input of A, [0, 1).
        decompose: DoRA.

    Raises:
        InputError: a setting out of range.
    """

    def __init__(
        self, targets: Sequence[str], rank: int, alpha: float, dropout: float, decompose: bool
    ) -> None:
        super().__init__(targets)
        check_low_rank(rank, alpha, dropout)
        self.rank = rank
        self.alpha = alpha
        self.dropout = dropout
        self.decompose = decompose

    def config(self, targets: list[str]) -> Any:
        """See :meth:`InjectedTuning.config`."""
        from peft import LoraConfig

        return LoraConfig(
            r=self.rank,
            lora_alpha=self.alpha,
            lora_dropout=self.dropout,
            use_dora=self.decompose,
            target_modules=targets,
        )


def check_low_rank(rank: int, alpha: float, dropout: float) -> None:
    """Refuse settings out of range.

    Raises:
        InputError: naming ``lm_tune.method.<setting>``.
    """
    if rank < 1:
        raise InputError(f"lm_tune.method.rank: found {rank}, expected at least 1")
    if not alpha > 0:
        raise InputError(f"lm_tune.method.alpha: found {alpha}, expected above 0")
    if not 0 <= dropout < 1:
        raise InputError(f"lm_tune.method.dropout: found {dropout}, expected in [0, 1)")
