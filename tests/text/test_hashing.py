"""HashingEncoder: known answers, and the same rows in every process."""

import math
import os
import subprocess
import sys
from zlib import crc32

import pytest
import torch

from kgrec.errors import InputError
from kgrec.text.hashing import HashingEncoder


def position(feature: str, dim: int) -> tuple[int, float]:
    """Column and sign by the formula of the docstring."""
    value = crc32(feature.encode())
    return (value & 0x7FFFFFFF) % dim, 1.0 if value >> 31 else -1.0


def test_known_answer_of_words_and_bigrams() -> None:
    dim = 10_007
    (row,) = HashingEncoder(dim, [1, 2], []).encode(["Heat, heat -- ALIEN"])
    expected = torch.zeros(dim)
    for feature, count in {
        "word heat": 2,
        "word alien": 1,
        "word heat heat": 1,
        "word heat alien": 1,
    }.items():
        column, sign = position(feature, dim)
        expected[column] += sign * (1 + math.log(count))
    torch.testing.assert_close(row, expected / expected.norm())


def test_known_answer_of_character_ngrams() -> None:
    dim = 10_007
    (row,) = HashingEncoder(dim, [], [3]).encode(["toys"])
    columns = {position(f"char {gram}", dim)[0] for gram in ("<to", "toy", "oys", "ys>")}
    assert set(row.nonzero().flatten().tolist()) == columns
    torch.testing.assert_close(row[sorted(columns)].abs(), torch.full((4,), 0.5))


def test_columns_are_pinned_for_ever() -> None:
    (row,) = HashingEncoder(64, [1], []).encode(["heat"])  # crc32(b"word heat") = 0xC953920B
    assert row.nonzero().tolist() == [[11]]
    assert row.sum() == 1


def test_rows_are_the_same_in_another_process() -> None:
    code = (
        "from kgrec.text.hashing import HashingEncoder;"
        "print(HashingEncoder(16, [1, 2], [3]).encode(['the good the bad']).tolist())"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONHASHSEED": "1"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert printed == f"{HashingEncoder(16, [1, 2], [3]).encode(['the good the bad']).tolist()}\n"


def test_a_batch_equals_single_texts() -> None:
    encoder = HashingEncoder(64, [1, 2], [3, 4])
    texts = ["toy story", "toy story 2", "Amélie", "東京物語"]
    rows = encoder.encode(texts)
    assert torch.equal(rows, torch.cat([encoder.encode([text]) for text in texts]))
    torch.testing.assert_close(rows.norm(dim=1), torch.ones(4))


def test_case_and_width_do_not_matter_and_shared_words_bring_texts_together() -> None:
    encoder = HashingEncoder(4096, [1, 2], [3, 4, 5])
    rows = encoder.encode(["Toy Story", "TOY ｓｔｏｒｙ", "Toy Stories", "Heat"])
    assert torch.equal(rows[0], rows[1])
    similarity = rows @ rows[0]
    assert similarity[2] > 0.3 > similarity[3].abs() + 0.1


def test_a_text_without_letters_or_digits_gets_zeros() -> None:
    assert HashingEncoder(8, [1], [3]).encode(["!?", "a"]).any(dim=1).tolist() == [False, True]


def test_cost_is_nothing() -> None:
    assert set(HashingEncoder(8, [1], []).cost().values()) == {0}


def test_the_cache_key_names_every_setting() -> None:
    settings: list[tuple[int, list[int], list[int]]] = [
        (8, [1], [3]),
        (9, [1], [3]),
        (8, [1, 2], [3]),
        (8, [1], []),
        (8, [], [1, 3]),
        (8, [1, 3], []),
    ]
    assert len({HashingEncoder(*values).cache_key for values in settings}) == len(settings)


@pytest.mark.parametrize(
    ("dim", "word_ngrams", "char_ngrams"), [(0, [1], []), (8, [], []), (8, [0], []), (8, [1], [-1])]
)
def test_settings_out_of_range(dim: int, word_ngrams: list[int], char_ngrams: list[int]) -> None:
    with pytest.raises(InputError):
        HashingEncoder(dim, word_ngrams, char_ngrams)
