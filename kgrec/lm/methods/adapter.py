"""Bottlenecks behind the layers' feed-forward parts."""

from kgrec.errors import InputError
from kgrec.lm.methods.base import TuningMethod
from kgrec.text.added import AdaptedLinear, add_adapters
from kgrec.text.transformer import TransformerEncoder


class Adapter(TuningMethod):
    """One trained bottleneck for each layer, see :class:`kgrec.text.added.AdaptedLinear`.

    Not linear, so it cannot be merged: the folder holds it beside the plain weights, and is read as any
    other.

    Args:
        width: of the bottleneck, at least 1, else InputError.
    """

    def __init__(self, width: int) -> None:
        if width < 1:
            raise InputError(f"lm_tune.method.width: found {width}, expected at least 1")
        self.width = width

    def prepare(self, encoder: TransformerEncoder) -> None:
        """Freeze the network and add the bottlenecks."""
        network = encoder.backbone.network
        network.requires_grad_(False)
        add_adapters(network, self.width)
        for module in network.modules():
            if isinstance(module, AdaptedLinear):
                module.down.requires_grad_(True)
                module.up.requires_grad_(True)
