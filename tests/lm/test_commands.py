"""``kgrec lm`` as typed: each verb leaves a folder with its lineage, and says what it measured."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from kgrec.cli import main
from kgrec.lm.folder import read_lineage
from kgrec.text.transformer import TransformerEncoder

DATA = ["data=planted"]


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_prune_distill_quantize(bert: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prune = ["lm", "prune", str(bert), "--out", "small", "--layers", "1,3", "--width", "8", *DATA]
    assert main(prune) == 0
    assert "cosine to the parent, of " in capsys.readouterr().out
    distill = ["lm", "distill", str(bert), "small", "--out", "taught", *DATA, "--epochs", "2"]
    distill += ["--objectives", "embedding,graph", "objectives.graph.temperature=0.2"]
    assert main(distill) == 0
    shown = capsys.readouterr().out
    assert "similarity_correlation" in shown
    assert "on held-out texts" in shown
    assert main(["lm", "quantize", "taught", "--out", "int8", *DATA]) == 0
    lineage = read_lineage(Path("int8"))
    assert [step.verb for step in lineage] == ["prune", "distill", "quantize"]
    assert lineage[1].settings["objectives"]["graph"]["temperature"] == 0.2
    assert lineage[1].settings["teacher_sha256"] == lineage[0].parent_sha256
    assert 0.9 < lineage[2].figures["cosine_lowest"] <= 1.0
    assert not list(Path().glob("*.checkpoint"))
    assert TransformerEncoder("int8", 2, "mean", 32, 8, "int8", True, "cpu").encode(["heat"]).any()


def test_a_command_may_be_typed_again(bert: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prune = ["lm", "prune", str(bert), "--out", "small", *DATA, "--layers"]
    assert main([*prune, "1"]) == main([*prune, "1"]) == 0
    assert main([*prune, "2"]) == 2
    assert "small is already there, the result of: kgrec lm prune" in capsys.readouterr().err


@pytest.mark.skipif(find_spec("onnx") is None, reason="needs pip install onnx onnxruntime")
@pytest.mark.parametrize("form", ["onnx", "safetensors"])
def test_export(form: str, bert: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lm", "export", str(bert), "--out", "there", "--format", form]) == 0
    assert "read back: largest difference" in capsys.readouterr().out
    assert read_lineage(Path("there"))[-1].figures["largest_difference"] < 1e-5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["prune", "--layers", "0"], "--layers: found 0, expected numbers from 1 to 3"),
        (["prune", "--layers", "one"], "--layers: found 'one', expected numbers such as 1,3,6 or 1-3"),
        (["prune", "--heads", "5"], "--heads: found 5, expected 1 … 2"),
        (["prune"], "found nothing to prune"),
        (["quantize", "--method", "half"], "argument --method: invalid choice: 'half'"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    arguments: list[str], message: str, bert: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    verb, *settings = arguments
    assert main(["lm", verb, str(bert), "--out", "out", *DATA, *settings]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not list(Path().iterdir())


def test_an_unknown_objective_is_named(bert: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = ["lm", "distill", str(bert), str(bert), "--out", "out", *DATA, "--objectives", "magic"]
    assert main(line) == 2
    assert (
        "found 'magic', expected some of embedding, graph, hidden, ranking, similarity"
        in capsys.readouterr().err
    )
