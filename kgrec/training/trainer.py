"""Training: from a model and rows of data to the weights that validation likes best."""

import hashlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from accelerate import Accelerator

from kgrec.data.labels import Rows
from kgrec.data.sampling import NegativeSampler
from kgrec.errors import InputError
from kgrec.models.base import Recommender, Trainable
from kgrec.progress import doing
from kgrec.training.batches import PairBatches
from kgrec.training.checkpoint import Checkpoint, Fingerprint
from kgrec.training.early_stopping import EarlyStopping
from kgrec.training.progress import Progress
from kgrec.training.recorder import MetricLogger, Recorder, Row, TrainingRun
from kgrec.training.runtime import Runtime
from kgrec.training.session import Session
from kgrec.training.step import OptimizerFactory, TrainStep
from kgrec.training.validation import OnValidation, Validate, Validation, never_stop

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingResult:
    """What a training came to.

    Attributes:
        best_value: best value of the selection metric.
        best_epoch: its epoch; 0 for a model without training loop.
        epochs: epochs trained.
        seconds: wall time of closed-form part, epochs and validations, over all restarts.
        history: one row per epoch: ``epoch``, ``train/loss`` and, where validated, its metrics.
        given_up: whether ``on_validation`` ended it.
    """

    best_value: float
    best_epoch: int
    epochs: int
    seconds: float
    history: list[Row]
    given_up: bool = False


class Trainer:
    """Train a model on pairs, stop on validation, keep the best weights.

    A model that begins where its ``fit`` put it is validated there first: epoch 0. Each epoch goes once
    through the training pairs in a new order. Every ``eval_every`` epochs, and after the last one, the
    model is validated; it ends with the weights of its best validation, which are not trained again on
    train + validation. A stopped job goes on from its last checkpoint and, on one process, gives the very
    numbers of a job that was never stopped. Any number of processes gives the same result up to rounding,
    as ``batch_size`` counts the pairs of all of them.

    Args:
        max_epochs: upper bound of epochs.
        batch_size: pairs per step, over all processes.
        optimizer: builds the optimiser from parameters.
        early_stopping: builds the stopping rule from ``higher_is_better``.
        max_grad_norm: gradients are scaled down to this norm; ``None`` = never.
        eval_every: epochs between validations.
        checkpoint_every: epochs between checkpoints; one more is written at the end.
        runtime: device, precision, progress display.

    Raises:
        InputError: a count below 1, or a norm that is not positive.
    """

    def __init__(
        self,
        max_epochs: int,
        batch_size: int,
        optimizer: OptimizerFactory,
        early_stopping: Callable[..., EarlyStopping],
        max_grad_norm: float | None,
        eval_every: int,
        checkpoint_every: int,
        runtime: Runtime,
    ) -> None:
        counts = {
            "max_epochs": max_epochs,
            "batch_size": batch_size,
            "eval_every": eval_every,
            "checkpoint_every": checkpoint_every,
        }
        for name, value in counts.items():
            if value < 1:
                raise InputError(f"train.{name}: found {value}, expected at least 1")
        if max_grad_norm is not None and not max_grad_norm > 0:
            raise InputError(f"train.max_grad_norm: found {max_grad_norm}, expected above 0, or null for off")
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.early_stopping = early_stopping
        self.max_grad_norm = max_grad_norm
        self.eval_every = eval_every
        self.checkpoint_every = checkpoint_every
        self.runtime = runtime

    def fit(
        self,
        model: Trainable,
        rows: Rows,
        *,
        validate: Validate,
        selection_metric: str,
        run: TrainingRun,
        logger: MetricLogger,
        seed: int,
        higher_is_better: bool = True,
        on_validation: OnValidation = never_stop,
    ) -> TrainingResult:
        """Train ``model`` in place, or go on where an earlier call with the same ``run`` was stopped.

        Args:
            model: a model without trainable parameters is done after its closed form, validated once.
            rows: what is learned from; validation data is seen by ``validate`` only.
            validate: model → metrics; called on the main process, in evaluation mode, without gradients.
            selection_metric: which of them decides.
            run: where rows and checkpoints go; the main process alone writes.
            logger: mirrors the rows.
            seed: order, negatives, dropout.
            higher_is_better: direction of the selection metric.
            on_validation: told epoch and selection metric after each validation in a training loop. Where it
                says so after an epoch before the last, training ends there, with a checkpoint to go on from.
                Must answer the same on every process.

        Raises:
            InputError: no training pairs; training diverged; the run folder cannot be written or holds a
                checkpoint of another model or run.
        """
        if len(rows) == 0:
            raise InputError("found no training interactions, expected at least one")
        started = time.perf_counter()
        accelerator = self.runtime.accelerator()
        doing("solving for the start")
        model.fit()
        doing("training")
        model.to(accelerator.device)
        validation = Validation(validate, selection_metric, accelerator)
        stopping = self.early_stopping(higher_is_better=higher_is_better)
        recorder = Recorder(run, logger, accelerator.is_main_process)
        if not any(parameter.requires_grad for parameter in model.parameters()):
            return _validate_once(model, validation, stopping, recorder, started)
        batches = self._batches(model, rows, seed, accelerator)
        steps = self.max_epochs * len(batches)
        session = Session(
            model,
            TrainStep(model, self.optimizer, self.max_grad_norm, accelerator, steps),
            batches,
            validation,
            stopping,
            recorder,
            Checkpoint(run.checkpoint_dir),
            self._settings(rows, seed),
        )
        session.restore()
        given_up = self._loop(session, started, on_validation)
        session.load_best()
        seconds = session.seconds + time.perf_counter() - started
        return _result(stopping, recorder, session.epoch, seconds, given_up)

    def _loop(self, session: Session, started: float, on_validation: OnValidation) -> bool:
        """Epochs until the last one or until patience runs out; true where ``on_validation`` ended it."""
        given_up = False
        metric = session.validation.selection_metric
        with Progress(
            self.runtime.progress,
            self.max_epochs,
            len(session.batches),
            session.epoch,
            session.recorder.is_main,
        ) as progress:
            if session.epoch == 0 and session.model.has_start:
                row = {"epoch": 0, **session.validate()}
                session.recorder.add(row)
                on_validation(0, row[metric])
            while not given_up and not self._is_over(session):
                with session.step.threads():
                    row = session.train_epoch(progress.step)
                if self._is_due(session, self.eval_every):
                    row |= session.validate()
                session.recorder.add(row)
                if metric in row:
                    given_up = on_validation(session.epoch, row[metric]) and not self._is_over(session)
                shown = ("train/loss", metric)
                progress.epoch_done(session.epoch, {name: row[name] for name in shown if name in row})
                if given_up or self._is_due(session, self.checkpoint_every):
                    session.save(session.seconds + time.perf_counter() - started)
        return given_up

    def _is_over(self, session: Session) -> bool:
        """Whether no epoch is to follow."""
        return session.epoch == self.max_epochs or session.stopping.should_stop

    def _is_due(self, session: Session, every: int) -> bool:
        """Whether something done every ``every`` epochs, and at the end, is to be done now."""
        return self._is_over(session) or session.epoch % every == 0

    def _batches(self, model: Trainable, rows: Rows, seed: int, accelerator: Accelerator) -> PairBatches:
        sampler = None
        if isinstance(model, Recommender) and model.num_negatives > 0:
            sampler = NegativeSampler(rows.positives, model.num_items, model.num_negatives)
        return PairBatches(
            rows,
            sampler,
            self.batch_size,
            seed,
            accelerator.process_index,
            accelerator.num_processes,
            accelerator.device,
        )

    def _settings(self, rows: Rows, seed: int) -> Fingerprint:
        """What a checkpoint must have in common with this training."""
        digest = hashlib.sha256(np.ascontiguousarray(rows.pairs).tobytes())
        if rows.labels is not None:
            digest.update(np.ascontiguousarray(rows.labels).tobytes())
        return {
            "seed": str(seed),
            "train.batch_size": str(self.batch_size),
            "training pairs": digest.hexdigest()[:12],
        }


def _validate_once(
    model: Trainable,
    validation: Validation,
    stopping: EarlyStopping,
    recorder: Recorder,
    started: float,
) -> TrainingResult:
    """The whole training of a model that has a closed form only."""
    recorder.restart([])
    metrics, value = validation(model)
    stopping.update(value, epoch=0)
    recorder.add({"epoch": 0, **metrics})
    return _result(stopping, recorder, 0, time.perf_counter() - started)


def _result(
    stopping: EarlyStopping, recorder: Recorder, epochs: int, seconds: float, given_up: bool = False
) -> TrainingResult:
    if stopping.best is None:
        raise RuntimeError("training ended without a validation")
    if recorder.is_main:
        log.info(
            "trained %d epochs in %.1f s; best validation %.4f at epoch %d",
            epochs,
            seconds,
            stopping.best,
            stopping.best_epoch,
        )
    return TrainingResult(stopping.best, stopping.best_epoch, epochs, seconds, recorder.history, given_up)
