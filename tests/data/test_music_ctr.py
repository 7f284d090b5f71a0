from collections.abc import Callable
from pathlib import Path

import pytest

from kgrec.data.dataset import DatasetSource
from kgrec.data.music_ctr import CARD, MusicCTR
from kgrec.data.prepare import raw_counts
from kgrec.errors import InputError

FILES = {
    "user_artists.dat": "userID\tartistID\tweight\n2\t51\t13883\n2\t7\t1\n3\t52\t20\n",
    "item_index2entity_id.txt": "51\t0\r\n52\t1\r\n",
    "kg.txt": "0\tmusic.artist.origin\t3846\r\n1\tmusic.artist.genre\t3847\r\n",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_bytes(text.encode())
    return tmp_path


def test_listens_of_linked_artists_and_all_facts_are_read(root: Path) -> None:
    source = MusicCTR()
    assert source.is_present(root)
    raw = source.load(root)
    assert raw.interactions.rows() == [("2", "51", 13883.0), ("3", "52", 20.0)]
    assert raw.links.rows() == [("51", "0"), ("52", "1")]  # no carriage return is left in an id
    assert raw.triples.rows() == [("0", "music.artist.origin", "3846"), ("1", "music.artist.genre", "3847")]
    assert raw.items["item"].to_list() == ["51", "52"]
    assert raw.items["text"].is_null().all()


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("user_artists.dat", "userID\tartistID\n2\t51\n", "no column weight; found userID, artistID"),
        ("user_artists.dat", "userID\tartistID\tweight\n2\t51\tmany\n", "line 2: rating is empty or not"),
        ("item_index2entity_id.txt", "51\t0\n\t1\n", "line 2: item is empty"),
        ("kg.txt", "0\tr\t1\n0\tr\n", "line 2: 2 tab-separated fields, expected 3"),
    ],
)
def test_bad_rows_are_named_with_file_and_line(root: Path, name: str, text: str, message: str) -> None:
    (root / name).write_text(text)
    with pytest.raises(InputError) as error:
        MusicCTR().load(root)
    assert name in str(error.value)
    assert message in str(error.value)


def test_a_missing_file_is_fetched_first(root: Path) -> None:
    (root / "kg.txt").unlink()
    assert not MusicCTR().is_present(root)


def test_the_real_files_hold_what_is_published(find_raw_files: Callable[[DatasetSource], Path]) -> None:
    source = MusicCTR()
    counts = raw_counts(source.load(find_raw_files(source)))
    assert {name: counts[name] for name in CARD.published_counts} == CARD.published_counts
