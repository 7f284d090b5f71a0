"""Tuning for recommendation, on tiny models with random weights and data with a planted answer."""

from pathlib import Path

import numpy as np
import pytest
import torch

from kgrec.build import build, options
from kgrec.commands.lm.tune import compose_tuning, main
from kgrec.errors import InputError
from kgrec.lm.folder import read_lineage
from kgrec.lm.history import AttentiveHistory, History, MeanHistory, OneItemHistory
from kgrec.lm.text_recommender import TextRecommender
from kgrec.lm.tower import Tower
from kgrec.lm.tune import METRIC
from kgrec.models.base import Batch, ModelInputs
from kgrec.pipeline import load_dataset
from kgrec.text.transformer import TransformerEncoder

PLANTED = (
    *("data=planted", "data.source.num_users=120", "data.source.num_items=240"),
    *("data.source.num_attributes=12", "data.source.interactions_per_user=12"),
    "data.split.valid_fraction=0.25",
)
"""60 cold items in validation, so that 20 of them are a third."""
LM = ("lm.max_length=16", "lm.device=cpu")
SHORT = (
    "train.max_epochs=3",
    "train.batch_size=256",
    "train.runtime.progress=off",
    "train.runtime.device=cpu",
)
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
def test_every_method_trains_and_leaves_a_folder_that_ranks_the_same(
    words_bert: Path, tmp_path: Path, method: str
) -> None:
    """The folder, read as any model is, ranks exactly as the tuned model did at its best."""
    out = tmp_path / "out"
    figures = tuned(words_bert, out, "lm_tune.lr=0.02", method=method)
    assert figures["trained_params"] > 0
    assert (figures["trained_share"] < 100) == (method != "full")
    texts = ["river quiet", "tulip strange early"]
    assert (figures["best_epoch"] == 0) == torch.allclose(
        vectors(words_bert, texts), vectors(out, texts), atol=1e-5
    )
    again = tuned(out, tmp_path / "again", "train.max_epochs=1", "lm_tune.lr=1e-9")
    assert again[f"{METRIC}/before"] == pytest.approx(figures[f"{METRIC}/after"], abs=1e-6)
    assert [step.verb for step in read_lineage(tmp_path / "again")] == ["tune", "tune"]


def test_the_layers_of_a_cut_model_are_those_of_the_folder(words_bert: Path, tmp_path: Path) -> None:
    tuned(words_bert, tmp_path / "out", "lm.num_layers=1", "train.max_epochs=1", "lm_tune.lr=1e-9")
    texts = ["river quiet", "tulip strange early"]
    assert torch.allclose(vectors(words_bert, texts, 1), vectors(tmp_path / "out", texts), atol=1e-5)


@pytest.mark.parametrize(
    "method",
    [
        ("full",),
        ("full", "lm_recommender.averaging=0.8"),
        ("adalora", "lm_tune.method.phases=[0,0.3]"),  # stopped while ranks shrink
        ("adalora", "lm_tune.method.phases=[0,0.8]"),  # stopped after that
    ],
    ids=str,
)
def test_a_stopped_tuning_ends_as_one_that_was_not(
    words_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: tuple[str, ...]
) -> None:
    settings = (
        *method[1:],
        *("lm_tune.lr=0.01", "lm_recommender.dropout=0.2", "lm_recommender.adversarial=0.1"),
        "lm_recommender.augmentations=[{_target_:kgrec.lm.augmentation.WordDropout,probability:0.3}]",
    )
    whole = tuned(words_bert, tmp_path / "whole", *settings, method=method[0])
    encode_all, calls = TextRecommender._encode_all, 0

    def stop_at_the_third(model: TextRecommender) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if calls == 3:  # before the first epoch, after it, after the second
            raise KeyboardInterrupt
        return encode_all(model)

    with monkeypatch.context() as patch:
        patch.setattr(TextRecommender, "_encode_all", stop_at_the_third)
        with pytest.raises(KeyboardInterrupt):
            tuned(words_bert, tmp_path / "stopped", *settings, method=method[0])
    assert not (tmp_path / "stopped").exists()
    with pytest.raises(InputError, match=r"lm_tune\.lr"):
        tuned(words_bert, tmp_path / "stopped", *settings, "lm_tune.lr=0.5", method=method[0])
    again = tuned(words_bert, tmp_path / "stopped", *settings, method=method[0])
    assert {**again, "train_s": 0, "peak_memory_mb": 0} == {**whole, "train_s": 0, "peak_memory_mb": 0}
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "stopped")]
    assert weights[0] == weights[1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["stopped", "whole"]


def test_the_mean_of_the_weights_is_validated_and_kept(words_bert: Path, tmp_path: Path) -> None:
    settings = ("lm_tune.lr=0.01", "train.max_epochs=2")
    plain = tuned(words_bert, tmp_path / "plain", *settings)
    figures = tuned(words_bert, tmp_path / "mean", *settings, "lm_recommender.averaging=0.7")
    assert figures["best_epoch"] > 0
    assert figures[f"{METRIC}/after"] != plain[f"{METRIC}/after"]
    again = tuned(tmp_path / "mean", tmp_path / "again", "train.max_epochs=1", "lm_tune.lr=1e-9")
    assert again[f"{METRIC}/before"] == pytest.approx(figures[f"{METRIC}/after"], abs=1e-6)


def test_training_goes_on_from_its_own_weights(words_bert: Path) -> None:
    """Not from their mean, which the validation before it has read."""
    cfg = compose_tuning(str(words_bert), "full", (*TINY, "lm_recommender.averaging=0.5"))
    dataset = load_dataset(cfg)
    candidates = torch.from_numpy(np.flatnonzero(dataset.cold_valid))
    model = build(cfg.lm_recommender)(
        ModelInputs(dataset), dataset.item_texts, candidates, build(cfg.lm)
    ).train()
    start = [weight.detach().clone() for weight in model.tower.parameters()]
    for weight in model.tower.parameters():
        weight.data += 0.1
    model.after_step(0, 1)
    model.eval()
    of_own = model.embeddings()[1].clone()
    model.before_validation()
    moved = [weight - old for weight, old in zip(model.tower.parameters(), start, strict=True)]
    assert all(torch.allclose(move, torch.full_like(move, 0.05), atol=1e-6) for move in moved)
    assert not torch.allclose(model.embeddings()[1], of_own)
    model.train()
    moved = [weight - old for weight, old in zip(model.tower.parameters(), start, strict=True)]
    assert all(torch.allclose(move, torch.full_like(move, 0.1), atol=1e-6) for move in moved)
    assert torch.allclose(model.eval().embeddings()[1], of_own)


def test_texts_of_test_items_are_never_read(words_bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: set[str] = set()
    forward = Tower.forward

    def watch(tower: Tower, texts: list[str]) -> torch.Tensor:
        seen.update(texts)
        return forward(tower, texts)

    monkeypatch.setattr(Tower, "forward", watch)
    cfg = compose_tuning(str(words_bert), "lora", TINY)
    dataset = load_dataset(cfg)
    texts = [f"river {item}" for item in range(dataset.num_items)]
    candidates = torch.from_numpy(np.flatnonzero(dataset.cold_valid))
    model = build(cfg.lm_recommender)(ModelInputs(dataset), texts, candidates, build(cfg.lm))
    pairs = torch.from_numpy(dataset.train[:64])
    model.loss(Batch(pairs[:, 0], pairs[:, 1], torch.empty(64, 0, dtype=torch.int64), step=0))
    told = {text for text, cold in zip(texts, dataset.cold_test, strict=True) if not cold}
    assert seen
    assert seen <= told


def test_the_adversarial_loss_is_the_higher_one(words_bert: Path) -> None:
    """Its gradient points uphill, and the word embeddings move by the step that was asked for."""
    cfg = compose_tuning(str(words_bert), "full", (*TINY, "lm_recommender.dropout=0.0"))
    dataset = load_dataset(cfg)
    candidates = torch.from_numpy(np.flatnonzero(dataset.cold_valid))
    pairs = torch.from_numpy(dataset.train[:64])
    batch = Batch(pairs[:, 0], pairs[:, 1], torch.empty(64, 0, dtype=torch.int64), step=0)
    losses = []
    for step in ("0.0", "0.05"):
        cfg.lm_recommender.adversarial = float(step)
        model = build(cfg.lm_recommender)(
            ModelInputs(dataset), dataset.item_texts, candidates, build(cfg.lm)
        ).eval()
        losses.append(float(model.loss(batch).detach()))
    assert losses[1] - losses[0] > losses[0] + 1e-4


def small_history(kind: type[History]) -> tuple[History, torch.Tensor]:
    pairs = np.array([[0, 1], [0, 3], [0, 4], [1, 2], [2, 0], [2, 1]])
    return kind(pairs, 4, 3), torch.randn(5, 3, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("kind", [MeanHistory, AttentiveHistory])
def test_a_history_leaves_out_what_is_to_be_found(kind: type[History]) -> None:
    history, table = small_history(kind)
    users, items = torch.tensor([0, 2, 1, 0]), torch.tensor([3, 1, 2, 4])
    vectors_of_pairs, left = history.of_pairs(table, users, items)
    expected = torch.stack([table[[1, 4]].mean(0), table[0], torch.zeros(3), table[[1, 3]].mean(0)])
    assert torch.allclose(vectors_of_pairs, expected, atol=1e-6)
    assert left.tolist() == [1, 1, 0, 1]
    whole = history(table, torch.arange(4))
    assert torch.allclose(whole[0], table[[1, 3, 4]].mean(0), atol=1e-6)
    assert not whole[3].any()


def test_attention_weighs_by_its_query() -> None:
    history, table = small_history(AttentiveHistory)
    assert isinstance(history, AttentiveHistory)
    history.query.data = torch.tensor([0.5, -1.0, 2.0])
    weights = (table[[1, 4]] @ history.query).softmax(0)
    vector, _ = history.of_pairs(table, torch.tensor([0]), torch.tensor([3]))
    assert torch.allclose(vector[0], weights @ table[[1, 4]], atol=1e-6)


def test_one_other_item_of_the_history_is_drawn() -> None:
    history, table = small_history(OneItemHistory)
    vectors_of_pairs, left = history.of_pairs(
        table, torch.zeros(600, dtype=torch.int64), torch.full((600,), 3)
    )
    shares = [float((vectors_of_pairs == table[item]).all(1).float().mean()) for item in (1, 4)]
    assert sum(shares) == pytest.approx(1)
    assert shares[0] == pytest.approx(0.5, abs=0.1)
    assert left.all()
    assert not history.of_pairs(table, torch.tensor([1]), torch.tensor([2]))[1].any()


@pytest.mark.parametrize("history", ["AttentiveHistory", "OneItemHistory"])
@pytest.mark.parametrize("loss", ["softmax", "sampled_softmax"])
def test_other_histories_and_losses_train(words_bert: Path, tmp_path: Path, history: str, loss: str) -> None:
    figures = tuned(
        *(words_bert, tmp_path / "out", f"lm_recommender.history._target_=kgrec.lm.history.{history}"),
        *(f"loss={loss}", "lm_tune.lr=0.01", "train.max_epochs=1"),
    )
    assert figures["epochs"] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--method", "magic"], "--method: found 'magic', expected one of adalora, "),
        (["lm_tune.method.rank=0"], "lm_tune.method.rank: found 0, expected at least 1"),
        (
            ["lm_tune.method.targets=[nothing]"],
            "lm_tune.method.targets: found 'nothing', expected of dense, ",
        ),
        (["lm_recommender.dropout=1.5"], "lm_recommender.dropout: found 1.5"),
        (["lm_recommender.adversarial=-1"], "lm_recommender.adversarial: found -1"),
        (["lm_recommender.averaging=1.0"], "lm_recommender.averaging: found 1.0, expected in "),
        (["lm.dtype=int8"], "lm: found dtype int8 and vocabulary full, expected float32"),
        (["lm=minilm_l0"], "found StaticEncoder, which has no layers to train"),
        (["--method", "full", "lm_tune.method.num_layers=9"], "expected at most 2"),
        (
            ["--method", "adalora", "lm_tune.method.target_rank=12"],
            "lm_tune.method.target_rank: found 12, expected at least 1 and below rank 12",
        ),
        (["--method", "adalora", "lm_tune.method.phases=[0.5,0.5]"], r"phases: found \[0.5, 0.5\], expected"),
        (["--method", "adalora", "lm_tune.method.every=0"], "lm_tune.method.every: found 0"),
        (["--method", "adalora", "lm_tune.method.orthogonality=-1"], "orthogonality: found -1"),
        (["train.optimizer.lr=-1"], "train.optimizer: Invalid learning rate"),
        (
            [
                "lm_recommender.augmentations=[{_target_:kgrec.lm.augmentation.Synonyms,"
                "lexicon:no,probability:1}]"
            ],
            "lexicon: no is no file",
        ),
    ],
)
def test_bad_input(words_bert: Path, tmp_path: Path, arguments: list[str], message: str) -> None:
    given = [str(words_bert), "--out", str(tmp_path / "out"), *TINY, *arguments]
    if arguments == ["lm=minilm_l0"]:
        given = ["minilm_l0", *given[1:3], *PLANTED]
    with pytest.raises(InputError, match=message):
        main(given)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_table_over_methods(words_bert: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    given = [str(words_bert), "--out", str(tmp_path), *TINY, "train.max_epochs=1"]
    assert main([*given, "--methods", "lora,ia3"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["lora", "ia3"]
    assert all("recall@20" in line for line in lines)
