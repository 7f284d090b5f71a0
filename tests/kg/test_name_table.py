import random
from collections.abc import Callable

import numpy as np
import pytest

from kgrec.kg.name_table import Names, NameTable


@pytest.mark.parametrize("hash_name", [hash, len, lambda name: 0, lambda name: -len(name) % 3])
def test_numbers_are_those_of_a_dictionary_whatever_the_hash(hash_name: Callable[[str], int]) -> None:
    drawn = random.Random(0)
    table, known = NameTable(hash_name), {}
    for _ in range(30):
        chunk = list(dict.fromkeys(f"é{drawn.randrange(400)}" for _ in range(drawn.randrange(60))))
        expected = [known.setdefault(name, len(known)) for name in chunk]
        assert table.numbers(chunk).tolist() == expected
    assert len(table) == len(known) > 300
    assert list(table.names()) == list(known)


def test_the_empty_name_is_a_name() -> None:
    table = NameTable()
    assert table.numbers(["", "a"]).tolist() == [0, 1]
    assert table.numbers(["a", ""]).tolist() == [1, 0]
    assert list(table.names()) == ["", "a"]


def test_names_by_number_and_in_order() -> None:
    texts = ["", "Zoë", "a", "", "日本"]
    names = Names.of(texts)
    assert [names[index] for index in range(len(names))] == list(names) == texts
    assert names.ends.dtype == np.int64
    assert list(Names.of([])) == []
