"""Vectors of entities as files that other programs read."""

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from kgrec.kg.whole_file import whole_file
from kgrec.shapes import FloatArray

_BLANKS = re.compile(r"\s+")


def save_safetensors(path: Path, names: Sequence[str], titles: Sequence[str], vectors: FloatArray) -> None:
    """``vectors [N, D]`` float32, and in the metadata ``names`` and ``titles``, each a list in JSON."""
    metadata = {"names": json.dumps(list(names)), "titles": json.dumps(list(titles))}
    with whole_file(path) as temporary:
        save_file({"vectors": torch.from_numpy(vectors.astype(np.float32))}, temporary, metadata=metadata)


def save_word2vec(path: Path, names: Sequence[str], titles: Sequence[str], vectors: FloatArray) -> None:
    """word2vec's text format, as ``gensim.models.KeyedVectors.load_word2vec_format`` reads it.

    A first line with N and D, then name and numbers between blanks; blanks within a name become ``_``.
    """
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write(f"{len(vectors)} {vectors.shape[1]}\n")
        for name, row in zip(names, vectors, strict=True):
            file.write(f"{_BLANKS.sub('_', name)} {' '.join(f'{value:.6g}' for value in row)}\n")


def save_projector(path: Path, names: Sequence[str], titles: Sequence[str], vectors: FloatArray) -> None:
    """Two files for TensorFlow's embedding projector, https://projector.tensorflow.org.

    ``<path>`` has the numbers between tabs; ``<stem>.names.tsv`` beside it the columns name and title.
    """
    with whole_file(path.with_suffix(".names.tsv")) as temporary:
        rows = [("name", "title"), *zip(names, titles, strict=True)]
        lines = ["\t".join(_BLANKS.sub(" ", cell) for cell in row) for row in rows]
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with whole_file(path) as temporary:
        np.savetxt(temporary, vectors, fmt="%.6g", delimiter="\t")


VECTOR_WRITERS: dict[str, Callable[[Path, Sequence[str], Sequence[str], FloatArray], None]] = {
    ".safetensors": save_safetensors,
    ".txt": save_word2vec,
    ".tsv": save_projector,
}
"""File ending → what writes names, titles and vectors ``[N, D]``."""
