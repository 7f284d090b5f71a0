"""Where pretraining begins: a BERT at random with a tokenizer of its own, or a published checkpoint."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch

from kgrec.errors import InputError
from kgrec.lm.folder import check_tokenizer, num_reserved_tokens
from kgrec.progress import doing
from kgrec.text.backbone import load_tokenizer, quiet
from kgrec.text.pretrained import read_config

_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


@dataclass(frozen=True)
class BertSize:
    """A BERT to be, as in `Well-Read Students Learn Better <https://arxiv.org/abs/1908.08962>`_ (Turc et al.,
    2019, Table 1), the vocabulary apart.

    Attributes:
        num_layers: at least 1.
        hidden_size: a multiple of ``num_heads``.
        num_heads: at least 1.
        intermediate_size: inner width of the feed-forward part, at least 1.
        max_positions: tokens of the longest text, at least 8.
        vocab_size: word pieces at most, at least 32; a small corpus gives fewer.

    Raises:
        InputError: a size out of range.
    """  # noqa: D205

    num_layers: int
    hidden_size: int
    num_heads: int
    intermediate_size: int
    max_positions: int
    vocab_size: int

    def __post_init__(self) -> None:
        least = {"max_positions": 8, "vocab_size": 32}
        for name in (field.name for field in fields(self)):
            if getattr(self, name) < least.get(name, 1):
                raise InputError(
                    f"lm_size.{name}: found {getattr(self, name)}, expected at least {least.get(name, 1)}"
                )
        if self.hidden_size % self.num_heads:
            raise InputError(
                f"lm_size.hidden_size: found {self.hidden_size}, expected a multiple of the {self.num_heads} "
                "heads"
            )

    def start(self, texts: Sequence[str]) -> tuple[Any, Any]:
        """A network at random, drawn from torch's global generator, and a tokenizer trained on the texts."""
        from transformers import BertConfig, BertForPreTraining

        tokenizer = train_tokenizer(texts, self.vocab_size, self.max_positions)
        config = BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=self.hidden_size,
            num_hidden_layers=self.num_layers,
            num_attention_heads=self.num_heads,
            intermediate_size=self.intermediate_size,
            max_position_embeddings=self.max_positions,
            pad_token_id=tokenizer.pad_token_id,
        )
        return BertForPreTraining(config), tokenizer


def train_tokenizer(texts: Sequence[str], vocab_size: int, max_length: int) -> Any:
    """WordPiece over lower-case words, trained on the texts alone (https://arxiv.org/abs/1609.08144 §4.1).

    It writes ``[CLS] A [SEP] B [SEP]``, B of type 1.

    Raises:
        InputError: there is no text.
    """
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    if not any(text.strip() for text in texts):
        raise InputError("corpus: found no text to train a tokenizer on")
    doing("training a tokenizer")
    normalizer, splitter = normalizers.BertNormalizer(lowercase=True), pre_tokenizers.BertPreTokenizer()
    words = [word for text in texts for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(text))]
    backend = Tokenizer(models.WordPiece(_vocabulary(words, vocab_size), unk_token="[UNK]"))
    backend.normalizer, backend.pre_tokenizer, backend.decoder = normalizer, splitter, decoders.WordPiece()
    backend.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(token, backend.token_to_id(token)) for token in ("[CLS]", "[SEP]")],
    )
    names = dict(zip(("pad", "unk", "cls", "sep", "mask"), _SPECIAL, strict=True))
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        model_max_length=max_length,
        **{f"{name}_token": token for name, token in names.items()},
    )


def _vocabulary(words: Sequence[str], size: int) -> dict[str, int]:
    """Word pieces that the library's trainer finds, the same in every run.

    The trainer numbers the characters in the order of a hash table that differs between processes, and breaks
    ties by these numbers. Characters that it is given as special tokens are numbered as given.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    characters = sorted(set("".join(words)))
    given = [*_SPECIAL, *characters, *(f"##{character}" for character in characters)]
    trained = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    trained.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.WordPieceTrainer(vocab_size=size, special_tokens=given, show_progress=False)
    trained.train_from_iterator([" ".join(words)], trainer)
    pieces: dict[str, int] = trained.get_vocab()
    return dict(sorted(pieces.items(), key=lambda piece: piece[1]))


def continued(folder: Path) -> tuple[Any, Any]:
    """The network of a BERT folder with its heads, drawn at random where the folder lacks them.

    Raises:
        InputError: another architecture; weights or tokenizer that do not load or fit.
    """
    from transformers import BertForPreTraining

    if (found := read_config(folder).get("model_type")) != "bert":
        raise InputError(f"model: {folder} is of type {found}; pretraining goes on with type bert alone")
    doing("loading the language model")
    tokenizer = load_tokenizer(folder, num_reserved_tokens(folder))
    with quiet():
        try:
            network, info = BertForPreTraining.from_pretrained(
                folder, dtype=torch.float32, local_files_only=True, output_loading_info=True
            )
        except (OSError, ValueError, KeyError) as error:
            reason = str(error).strip().partition("\n")[0]
            raise InputError(f"model: {folder} does not load ({reason})") from error
    if missing := sorted(key for key in info["missing_keys"] if not key.startswith(("cls.", "bert.pooler."))):
        raise InputError(f"model: {folder} lacks {len(missing)} weights, among them {missing[0]}")
    check_tokenizer(folder, tokenizer, network)
    return network, tokenizer
