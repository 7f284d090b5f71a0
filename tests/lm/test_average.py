"""`kgrec lm average`: the mean of weights, where they began as one."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from kgrec.cli import main
from kgrec.lm.folder import Step, load_lm, new_step, read_lineage, save_lm
from kgrec.text.transformer import TransformerEncoder


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def changed(parent: Path | str, out: str, by: float, seed: int = 0) -> None:
    """A folder of the parent's weights with noise on them, as a tuning would leave it."""
    model = load_lm(str(parent))
    generator = torch.Generator().manual_seed(seed)
    for weight in model.network.parameters():
        weight.data += by * torch.randn(weight.shape, generator=generator)
    step = new_step("tune", ["lm", "tune"], {"seed": seed}, str(parent), None)
    save_lm(Path(out), model.network, model.tokenizer, [*model.lineage, step])


def weights(folder: str) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = load_lm(folder).network.state_dict()
    return state


def test_weights_are_means_and_all_parents_are_kept(bert: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changed(bert, "base", 0.1)
    for seed in (1, 2, 3):
        changed("base", f"t{seed}", 0.01, seed)
    assert main(["lm", "average", "t1", "t2", "t3", "--out", "soup"]) == 0
    assert "the mean of 3 models" in capsys.readouterr().out
    parts = [weights(f"t{seed}") for seed in (1, 2, 3)]
    for name, weight in weights("soup").items():
        mean = torch.stack([part[name].double() for part in parts]).mean(0)
        assert torch.allclose(weight.double(), mean, atol=1e-7), name
    *before, step = read_lineage(Path("soup"))
    assert before == list(read_lineage(Path("base")))  # what they have in common
    kept = step.settings["parents"]
    assert [parent["model"] for parent in kept] == ["t1", "t2", "t3"]
    assert [Step(**row) for row in kept[1]["lineage"]] == list(read_lineage(Path("t2")))
    length = torch.cat([weight.flatten() for weight in weights("soup").values()]).norm()
    size = sum(weight.numel() for weight in weights("soup").values())
    assert step.figures["distance"] == pytest.approx(0.01 * (size * 2 / 3) ** 0.5 / float(length), rel=0.02)
    assert TransformerEncoder("soup", None, "mean", 32, 8, "float32", True, "cpu").encode(["heat"]).any()
    assert main(["lm", "average", "t1", "t2", "t3", "--out", "soup"]) == 0  # typed again
    assert main(["lm", "average", "t1", "t2", "--out", "soup"]) == 2


def test_a_soup_can_go_into_another(bert: Path) -> None:
    for seed in (1, 2, 3):
        changed(bert, f"t{seed}", 0.01, seed)
    assert main(["lm", "average", "t1", "t2", "--out", "two"]) == 0
    assert main(["lm", "average", "two", "t3", "--out", "three"]) == 0
    (step,) = read_lineage(Path("three"))
    assert [len(parent["lineage"]) for parent in step.settings["parents"]] == [1, 1]


def other_tokenizer(bert: Path) -> None:
    changed(bert, "b", 0.01, 2)
    path = Path("b/tokenizer.json")
    state = json.loads(path.read_text())
    *_, last = state["model"]["vocab"]
    state["model"]["vocab"]["##zzz"] = state["model"]["vocab"].pop(last)
    path.write_text(json.dumps(state))


def other_heads(bert: Path) -> None:
    model = load_lm(str(bert))
    model.network.config.num_attention_heads = 4
    step = new_step("tune", [], {}, str(bert), None)
    save_lm(Path("b"), model.network, model.tokenizer, [step])


def other_beginning(bert: Path) -> None:
    changed(bert, "b", 0.01, 2)
    (step,) = read_lineage(Path("b"))
    model = load_lm("b")
    shutil.rmtree("b")
    save_lm(Path("b"), model.network, model.tokenizer, [replace(step, parent_sha256="0" * 64)])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (other_tokenizer, "b has another tokenizer than a"),
        (other_heads, "another architecture than a: num_attention_heads is 4 there and 2 here"),
        (other_beginning, "b began from other weights than a"),
        (lambda bert: shutil.copytree("a", "b"), "a and b hold the same weights; give each once"),
        (lambda bert: None, "model: b is"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(
    make: Callable[[Path], None], message: str, bert: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed(bert, "a", 0.01, 1)
    make(bert)
    assert main(["lm", "average", "a", "b", "--out", "soup"]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not Path("soup").exists()


def test_one_model_is_no_average(bert: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lm", "average", str(bert), "--out", "soup"]) == 2
    assert "found 1, expected two or more" in capsys.readouterr().err
