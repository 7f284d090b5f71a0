"""The picture of an entity's neighbours."""

from itertools import combinations
from pathlib import Path

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from kgrec.errors import InputError
from kgrec.reporting.close_up_plot import (
    DrawnBranch,
    DrawnLeaf,
    close_up_figure,
    draw_close_up,
    two_sides,
)


def branch(relation: str, size: int, note: str = "") -> DrawnBranch:
    leaves = [DrawnLeaf(f"{relation} number {number}", note, is_item=number == 0) for number in range(size)]
    rest = DrawnLeaf("… and 37 more", "", is_item=False, is_rest=True)
    return DrawnBranch(((relation, True), ("a.b.known_by", False)), (*leaves, rest))


BRANCHES = [
    branch("film.film.actor", 6, "Heat (1995), " * 5),
    branch("film.film.award_nomination", 6, "one other"),
    branch("film.person_or_entity_appearing_in_film.film", 1),
    branch("http://x.org/ontology#genre", 3),
    branch("short", 1),
    branch("another", 2, "Cost $5, or $6"),
]


@pytest.mark.parametrize("size", [1, 2, 6])
def test_no_two_labels_meet_and_none_leaves_the_picture(size: int) -> None:
    figure = close_up_figure("A very long title of a film (1995)", "m.0abc", BRANCHES[:size])
    FigureCanvasAgg(figure).draw()
    (axes,) = figure.axes
    middle = {"m.0abc", *(text.get_text() for text in axes.texts if text.get_text().startswith("A very"))}
    frames = {
        text.get_text(): (text.get_bbox_patch() or text).get_window_extent()
        for text in axes.texts
        if text.get_text() not in middle - {"A very long title\nof a film (1995)\n"}
    }
    assert "… and 37 more" in frames
    assert any(name.startswith("film.actor") for name in frames)
    width, height = figure.get_size_inches() * figure.dpi
    for name, frame in frames.items():
        assert frame.x0 >= 0, name
        assert frame.x1 <= width, name
        assert frame.y0 >= 0, name
        assert frame.y1 <= height, name
    for (one, first), (two, second) in combinations(frames.items(), 2):
        assert not first.overlaps(second), (one, two)


def test_relations_tell_their_direction_on_both_sides() -> None:
    figure = close_up_figure("x", "", [branch("film.film.actor", 1), branch("film.actor.film", 1)])
    texts = {text.get_text() for text in figure.axes[0].texts}
    assert "film.actor ▸\n◂ b.known_by" in texts  # to the right, away from the middle and towards it
    assert "◂ actor.film\nb.known_by ▸" in texts


def test_sides_are_as_high_as_each_other_where_they_can_be() -> None:
    right, left = two_sides([branch("a", 4), branch("b", 1), branch("c", 1), branch("d", 0)])
    assert [[one.relations[0][0] for one in side] for side in (right, left)] == [["a"], ["b", "c", "d"]]
    assert two_sides(BRANCHES[:1]) == (BRANCHES[:1], [])


def test_the_file_is_of_the_kind_asked_for(tmp_path: Path) -> None:
    draw_close_up("Cost $5 (1995), or $6", "", BRANCHES[:2], tmp_path / "near.svg")
    assert "<svg" in (tmp_path / "near.svg").read_text()
    with pytest.raises(InputError, match="found file type 'xyz'"):
        draw_close_up("x", "", BRANCHES[:1], tmp_path / "near.xyz")
