from pathlib import Path

import pytest

from kgrec.reporting.named_files import named_files


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("model").mkdir()
    Path("runs").mkdir()
    Path("rules.csv").write_text("a")
    Path("model/config.json").write_text("{}")
    Path("model/model.safetensors").write_bytes(b"weights")


CONFIG = {
    "lm": {"model": "model", "models": ["model", "rules.csv", "elsewhere"]},
    "model": {"rules": "rules.csv", "name": "hybrid", "none": None, "k": 10, "empty": ""},
    "paths": {"runs": "runs"},
    "long": "x" * 5000,
}


def test_files_and_model_folders_have_a_digest() -> None:
    assert named_files(CONFIG).keys() == {"lm.model", "lm.models", "model.rules"}


@pytest.mark.parametrize(
    ("changed", "keys"),
    [
        ("rules.csv", {"model.rules", "lm.models"}),
        ("model/model.safetensors", {"lm.model", "lm.models"}),
        ("runs/a", set()),
    ],
)
def test_it_is_that_of_the_content(changed: str, keys: set[str]) -> None:
    before = named_files(CONFIG)
    Path(changed).write_text("b")
    after = named_files(CONFIG)
    assert {key for key in before if before[key] != after[key]} == keys
    Path("rules.csv").rename("moved.csv")
    assert "model.rules" not in named_files(CONFIG)
