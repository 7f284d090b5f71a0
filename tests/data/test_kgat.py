from pathlib import Path

import numpy as np
import pytest

from kgrec.build import build, compose
from kgrec.data.alibaba_ifashion import AlibabaIFashion
from kgrec.data.amazon_book import AmazonBook
from kgrec.data.doctor import diagnose
from kgrec.data.kgat import FILES, GRAPH, TEST, TRAIN, KGATSource
from kgrec.data.last_fm import LastFMOfKGAT
from kgrec.data.prepare import prepare, raw_counts
from kgrec.data.splits import GivenTestSplit
from kgrec.data.yelp2018 import Yelp2018
from kgrec.errors import InputError

SOURCES = (AmazonBook, LastFMOfKGAT, Yelp2018, AlibabaIFashion)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three users and items 0 to 4; nobody has item 3; entities 5 and 6 are no items."""
    (tmp_path / TRAIN).write_text("0 0 1 2\n1 2 4 \n2 0 2\n")
    (tmp_path / TEST).write_text("0 4\n1\n2 1\n")
    (tmp_path / GRAPH).write_text("0 0 5\n1 0 5\n4 1 6\n6 1 4\n")
    return tmp_path


def test_a_line_gives_a_user_and_each_of_the_items(root: Path) -> None:
    raw = AmazonBook().load(root)
    assert raw.interactions.filter(split="train").select("user", "item").rows() == [
        ("0", "0"),
        ("0", "1"),
        ("0", "2"),
        ("1", "2"),
        ("1", "4"),
        ("2", "0"),
        ("2", "2"),
    ]
    assert raw.interactions.filter(split="test").select("user", "item").rows() == [("0", "4"), ("2", "1")]


def test_items_are_the_first_entities(root: Path) -> None:
    raw = AmazonBook().load(root)
    assert raw.items.rows() == [(str(item), None, None) for item in range(5)]
    assert raw.links.rows() == [(str(item), str(item)) for item in range(5)]
    assert raw.triples.rows() == [("0", "0", "5"), ("1", "0", "5"), ("4", "1", "6"), ("6", "1", "4")]
    assert raw_counts(raw) == {
        "users": 3,
        "items": 5,
        "interactions": 9,
        "items_with_text": 0,
        "entities": 7,
        "relations": 2,
        "triples": 4,
        "linked_items": 5,
        "train": 7,
        "test": 2,
    }


def test_validation_is_taken_from_train_and_test_stays(root: Path) -> None:
    raw = AmazonBook().load(root)
    dataset = prepare(
        raw,
        split=GivenTestSplit(valid=0.1),
        rating_threshold=None,
        k_core=0,
        drop_inverse_relations=None,
        seed=0,
    )
    assert np.bincount(dataset.valid[:, 0]).tolist() == [1, 1, 1]
    assert dataset.test.tolist() == [[0, 4], [2, 1]]
    assert dataset.num_items == 5
    text = diagnose(raw, dataset).to_text()
    assert "no checksum is known for train.txt, test.txt, kg_final.txt: the counts are the only check" in text
    assert "! users                      3 ≠ 70,679" in text


@pytest.mark.parametrize("name", FILES)
def test_presence_needs_each_file(root: Path, name: str) -> None:
    source = Yelp2018()
    assert source.is_present(root)
    (root / name).unlink()
    assert not source.is_present(root)
    with pytest.raises(InputError, match=rf"{name}: no such file"):
        source.load(root)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (TRAIN, "0 1\n1 2,3\n", "line 2: found '1 2,3', expected whole numbers: user item item …"),
        (TEST, "user item\n0 1\n", "line 1: found 'user item', expected whole numbers"),
        (GRAPH, "0 0 5\n0 5\n", "line 2: found '0 5', expected 3 whole numbers: head relation tail"),
    ],
)
def test_a_malformed_line_is_named(root: Path, name: str, text: str, message: str) -> None:
    (root / name).write_text(text)
    with pytest.raises(InputError, match=f"{name}: {message}"):
        AmazonBook().load(root)


def test_files_without_any_item_are_refused(root: Path) -> None:
    (root / TRAIN).write_text("0\n1\n")
    (root / TEST).write_text("0\n")
    with pytest.raises(InputError, match=r"train\.txt: no user has an item"):
        AmazonBook().load(root)


@pytest.mark.parametrize("kind", SOURCES, ids=lambda kind: kind.name)
def test_each_dataset_has_addresses_terms_and_a_config_of_its_name(kind: type[KGATSource]) -> None:
    cfg = compose([f"data={kind.name}"])
    source = build(cfg.data.source)
    assert type(source) is kind
    assert isinstance(build(cfg.data.split), GivenTestSplit)
    assert build(cfg.eval).selection_metric == "valid/recall@20"
    assert set(source.remote) == set(FILES) == set(source.card.unchecked)
    assert all(
        file.origin.startswith("https://raw.githubusercontent.com/") for file in source.remote.values()
    )
    assert "no redistribution" in source.card.licence
    counts = source.card.published_counts
    assert counts.keys() >= {"users", "items", "relations", "triples"}


def test_a_zipped_graph_is_unpacked() -> None:
    assert [kind.name for kind in SOURCES if kind.remote[GRAPH].member == GRAPH] == [
        "amazon-book",
        "yelp2018",
    ]
    assert Yelp2018.remote[GRAPH].origin.endswith("/Data/yelp2018/kg_final.txt.zip")
