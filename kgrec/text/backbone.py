"""A pretrained network and its tokenizer: loaded quietly, cut, counted. The home of transformers in text/."""

import logging
from collections.abc import Collection, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from kgrec.errors import InputError
from kgrec.text.added import add_stored
from kgrec.text.blocks import layer_list, narrow_heads
from kgrec.text.encoder import Cost
from kgrec.text.int8 import Int8Embedding, dequantized, quantize, stored_bytes
from kgrec.text.pretrained import read_config
from kgrec.text.torchao import is_stored_by_torchao, torchao
from kgrec.text.vocabulary import keep_rows, restrict

log = logging.getLogger(__name__)

OWN = "kgrec"
"""Key in ``config.json`` of what transformers cannot say of a model: ``num_heads``, the heads left in each
layer, where they are fewer than ``num_attention_heads``; ``stored``, int8 where the weights are."""


@dataclass(frozen=True)
class Backbone:
    """A loaded model.

    Attributes:
        network: the model, cut.
        tokenizer: its tokenizer.
        layers: the layers kept; empty where the architecture has no list of them (they share weights).
        depth: how many layers a text passes.
        is_cut: whether layers were dropped.
        kept: ``[V]`` the token ids that the rows of the table belong to, ascending; ``None`` = all.
    """

    network: Any
    tokenizer: Any
    layers: nn.ModuleList
    depth: int
    is_cut: bool
    kept: Tensor | None

    def states(
        self, input_ids: Tensor, mask: Tensor | None, every_layer: bool, **packing: Any
    ) -> list[Tensor]:
        """Hidden states ``[B, T, D]`` after the last layer, or after 0 … depth layers.

        Args:
            input_ids: ``[B, T]``.
            mask: ``[B, T]``, 1 = token; ``None`` where no token is padding.
            every_layer: all states instead of the last ones.
            packing: see :func:`kgrec.text.packing.packed`.
        """
        input_ids = self.table_rows(input_ids)
        seen: list[Tensor] = []

        def keep(_module: nn.Module, _inputs: Any, output: Any) -> None:
            seen.append(output[0] if isinstance(output, tuple) else output)

        # The state as the next layer would get it: a final norm belongs to the end of the uncut model.
        with self.layers[-1].register_forward_hook(keep) if self.is_cut else nullcontext():
            output = self.network(
                input_ids=input_ids, attention_mask=mask, output_hidden_states=every_layer, **packing
            )
        last = seen[-1] if self.is_cut else output.last_hidden_state
        return [*output.hidden_states[:-1], last] if every_layer else [last]

    def table_rows(self, input_ids: Tensor) -> Tensor:
        """Rows of the table of token embeddings that ids belong to."""
        if self.kept is None:
            return input_ids
        return torch.searchsorted(self.kept.to(input_ids.device), input_ids)

    def cost(self, depth: int) -> Cost:
        """Size of the model if it were cut after ``depth`` layers."""
        dropped = self.layers[depth:]
        inside = {id(module) for module in self.layers.modules()}
        tables = {
            id(module.weight): module.weight.numel()
            for module in self.network.modules()
            if isinstance(module, nn.Embedding | Int8Embedding) and id(module) not in inside
        }
        total = _num_parameters(self.network) - _num_parameters(dropped)
        return {
            "lm_params": total,
            "lm_params_without_embeddings": total - sum(tables.values()),
            "lm_bytes": stored_bytes(self.network) - stored_bytes(dropped),
        }


def _num_parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def load_tokenizer(folder: Path, max_length: int) -> Any:
    """The tokenizer of a model folder.

    Raises:
        InputError: none there; ``max_length`` is more than it was made for, or leaves no room for text.
    """
    from transformers import AutoTokenizer

    with quiet():
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError) as error:
            raise InputError(f"model: {folder} has no tokenizer that loads ({_first_line(error)})") from error
    _check_length(folder, max_length, tokenizer.model_max_length)
    if max_length <= (special := tokenizer.num_special_tokens_to_add()):
        raise InputError(f"max_length: {max_length} leaves no room beside {special} special tokens")
    return tokenizer


def _check_length(folder: Path, max_length: int, limit: int) -> None:
    """Refuse texts longer than the model has positions for."""
    if max_length > limit:
        raise InputError(f"max_length: {max_length} is more than the {limit} tokens that {folder} can read")


def token_ids(tokenizer: Any, texts: list[str], max_length: int) -> list[list[int]]:
    """Token ids of each text with special tokens, cut to ``max_length``."""
    if not texts:
        return []
    encoded = tokenizer(texts, truncation=True, max_length=max_length, padding=False)
    ids: list[list[int]] = encoded["input_ids"]
    if full := sum(len(tokens) == max_length for tokens in ids):
        log.info(
            "%d of %d texts fill max_length=%d tokens; what exceeds it is cut", full, len(ids), max_length
        )
    if silent := sum(not tokens for tokens in ids):
        log.warning("%d of %d texts give no token at all and count as without text", silent, len(ids))
    return ids


def load_backbone(
    folder: Path,
    num_layers: int | None,
    max_length: int,
    dtype: torch.dtype,
    device: torch.device,
    kept: Tensor | None = None,
) -> Backbone:
    """Load a model from its folder, without its pooling head, cut to ``num_layers`` (``None`` = all).

    Args:
        folder: see :func:`kgrec.text.pretrained.find_model`.
        num_layers: layers kept.
        max_length: tokens of the longest text.
        dtype: of the weights; int8 is that of tables and linear layers, the rest is float32 then.
        device: where it computes.
        kept: the token ids whose rows are kept, ascending; ``None`` = all.

    Raises:
        InputError: weights missing, too few layers, too few positions, nothing that int8 could be put in.
    """
    if dtype == torch.int8 and is_stored_by_torchao(folder):
        raise InputError(
            f"dtype: found int8, expected float32 or bfloat16: torchao has {folder} in int8 already"
        )
    tokenizer = load_tokenizer(folder, max_length)
    network = load_network(folder, torch.float32 if dtype == torch.int8 else dtype)
    config = network.config
    _check_length(folder, max_length, getattr(config, "max_position_embeddings", None) or max_length)
    available = config.num_hidden_layers
    depth = available if num_layers is None else num_layers
    if depth > available:
        raise InputError(f"num_layers: {depth} is more than the {available} layers of {folder}")
    layers = _cut(folder, network, available, depth)
    if kept is not None:
        restrict(tokenizer, kept)
        keep_rows(network, kept)
    if dtype == torch.int8 and not quantize(network):
        raise InputError(f"dtype: int8 needs linear layers, and {folder} has none of torch's own class")
    return Backbone(network.eval().to(device), tokenizer, layers, depth, depth < available, kept)


def load_network(folder: Path, dtype: torch.dtype) -> Any:
    """The network of a model folder, without its pooling head.

    Raises:
        InputError: it does not load, or weights are missing.
    """
    load = _load_own if OWN in read_config(folder) else _load_published
    # Weights that are not in the folder are drawn at random: the run's own stream must not notice.
    with quiet(), torch.random.fork_rng(devices=[]):
        try:
            network, absent = load(folder, dtype)
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            raise InputError(f"model: {folder} does not load ({_first_line(error)})") from error
    unused = ("pooler.", "decoder.") if network.config.is_encoder_decoder else ("pooler.",)
    if missing := sorted(key for key in absent if not key.startswith(unused)):
        raise InputError(f"model: {folder} lacks {len(missing)} weights, among them {missing[0]}")
    if network.config.is_encoder_decoder:
        network = network.get_encoder()
    if isinstance(getattr(network, "pooler", None), nn.Module):
        network.pooler = None
    add_stored(folder, network)
    network.config.use_cache = False  # keys and values of past tokens serve generation only
    return network


def _load_published(folder: Path, dtype: torch.dtype) -> tuple[Any, Collection[str]]:
    """A model in the form of transformers, and the names of the weights that its folder lacks."""
    from transformers import AutoModel

    if is_stored_by_torchao(folder):
        torchao()
    network, info = AutoModel.from_pretrained(
        folder, dtype=dtype, use_safetensors=True, local_files_only=True, output_loading_info=True
    )
    return network, info["missing_keys"]


def _load_own(folder: Path, dtype: torch.dtype) -> tuple[Any, Collection[str]]:
    """A model of ``kgrec lm`` that transformers has no form for; see :data:`OWN`."""
    from transformers import AutoConfig, AutoModel

    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    network = AutoModel.from_config(config)
    own = getattr(config, OWN)
    own.pop("stored", None)  # in memory the weights are float32
    if num_heads := own.get("num_heads"):
        narrow_heads(network, num_heads)
    weights = {
        name: tensor for path in folder.glob("*.safetensors") for name, tensor in load_file(path).items()
    }
    try:
        absent = network.load_state_dict(dequantized(weights), strict=False).missing_keys
    except RuntimeError as error:  # shapes that differ
        raise InputError(f"model: {folder} does not load ({' '.join(str(error).split())})") from error
    return network.to(dtype), absent


def _cut(folder: Path, network: Any, available: int, depth: int) -> nn.ModuleList:
    """Drop the layers after ``depth``; gives those kept, none where there is no list of layers."""
    if found := layer_list(network, available):
        name, layers = found
        parent, _, attribute = name.rpartition(".")
        setattr(network.get_submodule(parent), attribute, layers[:depth])
        return layers[:depth]
    if depth < available:
        raise InputError(f"num_layers: {folder} has no list of layers to cut; set num_layers to null")
    return nn.ModuleList()


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the library's warnings and progress bars out of the run's output."""
    from transformers.utils import logging as hf_logging

    verbosity, bars = hf_logging.get_verbosity(), hf_logging.is_progress_bar_enabled()
    hf_logging.set_verbosity_error()
    hf_logging.disable_progress_bar()
    try:
        yield
    finally:
        hf_logging.set_verbosity(verbosity)
        if bars:
            hf_logging.enable_progress_bar()


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
