import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from kgrec.build import build, compose
from kgrec.data.dataset import DatasetSource
from kgrec.data.doctor import diagnose
from kgrec.data.ml_100k import ML100K, MOVIELENS_IDS
from kgrec.data.prepare import prepare, raw_counts
from kgrec.data.splits import RandomSplit
from kgrec.errors import InputError
from kgrec.pipeline import prepare_dataset

FindRawFiles = Callable[[DatasetSource], Path]
TITLE_AND_YEAR = "{title} ({year})"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Four items: 1 (MovieLens id 1), 2 (MovieLens id 10), 267 without a title, 1412 without a year."""
    files = {
        "ml-100k.inter": [
            "user_id:token\titem_id:token\trating:float\ttimestamp:float",
            "7\t2\t5\t881250949",
        ],
        "ml-100k.item": [
            "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq",
            "1\tToy Story\t1995\tAnimation Children's Comedy",
            "2\tGoldenEye\t1995\tAction",
            "267\tunkonwn\tunkonwn\tunknown",
            "1412\tLand Before Time III (1995)\tV\tComedy",
        ],
        "ml-100k.kg": ["head_id:token\trelation_id:token\ttail_id:token", "m.toy\tfilm.film.genre\tm.fun"],
        "ml-100k.link": ["item_id:token\tentity_id:token", "10\tm.eye", "2\tm.jumanji", "1\tm.toy"],
    }
    for name, lines in files.items():
        (tmp_path / name).write_text("\n".join(lines) + "\n")
    return tmp_path


def rows(frame: pl.DataFrame) -> set[tuple]:
    return set(frame.rows())


def test_links_are_translated_to_ml_100k_ids(root: Path) -> None:
    repaired = ML100K(TITLE_AND_YEAR, repair_links=True, genres_in_graph=False).load(root)
    assert rows(repaired.links) == {("1", "m.toy"), ("2", "m.eye"), ("755", "m.jumanji")}
    shipped = ML100K(TITLE_AND_YEAR, repair_links=False, genres_in_graph=False).load(root)
    assert rows(shipped.links) == {("10", "m.eye"), ("2", "m.jumanji"), ("1", "m.toy")}


def test_genres_become_triples_and_unlinked_items_get_an_entity(root: Path) -> None:
    raw = ML100K(TITLE_AND_YEAR, repair_links=True, genres_in_graph=True).load(root)
    minted = ("1412", "ml-100k:item/1412")
    assert rows(raw.links) == {("1", "m.toy"), ("2", "m.eye"), ("755", "m.jumanji"), minted}
    assert rows(raw.triples) == {
        ("m.toy", "film.film.genre", "m.fun"),
        ("m.toy", "genre", "genre:Animation"),
        ("m.toy", "genre", "genre:Children's"),
        ("m.toy", "genre", "genre:Comedy"),
        ("m.eye", "genre", "genre:Action"),
        ("ml-100k:item/1412", "genre", "genre:Comedy"),
    }


def test_title_and_text_leave_out_what_is_unknown(root: Path) -> None:
    items = ML100K(TITLE_AND_YEAR, repair_links=True, genres_in_graph=True).load(root).items
    assert items["title"].to_list() == [
        "Toy Story (1995)",
        "GoldenEye (1995)",
        None,
        "Land Before Time III (1995)",
    ]
    assert items["text"].to_list() == items["title"].to_list()


def test_the_template_may_name_genres_and_nothing_else(root: Path) -> None:
    raw = ML100K("{title}: {genres}", repair_links=True, genres_in_graph=True).load(root)
    assert raw.items["text"][0] == "Toy Story: Animation, Children's, Comedy"
    with pytest.raises(InputError, match="no column 'plot'"):
        ML100K("{plot}", repair_links=True, genres_in_graph=True).load(root)
    with pytest.raises(InputError, match="expected '}' before end of string"):
        ML100K("{title", repair_links=True, genres_in_graph=True)


def test_interactions_have_ratings_and_times(root: Path) -> None:
    raw = ML100K(TITLE_AND_YEAR, repair_links=True, genres_in_graph=True).load(root)
    assert raw.interactions.rows(named=True) == [
        {"user": "7", "item": "2", "rating": 5.0, "timestamp": 881250949.0}
    ]


def test_presence_needs_all_files(root: Path) -> None:
    source = ML100K(TITLE_AND_YEAR, repair_links=True, genres_in_graph=True)
    assert source.is_present(root)
    (root / "ml-100k.kg").unlink()
    assert not source.is_present(root)
    with pytest.raises(InputError, match=r"ml-100k\.kg: no such file"):
        source.load(root)


def test_the_table_of_ids_maps_each_item_once() -> None:
    with MOVIELENS_IDS.open() as file:
        table = [(int(row["ml_100k_id"]), int(row["movielens_id"])) for row in csv.DictReader(file)]
    items = [item for item, _ in table]
    assert len(table) == 1670
    assert items == sorted(set(items))
    assert set(items) <= set(range(1, 1683))
    known = {1: 1, 2: 10, 50: 260, 100: 608, 181: 1210}  # Toy Story, GoldenEye, Star Wars, Fargo, Jedi
    assert known.items() <= dict(table).items()


@pytest.mark.parametrize(
    ("repair", "genres", "expected"),
    [
        (False, False, {"entities": 34_628, "relations": 24, "triples": 91_631, "linked_items": 1598}),
        (True, False, {"entities": 34_628, "relations": 24, "triples": 91_631, "linked_items": 1538}),
        (True, True, {"entities": 34_788, "relations": 25, "triples": 94_493, "linked_items": 1680}),
    ],
)
def test_real_counts(
    find_raw_files: FindRawFiles, repair: bool, genres: bool, expected: dict[str, int]
) -> None:
    source = ML100K(TITLE_AND_YEAR, repair_links=repair, genres_in_graph=genres)
    raw = source.load(find_raw_files(source))
    counts = raw_counts(raw)
    basics = {"users": 943, "items": 1682, "interactions": 100_000, "items_with_text": 1681}
    assert counts == basics | expected
    assert source.card.published_counts.items() <= counts.items()


@pytest.mark.parametrize(("repair", "verdict"), [(False, "random"), (True, "sound")])
def test_the_doctor_tells_shipped_from_repaired_links(
    find_raw_files: FindRawFiles, repair: bool, verdict: str
) -> None:
    source = ML100K(TITLE_AND_YEAR, repair_links=repair, genres_in_graph=False)
    raw = source.load(find_raw_files(source))
    dataset = prepare(
        raw,
        split=RandomSplit(valid=0.1, test=0.1),
        rating_threshold=4.0,
        k_core=0,
        drop_inverse_relations=0.95,
        seed=0,
    )
    report = diagnose(raw, dataset)
    assert f"links look {verdict}" in report.to_text()
    assert report.problems == (0 if repair else 1)


def test_real_inverse_relations(find_raw_files: FindRawFiles) -> None:
    source = ML100K(TITLE_AND_YEAR, repair_links=True, genres_in_graph=True)
    dataset = prepare(
        source.load(find_raw_files(source)),
        split=RandomSplit(valid=0.1, test=0.1),
        rating_threshold=None,
        k_core=0,
        drop_inverse_relations=0.95,
        seed=0,
    )
    assert (dataset.num_relations, len(dataset.triples)) == (16, 75_402)
    assert "film.film_genre.films_in_this_genre" not in dataset.relations
    assert "film.film.genre" in dataset.relations


@pytest.mark.parametrize(("repair", "linked"), [(False, 1598), (True, 1538)])
def test_recboles_protocol_takes_all_ratings_eight_to_one_to_one(
    find_raw_files: FindRawFiles, repair: bool, linked: int
) -> None:
    cfg = compose(["experiment=ml100k_recbole", f"data.source.repair_links={str(repair).lower()}"])
    raw = build(cfg.data.source).load(find_raw_files(build(cfg.data.source)))
    dataset = prepare_dataset(cfg, raw)
    counts = [np.bincount(part[:, 0]) for part in (dataset.train, dataset.valid, dataset.test)]
    assert sum(counts).sum() == 100_000
    assert (counts[1] == sum(counts) // 10).all()
    assert (counts[2] == sum(counts) // 10).all()
    assert (dataset.num_users, dataset.num_items) == (943, 1682)
    assert (len(dataset.triples), dataset.num_relations) == (91_631, 24)
    assert int((dataset.item_to_entity >= 0).sum()) == linked
    assert build(cfg.eval).selection_metric == "valid/mrr@10"
