from collections.abc import Callable
from pathlib import Path

import pytest

from kgrec.data.book_crossing import GRAPH, BookCrossing
from kgrec.data.dataset import DatasetSource
from kgrec.data.doctor import diagnose
from kgrec.data.prepare import prepare, raw_counts
from kgrec.data.splits import GivenSplit
from kgrec.errors import InputError

FindRawFiles = Callable[[DatasetSource], Path]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two books; the ISBN of one begins with zeros, that of the other ends in X."""
    inter = "user_id:token\titem_id:token\trating:float\n"
    files = {
        "book-crossing.train.inter": inter + "8\t0002005018\t5.0\n9\t034545104X\t10.0\n",
        "book-crossing.valid.inter": inter + "8\t034545104X\t4.0\n",
        "book-crossing.test.inter": inter + "9\t0002005018\t7.0\n",
        "book-crossing.link": "item_id:token\tentity_id:token\n0002005018\t0\n034545104X\t1\n",
        GRAPH: "0\t1\t5\n5\t0\t0\n1\t10\t6\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_isbns_are_strings(root: Path) -> None:
    raw = BookCrossing().load(root)
    assert raw.items.rows() == [("0002005018", None, None), ("034545104X", None, None)]
    assert raw.links.rows() == [("0002005018", "0"), ("034545104X", "1")]


def test_all_rows_come_with_rating_and_part(root: Path) -> None:
    assert BookCrossing().load(root).interactions.rows() == [
        ("8", "0002005018", 5.0, "train"),
        ("9", "034545104X", 10.0, "train"),
        ("8", "034545104X", 4.0, "valid"),
        ("9", "0002005018", 7.0, "test"),
    ]


def test_relations_bear_their_names_where_these_are_known(root: Path) -> None:
    assert BookCrossing().load(root).triples.rows() == [
        ("0", "book.written_work.author", "5"),
        ("5", "book.author.works_written", "0"),
        ("1", "relation_10", "6"),
    ]


def test_isbns_tell_of_publisher_and_block_where_asked(root: Path) -> None:
    known = BookCrossing().load(root).triples
    triples = BookCrossing(isbn_facts=True).load(root).triples
    assert triples.head(len(known)).equals(known)
    assert triples.tail(-len(known)).rows() == [
        ("0", "isbn.publisher", "0-00"),
        ("0", "isbn.block", "0-00-200"),
        ("1", "isbn.publisher", "0-345"),
        ("1", "isbn.block", "0-345-451"),
    ]


def test_presence_needs_all_files(root: Path) -> None:
    source = BookCrossing()
    assert source.is_present(root)
    (root / GRAPH).unlink()
    assert not source.is_present(root)
    with pytest.raises(InputError, match=r"kg_final\.txt: no such file"):
        source.load(root)


def test_real_counts(find_raw_files: FindRawFiles) -> None:
    source = BookCrossing()
    counts = raw_counts(source.load(find_raw_files(source)))
    parts = {"train": 18_751, "valid": 2164, "test": 3729}
    assert counts == source.card.published_counts | parts | {"items_with_text": 0, "linked_items": 9058}


def test_no_relation_is_left_that_another_says_backwards(find_raw_files: FindRawFiles) -> None:
    source = BookCrossing()
    raw = source.load(find_raw_files(source))
    dataset = prepare(
        raw, split=GivenSplit(), rating_threshold=None, k_core=0, drop_inverse_relations=0.95, seed=0
    )
    assert (len(dataset.train), len(dataset.valid), len(dataset.test)) == (18_751, 2164, 3729)
    assert "book.author.works_written" not in dataset.relations.raw_ids
    assert "book.written_work.author" in dataset.relations.raw_ids
    forward = {(head, tail) for head, _, tail in dataset.triples.tolist()}
    # Two works stay that are an author's by "author" and, backwards, by "series written or contributed to".
    assert sum((tail, head) in forward for head, tail in forward) == 4
    report = diagnose(raw, dataset)
    assert report.problems == 0
    assert "links look sound" in report.to_text()
