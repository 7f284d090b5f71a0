"""Search spaces: every file of conf/search can be searched; wrong ones are refused with what is right."""

from pathlib import Path

import pytest

from kgrec.build import compose, config_dir, groups
from kgrec.errors import InputError
from kgrec.pipeline import run_name, settings
from kgrec.studies import search
from kgrec.studies.search import Parameter, load_space, written

FILES = sorted((config_dir() / "search").glob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_search_space_composes_with_its_model(path: Path) -> None:
    space = load_space(path.stem)
    compose(space.settings)
    space.check(space.settings)
    assert path.read_text().startswith("# Search space of ")
    assert (
        f"kgrec tune model={path.stem} " in path.read_text() or f"--search {path.stem} " in path.read_text()
    )


def test_search_spaces_are_no_part_of_a_run() -> None:
    assert "search" not in groups()
    cfg = compose(["model=lightgcn"])
    assert "search" not in settings(cfg)["choices"]
    assert run_name(cfg).startswith("ml-100k_lightgcn_s0_")
    with pytest.raises(InputError, match="search"):
        compose(["search=lightgcn"])


def test_a_range_and_choices_become_what_optuna_draws_from() -> None:
    assert repr(Parameter("a", low=0.5, high=2, log=True).distribution) == (
        "FloatDistribution(high=2.0, log=True, low=0.5, step=None)"
    )
    assert repr(Parameter("a", low=1, high=4).distribution) == (
        "IntDistribution(high=4, log=False, low=1, step=1)"
    )
    mixed = Parameter("a", choices=("rgcn", "two words", 1, 0.5, None, True, [1.0, 2.0]))
    assert mixed.distribution.choices == (  # type: ignore[attr-defined]
        "rgcn", '"two words"', "1", "0.5", "null", "true", "[1.0, 2.0]",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("gnn", "compgcn"),
        ("train.optimizer.lr", 1.5e-05),
        ("train.early_stopping.patience", None),
        ("model.start.targets.rank", [8, 16]),
        ("train.runtime.mixed_precision", "bf16"),
    ],
)
def test_a_value_is_written_so_that_it_comes_out_again(setting: str, value: object) -> None:
    cfg = settings(compose([f"{setting}={written(value)}"]))
    if setting == "gnn":
        assert cfg["choices"]["gnn"] == value
        return
    for part in setting.split("."):
        cfg = cfg[part]
    assert cfg == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("parameters: []", "parameters: expected a list such as"),
        ("params: [{key: seed, choices: [1, 2]}]", "expected the keys parameters and"),
        ("parameters: [{key: seed, choice: [1, 2]}]", "expected key and some of choices, low, high, log"),
        ("parameters: [{low: 1, high: 2}]", "expected key and some of"),
        ("parameters: [{key: a, low: 2, high: 1}]", "a: found low 2 and high 1, expected low < high"),
        ("parameters: [{key: a, low: 1}]", "a: found low 1 and high None"),
        ("parameters: [{key: a, low: 0, high: 1, log: true}]", "found low 0 on a logarithmic scale"),
        ("parameters: [{key: a, choices: [1]}]", "expected at least two, all different"),
        ("parameters: [{key: a, choices: [1, 1]}]", "expected at least two, all different"),
        ("parameters: [{key: a, choices: [1, 2], low: 1, high: 2}]", "found choices and a range"),
        ("parameters: [{key: a, low: 1, high: 2}, {key: a, low: 1, high: 3}]", "expected each once"),
        ("parameters: [{key: a, low: 1, high: 2}", "conf/search/mine.yaml: while parsing"),
    ],
)
def test_a_file_of_another_form_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    (tmp_path / "search").mkdir()
    (tmp_path / "search" / "mine.yaml").write_text(text)
    monkeypatch.setattr(search, "config_dir", lambda: tmp_path)
    with pytest.raises(InputError) as caught:
        load_space("mine")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_space_is_named_with_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"no search space conf/search/nope.yaml; there are bpr_mf, "):
        load_space("nope")


def test_a_key_that_the_model_does_not_have_is_refused() -> None:
    with pytest.raises(InputError, match=r"conf/search/lightgcn.yaml: .*model.num_layers"):
        load_space("lightgcn").check(["model=bpr_mf", "loss=bpr"])
