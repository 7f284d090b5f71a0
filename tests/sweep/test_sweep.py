"""kgrec tune: a search in which the answer is known, its record, its going on, what it refuses."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from kgrec.commands.tune import _space_of
from kgrec.studies.search import Parameter, SearchSpace
from kgrec.studies.tuning import Budget, Tuning

from kgrec.cli import main
from kgrec.errors import InputError
from kgrec.reporting.run_folder import RunFolder
from kgrec.studies import tuning

SPACE = SearchSpace(
    "toy",
    ("model=bpr_mf", "loss=bpr"),
    (
        Parameter("train.optimizer.lr", low=1e-4, high=1e-1, log=True),
        Parameter("model.embedding_dim", choices=(8, 64)),
        Parameter("loss.num_negatives", low=1, high=5),
    ),
)
PLANTED = [
    "data=planted", "data.source.num_users=60", "data.source.num_items=60",
    "data.source.num_attributes=4", "data.source.interactions_per_user=10",
]  # fmt: skip


@pytest.fixture
def folders(tmp_path: Path) -> list[str]:
    return [f"paths.runs={tmp_path / 'runs'}", f"paths.cache={tmp_path / 'cache'}"]


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Training that takes no time: the learning rate decides, .01 is best; 5 negatives fail."""
    configs: list[Any] = []

    def train(cfg: Any) -> RunFolder:
        configs.append(cfg)
        if cfg.loss.num_negatives == 5:
            raise InputError("loss.num_negatives: too many")
        run = RunFolder(Path(cfg.paths.runs) / cfg.group / f"run{len(configs)}")
        run.write_summary({"valid/cold/recall@20": 1.0 / (1 + abs(cfg.train.optimizer.lr - 0.01))})
        return run

    monkeypatch.setattr(tuning, "train", train)
    return configs


def search(folders: list[str], trials: int = 12, minutes: float = 1.0, **settings: Any) -> Tuning:
    given = [f"{key}={value}" for key, value in settings.items()]
    return Tuning(SPACE, [*PLANTED, *folders, *given], Budget(trials, minutes), 0, "kgrec tune toy")


def test_the_defaults_come_first_and_the_best_trial_is_returned(folders: list[str], runs: list[Any]) -> None:
    tuned = search(folders)
    best = tuned.run()
    assert len(runs) == len(tuned.trials) == 12
    assert (runs[0].train.optimizer.lr, runs[0].model.embedding_dim) == (0.005, 64)
    assert tuned.trials[0].params == ()
    rates = [cfg.train.optimizer.lr for cfg in runs]
    assert len(set(rates)) == 12
    assert all(1e-4 <= rate <= 1e-1 for rate in rates)
    assert {cfg.model.embedding_dim for cfg in runs} == {8, 64}
    good = [cfg for cfg in runs if cfg.loss.num_negatives < 5]
    closest = min(good, key=lambda cfg: abs(cfg.train.optimizer.lr - 0.01))
    assert best.value == 1.0 / (1 + abs(closest.train.optimizer.lr - 0.01))
    assert [trial.value is None for trial in tuned.trials] == [cfg.loss.num_negatives == 5 for cfg in runs]
    assert {trial.error for trial in tuned.trials if trial.value is None} == {"loss.num_negatives: too many"}


def test_no_trial_looks_at_test_or_speaks_to_a_logger(folders: list[str], runs: list[Any]) -> None:
    search(folders, trials=2).run()
    for cfg in runs:
        assert not cfg.test
        assert cfg.logger["_target_"].endswith("NoLogger")
        assert cfg.group == "tune-toy-planted"
    search(folders, trials=1, logger="csv", group="mine").run()
    assert runs[-1].logger["_target_"].endswith("CsvLogger")
    assert runs[-1].group == "mine"


def test_the_record_says_how_it_came_about(folders: list[str], runs: list[Any]) -> None:
    tuned = search(folders, trials=3)
    best = tuned.run()
    record = json.loads((tuned.folder.path / "tuning.json").read_text())
    assert record["budget"] == {"trials": 3, "minutes": 1.0}
    assert record["used"]["trials"] == 3
    assert record["metric"] == "valid/cold/recall@20"
    assert record["command"] == "kgrec tune toy"
    assert {"commit", "date", "uncommitted_changes"} <= record.keys()
    assert [entry["run"] for entry in record["trials"] if entry["run"]]
    assert record["best"]["value"] == best.value
    assert record["best"]["overrides"] == tuned.best_overrides
    assert {"model=bpr_mf", "data=planted", *best.params} <= set(tuned.best_overrides)
    assert not [
        override for override in tuned.best_overrides if override.startswith(("test=", "logger=", "paths."))
    ]


def test_a_search_goes_on_where_it_was_stopped(folders: list[str], runs: list[Any], tmp_path: Path) -> None:
    whole = search([f"paths.runs={tmp_path / 'whole'}", folders[1]], trials=12)
    whole.run()
    search(folders, trials=11).run()
    runs.clear()
    again = search(folders, trials=12)
    again.run()
    assert len(runs) == 1
    assert [trial.params for trial in again.trials] == [trial.params for trial in whole.trials]
    again.run()
    assert len(runs) == 1  # the budget is used up


def test_time_ends_a_search_too(folders: list[str], runs: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 10_000, 25))
    monkeypatch.setattr("kgrec.studies.tuning.time.perf_counter", lambda: next(clock))
    tuned = search(folders, minutes=1)
    tuned.run()
    assert [trial.seconds for trial in tuned.trials] == [25, 25, 25]  # the third begins after 50 of 60 s


def test_defaults_outside_the_space_count_but_are_not_told_to_the_sampler(
    folders: list[str], runs: list[Any]
) -> None:
    narrow = SearchSpace("toy", SPACE.settings, (Parameter("train.optimizer.lr", low=0.01, high=0.1),))
    other = Tuning(narrow, [*PLANTED, *folders, "group=narrow"], Budget(3, 1), 0, "")
    other.run()
    assert [cfg.train.optimizer.lr >= 0.01 for cfg in runs] == [False, True, True]
    assert other._told(other.trials[0]) is None
    assert other._told(other.trials[1]) is not None


def test_a_folder_of_another_search_is_refused(folders: list[str], runs: list[Any]) -> None:
    search(folders, trials=1).run()
    with pytest.raises(InputError, match="a search of other settings; choose another group"):
        search(folders, trials=1, **{"train.batch_size": 7})
    (RunFolder(Path(folders[0].partition("=")[2]) / "tune-toy-planted").path / "tuning.json").write_text("{")
    with pytest.raises(InputError, match=r"tuning\.json: cannot be read"):
        search(folders, trials=1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"test": "true"}, "a search never looks at test"),
        (
            {"train.optimizer.lr": 0.1, "model.embedding_dim": 9, "loss.num_negatives": 2},
            r"conf/search/toy\.yaml: every setting that it searches is given",
        ),
        ({"eval.selection_metric": "test/recall@10"}, "would select on test"),
        ({"model": "popularity"}, r"conf/search/toy\.yaml: .*model\.embedding_dim"),
    ],
)
def test_what_a_search_may_not_do_is_refused(
    folders: list[str], runs: list[Any], settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        search(folders, **settings)
    assert runs == []


def test_a_setting_that_is_given_is_not_searched(folders: list[str], runs: list[Any]) -> None:
    tuned = search(folders, trials=4, **{"train.optimizer.lr": 0.02, "loss.num_negatives": 2})
    tuned.run()
    assert [cfg.train.optimizer.lr for cfg in runs] == [0.02] * 4
    assert all(
        override.startswith("model.embedding_dim=") for trial in tuned.trials for override in trial.params
    )
    assert "train.optimizer.lr=0.02" in tuned.best_overrides


def test_a_budget_must_be_one() -> None:
    with pytest.raises(InputError, match="--trials: found 0"):
        Budget(0, 1)
    with pytest.raises(InputError, match="--minutes: found 0"):
        Budget(1, 0)


def test_the_command_trains_and_prints_a_line_to_run(
    tmp_path: Path, folders: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    settings = [*PLANTED, *folders, "train.max_epochs=1", "data/split=random", "lm=none"]
    assert main(["tune", "model=lightgcn", *settings, "--trials", "2"]) == 0
    first, line, record = capsys.readouterr().out.splitlines()
    assert first.startswith("best of 2: valid/recall@10 = ")
    program, verb, *overrides = shlex.split(line)
    assert (program, verb) == ("kgrec", "train")
    assert {"model=lightgcn", "loss=bpr", "data/split=random"} <= set(overrides)
    trials = json.loads(Path(record).read_text())["trials"]
    summary = RunFolder(Path(record).parent / trials[1]["run"]).read_summary()
    assert trials[1]["value"] == summary["valid/recall@10"]
    assert not [key for key in summary if key.startswith("test/")]
    assert not (tmp_path / "runs" / "test_reads.jsonl").exists()


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        (["model=lightgcn"], "lightgcn"),
        (["experiment=lightgcn_softmax_lastfm"], "lightgcn_softmax"),
        (["experiment=parity", "model=bpr_mf"], "bpr_mf"),
        ([], "hybrid"),
    ],
)
def test_the_space_follows_from_the_experiment_or_the_model(overrides: list[str], name: str) -> None:
    assert _space_of(overrides) == name


def test_an_experiment_decides_what_the_space_would_else_set(folders: list[str], runs: list[Any]) -> None:
    space = SearchSpace("toy", ("model=bpr_mf", "loss=bpr", "data=planted"), SPACE.parameters[:1])
    tuned = Tuning(space, ["experiment=lightgcn_softmax_lastfm", *folders], Budget(1, 1), 0, "")
    assert (tuned.base.choices.model, tuned.base.choices.loss) == ("lightgcn", "softmax")
    assert tuned.base.group == "tune-toy-lastfm"
