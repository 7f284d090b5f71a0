"""A vocabulary cut to the pieces that given texts use; any other word is still read, in smaller pieces."""

import hashlib
from collections.abc import Iterable
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from kgrec.errors import InputError


def kept_ids(tokenizer: Any, ids: Iterable[list[int]], pad_id: int | None) -> Tensor:
    """Ids of the pieces that a cut vocabulary keeps.

    Those in ``ids``, the special tokens, every single character and every single character inside a word
    (``##x``), so that words of known characters stay readable, and all up to the padding id, which
    keeps its place (models with positions behind it compare with it).

    Args:
        tokenizer: of WordPiece kind.
        ids: tokens of the texts that decide.
        pad_id: of the model's settings.

    Returns:
        ``[V]`` int64, ascending.

    Raises:
        InputError: a tokenizer of another kind.
    """
    model = _wordpiece(tokenizer)
    inside = model.continuing_subword_prefix
    single = (index for piece, index in tokenizer.get_vocab().items() if len(piece.removeprefix(inside)) == 1)
    special = [*tokenizer.all_special_ids, *tokenizer.added_tokens_decoder]
    kept = set(chain(chain.from_iterable(ids), single, special, range((pad_id or 0) + 1)))
    return torch.tensor(sorted(kept), dtype=torch.int64)


def reachable_ids(tokenizer: Any, pad_id: int | None) -> Tensor:
    """Ids of the pieces that some text can give: without reserved ones like BERT's ``[unused1]``.

    What comes before WordPiece splits a text at punctuation and changes letters; a piece of the vocabulary
    that does not come through it in one and unchanged is never looked up, so every text gives the same
    pieces without it. Special tokens stay, and all up to the padding id.

    Args:
        tokenizer: of WordPiece kind.
        pad_id: of the model's settings.

    Returns:
        ``[V]`` int64, ascending.

    Raises:
        InputError: a tokenizer of another kind, or one that splits texts in another way than BERT's, which
            looks at nothing but the character itself.
    """
    inside = _wordpiece(tokenizer).continuing_subword_prefix
    backend = tokenizer.backend_tokenizer
    if (splits := type(backend.pre_tokenizer).__name__) != "BertPreTokenizer":
        raise InputError(
            f"vocabulary: reachable needs BERT's way of splitting texts, found {splits}; set vocabulary=full"
        )

    def comes_through(piece: str) -> bool:
        plain = piece.removeprefix(inside) or piece
        read = backend.normalizer.normalize_str(plain) if backend.normalizer else plain
        split = backend.pre_tokenizer.pre_tokenize_str(read)
        return len(plain) == 1 or [word for word, _ in split] == [plain]

    found = (index for piece, index in tokenizer.get_vocab().items() if comes_through(piece))
    special = [*tokenizer.all_special_ids, *tokenizer.added_tokens_decoder]
    return torch.tensor(sorted({*found, *special, *range((pad_id or 0) + 1)}), dtype=torch.int64)


def restrict(tokenizer: Any, kept: Tensor) -> None:
    """Let a tokenizer know the kept pieces only; they keep their ids.

    WordPiece takes the longest piece it knows, from left to right (https://arxiv.org/abs/1609.08144 section
    4.1 for the pieces). So a word whose pieces are all kept gives the same pieces as before, and any other
    is split into shorter ones.
    """
    backend, model = tokenizer.backend_tokenizer, _wordpiece(tokenizer)
    wanted = set(kept.tolist())
    vocabulary = backend.get_vocab(with_added_tokens=False)
    backend.model = type(model)(
        vocab={piece: index for piece, index in vocabulary.items() if index in wanted},
        unk_token=model.unk_token,
        max_input_chars_per_word=model.max_input_chars_per_word,
        continuing_subword_prefix=model.continuing_subword_prefix,
    )


def keep_rows(network: Any, kept: Tensor) -> None:
    """Cut a network's table of token embeddings to the kept rows, in the order of ``kept``."""
    table = network.get_input_embeddings()
    if type(table) is not nn.Embedding:
        raise InputError(f"vocabulary: found a table of class {type(table).__name__}, which cut cannot cut")
    rows = table.weight.detach()[kept.to(table.weight.device)]
    network.set_input_embeddings(nn.Embedding.from_pretrained(rows, padding_idx=table.padding_idx))


def name_of(kept: Tensor) -> str:
    """A name for a cut vocabulary, 16 hexadecimal digits."""
    return hashlib.sha256(kept.numpy().tobytes()).hexdigest()[:16]


def require_fitted(vocabulary: str, kept: Tensor | None) -> None:
    """Refuse to go on with a smaller vocabulary that has not been decided yet."""
    if vocabulary in ("cut", "reachable") and kept is None:
        by = "texts of warm items" if vocabulary == "cut" else "the tokenizer"
        raise InputError(f"vocabulary: {vocabulary} is decided by {by}; call fitted_to(texts) first")


def _wordpiece(tokenizer: Any) -> Any:
    """The WordPiece model of a tokenizer."""
    model = getattr(getattr(tokenizer, "backend_tokenizer", None), "model", None)
    if type(model).__name__ != "WordPiece":  # by name: only backbone.py knows the library
        raise InputError(
            f"vocabulary: a smaller one needs a WordPiece tokenizer, found {type(model).__name__}; "
            "set vocabulary=full"
        )
    return model
