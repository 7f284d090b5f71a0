"""Keys and values before those of the text."""

from kgrec.errors import InputError
from kgrec.lm.methods.base import TuningMethod
from kgrec.text.added import add_prefix
from kgrec.text.transformer import TransformerEncoder


class PrefixTuning(TuningMethod):
    """A trained prefix in each layer's attention, see :class:`kgrec.text.added.Prefix`.

    Written here and not taken from peft, whose prefix wraps the model: the wrapper counts the prefix among
    the positions, so that BERT's texts would begin at position P, and it leaves a folder that is no model by
    itself. It cannot be merged: the folder holds it beside the plain weights, and is read as any other.

    Args:
        length: positions of the prefix, at least 1, else InputError.
    """

    def __init__(self, length: int) -> None:
        if length < 1:
            raise InputError(f"lm_tune.method.length: found {length}, expected at least 1")
        self.length = length

    def prepare(self, encoder: TransformerEncoder) -> None:
        """Freeze the network and add the prefix."""
        network = encoder.backbone.network
        network.requires_grad_(False)
        add_prefix(network, self.length)
