"""What the parameter-efficient methods of the peft library share: injected into layers, merged at the end."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from torch import nn

from kgrec.errors import InputError
from kgrec.lm.methods.base import TuningMethod
from kgrec.text.transformer import TransformerEncoder


class InjectedTuning(TuningMethod):
    """Small trained parts beside frozen linear layers, which can be merged into their weights.

    Args:
        targets: ends of the names of the linear layers, e.g. ``query``; empty = all linear layers.
    """

    def __init__(self, targets: Sequence[str]) -> None:
        self.targets = list(targets)

    @abstractmethod
    def config(self, targets: list[str]) -> Any:
        """The library's settings for linear layers of these names."""

    def prepare(self, encoder: TransformerEncoder) -> None:
        """Freeze the network and inject the trained parts."""
        network = encoder.backbone.network
        names = self.linear_layers(network)
        network.requires_grad_(False)
        try:
            self.inject(self.config(names), network)
        except (ValueError, TypeError) as error:
            raise InputError(f"lm_tune.method: {' '.join(str(error).split())}") from error

    def inject(self, config: Any, network: nn.Module) -> None:
        """Put the trained parts into the network."""
        from peft import inject_adapter_in_model

        inject_adapter_in_model(config, network)

    def merge(self, encoder: TransformerEncoder) -> None:
        """Add the trained parts to the weights, and put the plain layers back."""
        from peft.tuners.tuners_utils import BaseTunerLayer

        network = encoder.backbone.network
        for name, module in list(network.named_modules()):
            if isinstance(module, BaseTunerLayer):
                module.merge(safe_merge=True)
                parent, _, attribute = name.rpartition(".")
                setattr(network.get_submodule(parent), attribute, module.get_base_layer())
        network.requires_grad_(True)

    def linear_layers(self, network: nn.Module) -> list[str]:
        """Full names of the linear layers that are worked on."""
        linear = [name for name, module in network.named_modules() if isinstance(module, nn.Linear)]
        found = [name for name in linear if not self.targets or name.endswith(tuple(self.targets))]
        if unknown := [end for end in self.targets if not any(name.endswith(end) for name in linear)]:
            known = sorted({name.rpartition(".")[2] for name in linear})
            raise InputError(f"lm_tune.method.targets: found {unknown[0]!r}, expected of {', '.join(known)}")
        if not found:
            raise InputError("lm_tune.method.targets: the model has no linear layer to work on")
        return found
