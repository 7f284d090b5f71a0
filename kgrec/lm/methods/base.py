"""What every way of tuning a language model offers."""

from typing import Protocol

from kgrec.text.transformer import TransformerEncoder


class TuningMethod(Protocol):
    """What ``conf/lm_tune/*.yaml`` builds: which weights are trained, and how they end up in a folder."""

    def prepare(self, encoder: TransformerEncoder) -> None:
        """Change the encoder's network in place, so that exactly what is trained asks for a gradient.

        Raises:
            InputError: the network has not what the method works on.
        """
        ...

    def merge(self, encoder: TransformerEncoder) -> None:
        """After training: make the network plain again, computing the same."""
        ...
