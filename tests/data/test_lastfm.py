from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl
import pytest

from kgrec.data.dataset import DatasetSource
from kgrec.data.doctor import diagnose
from kgrec.data.lastfm import (
    DESCRIPTIONS,
    ITEM_MAP,
    LastFM,
    most_frequent_tags,
    read_descriptions,
    read_tag_assignments,
)
from kgrec.data.prepare import prepare, raw_counts
from kgrec.data.splits import GivenSplit
from kgrec.errors import InputError

FindRawFiles = Callable[[DatasetSource], Path]
TAG_FILES = ["tags.dat", "user_taggedartists.dat", "user_taggedartists_2.dat"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Artists 1 and 2 are in the catalogue, 3 is not. User 9's tag of artist 1 is a test pair's.

    CoLaKG's internal ids of 1, 2, 3 are 7, 1, 2: two of them are raw ids of other artists.
    """
    inter = "user_id:token\titem_id:token\trating:float\n"
    tagged = "userID\tartistID\ttagID\tday\tmonth\tyear\r\n"
    files = {
        "lastfm.train.inter": inter + "8\t1\t13.0\n9\t2\t11.0\n",
        "lastfm.valid.inter": inter + "8\t2\t5.0\n",
        "lastfm.test.inter": inter + "9\t1\t7.0\n",
        "lastfm.kg": "head_id:token\trelation_id:token\ttail_id:token\n0\tmusic.artist.origin\t5\n",
        "lastfm.link": "item_id:token\tentity_id:token\n1\t0\n2\t1\n",
        "artists.dat": "id\tname\turl\tpictureURL\n1\tSigur Rós\thttp://a\t\n2\tMuse\thttp://b\thttp://c\n"
        "3\tNobody\thttp://d\t\n",
        "tags.dat": "tagID\ttagValue\r\n1\tislandês\r\n2\trock\r\n3\tambient\r\n",
        "user_taggedartists.dat": tagged
        + "8\t1\t3\t1\t4\t2009\r\n8\t1\t1\t1\t4\t2009\r\n9\t1\t2\t1\t4\t2009\r\n\r\n",
        "user_taggedartists_2.dat": tagged
        + "7\t1\t1\t1\t4\t2009\r\n7\t3\t2\t1\t4\t2009\r\n8\t2\t2\t1\t4\t2009\r\n",
        ITEM_MAP: "2 1\n1 7\n3 2\n",
        DESCRIPTIONS: '{"7": "From Iceland.\\n", "2": "Nobody knows them.", "1": ""}',
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(text.encode("latin-1" if name == "tags.dat" else "utf-8"))
    return tmp_path


def texts(root: Path, tags_per_item: int, drop_tags_of: Sequence[str]) -> list[str]:
    return LastFM(tags_per_item, drop_tags_of, descriptions=False).load(root).items["text"].to_list()


def test_tags_of_held_out_pairs_do_not_reach_the_text(root: Path) -> None:
    assert texts(root, 10, ["valid", "test"]) == ["Sigur Rós: islandês, ambient", "Muse"]
    assert texts(root, 10, []) == ["Sigur Rós: islandês, ambient, rock", "Muse: rock"]
    assert texts(root, 10, ["train", "valid", "test"]) == ["Sigur Rós: islandês", "Muse"]


def test_the_most_frequent_tags_come_first(root: Path) -> None:
    assert texts(root, 1, ["valid", "test"]) == ["Sigur Rós: islandês", "Muse"]


def test_a_tag_counts_once_per_user_and_ties_go_by_the_alphabet() -> None:
    assignments = pl.DataFrame(
        [("u", "i", "b"), ("v", "i", "b"), ("u", "i", "c"), ("u", "i", "a")],
        schema=["user", "item", "tag"],
        orient="row",
    )
    leaked = pl.DataFrame({"user": ["w"], "item": ["i"]})
    assert most_frequent_tags(assignments, leaked, 3).rows() == [("i", "b, a, c")]


def test_names_alone_need_no_tag_files(root: Path) -> None:
    for name in TAG_FILES:
        (root / name).unlink()
    names_only = LastFM(tags_per_item=0, drop_tags_of=["valid", "test"], descriptions=False)
    assert names_only.is_present(root)
    assert names_only.load(root).items["text"].to_list() == ["Sigur Rós", "Muse"]
    with_tags = LastFM(tags_per_item=5, drop_tags_of=["valid", "test"], descriptions=False)
    assert not with_tags.is_present(root)
    with pytest.raises(InputError, match="no such file"):
        with_tags.load(root)


def test_descriptions_are_found_by_internal_ids_and_follow_the_tags(root: Path) -> None:
    source = LastFM(tags_per_item=1, drop_tags_of=["valid", "test"], descriptions=True)
    assert source.load(root).items["text"].to_list() == ["Sigur Rós: islandês. From Iceland.", "Muse"]
    names_only = LastFM(tags_per_item=0, drop_tags_of=[], descriptions=True)
    assert names_only.load(root).items["text"].to_list() == ["Sigur Rós. From Iceland.", "Muse"]
    assert read_descriptions(root).rows() == [("1", "From Iceland."), ("3", "Nobody knows them.")]


def test_descriptions_alone_need_their_files(root: Path) -> None:
    (root / DESCRIPTIONS).unlink()
    assert LastFM(tags_per_item=1, drop_tags_of=[], descriptions=False).is_present(root)
    assert not LastFM(tags_per_item=1, drop_tags_of=[], descriptions=True).is_present(root)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"7": "a", "9": "b"}', r"1 keys are not in colakg/item_map\.txt, the first is '9'"),
        ('{"7": "a",\n x', "line 2: no JSON"),
        ('["a"]', "expected an object of texts"),
        ('{"7": 1}', "expected an object of texts"),
    ],
)
def test_broken_descriptions_are_refused(root: Path, text: str, message: str) -> None:
    (root / DESCRIPTIONS).write_text(text)
    with pytest.raises(InputError, match=rf"llm_response_item\.json: .*{message}"):
        read_descriptions(root)


def test_the_catalogue_is_linked_and_listened_artists_with_the_given_split(root: Path) -> None:
    raw = LastFM(tags_per_item=10, drop_tags_of=["valid", "test"], descriptions=False).load(root)
    assert raw.items.select("item", "title").rows() == [("1", "Sigur Rós"), ("2", "Muse")]
    assert raw.interactions.select("user", "item", "split").rows() == [
        ("8", "1", "train"),
        ("9", "2", "train"),
        ("8", "2", "valid"),
        ("9", "1", "test"),
    ]


def test_a_table_without_a_column_is_refused(root: Path) -> None:
    (root / "artists.dat").write_text("id\turl\n1\thttp://a\n")
    with pytest.raises(InputError, match=r"artists\.dat: line 1: no column name; found id, url"):
        LastFM(tags_per_item=0, drop_tags_of=[], descriptions=False).load(root)


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(InputError, match="tags_per_item is -1"):
        LastFM(tags_per_item=-1, drop_tags_of=[], descriptions=False)
    with pytest.raises(InputError, match="drop_tags_of has 'dev'; known: train, valid, test"):
        LastFM(tags_per_item=1, drop_tags_of=["dev"], descriptions=False)


def test_real_counts(find_raw_files: FindRawFiles) -> None:
    source = LastFM(tags_per_item=0, drop_tags_of=["valid", "test"], descriptions=False)
    counts = raw_counts(source.load(find_raw_files(source)))
    assert counts == source.card.published_counts | {"items_with_text": 3846}


def test_real_tags(find_raw_files: FindRawFiles) -> None:
    source = LastFM(tags_per_item=10, drop_tags_of=["valid", "test"], descriptions=False)
    root = find_raw_files(source)
    raw = source.load(root)
    assignments = read_tag_assignments(root)
    assert len(assignments) == 186_478
    held_out = raw.interactions.filter(pl.col("split") != "train")
    assert len(assignments.join(held_out, on=["user", "item"], how="anti")) == 183_785
    tagged = raw.items.filter(pl.col("text") != pl.col("title"))
    assert len(tagged) == 3030


def test_real_descriptions_are_of_the_artist_they_name(find_raw_files: FindRawFiles) -> None:
    source = LastFM(tags_per_item=0, drop_tags_of=["valid", "test"], descriptions=True)
    items = source.load(find_raw_files(source)).items.filter(pl.col("text") != pl.col("title"))
    assert len(items) == 801
    description = pl.col("text").str.slice(pl.col("title").str.len_chars() + 2).str.to_lowercase()
    named = items.filter(description.str.contains(pl.col("title").str.to_lowercase(), literal=True))
    assert len(named) >= 0.99 * 801  # read by raw ids, next to none would


def test_the_doctor_finds_nothing_wrong(find_raw_files: FindRawFiles) -> None:
    source = LastFM(tags_per_item=0, drop_tags_of=["valid", "test"], descriptions=False)
    raw = source.load(find_raw_files(source))
    dataset = prepare(
        raw, split=GivenSplit(), rating_threshold=None, k_core=0, drop_inverse_relations=0.95, seed=0
    )
    assert (len(dataset.train), len(dataset.valid), len(dataset.test)) == (17_350, 1907, 1916)
    assert dataset.num_relations == 60
    report = diagnose(raw, dataset)
    assert report.problems == 0
    assert "links look sound" in report.to_text()
