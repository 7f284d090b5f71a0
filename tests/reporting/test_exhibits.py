import numpy as np
import pytest

from kgrec.reporting.exhibits import Example, Exhibits, Listed
from kgrec.reporting.plots import pixels
from kgrec.reporting.run_plots import distribution, item_map, relation_bars

EXAMPLE = Example("u1", ("Heat", "Toys"), 5, 3, (Listed("i1", "Alien", True), Listed("i2", "Big", False)))
GROUPS = {"warm": np.array([True, True, False]), "cold": np.array([False, False, True])}


def test_examples_as_a_table_and_as_json() -> None:
    shown = Exhibits("valid", [EXAMPLE], {}, {})
    assert shown.example_table().rows == [["u1", "Heat · Toys and 3 more", "✓ Alien · Big", 1, 3]]
    found = shown.as_json()
    assert found["ranked"] == "valid"
    assert found["examples"][0]["top"][1] == {"item": "i2", "title": "Big", "hit": False}
    assert found["examples"][0]["num_history"] == 5


def test_a_distribution_has_an_outline_per_group_that_has_values() -> None:
    figure = distribution("share", np.array([0.1, 0.2, np.nan]), GROUPS)
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["warm (2)"]
    heights = axes.patches[0].get_xy()[:, 1]
    assert heights.max() == 1


def test_bars_are_of_the_greatest_relations_whatever_their_sign() -> None:
    figure = relation_bars("weight", [(f"r{index}", index * (-1) ** index) for index in range(30)])
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.get_yticklabels()[:3]] == ["r29", "r28", "r27"]
    assert [bar.get_width() for bar in axes.patches[:3]] == [-29, 28, -27]
    assert axes.get_xlabel() == "weight (5 smaller ones left out)"


def test_a_map_has_a_cloud_per_group() -> None:
    figure = item_map(np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]), 0.5, GROUPS)
    (axes,) = figure.axes
    assert [cloud.get_offsets().tolist() for cloud in axes.collections] == [
        [[0.0, 1.0], [2.0, 3.0]],
        [[4.0, 5.0]],
    ]
    assert "50% of the variance" in axes.get_xlabel()


def test_pixels_are_those_of_the_figure() -> None:
    image = pixels(relation_bars("weight", [("a", 1.0)]))
    assert image.shape == (450, 700, 3)
    blue = (image == [0, 0x72, 0xB2]).all(axis=2).mean()
    assert blue == pytest.approx(0.7, abs=0.25)  # one bar fills most of the plot
