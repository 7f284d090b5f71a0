from collections.abc import Callable
from pathlib import Path

import pytest

from kgrec.data.dataset import DatasetSource
from kgrec.data.lastfm_colakg import CARD, LastFMCoLaKG
from kgrec.data.prepare import raw_counts


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Artists 1 and 2 with the internal ids 0 and 1; artist 3 is linked, but in no interaction."""
    files = {
        "lastfm.kg": "head_id:token\trelation_id:token\ttail_id:token\n0\tmusic.artist.origin\t5\n",
        "lastfm.link": "item_id:token\tentity_id:token\n1\t0\n3\t1\n",
        "artists.dat": "id\tname\n1\tSigur Rós\n2\tMuse\n3\tNobody\n",
        "colakg/train.txt": "0 0 1\n",
        "colakg/test.txt": "1 1\n",
        "colakg/user_map.txt": "8 0\n9 1\n",
        "colakg/item_map.txt": "1 0\n2 1\n",
        "colakg/llm_response_item.json": '{"0": "From Iceland.", "1": "From Devon."}',
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(text.encode())
    return tmp_path


def test_everything_comes_in_raw_ids(root: Path) -> None:
    source = LastFMCoLaKG()
    assert source.is_present(root)
    raw = source.load(root)
    assert raw.interactions.rows() == [("8", "1", "train"), ("8", "2", "train"), ("9", "2", "test")]
    assert raw.items.rows() == [("1", "Sigur Rós", "From Iceland."), ("2", "Muse", "From Devon.")]
    assert raw.links.rows() == [("1", "0")]


def test_a_missing_file_is_fetched_first(root: Path) -> None:
    (root / "colakg" / "test.txt").unlink()
    assert not LastFMCoLaKG().is_present(root)


def test_real_counts(find_raw_files: Callable[[DatasetSource], Path]) -> None:
    source = LastFMCoLaKG()
    counts = raw_counts(source.load(find_raw_files(source)))
    assert {name: counts[name] for name in CARD.published_counts} == CARD.published_counts
    assert counts["items_with_text"] == 2813
