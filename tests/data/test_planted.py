import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from omegaconf import OmegaConf

from kgrec.build import build, config_dir
from kgrec.data.dataset import RawDataset
from kgrec.data.planted import FILLERS, WORDS, Planted, user_group
from kgrec.errors import InputError
from kgrec.shapes import BoolArray, FloatArray

SMALL = {
    "num_users": 400,
    "num_items": 300,
    "num_attributes": 10,
    "triples_per_item": 4,
    "interactions_per_user": 15,
    "hops": 1,
    "seed": 0,
}
ROOT = Path("never-read")


def generate(**changed: int) -> RawDataset:
    return Planted(**{**SMALL, **changed}).load(ROOT)


def one_hot(words_of_item: list[set[str]]) -> FloatArray:
    """``[I, W]`` unit rows."""
    column = {word: i for i, word in enumerate(sorted(set().union(*words_of_item)))}
    rows = np.zeros((len(words_of_item), len(column)))
    for item, words in enumerate(words_of_item):
        rows[item, [column[word] for word in words]] = 1
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def graph_features(raw: RawDataset, hops: int) -> FloatArray:
    facts: dict[str, set[str]] = {}
    for head, _, tail in raw.triples.iter_rows():
        facts.setdefault(head, set()).add(tail)
    near = [facts[entity] for entity in raw.links["entity"]]
    if hops == 1:
        return one_hot(near)
    return one_hot([tails.union(*(facts.get(tail, set()) for tail in tails)) for tails in near])


def text_features(raw: RawDataset) -> FloatArray:
    return one_hot([set(text.lower().strip(".").split()) for text in raw.items["text"]])


def recall_at_10(raw: RawDataset, features: FloatArray | None, seed: int) -> dict[str, float]:
    """Cold-item Recall@10 of each user group: similarity to the mean of a user's training items.

    A fifth of the items is cold; without features, items are ranked by training popularity.
    """
    users = raw.interactions["user"].unique(maintain_order=True).to_list()
    index = {user: i for i, user in enumerate(users)}
    liked = np.zeros((len(users), len(raw.items)), dtype=bool)
    liked[[index[u] for u in raw.interactions["user"]], [int(i[1:]) for i in raw.interactions["item"]]] = True
    generator = np.random.default_rng(seed)
    cold: BoolArray = np.zeros(len(raw.items), dtype=bool)
    cold[generator.permutation(len(cold))[: len(cold) // 5]] = True
    train, test = liked & ~cold, liked & cold
    if features is None:
        scores = np.tile(train.sum(axis=0).astype(float), (len(users), 1))
    else:
        scores = (train @ features) @ features.T / train.sum(axis=1, keepdims=True)
    scores = np.where(cold, scores + 1e-9 * generator.random(scores.shape), -1.0)
    top = np.argsort(-scores, axis=1)[:, :10]
    relevant = test.sum(axis=1)
    recall = np.take_along_axis(test, top, axis=1).sum(axis=1) / np.maximum(relevant, 1)
    groups = np.array([user_group(user) for user in users])
    return {group: float(recall[(groups == group) & (relevant > 0)].mean()) for group in ("graph", "text")}


def mean_recall(raw: RawDataset, features: FloatArray | None) -> dict[str, float]:
    runs = [recall_at_10(raw, features, seed) for seed in range(8)]
    return {group: float(np.mean([run[group] for run in runs])) for group in ("graph", "text")}


CHANCE = 10 / 60


def test_graph_alone_ranks_for_graph_users_only() -> None:
    raw = generate()
    recall = mean_recall(raw, graph_features(raw, hops=1))
    assert recall["graph"] > 0.97
    assert recall["text"] == pytest.approx(CHANCE, abs=0.06)


def test_text_alone_ranks_for_text_users_only() -> None:
    raw = generate()
    recall = mean_recall(raw, text_features(raw))
    assert recall["text"] > 0.97
    assert recall["graph"] == pytest.approx(CHANCE, abs=0.06)


@pytest.mark.parametrize("hops", [1, 2])
def test_both_together_rank_for_all(hops: int) -> None:
    raw = generate(hops=hops)
    recall = mean_recall(raw, np.hstack([graph_features(raw, hops), text_features(raw)]))
    assert min(recall.values()) > 0.9


def test_popularity_is_at_chance_for_all() -> None:
    recall = mean_recall(generate(), None)
    assert recall["graph"] == pytest.approx(CHANCE, abs=0.04)
    assert recall["text"] == pytest.approx(CHANCE, abs=0.04)


def test_two_hops_take_two_hops() -> None:
    raw = generate(hops=2)
    assert mean_recall(raw, graph_features(raw, hops=1))["graph"] < 0.5
    far = mean_recall(raw, graph_features(raw, hops=2))
    assert far["graph"] > 0.97
    assert far["text"] == pytest.approx(CHANCE, abs=0.06)


@pytest.mark.parametrize("hops", [1, 2])
def test_sizes_are_as_set(hops: int) -> None:
    raw = generate(hops=hops, num_users=31, num_items=47, num_attributes=3, triples_per_item=6)
    assert raw.interactions["user"].n_unique() == 31
    assert (raw.interactions.group_by("user").len()["len"] == 15).all()
    assert raw.interactions.is_unique().all()
    assert raw.items["item"].to_list() == [f"i{n}" for n in range(47)]
    assert raw.triples.is_unique().all()
    heads = raw.triples.filter(pl.col("head").str.starts_with("thing/")).group_by("head").len()
    assert len(heads) == 47
    assert (heads["len"] == 6).all()
    assert raw.triples["relation"].n_unique() == 6 + (hops - 1)
    assert set(raw.links["item"]) == set(raw.items["item"])
    assert set(raw.links["entity"]) <= set(raw.triples["head"])
    assert set(raw.interactions["item"]) <= set(raw.items["item"])


def test_groups_are_halves_and_readable_from_the_id() -> None:
    users = generate(num_users=401).interactions["user"].unique()
    groups = [user_group(user) for user in users]
    assert (groups.count("graph"), groups.count("text")) == (201, 200)


def test_attributes_are_balanced_and_independent() -> None:
    raw = generate(num_items=5000)
    makers = raw.triples.filter(pl.col("relation") == "made_by")["tail"]
    words = raw.items["text"].str.split(" ").list.get(2)
    assert set(makers.value_counts()["count"]) == {500}
    assert set(words.value_counts()["count"]) == {500}
    together = pl.DataFrame({"maker": makers, "word": words}).group_by("maker", "word").len()["len"]
    assert len(together) == 100
    assert together.std() < 12  # sqrt(50 × .9 × .9) = 6.4 where independent


def test_popularity_is_flat() -> None:
    """Uniform draws: 20 ± 3 users for each item, so nothing stands out."""
    counts = generate().interactions.group_by("item").len()["len"]
    assert len(counts) == 300
    assert counts.std() < 4.5
    assert counts.max() < 35


def test_words_that_decide_are_distinct_and_never_fill() -> None:
    assert len(set(WORDS)) == len(WORDS) == 106
    assert not set(WORDS) & set(FILLERS)


def test_the_seed_decides() -> None:
    first, again, other = generate(), generate(), generate(seed=1)
    for frame in ("interactions", "items", "triples", "links"):
        assert getattr(first, frame).equals(getattr(again, frame))
    assert not first.interactions.equals(other.interactions)
    assert not first.triples.equals(other.triples)


def test_memory_blocks_change_no_distribution(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kgrec.data.planted._MAX_CELLS", 50)
    raw = generate()
    assert raw.interactions.is_unique().all()
    assert (raw.interactions.group_by("user").len()["len"] == 15).all()
    assert recall_at_10(raw, text_features(raw), seed=0)["text"] > 0.9


@pytest.mark.parametrize(
    ("setting", "value", "expected"),
    [
        ("num_users", 1, "2 or more"),
        ("num_attributes", 1, "2 to 106"),
        ("num_attributes", 107, "2 to 106"),
        ("num_items", 9, "10 or more"),
        ("triples_per_item", 0, "1 or more"),
        ("interactions_per_user", 31, "1 to 30"),
        ("hops", 3, "1 to 2"),
    ],
)
def test_settings_out_of_range_are_refused(setting: str, value: int, expected: str) -> None:
    with pytest.raises(InputError, match=f"planted: {setting} is {value}, expected {expected}"):
        generate(**{setting: value})


def test_config_builds_it_fast_and_needs_no_files() -> None:
    source = build(OmegaConf.load(config_dir() / "data" / "planted.yaml").source)
    assert source.is_present(ROOT)
    source.fetch(ROOT)
    assert not ROOT.exists()
    started = time.process_time()
    raw = source.load(ROOT)
    assert time.process_time() - started < 1.0
    assert raw.name == "planted"
