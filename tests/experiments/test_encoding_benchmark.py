"""What the benchmark of encoding makes of seconds and vectors."""

import numpy as np
import pytest
from encoding import Measured, report, rows_of
from encoding_ways import PEER, WAYS

from kgrec.build import build, compose


def seconds(*values: float) -> list[dict[str, float]]:
    return [{"wall": value, "cpu": 1.0} for value in values]


def test_ratios_are_formed_within_a_round() -> None:
    vectors = np.array([[1.0, 0.0], [0.0, 2.0]])
    turned = np.array([[3.0, 4.0], [0.0, 1.0]])
    measured = {
        PEER: Measured(1.0, seconds(1.0, 4.0, 8.0), vectors, 10.0),
        "other": Measured(2.0, seconds(0.5, 1.0, 4.0), turned, 20.0),
    }
    peer, other = rows_of(measured, "wall", data="d", threads=1, texts=2)
    assert peer["ratio"] == 1.0
    assert peer["cosine_lowest"] == 1.0
    assert other["ratio"] == 2.0  # of 2, 4 and 2
    assert other["texts_per_s"] == 2.0
    assert other["cosine_lowest"] == pytest.approx(0.6)
    assert other["cosine_mean"] == pytest.approx(0.8)
    assert rows_of(measured, "cpu", data="d", threads=1, texts=2)[1]["ratio"] == 1.0
    told = {"command": "c", "commit": "abc", "date": "2020-01-01", "rounds": 3, "clock": "wall", "exits": []}
    text = report({**told, "rows": [peer, other]})
    assert "| other | 2.0 | 2.00 | 0.800000 (0.600000) | 2 | 20 |" in text


@pytest.mark.parametrize("way", [way for way in WAYS if way != PEER])
def test_every_way_is_an_encoder_of_the_project(way: str) -> None:
    model = ["lm.model=minilm-onnx"] if WAYS[way] == ["lm=onnx"] else []
    assert build(compose([*WAYS[way], *model]).lm).cost
