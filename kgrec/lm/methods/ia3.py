"""Trained scales of activations."""

from typing import Any

from torch import nn

from kgrec.lm.methods.injected import InjectedTuning


class IA3(InjectedTuning):
    r"""Keys, values and the inner activations of the feed-forward part are scaled by trained vectors.

    `Few-Shot Parameter-Efficient Fine-Tuning is Better and Cheaper than In-Context Learning
    <https://arxiv.org/abs/2205.05638>`_ (Liu et al., NeurIPS 2022, §3.3): :math:`l_k \odot K`,
    :math:`l_v \odot V`, :math:`(l_{ff} \odot \gamma(W_1 x)) W_2`, the vectors beginning at one. ``targets``
    name the layers that make keys and values, scaled at their output; W_2 is every layer that leads from a
    wider to a narrower vector, scaled at its input.

    Args:
        targets: see :class:`~kgrec.lm.methods.injected.InjectedTuning`.
    """

    def linear_layers(self, network: nn.Module) -> list[str]:
        """Full names of the layers that make keys and values, and of W_2."""
        self._narrowing = [
            name
            for name, layer in network.named_modules()
            if isinstance(layer, nn.Linear) and layer.in_features > layer.out_features
        ]
        return list(dict.fromkeys([*super().linear_layers(network), *self._narrowing]))

    def config(self, targets: list[str]) -> Any:
        """See :meth:`InjectedTuning.config`."""
        from peft import IA3Config

        return IA3Config(target_modules=targets, feedforward_modules=self._narrowing)
