"""Tuning for recommendation, on tiny models with random weights and data with a planted answer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from kgrec.build import build, compose, options
from kgrec.commands.lm.tune import compose_tuning, main
from kgrec.errors import InputError
from kgrec.lm.folder import read_lineage
from kgrec.lm.history import AttentiveHistory, MeanHistory, OneItemHistory
from kgrec.lm.tune import METRIC
from kgrec.text.transformer import TransformerEncoder

PLANTED = (
    *("data=planted", "data.source.num_users=120", "data.source.num_items=240"),
    *("data.source.num_attributes=12", "data.source.interactions_per_user=12"),
    "data.split.valid_fraction=0.25",
)
"""60 cold items in validation, so that 20 of them are a third."""
LM = ("lm.max_length=16", "lm.device=cpu")
SHORT = ("train.max_epochs=3", "train.batch_size=256", "train.runtime.progress=off", "train.runtime.device=cpu")
TINY = (*PLANTED, *LM, *SHORT)


@pytest.fixture(scope="session")
def words_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny BERT with a tokenizer that knows the words of the planted texts."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import AutoModel, BertConfig, PreTrainedTokenizerFast

    from kgrec.data.planted import FILLERS, WORDS

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocabulary = {token: index for index, token in enumerate(dict.fromkeys([*special, *WORDS, *FILLERS]))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    folder = tmp_path_factory.mktemp("words-bert")
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]",
        sep_token="[SEP]", mask_token="[MASK]", model_max_length=32,
    ).save_pretrained(folder)  # fmt: skip
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=32, initializer_range=0.3,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        AutoModel.from_config(config).save_pretrained(folder)
    return folder


def tuned(model: Path, out: Path, *settings: str, method: str = "full") -> dict[str, float]:
    assert main([str(model), "--out", str(out), "--method", method, *TINY, *settings]) == 0
    return read_lineage(out)[-1].figures


def vectors(folder: Path, texts: list[str], num_layers: int | None = None) -> torch.Tensor:
    return TransformerEncoder(str(folder), num_layers, "mean", 16, 8, "float32", True, "cpu").encode(texts)


def test_tuning_helps_where_the_text_decides(words_bert: Path, tmp_path: Path) -> None:
    figures = tuned(words_bert, tmp_path / "out", "lm_tune.lr=0.01", "train.max_epochs=12")
    assert figures[f"{METRIC}/after"] > figures[f"{METRIC}/before"] + 0.05
    assert figures["trained_share"] == 100


@pytest.mark.parametrize("method", options("lm_tune"))
def test_every_method_trains_and_leaves_a_plain_folder(
    words_bert: Path, tmp_path: Path, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder, read as any model is, ranks exactly as the model that was tuned did at its best."""
    from kgrec.data.planted import Planted

    out = tmp_path / "out"
    figures = tuned(words_bert, out, "lm_tune.lr=0.02", method=method)
    assert 0 < figures["trained_params"]
    assert (figures["trained_share"] < 100) == (method != "full")
    again = tuned(out, tmp_path / "again", "train.max_epochs=1", "lm_tune.lr=1e-9")
    assert again[f"{METRIC}/before"] == pytest.approx(figures[f"{METRIC}/after"], abs=1e-6)
    assert Planted.name == "planted"
    assert len(read_lineage(tmp_path / "again")) == 2
    if figures["best_epoch"] > 0:
        texts = ["river quiet", "tulip strange early"]
        assert not torch.allclose(vectors(words_bert, texts), vectors(out, texts), atol=1e-4)
