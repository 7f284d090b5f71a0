from pathlib import Path

import pytest

from kgrec.errors import InputError
from kgrec.reporting.cost_plot import CostAxis, CostPoint, pareto_front, quality_vs_cost
from kgrec.reporting.plots import learning_curves, learning_curves_svg

POINTS = [
    CostPoint(series, label, size, mean, mean - 0.01, mean + 0.02)
    for series, base in (("no graph", 0.22), ("graph", 0.40), ("rewired graph", 0.21))
    for label, size, mean in (("L0", 1.2e7, base), ("L6", 2.3e7, base + 0.02))
]


def test_quality_vs_cost_is_readable_as_svg(tmp_path: Path) -> None:
    path = tmp_path / "plots" / "size.svg"
    quality_vs_cost(POINTS, path, "recall@20")
    text = path.read_text()
    for words in (
        "no graph",
        "rewired graph",
        "recall@20",
        "Pareto front",
        "parameters needed to score a new item",
    ):
        assert f"<!-- {words} -->" in text
    assert text.count("<!-- L0 -->") == 1  # each size is labelled once, not once per curve
    assert [entry.name for entry in path.parent.iterdir()] == ["size.svg"]


def test_the_suffix_decides_the_format(tmp_path: Path) -> None:
    quality_vs_cost(POINTS, tmp_path / "size.png", "recall@20")
    assert (tmp_path / "size.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(InputError, match="found file type 'txt', expected png, svg or pdf"):
        quality_vs_cost(POINTS, tmp_path / "size.txt", "recall@20")


def test_plots_leave_no_global_state(tmp_path: Path) -> None:
    import matplotlib.pyplot as plt

    quality_vs_cost(POINTS, tmp_path / "size.png", "recall@20")
    assert plt.get_fignums() == []


def test_points_that_cannot_be_drawn_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a cost of 0 on a logarithmic axis"):
        CostPoint("graph", "none", 0, 0.1, 0.0, 0.2)
    with pytest.raises(ValueError, match=r"0\.3 is not in \[0\.0, 0\.2\]"):
        CostPoint("graph", "L0", 10, 0.3, 0.0, 0.2)
    with pytest.raises(ValueError, match="no points"):
        quality_vs_cost([], tmp_path / "size.png", "recall@20")


def test_the_front_holds_what_nothing_beats_on_both_sides(tmp_path: Path) -> None:
    points = {
        name: CostPoint("s", name, cost, mean, mean, mean)
        for name, cost, mean in (("a", 1, 0.1), ("b", 2, 0.3), ("c", 3, 0.2), ("d", 4, 0.3), ("e", 5, 0.4))
    }
    assert [point.label for point in pareto_front(list(points.values()))] == ["a", "b", "e"]
    assert [point.label for point in pareto_front(list(points.values()), more_is_better=True)] == ["e"]
    path = tmp_path / "rate.svg"
    rate = CostAxis("items per second", more_is_better=True)
    quality_vs_cost(list(points.values()), path, "recall@20", rate, [(points["a"], points["e"])])
    assert "<!-- items per second -->" in path.read_text()


def test_learning_curves(tmp_path: Path) -> None:
    histories = {
        "every epoch": [[{"epoch": epoch, "valid/recall@20": epoch / 10} for epoch in range(1, 5)]] * 2,
        "every other": [[{"epoch": 1}, {"epoch": 2, "valid/recall@20": 0.3}, {"epoch": 3}]],
    }
    path = tmp_path / "curves.svg"
    learning_curves(histories, "valid/recall@20", path)
    text = path.read_text()
    assert text.count("<!-- every epoch -->") == text.count("<!-- every other -->") == 1
    svg = learning_curves_svg(histories, "valid/recall@20")
    assert svg.count('<g class="curve"><title>every epoch</title>') == 2
    assert svg == learning_curves_svg(histories, "valid/recall@20")
    with pytest.raises(InputError, match="metric valid/nothing: found in no epoch"):
        learning_curves(histories, "valid/nothing", path)


def test_an_unwritable_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        quality_vs_cost(POINTS, tmp_path / "file" / "size.png", "recall@20")
