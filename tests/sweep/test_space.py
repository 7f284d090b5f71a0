"""Search spaces: every file of conf/sweep can be searched; wrong ones are refused with what is right."""

from pathlib import Path

import pytest

from kgrec.build import compose, config_dir, groups
from kgrec.errors import InputError
from kgrec.pipeline import run_name, settings
from kgrec.sweep import space as space_module
from kgrec.sweep.budget import Budget, Pruning
from kgrec.sweep.space import Parameter, load_space, written

ONE = "parameters: [{key: a, low: 1, high: 2}]"
FILES = sorted((config_dir() / "sweep").glob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_search_space_composes_with_its_model(path: Path) -> None:
    space = load_space(path.stem)
    compose(space.settings)
    space.check(space.settings)
    assert path.read_text().startswith("# Search space of ")
    assert (
        f"kgrec sweep model={path.stem} " in path.read_text() or f"--space {path.stem} " in path.read_text()
    )


def test_search_spaces_are_no_part_of_a_run() -> None:
    assert "sweep" not in groups()
    cfg = compose(["model=lightgcn"])
    assert "sweep" not in settings(cfg)["choices"]
    assert run_name(cfg).startswith("ml-100k_lightgcn_s0_")
    with pytest.raises(InputError, match="sweep"):
        compose(["sweep=lightgcn"])


def write_space(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """A space called mine."""
    (folder / "sweep").mkdir()
    (folder / "sweep" / "mine.yaml").write_text(text)
    monkeypatch.setattr(space_module, "config_dir", lambda: folder)


def test_a_space_may_set_budget_and_pruning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"{ONE}\nbudget: {{trials: 7}}\npruning: {{rule: quartile, warmup: 40}}"
    write_space(tmp_path, monkeypatch, text)
    space = load_space("mine")
    assert space.budget == Budget(7, 30.0)
    assert space.pruning == Pruning("quartile", 5, 40)


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
        (
            "params: [{key: seed, choices: [1, 2]}]",
            "the key parameters and perhaps settings, budget",
        ),
        ("parameters: [{key: seed, choice: [1, 2]}]", "expected key and some of choices, low, high, log"),
        ("parameters: [{low: 1, high: 2}]", "expected key and some of"),
        ("parameters: [{key: a, low: 2, high: 1}]", "a: found low 2 and high 1, expected low < high"),
        ("parameters: [{key: a, low: 1}]", "a: found low 1 and high None"),
        ("parameters: [{key: a, low: 0, high: 1, log: true}]", "found low 0 on a logarithmic scale"),
        ("parameters: [{key: a, choices: [1]}]", "expected at least two, all different"),
        ("parameters: [{key: a, choices: [1, 1]}]", "expected at least two, all different"),
        ("parameters: [{key: a, choices: [1, 2], low: 1, high: 2}]", "found choices and a range"),
        ("parameters: [{key: a, low: 1, high: 2}, {key: a, low: 1, high: 3}]", "expected each once"),
        (f"{ONE}\nbudget: {{hours: 1}}", "budget: found {'hours': 1}, expected some of trials, minutes"),
        (f"{ONE}\nbudget: {{trials: 0}}", "trials: found 0, expected a whole number of at least 1"),
        (f"{ONE}\nbudget: {{minutes: long}}", "minutes: found long, expected a number above 0"),
        (f"{ONE}\npruning: {{rule: mean}}", "found 'mean', expected one of none, median, quartile"),
        (f"{ONE}\npruning: {{startup: 0}}", "pruning startup: found 0, expected a whole number"),
        (f"{ONE}\npruning: {{warmup: -1}}", "pruning warmup: found -1, expected a whole number"),
        ("parameters: [{key: a, low: 1, high: 2}", "conf/sweep/mine.yaml: while parsing"),
    ],
)
def test_a_file_of_another_form_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    write_space(tmp_path, monkeypatch, text)
    with pytest.raises(InputError) as caught:
        load_space("mine")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_space_is_named_with_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"no search space conf/sweep/nope.yaml; there are bpr_mf, "):
        load_space("nope")


def test_a_key_that_the_model_does_not_have_is_refused() -> None:
    with pytest.raises(InputError, match=r"conf/sweep/lightgcn.yaml: .*model.num_layers"):
        load_space("lightgcn").check(["model=bpr_mf", "loss=bpr"])
