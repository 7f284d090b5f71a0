"""Training of all weights, or of the last layers alone."""

from kgrec.errors import InputError
from kgrec.lm.methods.base import TuningMethod
from kgrec.text.transformer import TransformerEncoder


class FullTuning(TuningMethod):
    """All weights are trained, or those of the last layers.

    The lower layers of a language model are the more general ones, and may be left as they are (`ULMFiT
    <https://arxiv.org/abs/1801.06146>`_, Howard and Ruder, 2018, §3.3, unfreezes from the last one on; here
    the number is fixed).

    Args:
        num_layers: last layers that are trained; ``None`` = all, and the embeddings too.

    Raises:
        InputError: ``num_layers`` below 1, or more than there are.
    """

    def __init__(self, num_layers: int | None) -> None:
        if num_layers is not None and num_layers < 1:
            raise InputError(
                f"lm_tune.method.num_layers: found {num_layers}, expected at least 1, or null for all"
            )
        self.num_layers = num_layers

    def prepare(self, encoder: TransformerEncoder) -> None:
        """Unfreeze."""
        backbone = encoder.backbone
        backbone.network.requires_grad_(self.num_layers is None)
        if self.num_layers is None:
            return
        if self.num_layers > len(backbone.layers):
            raise InputError(
                f"lm_tune.method.num_layers: found {self.num_layers}, expected at most {len(backbone.layers)}"
            )
        backbone.layers[-self.num_layers :].requires_grad_(True)
