"""kgrec sweep: a search in which the answer is known, its going on, what it gives up, what it refuses."""

import json
import logging
import shlex
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from toy_sweep import METRIC, PLANTED, SPACE, FakeTraining, toy_plan

from kgrec.cli import main
from kgrec.commands.sweep.run import space_of
from kgrec.errors import InputError
from kgrec.evaluation.evaluator import Evaluator
from kgrec.reporting.run_folder import RunFolder
from kgrec.sweep import worker
from kgrec.sweep.budget import Budget, Pruning
from kgrec.sweep.plan import Plan, make_plan
from kgrec.sweep.space import Parameter, SearchSpace
from kgrec.sweep.study import SweepStudy, existing
from kgrec.sweep.sweep import sweep

LR = Parameter("train.optimizer.lr", low=1e-4, high=1e-1, log=True)


@pytest.fixture
def training(monkeypatch: pytest.MonkeyPatch) -> FakeTraining:
    fake = FakeTraining()
    monkeypatch.setattr(worker, "train", fake)
    return fake


def run(plan: Plan, kind: str | None = None) -> SweepStudy:
    return sweep(plan, kind, 1, "kgrec sweep toy")


def params(study: SweepStudy) -> list[tuple[str, ...]]:
    return [trial.params for trial in study.trials()]


@pytest.mark.parametrize("kind", ["journal", "sqlite"])
def test_the_defaults_come_first_and_the_best_trial_is_found(
    tmp_path: Path, training: FakeTraining, kind: str
) -> None:
    study = run(toy_plan(tmp_path), kind)
    trials, runs = study.trials(), training.configs
    assert len(runs) == len(trials) == 12
    assert (runs[0].train.optimizer.lr, runs[0].model.embedding_dim) == (0.005, 64)
    assert trials[0].params == ()
    rates = [cfg.train.optimizer.lr for cfg in runs]
    assert len(set(rates)) == 12
    assert all(1e-4 <= rate <= 1e-1 for rate in rates)
    assert {cfg.model.embedding_dim for cfg in runs} == {8, 64}
    good = [cfg for cfg in runs if cfg.loss.num_negatives < 5]
    closest = min(good, key=lambda cfg: abs(cfg.train.optimizer.lr - 0.01))
    best = study.best(trials)
    assert best is not None
    assert best.value == 1.0 / (1 + abs(closest.train.optimizer.lr - 0.01))
    assert [trial.state == "failed" for trial in trials] == [cfg.loss.num_negatives == 5 for cfg in runs]
    assert {trial.error for trial in trials if trial.state == "failed"} == {"loss.num_negatives: too many"}


def test_no_trial_looks_at_test_or_speaks_to_a_logger(tmp_path: Path, training: FakeTraining) -> None:
    run(toy_plan(tmp_path, trials=2))
    for cfg in training.configs:
        assert not cfg.test
        assert cfg.logger["_target_"].endswith("NoLogger")
        assert cfg.group == "sweep-toy-planted"
    run(toy_plan(tmp_path, trials=1, logger="csv", group="mine"))
    assert training.configs[-1].logger["_target_"].endswith("CsvLogger")
    assert training.configs[-1].group == "mine"


@pytest.mark.parametrize("kind", ["journal", "sqlite"])
def test_a_sweep_goes_on_where_it_was_stopped(tmp_path: Path, training: FakeTraining, kind: str) -> None:
    whole = run(toy_plan(tmp_path / "whole"), kind)
    run(toy_plan(tmp_path, trials=11), kind)
    training.configs.clear()
    again = run(toy_plan(tmp_path))
    assert len(training.configs) == 1
    assert params(again) == params(whole)
    run(toy_plan(tmp_path))
    assert len(training.configs) == 1  # the budget is used up


def test_a_trial_that_was_interrupted_is_begun_again_with_its_curve(
    tmp_path: Path, training: FakeTraining, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_negative = {"loss.num_negatives": 1}
    whole = run(toy_plan(tmp_path / "whole", trials=5, **one_negative))

    class Interrupted(FakeTraining):
        def __call__(self, cfg: Any, on_validation: Any) -> RunFolder:
            if len(self.configs) < 3:
                return super().__call__(cfg, on_validation)
            on_validation(1, 0.25)
            raise KeyboardInterrupt

    monkeypatch.setattr(worker, "train", Interrupted())
    with pytest.raises(KeyboardInterrupt):
        run(toy_plan(tmp_path, trials=5, **one_negative))
    stopped = existing(tmp_path / "runs" / "sweep-toy-planted").trials()
    assert [trial.state for trial in stopped] == ["done", "done", "done", "stopped"]
    assert (stopped[3].epochs, stopped[3].value) == (1, 0.25)
    assert stopped[3].seconds > 0

    monkeypatch.setattr(worker, "train", training)
    training.configs.clear()
    again = run(toy_plan(tmp_path, trials=5, **one_negative))
    assert len(training.configs) == 2  # the one that was stopped, and the fifth
    assert params(again) == params(whole)
    assert [trial.state for trial in again.trials()] == 5 * ["done"]


def test_a_trial_whose_process_dies_at_each_start_is_left(tmp_path: Path, training: FakeTraining) -> None:
    def die(cfg: Any) -> None:
        if len(training.configs) > 1:
            raise SystemExit(9)

    training.begun = die
    for _ in range(3):
        with pytest.raises(SystemExit):
            run(toy_plan(tmp_path, trials=2))
    training.begun = lambda cfg: None
    first, second = run(toy_plan(tmp_path, trials=2)).trials()
    assert (first.state, second.state) == ("done", "failed")
    assert second.error == "its process died in each of 3 starts, perhaps for want of memory"


def test_a_finished_run_is_not_repeated_when_the_study_is_lost(
    tmp_path: Path, training: FakeTraining
) -> None:
    before = run(toy_plan(tmp_path, trials=4))
    values = [trial.value for trial in before.trials()]
    before.file.unlink()
    training.configs.clear()
    after = run(toy_plan(tmp_path, trials=4)).trials()
    assert [trial.value for trial in after] == values
    assert len(training.configs) == sum(trial.state == "failed" for trial in after)
    assert {trial.epochs for trial in after if trial.state == "done"} == {3}  # with its curve


def test_time_ends_a_sweep_too(
    tmp_path: Path, training: FakeTraining, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 10_000, 5))  # five readings of a trial: 20 s
    monkeypatch.setattr(worker, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    study = run(toy_plan(tmp_path, minutes=1, **{"loss.num_negatives": 1}))
    assert [trial.seconds for trial in study.trials()] == [20, 20, 20]


def test_a_trial_below_the_others_is_given_up_and_never_the_best(
    tmp_path: Path, training: FakeTraining
) -> None:
    plan = toy_plan(
        tmp_path, space=SearchSpace("toy", SPACE.settings, (LR,)), pruning=Pruning("median", 3, 2), trials=20
    )
    study = run(plan)
    trials = study.trials()
    pruned = [trial for trial in trials if trial.state == "pruned"]
    done = [trial for trial in trials if trial.state == "done"]
    assert pruned
    assert len(pruned) + len(done) == 20
    assert all(trial.number >= 3 and trial.epochs == 2 for trial in pruned)  # startup, warm-up
    assert all(not RunFolder(plan.folder / trial.run).is_finished for trial in pruned)
    best = study.best(trials)
    assert best in done
    assert best is not None
    assert best.value == max(trial.value for trial in done if trial.value is not None)
    assert all(trial.value is not None and 0 < trial.value < best.value for trial in pruned)


def test_a_training_that_cannot_learn_is_given_up_early(tmp_path: Path) -> None:
    choices = Parameter("train.optimizer.lr", choices=(0.005, *(number * 1e-9 for number in range(1, 20))))
    settings = {"data/split": "random", "lm": "none", "train.max_epochs": 30, "train.eval_every": 2}
    space, pruning = SearchSpace("toy", SPACE.settings, (choices,)), Pruning("median", 2, 5)
    trials = run(toy_plan(tmp_path, trials=6, space=space, pruning=pruning, **settings)).trials()
    hopeless = [trial for trial in trials[2:] if float(trial.params[0].partition("=")[2]) < 1e-6]
    assert len({trial.params for trial in hopeless}) == len(hopeless) > 0
    assert all((trial.state, trial.epochs) == ("pruned", 6) for trial in hopeless)
    assert (trials[0].state, trials[0].epochs) == ("done", 30)


def test_without_a_pruner_nothing_is_given_up(tmp_path: Path, training: FakeTraining) -> None:
    space = SearchSpace("toy", SPACE.settings, (LR,))
    study = run(toy_plan(tmp_path, space=space, pruning=Pruning("none", 1, 0), trials=20))
    assert {trial.state for trial in study.trials()} == {"done"}


def test_defaults_outside_the_space_count_but_are_not_told_to_the_sampler(
    tmp_path: Path, training: FakeTraining
) -> None:
    narrow = SearchSpace("toy", SPACE.settings, (Parameter("train.optimizer.lr", low=0.0999, high=0.1),))
    study = run(toy_plan(tmp_path, space=narrow, trials=13))
    assert [cfg.train.optimizer.lr >= 0.0999 for cfg in training.configs] == [False] + 12 * [True]
    first, *others = study.trials()
    assert (first.state, first.params) == ("done", ())
    assert study.best([first, *others]) == first  # nearest to .01
    complete = [trial for trial in study._study.trials if trial.state.name == "COMPLETE"]
    assert [trial.number for trial in complete] == list(range(1, 13))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train.batch_size": 7}, "a sweep of other settings; choose another group"),
        ({"pruning": Pruning("quartile")}, "a sweep of other pruning, see --pruner"),
        ({"space": SearchSpace("toy", SPACE.settings, (LR,))}, "a sweep of other parameters"),
        ({"space": SearchSpace("toys", SPACE.settings, SPACE.parameters)}, "a sweep of other search"),
    ],
)
def test_a_folder_of_another_sweep_is_refused(
    tmp_path: Path, training: FakeTraining, changes: dict[str, Any], message: str
) -> None:
    run(toy_plan(tmp_path, trials=1, group="mine"))
    with pytest.raises(InputError, match=message):
        run(toy_plan(tmp_path, trials=1, group="mine", **changes))
    assert len(training.configs) == 1


def test_a_file_that_is_no_storage_is_refused(tmp_path: Path, training: FakeTraining) -> None:
    study = run(toy_plan(tmp_path, trials=1))
    with pytest.raises(InputError, match=r"--storage sqlite: .*sweep\.journal holds the sweep already"):
        run(toy_plan(tmp_path, trials=1), "sqlite")
    study.file.write_text("{\n{\n")
    with pytest.raises(InputError, match=r"sweep\.journal: cannot be opened as the storage of a sweep"):
        run(toy_plan(tmp_path, trials=1))
    study.file.unlink()
    (study.folder / "sweep.sqlite").write_text("no database")
    with pytest.raises(InputError, match=r"sweep\.sqlite: cannot be opened as the storage of a sweep"):
        run(toy_plan(tmp_path, trials=1))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"test": "true"}, "a search never looks at test"),
        (
            {"train.optimizer.lr": 0.1, "model.embedding_dim": 9, "loss.num_negatives": 2},
            r"conf/sweep/toy\.yaml: every setting that it searches is given",
        ),
        ({"eval.selection_metric": "test/recall@10"}, "would select on test"),
        ({"model": "popularity"}, r"conf/sweep/toy\.yaml: .*model\.embedding_dim"),
    ],
)
def test_what_a_sweep_may_not_do_is_refused(tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        toy_plan(tmp_path, **settings)
    assert not (tmp_path / "runs").exists()


def test_defaults_that_cannot_be_run_are_said_and_begun_again(tmp_path: Path, training: FakeTraining) -> None:
    def fail(cfg: Any) -> None:
        raise InputError("no data")

    training.begun = fail
    with pytest.raises(InputError, match="the defaults cannot be run: no data"):
        run(toy_plan(tmp_path, trials=2))
    training.begun = lambda cfg: None
    first, _ = run(toy_plan(tmp_path, trials=2)).trials()
    assert (first.state, first.params) == ("done", ())


def test_a_fault_of_one_trial_does_not_end_the_sweep(tmp_path: Path, training: FakeTraining) -> None:
    def fail(cfg: Any) -> None:
        if len(training.configs) == 2:
            raise RuntimeError("out of\nmemory")

    training.begun = fail
    trials = run(toy_plan(tmp_path, trials=3)).trials()
    assert (trials[1].state, trials[1].error) == ("failed", "RuntimeError: out of memory")
    assert trials[2].state in ("done", "failed")


def test_a_setting_that_is_given_is_not_searched(tmp_path: Path, training: FakeTraining) -> None:
    study = run(toy_plan(tmp_path, trials=4, **{"train.optimizer.lr": 0.02, "loss.num_negatives": 2}))
    assert {cfg.train.optimizer.lr for cfg in training.configs} == {0.02}
    assert all(param.startswith("model.embedding_dim=") for trial in study.trials() for param in trial.params)
    assert "train.optimizer.lr=0.02" in study.overrides_of(study.trials()[1])


def test_a_line_for_each_trial_where_nobody_watches(
    tmp_path: Path, training: FakeTraining, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        run(toy_plan(tmp_path, trials=3, **{"loss.num_negatives": 1}))
    lines = [line for line in caplog.messages if line.startswith("trial ")]
    assert [line.partition(":")[0] for line in lines] == ["trial 0", "trial 1", "trial 2"]
    assert lines[0].startswith(f"trial 0: {METRIC} = 0.9950, the defaults; 1 of 3, best 0.9950 (trial 0), ")
    assert " of 1:00 used, about 0:00 left" in lines[2]


def test_a_sweep_needs_a_worker_and_is_no_job_of_several_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="--workers: found 0, expected at least 1"):
        sweep(toy_plan(tmp_path), None, 0, "")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InputError, match="found one of several processes"):
        sweep(toy_plan(tmp_path), None, 1, "")


def test_the_command_trains_on_validation_alone_and_prints_a_line_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    splits: list[str] = []
    measure = Evaluator.measure

    def watched(self: Evaluator, scorer: Any, dataset: Any, split: str) -> Any:
        splits.append(split)
        return measure(self, scorer, dataset, split)

    monkeypatch.setattr(Evaluator, "measure", watched)
    settings = [*PLANTED, f"paths.runs={tmp_path / 'runs'}", "train.max_epochs=1", "data/split=random"]
    assert main(["sweep", "model=lightgcn", *settings, "lm=none", "--trials", "2"]) == 0
    assert set(splits) == {"valid"}
    first, line, file = capsys.readouterr().out.splitlines()
    assert first.startswith("best of 2: valid/recall@10 = ")
    program, verb, *overrides = shlex.split(line)
    assert (program, verb) == ("kgrec", "train")
    assert {"model=lightgcn", "loss=bpr", "data/split=random"} <= set(overrides)
    trial = existing(Path(file).parent).trials()[1]
    summary = RunFolder(Path(file).parent / trial.run).read_summary()
    assert trial.value == summary["valid/recall@10"]
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
    assert space_of(overrides) == name


def test_an_experiment_decides_what_the_space_would_else_set(tmp_path: Path) -> None:
    space = SearchSpace("toy", ("model=bpr_mf", "loss=bpr", "data=planted"), (LR,))
    overrides = ["experiment=lightgcn_softmax_lastfm", f"paths.runs={tmp_path}"]
    plan = make_plan(space, overrides, Budget(), Pruning(), 0)
    assert (plan.base.choices.model, plan.base.choices.loss) == ("lightgcn", "softmax")
    assert plan.base.group == "sweep-toy-lastfm"
    assert json.loads(json.dumps(plan.identity)) == plan.identity
