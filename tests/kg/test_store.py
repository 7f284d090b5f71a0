import contextlib
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from kgrec.errors import InputError
from kgrec.kg.name_table import Names
from kgrec.kg.store import GraphStore, content_hash, load_store, save_store


def store(label: str = "Heat") -> GraphStore:
    return GraphStore(
        triples=np.array([[0, 0, 1]], dtype=np.int32),
        literal_facts=np.array([[0, 1, 0, -1]], dtype=np.int32),
        entities=Names.of(["heat", "Zoë"]),
        relations=Names.of(["by", "label"]),
        literals=Names.of([label]),
        datatypes=Names.of(["string"]),
        languages=Names.of([]),
    )


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "new" / "g.npz"
    digest = save_store(store(), path)
    loaded = load_store(path)
    assert content_hash(loaded) == content_hash(store()) == digest
    assert list(loaded.entities) == ["heat", "Zoë"]
    assert list(loaded.literals) == ["Heat"]
    assert loaded.triples.tolist() == [[0, 0, 1]]
    assert content_hash(store("Ali")) != digest


def test_nothing_is_pickled(tmp_path: Path) -> None:
    path = tmp_path / "g.npz"
    save_store(store(), path)
    with np.load(path, allow_pickle=False) as file:
        assert all(file[name].dtype != object for name in file.files)
    np.savez(tmp_path / "evil.npz", triples=np.array([{}], dtype=object))
    with pytest.raises(InputError, match=r"evil\.npz: not readable as a graph's store.*"):
        load_store(tmp_path / "evil.npz")


def test_every_damage_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "g.npz"
    save_store(store(), path)
    whole = path.read_bytes()
    for cut in range(0, len(whole), 97):
        path.write_bytes(whole[:cut])
        with pytest.raises(InputError):
            load_store(path)
    rng = np.random.default_rng(0)
    for place in rng.integers(len(whole), size=200).tolist():
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        with contextlib.suppress(InputError):  # else the flip is in what a zip says twice, or leaves unused
            assert content_hash(load_store(path)) == content_hash(store())


def test_another_content_under_the_same_hash_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "g.npz"
    save_store(store(), path)
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    np.savez(path, **{**arrays, "triples": np.array([[1, 0, 0]], dtype=np.int32)})
    with pytest.raises(InputError, match="damaged: the content is not what its hash says"):
        load_store(path)
    del arrays["triples"]
    np.savez(path, **arrays)
    with pytest.raises(InputError, match="found the arrays"):
        load_store(path)


@pytest.mark.parametrize("content", [b"", b"text", None])
def test_other_files_are_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "g.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"g\.npz: no such file" if content is None else r"g\.npz: not read"):
        load_store(path)
    np.savez(path, ids=np.arange(3))
    with pytest.raises(InputError, match="found no 'kgrec graph 1'; make it with `kgrec kg convert`"):
        load_store(path)


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "g.npz"
    path.write_text("old")

    def full(file: io.BufferedWriter, **arrays: np.ndarray) -> None:
        file.write(b"half")
        raise OSError("no space left")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="no space"):
        save_store(store(), path)
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["g.npz"]
    assert not zipfile.is_zipfile(path)
