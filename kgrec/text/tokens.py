"""From item texts to one vector per token, for a fusion that reads more than a text's mean."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from kgrec.text.encoder import TextEncoder, TextFeatures


@runtime_checkable
class TokenReader(Protocol):
    """What an encoder offers beside :class:`kgrec.text.encoder.TextEncoder` where it sees single tokens."""

    def token_states(self, texts: list[str], max_tokens: int) -> list[Tensor]:
        """``[T, D]`` float32 of the first ``max_tokens`` tokens of each text, on the scale of its vector."""
        ...


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
    encoder that is no :class:`TokenReader` gives the features as they are.
    """
    if not isinstance(encoder, TokenReader):
        return features
    owners = {text: row for row, text in enumerate(dict.fromkeys(text for text in texts if text.strip()))}
    states = encoder.token_states(list(owners), max_tokens)
    states.append(features.embeddings.new_zeros(1, features.embeddings.shape[1]))  # padding alone: no text
    index = [owners.get(text, -1) for text in texts]
    tokens = pad_sequence([states[row] for row in index], batch_first=True)
    lengths = torch.tensor([len(states[row]) if row >= 0 else 0 for row in index])
    mask = torch.arange(tokens.shape[1]) < lengths.unsqueeze(1)
    return TokenFeatures(features.embeddings, features.has_text, features.cost, tokens, mask)
