"""Pruning: what does nothing goes first, matrices get smaller, and the folder is what was in memory."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from kgrec.errors import InputError
from kgrec.lm.folder import LanguageModel, load_lm
from kgrec.lm.importance import importance
from kgrec.lm.prune import Pruning, save_pruned
from kgrec.text.backbone import load_network
from kgrec.text.blocks import blocks
from kgrec.text.pooling import mean_pool
from kgrec.text.static import StaticEncoder
from kgrec.text.transformer import TransformerEncoder

FAMILIES = ["bert", "roberta", "distilbert"]


def vectors(model: LanguageModel, text: str, network: Any = None) -> Tensor:
    tokens = model.tokenizer([text], return_tensors="pt")
    ids, mask = tokens["input_ids"], tokens["attention_mask"]
    states = (network or model.network)(input_ids=ids, attention_mask=mask).last_hidden_state
    return F.normalize(mean_pool(states, mask), dim=-1)[0]


def encoder(folder: Path, **changes: Any) -> TransformerEncoder:
    settings = {"num_layers": None, "dtype": "float32"} | changes
    return TransformerEncoder(
        str(folder), settings["num_layers"], "mean", 32, 3, settings["dtype"], True, "cpu"
    )


def pruned(folder: Path, out: Path, texts: list[str], **settings: Any) -> LanguageModel:
    model = load_lm(str(folder))
    kept = Pruning(**settings).apply(model, texts)
    save_pruned(out, model.network, model.tokenizer, kept)
    return model


@torch.no_grad()
def silence(model: LanguageModel, layer: int, heads: list[int], neurons: list[int]) -> None:
    """Take away all that these heads and neurons say."""
    block = blocks(model.network)[layer]
    for head in heads:
        block.merge.weight[:, head * block.head_dim : (head + 1) * block.head_dim] = 0.0
    block.down.weight[:, neurons] = 0.0


@pytest.mark.parametrize("kind", FAMILIES)
def test_parts_that_say_nothing_are_dropped_and_nothing_changes(
    kind: str, make_model: Callable[..., Path], texts: list[str], tmp_path: Path
) -> None:
    model = load_lm(str(make_model(kind)))
    silent = [(0, [1], list(range(0, 16))), (1, [0], list(range(16, 32))), (2, [1], list(range(0, 32, 2)))]
    for layer, heads, neurons in silent:
        silence(model, layer, heads, neurons)
    before = [vectors(model, text) for text in texts]
    full = sum(parameter.numel() for parameter in model.network.parameters())
    Pruning(heads=1, width=16).apply(model, texts)
    for text, vector in zip(texts, before, strict=True):
        torch.testing.assert_close(vectors(model, text), vector, rtol=1e-4, atol=1e-5)
    for block in blocks(model.network):
        assert (tuple(block.query.weight.shape), tuple(block.merge.weight.shape)) == ((8, 16), (16, 8))
        assert (tuple(block.up.weight.shape), tuple(block.down.weight.shape)) == ((16, 16), (16, 16))
    # of each layer: three projections with biases and one without, up with its bias, down without
    dropped = 3 * (3 * (8 * 16 + 8) + 16 * 8 + 16 * 16 + 16 + 16 * 16)
    assert full - sum(parameter.numel() for parameter in model.network.parameters()) == dropped
    save_pruned(tmp_path, model.network, model.tokenizer, None)
    torch.testing.assert_close(encoder(tmp_path).encode(texts), torch.stack(before), rtol=1e-4, atol=1e-5)


def test_importance_is_the_squared_slope_of_the_vector(bert: Path) -> None:
    model, text = load_lm(str(bert)), "the good the bad"
    found = importance(model.network, model.tokenizer, [text] * 600, 32, "mean", seed=0)
    block = blocks(model.network)[1]

    def gated(gates: Tensor) -> Tensor:
        factors = gates.repeat_interleave(block.head_dim)
        handle = block.merge.register_forward_pre_hook(lambda _module, inputs: (inputs[0] * factors,))
        try:
            return vectors(model, text)
        finally:
            handle.remove()

    slopes = torch.autograd.functional.jacobian(gated, torch.ones(2))
    exact = slopes.square().sum(dim=0)  # type: ignore[attr-defined]
    torch.testing.assert_close(found.heads[1], exact, rtol=0.15, atol=0.0)  # 2,400 random directions


def test_importance_leaves_the_network_as_it_was(bert: Path, texts: list[str]) -> None:
    model = load_lm(str(bert))
    before = [parameter.clone() for parameter in model.network.parameters()]
    first = importance(model.network, model.tokenizer, texts, 32, "mean", seed=0)
    again = importance(model.network, model.tokenizer, texts, 32, "mean", seed=0)
    assert all(map(torch.equal, first.neurons, again.neurons))
    assert all(map(torch.equal, before, model.network.parameters()))
    assert all(parameter.grad is None for parameter in model.network.parameters())


@pytest.mark.parametrize("kind", [*FAMILIES, "mpnet", "albert", "modernbert", "gpt2", "qwen3"])
def test_chosen_layers_are_those_of_the_folder(
    kind: str, make_model: Callable[..., Path], texts: list[str], tmp_path: Path
) -> None:
    if kind == "albert":  # its layers share their weights
        with pytest.raises(InputError, match="architecture albert has no list of layers"):
            pruned(make_model(kind), tmp_path, texts, layers=(1, 3))
        return
    model = pruned(make_model(kind), tmp_path, texts, layers=(1, 3))
    rows = encoder(tmp_path).encode(texts)
    torch.testing.assert_close(rows[5], vectors(model, texts[5]).detach(), rtol=1e-4, atol=1e-5)
    assert encoder(tmp_path).depth == 2
    assert not torch.allclose(rows, encoder(make_model(kind), num_layers=2).encode(texts))


def test_the_first_layers_are_a_cut_of_depth(bert: Path, texts: list[str], tmp_path: Path) -> None:
    pruned(bert, tmp_path, texts, layers=(1, 2))
    assert torch.equal(encoder(tmp_path).encode(texts), encoder(bert, num_layers=2).encode(texts))


def test_a_cut_vocabulary_reads_its_corpus_as_before(bert: Path, texts: list[str], tmp_path: Path) -> None:
    pruned(bert, tmp_path, texts[:3], cut_vocabulary=True)
    whole, cut = encoder(bert), encoder(tmp_path)
    assert torch.equal(cut.encode(texts[:3]), whole.encode(texts[:3]))
    # [PAD] [UNK] [CLS] [SEP], the pieces of three texts, single characters "a", "##s", "##1" …
    assert cut.cost()["lm_params"] == whole.cost()["lm_params"] - 16 * (25 - 17)
    static = [StaticEncoder(str(folder), 32, True, "full").encode(texts[:3]) for folder in (bert, tmp_path)]
    assert torch.equal(*static)
    tokenizer = load_lm(str(tmp_path)).tokenizer
    assert tokenizer.tokenize("alien toy") == ["[UNK]", "toy"]
    assert sorted(tokenizer.get_vocab().values()) == list(range(17))


def test_pruned_twice_is_pruned(bert: Path, texts: list[str], tmp_path: Path) -> None:
    pruned(bert, tmp_path / "one", texts, heads=1)
    model = pruned(tmp_path / "one", tmp_path / "two", texts, width=8, layers=(1, 2))
    network = load_network(tmp_path / "two", torch.float32)
    assert [(block.num_heads, block.width) for block in blocks(network)] == [(1, 8), (1, 8)]
    rows = encoder(tmp_path / "two").encode(texts)
    torch.testing.assert_close(rows[0], vectors(model, texts[0]).detach(), rtol=1e-4, atol=1e-5)


def test_a_pruned_model_goes_into_int8(bert: Path, texts: list[str], tmp_path: Path) -> None:
    pruned(bert, tmp_path, texts, heads=1, width=8)
    exact, whole = encoder(tmp_path), encoder(tmp_path, dtype="int8")
    assert F.cosine_similarity(exact.encode(texts), whole.encode(texts)).min() > 0.98


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"heads": 3}, "--heads: found 3, expected 1 … 2"),
        ({"heads": 0}, "--heads: found 0, expected 1 … 2"),
        ({"width": 33}, "--width: found 33, expected 1 … 32"),
        ({"layers": (4,)}, "--layers: found 4, expected numbers from 1 to 3, ascending"),
        ({"layers": (2, 1)}, "--layers: found 2,1"),
        ({"layers": ()}, "--layers: found , expected numbers"),
    ],
)
def test_what_cannot_be_pruned_is_refused(settings: Any, message: str, bert: Path, texts: list[str]) -> None:
    with pytest.raises(InputError, match=message):
        Pruning(**settings).apply(load_lm(str(bert)), texts)


def test_parts_of_other_architectures_are_unknown(make_model: Callable[..., Path], texts: list[str]) -> None:
    with pytest.raises(InputError, match="found architecture qwen3, but heads and inner widths are pruned"):
        Pruning(heads=1).apply(load_lm(str(make_model("qwen3"))), texts)


def test_no_text_tells_nothing(bert: Path) -> None:
    with pytest.raises(InputError, match="found no text of a warm item"):
        Pruning(heads=1).apply(load_lm(str(bert)), [])
