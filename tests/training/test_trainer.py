import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from torch import Tensor, nn
from training_job import METRIC, MatrixFactorisation, fit, make_dataset, make_model, make_trainer

from kgrec.build import build
from kgrec.data.labels import Rows
from kgrec.errors import InputError
from kgrec.models.base import Batch, ModelInputs, Recommender
from kgrec.reporting.run_folder import RunFolder
from kgrec.training.checkpoint import Checkpoint, copy_weights
from kgrec.training.early_stopping import EarlyStopping
from kgrec.training.runtime import Runtime
from kgrec.training.trainer import Trainer


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "group" / "run")


class Scripted:
    """Validation that gives listed values and remembers the weights it saw."""

    def __init__(self, *values: float) -> None:
        self.values = list(values)
        self.seen: list[dict[str, Tensor]] = []

    def __call__(self, model: Recommender) -> dict[str, float]:
        assert not model.training
        assert not torch.is_grad_enabled()
        self.seen.append(copy_weights(model))
        return {METRIC: self.values[len(self.seen) - 1]}


class LogSpy:
    def __init__(self) -> None:
        self.rows: list[tuple[int, dict[str, float]]] = []

    def log(self, metrics: dict[str, float], step: int) -> None:
        self.rows.append((step, dict(metrics)))


class ClosedForm(Recommender):
    """Counts: nothing to train."""

    def __init__(self, inputs: ModelInputs) -> None:
        super().__init__(inputs)
        self.train_items = torch.from_numpy(inputs.dataset.train[:, 1])
        self.register_buffer("counts", torch.zeros(self.num_items))

    def fit(self) -> None:
        self.counts = torch.bincount(self.train_items, minlength=self.num_items).float()

    def score(self, user_ids: Tensor) -> Tensor:
        return self.counts.expand(len(user_ids), -1)


class Diverging(MatrixFactorisation):
    """The loss is not a number from the fourth global step on."""

    def loss(self, batch: Batch) -> Tensor:
        return super().loss(batch) * (float("nan") if batch.step >= 3 else 1.0)


def test_training_lowers_the_loss_and_records_each_epoch(run: RunFolder) -> None:
    logger = LogSpy()
    result = fit(make_trainer(), make_model(make_dataset()), run, logger=logger)
    losses = [row["train/loss"] for row in result.history]
    assert losses[-1] < 0.8 * losses[0]
    assert [row["epoch"] for row in result.history] == [1, 2, 3, 4, 5, 6]
    assert run.read_metrics() == result.history
    assert logger.rows == [(int(row["epoch"]), row) for row in result.history]
    assert result.epochs == 6
    assert result.seconds > 0


def test_a_model_may_act_after_each_step_on_its_gradients(run: RunFolder) -> None:
    told: list[tuple[int, int]] = []

    class Watching(MatrixFactorisation):
        def after_step(self, step: int, steps: int) -> None:
            assert self.users.weight.grad is not None
            told.append((step, steps))

    dataset = make_dataset()
    model = Watching(ModelInputs(dataset))
    fit(make_trainer(max_epochs=2, batch_size=30), model, run)
    assert told == [(step, 4) for step in range(4)]


def test_the_train_loss_is_the_mean_over_all_pairs(run: RunFolder) -> None:
    """53 pairs in batches of 10: the last batch of 3 must count less than the others."""

    class PairIndex(MatrixFactorisation):
        num_negatives = 0

        def loss(self, batch: Batch) -> Tensor:
            return batch.users.double().mean() + 0 * self.users.weight.sum()

    dataset = make_dataset()
    result = fit(make_trainer(max_epochs=1), PairIndex(ModelInputs(dataset)), run)
    assert result.history[0]["train/loss"] == pytest.approx(dataset.train[:, 0].mean())


def test_the_model_ends_with_the_best_weights(run: RunFolder) -> None:
    validate = Scripted(0.1, 0.7, 0.3, 0.2, 0.6, 0.7)
    model = make_model(make_dataset())
    result = fit(make_trainer(), model, run, validate=validate)
    assert (result.best_value, result.best_epoch) == (0.7, 2)
    final = copy_weights(model)
    assert all(torch.equal(final[name], validate.seen[1][name]) for name in final)
    assert not torch.equal(final["users.weight"], validate.seen[5]["users.weight"])
    other = make_model(make_dataset(num_pairs=20))
    Checkpoint(run.checkpoint_dir).load_best(other)
    assert torch.equal(other.users.weight, model.users.weight)


def test_patience_ends_training(run: RunFolder) -> None:
    trainer = make_trainer(max_epochs=50, early_stopping=partial(EarlyStopping, patience=2))
    result = fit(trainer, make_model(make_dataset()), run, validate=Scripted(0.5, 0.6, 0.1, 0.2))
    assert (result.epochs, result.best_epoch) == (4, 2)
    model = make_model(make_dataset())
    again = fit(trainer, model, run, validate=Scripted())
    assert not model.training
    assert again.history == result.history  # a training that had ended is not taken up again
    assert (again.best_value, again.best_epoch, again.epochs) == (0.6, 2, 4)


def test_a_training_that_is_given_up_can_go_on(run: RunFolder, tmp_path: Path) -> None:
    told: list[tuple[int, float]] = []

    def give_up(epoch: int, value: float) -> bool:
        told.append((epoch, value))
        return epoch == 4

    trainer = make_trainer(eval_every=2, checkpoint_every=5)
    result = fit(trainer, make_model(make_dataset()), run, on_validation=give_up)
    assert result.given_up
    assert result.epochs == 4
    assert told == [(row["epoch"], row[METRIC]) for row in result.history if METRIC in row]
    again = fit(trainer, make_model(make_dataset()), run, on_validation=lambda epoch, value: epoch == 6)
    assert not again.given_up  # after the last epoch there is nothing left to give up
    whole = fit(trainer, make_model(make_dataset()), RunFolder(tmp_path / "whole"))
    assert again.history == whole.history


def test_lower_may_be_better(run: RunFolder) -> None:
    trainer = make_trainer(max_epochs=3)
    validate = Scripted(0.5, 0.2, 0.3)
    result = fit(trainer, make_model(make_dataset()), run, validate=validate, higher_is_better=False)
    assert (result.best_value, result.best_epoch) == (0.2, 2)


def test_validation_every_few_epochs_and_at_the_end(run: RunFolder) -> None:
    validate = Scripted(0.1, 0.2, 0.3)
    result = fit(make_trainer(max_epochs=7, eval_every=3), make_model(make_dataset()), run, validate=validate)
    assert [row["epoch"] for row in result.history if METRIC in row] == [3, 6, 7]


def test_one_trainer_may_fit_several_models(tmp_path: Path) -> None:
    trainer = make_trainer(max_epochs=2)
    results = [fit(trainer, make_model(make_dataset()), RunFolder(tmp_path / name)) for name in "ab"]
    assert results[0].history == results[1].history


def test_the_seed_decides(tmp_path: Path) -> None:
    losses = [
        fit(
            make_trainer(max_epochs=1), make_model(make_dataset()), RunFolder(tmp_path / str(seed)), seed=seed
        )
        for seed in (1, 2)
    ]
    assert losses[0].history[0]["train/loss"] != losses[1].history[0]["train/loss"]


def test_a_closed_form_is_validated_once(run: RunFolder) -> None:
    model = ClosedForm(ModelInputs(make_dataset()))
    result = fit(make_trainer(), model, run, validate=Scripted(0.4))
    assert model.counts.sum() == 53
    assert (result.best_value, result.best_epoch, result.epochs) == (0.4, 0, 0)
    assert run.read_metrics() == result.history == [{"epoch": 0, METRIC: 0.4}]


def test_a_closed_form_part_is_fitted_before_training(run: RunFolder) -> None:
    class Both(MatrixFactorisation):
        def fit(self) -> None:
            nn.init.constant_(self.users.weight, 0.25)

    model = Both(ModelInputs(make_dataset()))
    fit(make_trainer(max_epochs=1, optimizer=partial(torch.optim.SGD, lr=0.0)), model, run)
    assert (model.users.weight == 0.25).all()


@pytest.mark.parametrize(("num_negatives", "dim", "expected"), [(2, 4, 1), (0, 4, 2), (2, 2**18, 2)])
def test_short_steps_are_taken_on_one_thread(
    run: RunFolder, num_negatives: int, dim: int, expected: int
) -> None:
    seen: dict[str, int] = {}

    class Spy(MatrixFactorisation):
        def loss(self, batch: Batch) -> Tensor:
            seen["training"] = torch.get_num_threads()
            return self.users.weight[0, :1].sum()

    def validate(model: Recommender) -> dict[str, float]:
        seen["validation"] = torch.get_num_threads()
        return {METRIC: 0.0}

    model = Spy(ModelInputs(make_dataset()), dim=dim)
    model.num_negatives = num_negatives
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        fit(make_trainer(max_epochs=1), model, run, validate=validate)
    finally:
        torch.set_num_threads(before)
    assert seen == {"training": expected, "validation": 2}


@pytest.mark.parametrize("max_grad_norm", [None, 1.0])
def test_divergence_stops_with_epoch_and_step(run: RunFolder, max_grad_norm: float | None) -> None:
    trainer = make_trainer(batch_size=53, max_grad_norm=max_grad_norm)  # one step per epoch
    with pytest.raises(InputError, match=r"epoch 4, step 1: training diverged \(loss nan"):
        fit(trainer, Diverging(ModelInputs(make_dataset())), run)
    assert [row["epoch"] for row in run.read_metrics()] == [1, 2, 3]


def test_gradients_are_clipped(run: RunFolder) -> None:
    before = make_model(make_dataset()).users.weight.detach().clone()
    model = make_model(make_dataset())
    trainer = make_trainer(
        max_epochs=1, batch_size=53, max_grad_norm=1e-3, optimizer=partial(torch.optim.SGD, lr=1.0)
    )
    fit(trainer, model, run)
    moved = (model.users.weight - before).norm()
    assert 0 < moved <= 1e-3 * 1.001


def test_mixed_precision_stays_near_float32_and_leaves_no_trace(tmp_path: Path) -> None:
    seen: set[torch.dtype] = set()

    class Watched(MatrixFactorisation):
        def loss(self, batch: Batch) -> Tensor:
            scores = self.users(batch.users) @ self.items.weight.T
            seen.add(scores.dtype)
            return nn.functional.cross_entropy(scores, batch.items)

    losses = {}
    for precision in ("no", "bf16", "no"):  # one process may run jobs of several precisions
        seen.clear()
        runtime = Runtime(device="cpu", mixed_precision=precision, progress="off")
        torch.manual_seed(0)
        model = Watched(ModelInputs(make_dataset()))
        folder = RunFolder(tmp_path / f"{precision}{len(losses)}")
        losses[precision] = fit(make_trainer(runtime=runtime), model, folder).history[-1]["train/loss"]
        assert seen == {torch.bfloat16 if precision == "bf16" else torch.float32}
        assert model.users.weight.dtype == torch.float32
        assert "forward" not in vars(model)
    assert losses["bf16"] == pytest.approx(losses["no"], rel=0.05)


@pytest.mark.skipif(torch.accelerator.is_available(), reason="needs a machine without accelerator")
def test_fp16_on_a_cpu_is_refused(run: RunFolder) -> None:
    runtime = Runtime(device="auto", mixed_precision="fp16", progress="off")
    with pytest.raises(InputError, match="fp16 on a CPU"):
        fit(make_trainer(runtime=runtime), make_model(make_dataset()), run)


def test_a_checkpoint_of_another_training_is_refused(run: RunFolder) -> None:
    fit(make_trainer(max_epochs=1), make_model(make_dataset()), run)
    with pytest.raises(InputError, match="seed is 5 there and 6 here"):
        fit(make_trainer(max_epochs=2), make_model(make_dataset()), run, seed=6)
    with pytest.raises(InputError, match="training pairs is"):
        fit(make_trainer(max_epochs=2), make_model(make_dataset()), run, rows=Rows(make_dataset(40).train))


def test_a_wrong_selection_metric_is_refused_with_the_right_ones(run: RunFolder) -> None:
    with pytest.raises(
        InputError, match=r"found valid/nonsense, expected one of valid/recall@1, valid/other"
    ):
        fit(make_trainer(), make_model(make_dataset()), run, selection_metric="valid/nonsense")


def test_a_selection_metric_that_is_no_number_is_refused(run: RunFolder) -> None:
    with pytest.raises(InputError, match="is not a number"):
        fit(make_trainer(), make_model(make_dataset()), run, validate=Scripted(float("nan")))


def test_no_training_pairs_is_refused(run: RunFolder) -> None:
    with pytest.raises(InputError, match="no training interactions"):
        fit(make_trainer(), make_model(make_dataset()), run, rows=Rows(make_dataset(num_pairs=0).train))


@pytest.mark.parametrize("name", ["max_epochs", "batch_size", "eval_every", "checkpoint_every"])
def test_counts_below_one_are_refused(name: str) -> None:
    with pytest.raises(InputError, match=rf"train\.{name}: found 0"):
        make_trainer(**{name: 0})


def test_a_norm_that_is_not_positive_is_refused() -> None:
    with pytest.raises(InputError, match=r"max_grad_norm: found 0\.0"):
        make_trainer(max_grad_norm=0.0)


def test_unknown_runtime_settings_are_refused() -> None:
    with pytest.raises(InputError, match=r"device: found 'gpu', expected one of auto, cpu"):
        Runtime(device="gpu", mixed_precision="no", progress="auto")
    with pytest.raises(InputError, match="write them in quotes"):
        Runtime(device="cpu", mixed_precision=False, progress="auto")  # type: ignore[arg-type]


def test_the_default_config_builds_a_trainer() -> None:
    conf = Path(__file__).parents[2] / "conf" / "train" / "default.yaml"
    trainer = build(OmegaConf.load(conf))
    assert isinstance(trainer, Trainer)
    optimizer = trainer.optimizer([nn.Parameter(torch.zeros(1))])
    assert isinstance(optimizer, torch.optim.AdamW)
    assert trainer.early_stopping(higher_is_better=False).higher_is_better is False


def test_progress_lines_do_not_come_too_often(run: RunFolder, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        fit(make_trainer(), make_model(make_dataset()), run)
    lines = [record.message for record in caplog.records if record.name == "kgrec.training.progress"]
    assert len(lines) == 1
    assert lines[0].startswith("epoch 1/6: train/loss ")
    assert METRIC in lines[0]


def test_a_bar_on_demand(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    runtime = Runtime(device="cpu", mixed_precision="no", progress="on")
    fit(make_trainer(runtime=runtime), make_model(make_dataset()), run)
    captured = capsys.readouterr()
    assert "epoch 6/6" in captured.err
    assert "36/36" in captured.err
    assert captured.out == ""


def test_metrics_are_one_json_object_per_line(run: RunFolder) -> None:
    fit(make_trainer(max_epochs=2), make_model(make_dataset()), run)
    lines = (run.path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2]
    assert np.isfinite(json.loads(lines[1])["train/loss"])
