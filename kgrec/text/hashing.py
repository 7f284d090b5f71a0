"""Text features without any language model: hashed words and character n-grams."""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from zlib import crc32

import torch
from torch import Tensor
from torch.nn import functional as F

from kgrec.errors import InputError
from kgrec.text.encoder import Cost

_WORD = re.compile(r"\w+")
_SIGN_BIT = 1 << 31


class HashingEncoder:
    """Signed feature hashing of word and character n-grams.

    Feature hashing: https://arxiv.org/abs/0902.2206 section 2; character n-grams inside words, with the
    word's ends marked: https://arxiv.org/abs/1607.04606 section 3.2. Row = Σ over distinct features f of
    sign(f) · (1 + ln count(f)) at column h(f), scaled to length 1; sign and column come from one CRC-32 of
    the feature, so rows agree between processes and machines. Text is case-folded and NFKC-normalised. No
    truncation; a text without letters or digits gets zeros.

    Args:
        dim: columns.
        word_ngrams: lengths of word n-grams, in words; may be empty.
        char_ngrams: lengths of character n-grams, in characters; may be empty.

    Raises:
        InputError: a length or ``dim`` below 1, or no n-grams at all.
    """

    def __init__(self, dim: int, word_ngrams: Sequence[int], char_ngrams: Sequence[int]) -> None:
        self.dim = dim
        self.word_ngrams = tuple(word_ngrams)
        self.char_ngrams = tuple(char_ngrams)
        if dim < 1:
            raise InputError(f"dim: {dim} is less than 1")
        if not self.word_ngrams + self.char_ngrams or min(self.word_ngrams + self.char_ngrams) < 1:
            raise InputError(
                f"word_ngrams, char_ngrams: {list(self.word_ngrams)}, {list(self.char_ngrams)}; "
                "give at least one length, each 1 or more"
            )

    @property
    def cache_key(self) -> str:
        """Every setting."""
        return f"hashing/{self.dim}/{self.word_ngrams}/{self.char_ngrams}"

    def fitted_to(self, texts: Sequence[str]) -> "HashingEncoder":
        """Itself: what a feature's column is, no text decides."""
        return self

    def encode(self, texts: list[str]) -> Tensor:
        """Hashed n-grams ``[N, dim]`` float32, rows of length 1."""
        rows = torch.zeros(len(texts), self.dim)
        for row, text in zip(rows, texts, strict=True):
            counts = Counter(self._features(text))
            hashes = [crc32(feature.encode()) for feature in counts]
            columns = torch.tensor([h % _SIGN_BIT % self.dim for h in hashes], dtype=torch.int64)
            signs = torch.tensor([1.0 if h & _SIGN_BIT else -1.0 for h in hashes])
            weights = torch.tensor([1.0 + math.log(count) for count in counts.values()])
            row.index_add_(0, columns, signs * weights)
        return F.normalize(rows, dim=-1)

    def cost(self) -> Cost:
        """No language model."""
        return {"lm_params": 0, "lm_params_without_embeddings": 0, "lm_bytes": 0}

    def _features(self, text: str) -> Iterator[str]:
        words = _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
        for n in self.word_ngrams:
            for start in range(len(words) - n + 1):
                yield "word " + " ".join(words[start : start + n])
        for word in words:
            marked = f"<{word}>"
            for n in self.char_ngrams:
                for start in range(len(marked) - n + 1):
                    yield "char " + marked[start : start + n]
