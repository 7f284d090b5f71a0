"""A language model made smaller by leaving parts out: layers, heads, inner neurons, words."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from kgrec.errors import InputError
from kgrec.lm.folder import LanguageModel, write_pretrained
from kgrec.lm.importance import importance
from kgrec.text.backbone import OWN, token_ids
from kgrec.text.blocks import Block, blocks, layer_list
from kgrec.text.vocabulary import keep_rows, kept_ids


@dataclass(frozen=True)
class Pruning:
    """What is kept.

    Attributes:
        layers: their numbers from 1, ascending; ``None`` = all.
        heads: attention heads of each layer; ``None`` = all.
        width: inner neurons of each layer; ``None`` = all.
        cut_vocabulary: only the rows of pieces that the texts use, see :mod:`kgrec.text.vocabulary`.
        pooling: how texts become vectors, for the importance of heads and neurons.
        seed: of the estimate of importance.
    """

    layers: tuple[int, ...] | None = None
    heads: int | None = None
    width: int | None = None
    cut_vocabulary: bool = False
    pooling: str = "mean"
    seed: int = 0

    def apply(self, model: LanguageModel, texts: Sequence[str]) -> Tensor | None:
        """Prune the network in place: layers first, then heads and neurons by their importance, then words.

        Args:
            model: its network is changed, its tokenizer is not; save both with :func:`save_pruned`.
            texts: non-empty texts of items, which decide.

        Returns:
            ``[V]`` ids of the pieces kept, ascending; ``None`` = all.

        Raises:
            InputError: more layers, heads or neurons than there are, or none; an architecture whose parts
                are unknown; a tokenizer that cannot be cut.
        """
        network = model.network
        if self.layers is not None:
            _keep_layers(network, self.layers)
        if self.heads is not None or self.width is not None:
            self._narrow(model, texts)
        if not self.cut_vocabulary:
            return None
        ids = token_ids(model.tokenizer, list(texts), model.max_length)
        kept = kept_ids(model.tokenizer, ids, network.config.pad_token_id)
        keep_rows(network, kept)
        return kept

    def _narrow(self, model: LanguageModel, texts: Sequence[str]) -> None:
        network, parts = model.network, blocks(model.network)
        heads = _checked("heads", self.heads, parts[0].num_heads)
        width = _checked("width", self.width, parts[0].width)
        if not texts:
            raise InputError("--data: found no text of a warm item, expected texts to tell what is important")
        found = importance(network, model.tokenizer, texts, model.max_length, self.pooling, self.seed)
        for block, of_heads, of_neurons in zip(parts, found.heads, found.neurons, strict=True):
            _narrow_block(block, _best(of_heads, heads), _best(of_neurons, width))
        for name in ("intermediate_size", "hidden_dim"):  # the latter is DistilBERT's
            if hasattr(network.config, name):
                setattr(network.config, name, width)
        if heads < network.config.num_attention_heads:
            setattr(network.config, OWN, {"num_heads": heads})


def _narrow_block(block: Block, heads: Tensor, neurons: Tensor) -> None:
    if len(heads) < block.num_heads:
        block.keep_heads(heads)
    if len(neurons) < block.width:
        block.keep_neurons(neurons)


def _best(values: Tensor, count: int) -> Tensor:
    """Indices of the ``count`` largest, ascending."""
    return values.topk(count).indices.sort().values


def _checked(name: str, wanted: int | None, available: int) -> int:
    value = available if wanted is None else wanted
    if not 1 <= value <= available:
        raise InputError(f"--{name}: found {value}, expected 1 … {available}, as many as each layer has")
    return value


def _keep_layers(network: Any, numbers: Sequence[int]) -> None:
    config = network.config
    available = config.num_hidden_layers
    if not numbers or list(numbers) != sorted(set(numbers) & set(range(1, available + 1))):
        shown = ",".join(map(str, numbers))
        raise InputError(f"--layers: found {shown}, expected numbers from 1 to {available}, ascending")
    found = layer_list(network, available)
    if found is None:
        raise InputError(f"--layers: architecture {config.model_type} has no list of layers to choose from")
    name, layers = found
    parent, _, attribute = name.rpartition(".")
    setattr(network.get_submodule(parent), attribute, nn.ModuleList(layers[number - 1] for number in numbers))
    config.num_hidden_layers = len(numbers)
    if types := getattr(config, "layer_types", None):  # of models whose layers attend in different ways
        config.layer_types = [types[number - 1] for number in numbers]


def save_pruned(folder: Path, network: Any, tokenizer: Any, kept: Tensor | None) -> None:
    """Write network and tokenizer; with ``kept``, both know these pieces alone, numbered from 0."""
    if kept is not None:
        for name, value in network.config.to_dict().items():
            if name.endswith("_token_id") and isinstance(value, int):
                setattr(network.config, name, _new_id(kept, value))
        network.config.vocab_size = len(kept)
    write_pretrained(folder, network, tokenizer)
    if kept is not None:
        path = folder / "tokenizer.json"
        renumbered = _renumbered(json.loads(path.read_text(encoding="utf-8")), kept)
        path.write_text(json.dumps(renumbered, ensure_ascii=False), encoding="utf-8")


def _new_id(kept: Tensor, token_id: int) -> int | None:
    """The row of a kept piece; ``None`` where it is not kept."""
    row = int(torch.searchsorted(kept, token_id))
    return row if row < len(kept) and int(kept[row]) == token_id else None


def _renumbered(tokenizer: dict[str, Any], kept: Tensor) -> dict[str, Any]:
    """A tokenizer file whose ids are the rows of the kept pieces."""
    row_of = {token_id: row for row, token_id in enumerate(kept.tolist())}
    vocabulary = tokenizer["model"]["vocab"]
    tokenizer["model"]["vocab"] = {piece: row_of[i] for piece, i in vocabulary.items() if i in row_of}
    for token in tokenizer["added_tokens"]:
        token["id"] = row_of[token["id"]]
    processor = tokenizer["post_processor"] or {}
    for special in (processor.get("special_tokens") or {}).values():
        special["ids"] = [row_of[token_id] for token_id in special["ids"]]
    for end in ("sep", "cls"):  # of BertProcessing: [token, id]
        if end in processor:
            processor[end][1] = row_of[processor[end][1]]
    return tokenizer
