"""Pretraining: what is masked, what is learned, and that a stop changes nothing."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from kgrec.build import build, compose, options
from kgrec.commands.lm.pretrain import compose_pretraining, main
from kgrec.errors import InputError
from kgrec.lm.folder import read_lineage
from kgrec.lm.pretraining.corpus import Facts, ItemTexts, Sentence, examples, split_documents
from kgrec.lm.pretraining.masked_model import PERPLEXITY, MaskedModel
from kgrec.lm.pretraining.masking import IGNORED, Masking, tokens_of
from kgrec.lm.pretraining.start import train_tokenizer
from kgrec.pipeline import load_dataset
from kgrec.text.transformer import TransformerEncoder

SMALL = (
    *("data=planted", "data.source.num_users=40", "data.source.num_items=160"),
    *("data.source.num_attributes=8", "data.source.interactions_per_user=10"),
    *("lm_size.hidden_size=16", "lm_size.intermediate_size=32", "train.optimizer.lr=0.01"),
    *("train.max_epochs=3", "train.runtime.progress=off", "train.runtime.device=cpu"),
)


def pretrained(out: Path, *settings: str, model: str = "bert_tiny") -> dict[str, float]:
    given = [setting for setting in SMALL if model == "bert_tiny" or not setting.startswith("lm_size")]
    assert main([model, "--out", str(out), *given, *settings]) == 0
    return read_lineage(out)[-1].figures


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return train_tokenizer(["the good the bad", "michael mann", "heat director unforgettable"], 60, 32)


def test_a_new_bert_learns_the_words_of_the_corpus(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = pretrained(tmp_path / "out")
    assert f"-> {figures[f'{PERPLEXITY}/after']:.4g} (epoch" in capsys.readouterr().out
    assert figures[f"{PERPLEXITY}/after"] < 0.8 * figures[f"{PERPLEXITY}/before"]
    encoder = TransformerEncoder(str(tmp_path / "out"), None, "mean", 32, 8, "float32", True, "cpu")
    assert encoder.encode(["river quiet", "tulip"]).shape == (2, 16)


def test_pretraining_goes_on_from_a_folder(tmp_path: Path) -> None:
    first = pretrained(tmp_path / "first")
    more = pretrained(tmp_path / "more", "train.max_epochs=1", model=str(tmp_path / "first"))
    assert more[f"{PERPLEXITY}/before"] == pytest.approx(first[f"{PERPLEXITY}/after"], rel=1e-5)
    assert [step.verb for step in read_lineage(tmp_path / "more")] == ["pretrain", "pretrain"]
    assert read_lineage(tmp_path / "first")[0].parent == ""


def test_a_stopped_pretraining_ends_as_one_that_was_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = pretrained(tmp_path / "whole")
    calls = 0
    measure = MaskedModel.measure

    def stop_after_two(model: MaskedModel) -> dict[str, float]:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt
        return measure(model)

    with monkeypatch.context() as patch:
        patch.setattr(MaskedModel, "measure", stop_after_two)
        with pytest.raises(KeyboardInterrupt):
            pretrained(tmp_path / "stopped")
    assert not (tmp_path / "stopped").exists()
    again = pretrained(tmp_path / "stopped")
    assert {**again, "train_s": 0, "peak_memory_mb": 0} == {**whole, "train_s": 0, "peak_memory_mb": 0}
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "stopped")]
    assert weights[0] == weights[1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["stopped", "whole"]


def test_facts_are_sentences_whose_entities_are_spans() -> None:
    dataset = load_dataset(compose(SMALL[:5]))
    documents = Facts().documents(dataset, [])
    assert documents
    for document in documents:
        for sentence in document:
            (begin, end), (start, stop) = sentence.spans
            head, tail = sentence.text[begin:end], sentence.text[start:stop]
            assert sentence.text.startswith(f"{head} ")
            assert sentence.text.endswith(f" {tail}.")


def test_cold_items_are_in_no_corpus() -> None:
    dataset = load_dataset(compose(SMALL[:5]))
    texts = [f"item number x{item}y" for item in range(dataset.num_items)]
    told = {sentence.text for document in ItemTexts().documents(dataset, texts) for sentence in document}
    assert told == {text for text, warm in zip(texts, dataset.warm_items, strict=True) if warm}
    titles = {title for title, warm in zip(dataset.item_titles, dataset.warm_items, strict=True) if not warm}
    facts = [sentence for document in Facts().documents(dataset, texts) for sentence in document]
    assert not titles & {sentence.text[slice(*span)] for sentence in facts for span in sentence.spans}


def test_words_and_entities_are_masked_as_wholes(tokenizer: Any) -> None:
    text = "michael mann director unforgettable heat."
    sentence = Sentence(text, ((0, 12),))
    tokens = tokens_of(tokenizer, [sentence] * 200, [Sentence("the bad")] * 200, 32)
    read, wanted = Masking(0.3)(tokens, tokenizer.mask_token_id, 60, torch.Generator().manual_seed(0))
    chosen = wanted != IGNORED
    assert chosen.any(dim=1).all()
    assert not chosen[tokens.groups < 0].any()
    for row in range(200):
        for group in tokens.groups[row].unique().tolist():
            assert chosen[row][tokens.groups[row] == group].unique().numel() == 1
    name = tokens.groups[0] == 0
    assert tokenizer.decode(tokens.ids[0][name]) == "michael mann"
    share = (read[chosen] == tokenizer.mask_token_id).float().mean()
    assert 0.75 < share < 0.85
    assert torch.equal(read[~chosen], tokens.ids[~chosen])


def test_half_of_the_pairs_follow() -> None:
    documents = [[Sentence(f"{document} {place}") for place in range(4)] for document in range(10)]
    made = examples(documents, True, np.random.default_rng(0))
    labels = made.rows.known_labels
    assert (len(labels), labels.mean()) == (60, 0.5)
    for (first, second), label in zip(made.rows.pairs.tolist(), labels, strict=True):
        a, b = (made.sentences[place].text.split() for place in (first, second))
        assert (a[0] == b[0] and int(b[1]) == int(a[1]) + 1) == bool(label)
    alone = examples(documents, False, np.random.default_rng(0))
    assert alone.rows.pairs[:, 1].tolist() == [0] * 40


def test_held_out_documents_are_not_learned_from() -> None:
    documents = [[Sentence(str(place))] for place in range(20)]
    learned, held_out = split_documents(documents, 0.25, 0)
    assert len(held_out) == 5
    assert sorted(int(document[0].text) for document in [*learned, *held_out]) == list(range(20))


@pytest.mark.parametrize("group", ["lm_size", "lm_corpus"])
def test_every_option_builds(group: str) -> None:
    for option in options(group):
        cfg = compose([f"+{group}={option}"])
        assert build(cfg[group]) is not None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bert_tiny", "--corpus", "songs"], "--corpus: found 'songs', expected one of facts, items"),
        (["bert_tiny", "lm_pretrain.held=1"], "held"),
        (["bert_tiny", "lm_pretrain.held_out=1.5"], r"lm_pretrain.held_out: found 1.5, expected in \(0, 1\)"),
        (["bert_tiny", "lm_pretrain.max_length=4"], "lm_pretrain.max_length: found 4, expected 8 to 512"),
        (["bert_tiny", "lm_pretrain.masking.share=0"], "lm_pretrain.masking.share: found 0"),
        (["bert_tiny", "lm_size.num_heads=3"], "lm_size.hidden_size: found 16, expected a multiple of"),
        (["hashing"], "lm=hashing: found no language model"),
        (["/nowhere"], "model: /nowhere is no folder"),
    ],
)
def test_bad_input(tmp_path: Path, arguments: list[str], message: str) -> None:
    given = SMALL if arguments[0] == "bert_tiny" else SMALL[:5]
    with pytest.raises(InputError, match=message):
        main([*arguments, "--out", str(tmp_path / "out"), *given])
    assert list(tmp_path.iterdir()) == []


def test_other_architectures_are_refused(make_model: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is of type roberta; pretraining goes on with type bert alone"):
        main([str(make_model("roberta")), "--out", str(tmp_path / "out"), *SMALL[:5]])


def test_a_tokenizer_without_mask_is_refused(bert: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no \[MASK\] token"):
        main([str(bert), "--out", str(tmp_path / "out"), *SMALL[:5]])
    shutil.rmtree(tmp_path)
    assert compose_pretraining(str(bert), "items", []).lm.model == str(bert)
