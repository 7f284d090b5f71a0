"""Tiny language models with random weights, made on the spot: no test needs a download."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

WORDS = [
    *("heat", "alien", "toy", "story", "the", "good", "bad", "and", "ugly", "a", "space"),
    *("crime", "drama", "film", "of", "19", "95", "##s", "##1", "##2", "##3"),
]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
TEXTS = [
    "toy story",
    "the good the bad and the ugly",
    "heat",
    "a crime drama film of heat and space and crime and drama and toys",
    "alien space",
    "heat",
    "the",
]


def _tokenizer(special: bool) -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    vocabulary = {token: index for index, token in enumerate(SPECIAL + WORDS)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    if not special:  # like GPT-2: no [CLS], no [SEP], and no padding token
        return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]", model_max_length=32)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=32,
    )


def _config(kind: str) -> Any:
    import transformers as hf

    size = {"vocab_size": len(SPECIAL + WORDS), "initializer_range": 0.5}
    wide = {
        "hidden_size": 16,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        **size,
    }
    rotary = {**wide, "num_key_value_heads": 1, "max_position_embeddings": 64}
    configs: dict[str, Callable[[], Any]] = {
        "bert": lambda: hf.BertConfig(**wide, max_position_embeddings=32),
        "roberta": lambda: hf.RobertaConfig(**wide, max_position_embeddings=34, pad_token_id=1),
        "mpnet": lambda: hf.MPNetConfig(**wide, max_position_embeddings=34, pad_token_id=1),
        "distilbert": lambda: hf.DistilBertConfig(
            dim=16, n_layers=3, n_heads=2, hidden_dim=32, max_position_embeddings=32, **size
        ),
        "albert": lambda: hf.AlbertConfig(**wide, embedding_size=8, max_position_embeddings=32),
        "modernbert": lambda: hf.ModernBertConfig(
            **wide,
            max_position_embeddings=64,
            **{f"{name}_token_id": index for index, name in enumerate(("pad", "bos", "eos", "cls", "sep"))},
        ),
        "gpt2": lambda: hf.GPT2Config(
            n_embd=16, n_layer=3, n_head=2, n_positions=32, bos_token_id=1, eos_token_id=1, **size
        ),
        "qwen3": lambda: hf.Qwen3Config(**rotary, head_dim=8),
        "t5": lambda: hf.T5Config(
            d_model=16, d_kv=8, d_ff=32, num_layers=3, num_heads=2, vocab_size=len(SPECIAL + WORDS)
        ),
    }
    return configs[kind]()


@pytest.fixture(scope="session")
def make_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """``make_model(kind, seed)`` → the folder of a saved tiny model."""
    made: dict[tuple[str, int], Path] = {}

    def make(kind: str, seed: int = 0) -> Path:
        if (kind, seed) not in made:
            from transformers import AutoModel

            folder = tmp_path_factory.mktemp(f"{kind}-{seed}")
            with torch.random.fork_rng():
                torch.manual_seed(seed)
                AutoModel.from_config(_config(kind)).save_pretrained(folder)
            _tokenizer(special=kind not in ("gpt2", "qwen3")).save_pretrained(folder)
            made[kind, seed] = folder
        return made[kind, seed]

    return make


@pytest.fixture(scope="session")
def bert(make_model: Callable[..., Path]) -> Path:
    """The folder of a tiny BERT: 3 layers, 16 wide."""
    return make_model("bert")


@pytest.fixture
def texts() -> list[str]:
    """Texts of different lengths, one of them twice."""
    return list(TEXTS)
