"""What the larger families need: a prefix, left padding, the last token; tiny, with random weights."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from torch import Tensor
from torch.nn import functional as F
from transformers import AutoModel, AutoTokenizer, PreTrainedTokenizerFast, Qwen3Config

from kgrec.build import build, compose, options
from kgrec.errors import InputError
from kgrec.text.transformer import TransformerEncoder

END = "<|endoftext|>"
FAMILIES = [name for name in options("lm") if name.startswith(("bert_", "e5_", "qwen3_"))]


@pytest.fixture(scope="module")
def qwen3(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Qwen3 as Qwen3-Embedding is: byte-level BPE, padded on the left, END after every text."""
    folder = tmp_path_factory.mktemp("qwen3-embedding")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=[END], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(["toy story heat the good the bad and the ugly"] * 3, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single=f"$A {END}", special_tokens=[(END, 0)])
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=END, eos_token=END, padding_side="left", model_max_length=64
    ).save_pretrained(folder)
    config = Qwen3Config(
        vocab_size=320,  # more rows than tokens, as published
        hidden_size=16,
        num_hidden_layers=3,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
        intermediate_size=32,
        max_position_embeddings=64,
        initializer_range=0.5,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        AutoModel.from_config(config).save_pretrained(folder)
    return folder


def make_encoder(folder: Path, **changes: Any) -> TransformerEncoder:
    settings: dict[str, Any] = {
        "model": str(folder),
        "num_layers": None,
        "pooling": "last",
        "max_length": 32,
        "batch_size": 3,
        "dtype": "float32",
        "normalize": True,
        "device": "cpu",
        "prefix": "",
        "vocabulary": "full",
    }
    return TransformerEncoder(**settings | changes)


def model_card(folder: Path, texts: list[str]) -> Tensor:
    """Vectors as the model card of Qwen3-Embedding computes them: padded on the left, last column."""
    tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
    batch = tokenizer(texts, padding=True, truncation=True, max_length=32, return_tensors="pt")
    assert batch["attention_mask"][:, -1].all()
    with torch.no_grad():
        states = AutoModel.from_pretrained(folder).eval()(**batch).last_hidden_state
    return F.normalize(states[:, -1], dim=1)


def test_the_last_token_is_taken_as_on_the_model_card(qwen3: Path, texts: list[str]) -> None:
    rows = make_encoder(qwen3).encode(texts)
    torch.testing.assert_close(rows, model_card(qwen3, texts), rtol=1e-4, atol=1e-5)
    single = torch.cat([make_encoder(qwen3).encode([text]) for text in texts])
    torch.testing.assert_close(rows, single, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_tokenizers_side_of_padding_does_not_matter(
    side: str, qwen3: Path, tmp_path: Path, texts: list[str]
) -> None:
    AutoModel.from_pretrained(qwen3).save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(qwen3, padding_side=side).save_pretrained(tmp_path)
    assert AutoTokenizer.from_pretrained(tmp_path).padding_side == side
    torch.testing.assert_close(make_encoder(tmp_path).encode(texts), make_encoder(qwen3).encode(texts))


def test_a_cut_text_still_ends_with_the_end_token(qwen3: Path) -> None:
    long, other = "toy story " * 9 + "heat", "toy story " * 9 + "ugly"
    rows = make_encoder(qwen3, max_length=8).encode([long, other, "toy story"])
    torch.testing.assert_close(rows[0], rows[1])
    tokens = make_encoder(qwen3, max_length=8).token_ids(AutoTokenizer.from_pretrained(qwen3), [long])
    assert tokens[0][-1] == 0
    assert len(tokens[0]) == 8


@pytest.mark.parametrize("num_layers", [1, 2])
def test_layers_of_a_decoder_are_cut(num_layers: int, qwen3: Path) -> None:
    (row,) = make_encoder(qwen3, num_layers=num_layers, normalize=False).encode(["toy story"])
    ids = AutoTokenizer.from_pretrained(qwen3)(["toy story"], return_tensors="pt")
    with torch.no_grad():
        states = AutoModel.from_pretrained(qwen3).eval()(**ids, output_hidden_states=True).hidden_states
    torch.testing.assert_close(row, states[num_layers][0, -1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["bert", "qwen3"])
def test_a_prefix_is_read_before_the_text(
    kind: str, make_model: Callable[..., Path], texts: list[str]
) -> None:
    folder = make_model(kind)
    plain, with_prefix = make_encoder(folder), make_encoder(folder, prefix="film of ")
    prefixed = [f"film of {text}" for text in texts]
    assert torch.equal(with_prefix.encode(texts), plain.encode(prefixed))
    assert not torch.isclose(with_prefix.encode(texts), plain.encode(texts)).all(dim=1).any()
    cut = with_prefix.cut(1)
    torch.testing.assert_close(cut.encode(texts), plain.cut(1).encode(prefixed))


def test_a_prefix_changes_the_cache_key_and_none_leaves_that_of_older_caches(bert: Path) -> None:
    keys = {make_encoder(bert, prefix=prefix).cache_key for prefix in ("", "query: ", "passage: ")}
    assert len(keys) == 3
    older = TransformerEncoder(str(bert), 2, "mean", 32, 3, "float32", True, "cpu")
    assert older.cache_key.split("/")[2:] == ["2", "mean", "32", "float32", "True"]


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_is_pooled_as_it_was_trained(name: str) -> None:
    cfg = compose([f"lm={name}"]).lm
    encoder = build(cfg)
    if name.startswith("qwen3"):
        assert (encoder.pooling, encoder.prefix) == ("last", "")
    else:
        assert (encoder.pooling, encoder.prefix) == ("mean", "query: " if name.startswith("e5") else "")
    assert encoder.normalize
    assert encoder.fitted_to(["toy story"]) is encoder


def test_a_cut_vocabulary_is_refused_for_byte_level_pieces(qwen3: Path) -> None:
    with pytest.raises(InputError, match="needs a WordPiece tokenizer, found BPE; set vocabulary=full"):
        make_encoder(qwen3, vocabulary="cut").fitted_to(["toy story"])
