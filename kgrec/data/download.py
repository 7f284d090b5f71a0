"""Bring raw files to the data folder: checksums checked, nothing half-written."""

import hashlib
import http.client
import io
import logging
import shutil
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kgrec.data.dataset import DatasetSource
from kgrec.errors import InputError

LOGGER = logging.getLogger(__name__)
PIP_TIMEOUT_S = 600
URL_TIMEOUT_S = 60


@dataclass(frozen=True)
class RemoteFile:
    """One file to fetch.

    Attributes:
        origin: https address, or path inside a wheel.
        sha256: checksum of the file's bytes, hexadecimal; ``None`` = none is known, the file is taken as it
            comes with a warning, and the dataset's card lists it as unchecked.
        member: the file's name inside the zip archive that ``origin`` leads to; ``None`` = it is no archive.
    """

    origin: str
    sha256: str | None
    member: str | None = None


def locate(source: DatasetSource, data_dir: Path) -> Path:
    """The folder of a source's raw files, fetched if need be.

    That is ``<data_dir>/<name>`` where the files lie there (files put there by hand), else
    ``<data_dir>/<name>/raw``.

    Raises:
        InputError: the files cannot be fetched.
    """
    by_hand = data_dir / source.name
    root = by_hand / "raw"
    if source.is_present(by_hand):
        return by_hand
    if not source.is_present(root):
        LOGGER.info("%s: fetching the raw files (%s) to %s", source.name, source.card.origin, root)
        source.fetch(root)
    return root


def fetch_from_wheel(requirement: str, files: Mapping[str, RemoteFile], root: Path) -> None:
    """Take data files out of a wheel of the package index; the package is neither installed nor imported.

    Args:
        requirement: pinned, e.g. ``"recbole==1.2.1"``.
        files: file name under ``root`` → member of the wheel.
        root: folder to fill; made if need be.

    Raises:
        InputError: the wheel cannot be fetched or lacks a member, a checksum differs, or ``root`` cannot
            be written; tells what to do instead.
    """
    with tempfile.TemporaryDirectory() as folder:
        wheel = _download_wheel(requirement, Path(folder), files, root)
        try:
            with zipfile.ZipFile(wheel) as archive:
                contents = {name: archive.read(file.origin) for name, file in files.items()}
        except (KeyError, zipfile.BadZipFile) as error:
            raise _failure(f"{wheel.name} cannot be used ({error.args[0]})", files, root) from error
    _install(contents, files, root)


def fetch_from_urls(files: Mapping[str, RemoteFile], root: Path) -> None:
    """Download files one by one.

    Args:
        files: file under ``root``, in a folder of it or not → address.
        root: folder to fill; made if need be.

    Raises:
        InputError: an address cannot be reached, an archive lacks a member, a checksum differs, or ``root``
            cannot be written; tells what to do instead.
    """
    contents = {}
    for name, file in files.items():
        try:
            with urllib.request.urlopen(file.origin, timeout=URL_TIMEOUT_S) as response:
                contents[name] = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise _failure(f"{file.origin} cannot be fetched ({error})", files, root) from error
        if file.member is not None:
            try:
                with zipfile.ZipFile(io.BytesIO(contents[name])) as archive:
                    contents[name] = archive.read(file.member)
            except (KeyError, zipfile.BadZipFile) as error:
                raise _failure(f"{file.origin} cannot be used ({error.args[0]})", files, root) from error
    _install(contents, files, root)


def _download_wheel(requirement: str, folder: Path, files: Mapping[str, RemoteFile], root: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--only-binary", ":all:", "--dest", str(folder), requirement]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=PIP_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise _failure(f"pip download {requirement} took over {PIP_TIMEOUT_S} s", files, root) from error
    wheels = list(folder.glob("*.whl"))
    if run.returncode != 0 or not wheels:
        reason = (run.stderr.strip().splitlines() or ["no message"])[-1]
        raise _failure(f"pip download {requirement} failed ({reason})", files, root)
    return wheels[0]


def _install(contents: Mapping[str, bytes], files: Mapping[str, RemoteFile], root: Path) -> None:
    """Check all checksums, write to a hidden folder inside ``root``, then rename file by file."""
    for name, content in contents.items():
        found = hashlib.sha256(content).hexdigest()
        if files[name].sha256 is None:
            LOGGER.warning("%s: taken unchecked, no checksum is known; its sha256 is %s", name, found)
        elif found != files[name].sha256:
            raise _failure(
                f"{files[name].origin} has sha256 {found}, expected {files[name].sha256}", files, root
            )
    staging: Path | None = None
    try:
        root.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(dir=root, prefix=".fetching-"))
        for name, content in contents.items():
            (staging / name).parent.mkdir(parents=True, exist_ok=True)
            (staging / name).write_bytes(content)
        for name in contents:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (staging / name).replace(root / name)
    except OSError as error:
        raise _failure(f"{root} cannot be written ({error.strerror})", files, root) from error
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)


def _failure(what: str, files: Mapping[str, RemoteFile], root: Path) -> InputError:
    """``what`` went wrong, and the way round it."""
    return InputError(
        f"{what}; put {', '.join(files)} into {root} by hand, or set KGREC_DATA_DIR to a folder that has "
        "them in a folder of the dataset's name"
    )
