"""VectorStore: rows by text, and several writers of one file."""

import multiprocessing
from pathlib import Path

import torch
from torch import Tensor

from kgrec.text.store import VectorStore


def rows_of(texts: list[str]) -> Tensor:
    return torch.tensor([[float(len(text)), float(ord(text[0]))] for text in texts])


def put(folder: Path, texts: list[str]) -> None:
    for text in texts:
        VectorStore(folder, "key").add([text], rows_of([text]), {})


def test_rows_come_back_by_text_whatever_list_they_came_in(tmp_path: Path) -> None:
    store = VectorStore(tmp_path, "key")
    store.add(["ab", "c"], rows_of(["ab", "c"]), {"lm_params": 3.0})
    store.add(["dd", "c"], rows_of(["dd", "c"]), {"lm_params": 4.0})
    stored = store.read()
    found = stored.find(["dd", "c", "x", "ab"])
    assert stored.rows[list(found.values())].tolist() == rows_of(["dd", "c", "ab"]).tolist()
    assert len(stored.rows) == 3
    assert not VectorStore(tmp_path, "other").read().find(["ab"])


def test_the_cost_is_that_of_the_largest_read(tmp_path: Path) -> None:
    store = VectorStore(tmp_path, "key")
    store.add(["a", "b"], rows_of(["a", "b"]), {"encode_items_per_s": 9.0})
    assert store.add(["c"], rows_of(["c"]), {"encode_items_per_s": 1.0}).cost == {"encode_items_per_s": 9.0}
    assert store.add(list("defg"), rows_of(list("defg")), {"encode_items_per_s": 8.0}).num_read == 4


def test_two_writers_lose_no_row_of_each_other(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    lists = [[f"{name}{number}" for number in range(25)] for name in "ab"]
    writers = [context.Process(target=put, args=(tmp_path, texts)) for texts in lists]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0]
    stored = VectorStore(tmp_path, "key").read()
    found = stored.find(lists[0] + lists[1])
    assert len(found) == 50
    assert torch.equal(stored.rows[list(found.values())], rows_of(list(found)))
    assert [path.suffix for path in tmp_path.iterdir()] == [".safetensors"]
