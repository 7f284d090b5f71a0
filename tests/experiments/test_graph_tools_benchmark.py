from pathlib import Path

import pytest


def test_a_dataset_s_table_takes_its_place_and_leaves_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import graph_tools
    from graph_tools import Row, section, write

    monkeypatch.setattr(graph_tools, "RESULT", tmp_path / "graph_tools.md")

    def tables() -> list[str]:
        return [part.split("\n")[0] for part in (tmp_path / "graph_tools.md").read_text().split("\n## ")[1:]]

    for data in ("lastfm", "ml-100k"):
        write(data, section(data, [Row("kg stats", f"of {data}", 1.0, 2.0)], 3.0, "c0ffee"))
    assert tables() == ["ml-100k", "lastfm"]
    write("lastfm", section("lastfm", [Row("kg stats", "a | b", 1.0, 2.0)], 3.0, "c0ffee"))
    text = (tmp_path / "graph_tools.md").read_text()
    assert tables() == ["ml-100k", "lastfm"]
    assert "of ml-100k" in text
    assert "of lastfm" not in text
    assert "| `kg stats` | a / b | 1.0 | 2 |" in text


def test_only_steps_that_changed_something_are_told() -> None:
    from graph_tools import _changes

    assert _changes("core: 15,518 → 15,430 triples, 60 → 60 relations")
    assert not _changes("hops: 15,518 → 15,518 triples, 60 → 60 relations")
