"""Parts that tuning has added to a network and that no plain weight can hold: adapters and prefixes.

They are stored like any other weight, in ``model.safetensors``, under names that a plain network has not, and
``config.json`` says what there is. So a folder with them is saved as any other; one that is read without this
module is the model without them.
"""

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors import safe_open
from torch import Tensor, nn

from kgrec.errors import InputError

ADAPTER, PREFIX = "adapter_width", "prefix_length"
"""Keys of ``config.json``."""


class AdaptedLinear(nn.Linear):
    r"""A linear layer followed by a bottleneck: :math:`y + U\,\mathrm{gelu}(D y)`, :math:`y = W x + b`.

    From `Parameter-Efficient Transfer Learning for NLP <https://arxiv.org/abs/1902.00751>`_ (Houlsby et al.,
    ICML 2019, §2.1), which puts two into each layer; here one, after the feed-forward part and before its
    residual and norm (the single one of `AdapterFusion <https://arxiv.org/abs/2005.00247>`_, Pfeiffer et al.,
    EACL 2021, §3, stands near). U begins at zero, so that the layer is as before. Weight and bias keep names
    and values.

    Args:
        layer: the plain layer.
        width: of the bottleneck.
    """

    def __init__(self, layer: nn.Linear, width: int) -> None:
        super().__init__(layer.in_features, layer.out_features, layer.bias is not None, device="meta")
        self.weight, self.bias = layer.weight, layer.bias
        self.down = nn.Linear(layer.out_features, width)
        self.up = nn.Linear(width, layer.out_features)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, inputs: Tensor) -> Tensor:
        """The layer and its bottleneck."""
        plain = super().forward(inputs)
        added: Tensor = self.up(F.gelu(self.down(plain)))
        return plain + added


class Prefix(nn.Module):
    r"""Trained keys and values that stand before those of the text, in each layer.

    `Prefix-Tuning: Optimizing Continuous Prompts for Generation <https://arxiv.org/abs/2101.00190>`_ (Li and
    Liang, ACL 2021, §4, eq. 3, without the network that makes the prefix in training; so also `P-Tuning v2
    <https://arxiv.org/abs/2110.07602>`_, Liu et al., ACL 2022, §3). Texts keep their positions, and their
    own states are what is pooled.

    Args:
        config: of the network.
        length: P, positions of the prefix.
    """

    def __init__(self, config: Any, length: int) -> None:
        super().__init__()
        heads = config.num_attention_heads
        shape = (config.num_hidden_layers, heads, length, config.hidden_size // heads)
        self.keys = nn.Parameter(torch.randn(shape) * config.initializer_range)
        self.values = nn.Parameter(torch.zeros(shape))

    def before(self, _network: nn.Module, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Add the prefix to the arguments of the network's forward; a hook."""
        from transformers import DynamicCache

        ids, mask = kwargs["input_ids"], kwargs["attention_mask"]
        size, length = len(ids), self.keys.shape[2]
        cache = DynamicCache()
        for layer, (key, value) in enumerate(zip(self.keys, self.values, strict=True)):
            cache.update(key.expand(size, -1, -1, -1), value.expand(size, -1, -1, -1), layer)
        return args, {
            **kwargs,
            "attention_mask": F.pad(mask, (length, 0), value=1),
            "position_ids": torch.arange(ids.shape[1], device=ids.device).expand(size, -1),
            "past_key_values": cache,
        }


def add_adapters(network: Any, width: int) -> None:
    """Put a bottleneck after each layer that leads from the inner width back to the hidden size.

    Raises:
        InputError: there is no such layer, or something has been added already.
    """
    _refuse_twice(network)
    found = [
        name
        for name, module in network.named_modules()
        if type(module) is nn.Linear and module.in_features > module.out_features
    ]
    if not found:
        raise InputError("model: found no feed-forward layer of torch's own class to put an adapter behind")
    for name in found:
        parent, _, attribute = name.rpartition(".")
        layer = network.get_submodule(name)
        setattr(network.get_submodule(parent), attribute, AdaptedLinear(layer, width))
    setattr(network.config, ADAPTER, width)


def add_prefix(network: Any, length: int) -> None:
    """Let every call of the network see a prefix.

    Raises:
        InputError: another type than bert, elsewhere past keys and values belong to decoders; something has
            been added already.
    """
    if network.config.model_type != "bert":
        raise InputError(
            f"model: found type {network.config.model_type}, expected bert: a prefix needs attention that "
            "takes keys and values from outside"
        )
    _refuse_twice(network)
    network.prefix = Prefix(network.config, length)
    network.register_forward_pre_hook(network.prefix.before, with_kwargs=True)
    setattr(network.config, PREFIX, length)


def _refuse_twice(network: Any) -> None:
    if isinstance(getattr(network, "prefix", None), Prefix) or any(
        isinstance(module, AdaptedLinear) for module in network.modules()
    ):
        raise InputError("model: it has an adapter or a prefix already, expected one without")


def add_stored(folder: Path, network: Any) -> None:
    """Add what ``config.json`` names, with the weights of the folder; nothing for a plain model.

    Raises:
        InputError: the weights are missing.
    """
    width, length = (getattr(network.config, key, 0) for key in (ADAPTER, PREFIX))
    if width:
        add_adapters(network, width)
    if length:
        add_prefix(network, length)
    if not (width or length):
        return
    with safe_open(folder / "model.safetensors", framework="pt") as file:
        stored = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if missing := sorted(network.state_dict().keys() - stored.keys()):
        raise InputError(f"model: {folder} lacks {len(missing)} weights, among them {missing[0]}")
    network.load_state_dict(stored)
