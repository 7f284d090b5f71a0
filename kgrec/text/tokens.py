"""From item texts to one vector per token, for a fusion that reads more than a text's mean."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from kgrec.errors import InputError
from kgrec.text.backbone import Backbone, load_backbone, token_ids
from kgrec.text.encoder import TextEncoder, TextFeatures
from kgrec.text.pretrained import find_model
from kgrec.text.static import StaticEncoder
from kgrec.text.transformer import DTYPES, TransformerEncoder

_TEXTS_PER_STEP = 64


@dataclass(frozen=True)
class TokenFeatures(TextFeatures):
    """Text features of the items, and of their texts' tokens.

    Attributes:
        tokens: ``[I, T, D_text]`` float32; zero rows where there is no token. On the scale of the pooled
            features: divided by the length of their mean where the encoder gives rows of length 1.
        token_mask: ``[I, T]`` bool, the tokens of an item first.
    """

    tokens: Tensor
    token_mask: Tensor


def with_tokens(
    features: TextFeatures, encoder: TextEncoder, texts: Sequence[str], max_tokens: int
) -> TextFeatures:
    """The features with those of the first ``max_tokens`` tokens of each text beside them.

    Tokens are read with the encoder's own ``max_length`` and cut afterwards, so that their states are those
    that the pooled features were made of. Special tokens count. Not cached: the texts are encoded anew. An
    encoder without a tokenizer of a language model gives the features as they are.

    Raises:
        InputError: a vocabulary cut to its texts, or int8: neither is read here.
    """
    if not isinstance(encoder, TransformerEncoder | StaticEncoder):
        return features
    if encoder.vocabulary == "cut" or encoder.dtype == "int8":
        raise InputError(
            f"lm: found vocabulary {encoder.vocabulary} and dtype {encoder.dtype} beside a fusion that reads "
            "tokens, expected a whole vocabulary and no int8"
        )
    is_static = isinstance(encoder, StaticEncoder)
    prefix = "" if isinstance(encoder, StaticEncoder) else encoder.prefix
    backbone = _backbone(encoder)
    owners = {text: row for row, text in enumerate(dict.fromkeys(text for text in texts if text.strip()))}
    texts_read = [prefix + text for text in owners]
    states = _token_states(backbone, texts_read, encoder.max_length, max_tokens, is_static, encoder.normalize)
    states.append(features.embeddings.new_zeros(1, features.embeddings.shape[1]))  # padding alone: no text
    index = [owners.get(text, -1) for text in texts]
    tokens = pad_sequence([states[row] for row in index], batch_first=True)
    lengths = torch.tensor([len(states[row]) if row >= 0 else 0 for row in index])
    mask = torch.arange(tokens.shape[1]) < lengths.unsqueeze(1)
    return TokenFeatures(features.embeddings, features.has_text, features.cost, tokens, mask)


def _backbone(encoder: TransformerEncoder | StaticEncoder) -> Backbone:
    """The encoder's language model; of a static one, whose vectors come before any layer, a single layer."""
    folder = find_model(encoder.model)
    if isinstance(encoder, StaticEncoder):
        return load_backbone(folder, 1, encoder.max_length, torch.float32, torch.device("cpu"))
    return load_backbone(
        folder, encoder.num_layers, encoder.max_length, DTYPES[encoder.dtype], encoder.device
    )


@torch.no_grad()
def _token_states(
    backbone: Backbone, texts: list[str], max_length: int, max_tokens: int, is_static: bool, normalize: bool
) -> list[Tensor]:
    """``[T, D]`` of each text."""
    ids = token_ids(backbone.tokenizer, texts, max_length)
    order = sorted((row for row, tokens in enumerate(ids) if tokens), key=lambda row: -len(ids[row]))
    device = next(backbone.network.parameters()).device
    empty = torch.zeros(0, int(backbone.network.config.hidden_size))
    found = [empty] * len(texts)
    for start in range(0, len(order), _TEXTS_PER_STEP):
        rows = order[start : start + _TEXTS_PER_STEP]
        batch = [torch.tensor(ids[row], device=device) for row in rows]
        mask = pad_sequence([torch.ones_like(tokens) for tokens in batch], batch_first=True)
        states = backbone.states(pad_sequence(batch, batch_first=True), mask, every_layer=is_static)[0]
        for row, own in zip(rows, states.float().cpu(), strict=True):
            whole = own[: len(ids[row])]
            length = whole.mean(dim=0).norm().clamp(min=1e-12) if normalize else 1.0
            found[row] = whole[:max_tokens] / length
    return found
