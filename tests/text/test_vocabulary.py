"""A cut vocabulary: the same vectors where all pieces are kept, smaller pieces elsewhere."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoModel, BertConfig, BertTokenizer, MPNetConfig, PreTrainedTokenizerFast

from kgrec.errors import InputError
from kgrec.text import transformer
from kgrec.text.encoder import TextEncoder, encode_items
from kgrec.text.layers import encode_all
from kgrec.text.static import StaticEncoder
from kgrec.text.transformer import TransformerEncoder

PIECES = [
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
    *("toy", "story", "##s", "t", "o", "##o", "##y", "##to", "##ry", "heat", "h", "##e", "##a", "##t"),
    *("s", "st", "y", "!", "unused", "##ries", "[unused1]", "[unused2]", "..."),
]
SINGLE = {piece for piece in PIECES if len(piece.removeprefix("##")) == 1}
WARM = ["toy story", "toys"]
KEPT = {*PIECES[:5], "toy", "story", *SINGLE}
WIDTH = 16


@pytest.fixture(scope="module", params=["bert", "mpnet"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny BERT or MPNet (positions follow its padding id, 1) with a vocabulary that has single letters."""
    path = tmp_path_factory.mktemp(request.param)
    (path / "vocab.txt").write_text("\n".join(PIECES))
    size = {
        "vocab_size": len(PIECES),
        "hidden_size": WIDTH,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "initializer_range": 0.5,
    }
    config: Any = BertConfig(**size) if request.param == "bert" else MPNetConfig(**size, pad_token_id=1)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        AutoModel.from_config(config).save_pretrained(path)
    BertTokenizer(str(path / "vocab.txt"), model_max_length=32).save_pretrained(path)
    return path


def whole(folder: Path, vocabulary: str = "cut", dtype: str = "float32") -> TransformerEncoder:
    return TransformerEncoder(str(folder), 2, "mean", 32, 3, dtype, False, "cpu", "", vocabulary)


def static(folder: Path, vocabulary: str = "cut", dtype: str = "float32") -> StaticEncoder:
    return StaticEncoder(str(folder), 32, False, vocabulary, dtype)


MAKERS: list[Callable[..., Any]] = [whole, static]


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_texts_of_kept_pieces_give_identical_vectors(
    make: Callable[..., Any], dtype: str, folder: Path
) -> None:
    full, cut = make(folder, "full", dtype), make(folder, "cut", dtype).fitted_to(WARM)
    for texts in (WARM, ["story toy toys", "t", "s ! h", "story \N{SNOWMAN} toy"]):
        assert torch.equal(cut.encode(texts), full.encode(texts))


@pytest.mark.parametrize("make", MAKERS)
def test_other_words_are_read_in_smaller_pieces(make: Callable[..., Any], folder: Path) -> None:
    full, cut = make(folder, "full"), make(folder).fitted_to(WARM)
    rows = cut.encode(["heat", "toto"])
    assert rows.isfinite().all()
    assert not torch.isclose(rows, full.encode(["heat", "toto"])).all(dim=1).any()
    if isinstance(cut, StaticEncoder):
        pieces = cut._tokenizer.tokenize("heat stories toto")
    else:
        pieces = cut.backbone.tokenizer.tokenize("heat stories toto")
    # "##r" is no piece: stories would be story's letters and fail, so it stays unknown
    assert pieces == ["h", "##e", "##a", "##t", "[UNK]", "t", "##o", "##t", "##o"]


@pytest.mark.parametrize("make", MAKERS)
def test_only_the_kept_rows_are_counted(make: Callable[..., Any], folder: Path) -> None:
    full, cut = make(folder, "full").cost(), make(folder).fitted_to(WARM).cost()
    dropped = (len(PIECES) - len(KEPT)) * WIDTH
    assert full["lm_params"] - cut["lm_params"] == dropped
    assert full["lm_bytes"] - cut["lm_bytes"] == 4 * dropped
    assert full["lm_params_without_embeddings"] == cut["lm_params_without_embeddings"]


@pytest.mark.parametrize("make", MAKERS)
def test_the_cache_key_follows_what_is_kept(make: Callable[..., Any], folder: Path) -> None:
    keys = [make(folder).fitted_to(texts).cache_key for texts in (WARM, WARM[::-1] * 2, ["toys", "heat"], [])]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3
    assert make(folder, "full").fitted_to(WARM).cache_key not in keys


@pytest.mark.parametrize("make", MAKERS)
def test_a_cut_vocabulary_must_be_fitted(make: Callable[..., Any], folder: Path) -> None:
    for use in (lambda e: e.cache_key, lambda e: e.encode(["toy"]), lambda e: e.cost()):
        with pytest.raises(InputError, match="vocabulary: cut is decided by texts of warm items"):
            use(make(folder))


@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_rows_that_no_text_reaches_can_go_without_a_trace(dtype: str, folder: Path) -> None:
    full, reachable = whole(folder, "full", dtype), whole(folder, "reachable", dtype).fitted_to([])
    texts = [*WARM, "heat toto", "[unused1] [unused2] story", "[MASK] ... [UNK]", "s ! h \N{SNOWMAN}"]
    assert torch.equal(reachable.encode(texts), full.encode(texts))
    dropped = full.cost()["lm_params"] - reachable.cost()["lm_params"]
    assert dropped == WIDTH * sum(piece in ("[unused1]", "[unused2]", "...") for piece in PIECES)
    assert dropped > 0
    with pytest.raises(InputError, match="vocabulary: reachable is decided by the tokenizer"):
        whole(folder, "reachable").encode(["toy"])


def test_a_full_vocabulary_stays_itself(folder: Path) -> None:
    encoders: list[TextEncoder] = [whole(folder, "full"), static(folder, "full"), static(folder, "corpus")]
    for encoder in encoders:
        assert encoder.fitted_to(WARM) is encoder


def test_the_prefix_is_kept(folder: Path) -> None:
    with_prefix = TransformerEncoder(str(folder), 2, "mean", 32, 3, "float32", False, "cpu", "unused ", "cut")
    cost = with_prefix.fitted_to(WARM).cost()
    assert cost["lm_params"] == whole(folder).fitted_to([*WARM, "unused"]).cost()["lm_params"]


def test_layers_of_a_fitted_encoder_share_one_pass_and_the_cache(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [*WARM, "heat"]
    one = TransformerEncoder(str(folder), 1, "mean", 32, 3, "float32", False, "cpu", "", "cut")
    encode_all([encoder.fitted_to(WARM) for encoder in (one, whole(folder))], texts, tmp_path)
    expected = one.fitted_to(WARM).encode(texts)
    monkeypatch.setattr(transformer, "load_backbone", lambda *_: pytest.fail("loaded"))
    rows = encode_items(one.fitted_to(WARM), texts, tmp_path).embeddings
    torch.testing.assert_close(rows, expected, rtol=1e-4, atol=1e-5)


def test_a_tokenizer_of_another_kind_is_refused(folder: Path, tmp_path: Path) -> None:
    AutoModel.from_pretrained(folder).save_pretrained(tmp_path)
    tokenizer = Tokenizer(models.BPE({"t": 0, "o": 1, "to": 2}, [("t", "o")]))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=32).save_pretrained(tmp_path)
    for make in MAKERS:
        with pytest.raises(
            InputError, match="vocabulary: a smaller one needs a WordPiece tokenizer, found BPE"
        ):
            make(tmp_path).fitted_to(WARM)


def test_what_is_reachable_is_known_of_bert_s_way_of_splitting_alone(folder: Path, tmp_path: Path) -> None:
    AutoModel.from_pretrained(folder).save_pretrained(tmp_path)
    tokenizer = Tokenizer(
        models.WordPiece({"[UNK]": 0, "\N{LOWER ONE EIGHTH BLOCK}toy": 1}, unk_token="[UNK]")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()  # writes that block before each word
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=32, unk_token="[UNK]")
    wrapped.save_pretrained(tmp_path)
    with pytest.raises(InputError, match="reachable needs BERT's way of splitting texts, found Metaspace"):
        whole(tmp_path, "reachable").fitted_to(WARM)


def test_an_unknown_vocabulary_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="vocabulary: 'half' is none of full, reachable, cut"):
        whole(folder, "half")
