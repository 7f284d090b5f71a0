"""One training in flight: what moves from epoch to epoch, and can be stored and restored."""

import logging
from collections.abc import Callable

from kgrec.errors import InputError
from kgrec.models.base import Trainable
from kgrec.seed import seed_everything, stream_seed
from kgrec.training.batches import PairBatches
from kgrec.training.checkpoint import Checkpoint, Fingerprint, Snapshot, Weights, copy_weights
from kgrec.training.early_stopping import EarlyStopping
from kgrec.training.recorder import Recorder, Row
from kgrec.training.step import TrainStep
from kgrec.training.validation import Validation

log = logging.getLogger(__name__)


class Session:
    """Model, optimiser, stopping rule and history between two epochs.

    Args:
        model: being trained.
        step: one optimiser step on it.
        batches: of an epoch.
        validation: its metrics.
        stopping: the stopping rule, fresh.
        recorder: where rows go.
        checkpoint: where the session is stored.
        settings: what a stored session must have in common with this one.

    Attributes:
        epoch: epochs done.
        seconds: spent in earlier jobs of this session.
    """

    def __init__(
        self,
        model: Trainable,
        step: TrainStep,
        batches: PairBatches,
        validation: Validation,
        stopping: EarlyStopping,
        recorder: Recorder,
        checkpoint: Checkpoint,
        settings: Fingerprint,
    ) -> None:
        self.model = model
        self.step = step
        self.batches = batches
        self.validation = validation
        self.stopping = stopping
        self.recorder = recorder
        self.checkpoint = checkpoint
        self.settings = settings
        self.epoch = 0
        self.seconds = 0.0
        self._best: Weights = {}

    def restore(self) -> None:
        """Go on from the checkpoint, or begin where there is none.

        Raises:
            InputError: the checkpoint is of another model or run, or damaged.
        """
        with self.step.accelerator.main_process_first():
            snapshot = self.checkpoint.load(self.model, self.settings)
        if snapshot is None:
            self.recorder.restart([])
            return
        self.model.load_state_dict(snapshot.last)
        self.step.load_state_dict(snapshot.optimizer)
        self.stopping.load_state_dict(snapshot.progress["early_stopping"])
        self.recorder.restart(snapshot.progress["history"])
        self.epoch = snapshot.progress["epoch"]
        self.seconds = snapshot.progress["seconds"]
        self._best = snapshot.best
        if self.recorder.is_main:
            log.info("going on after epoch %d, found in %s", self.epoch, self.checkpoint.folder)

    def save(self, seconds: float) -> None:
        """Store the session; ``seconds`` = spent on it so far."""
        if not self.recorder.is_main:
            return
        progress = {
            "epoch": self.epoch,
            "seconds": seconds,
            "early_stopping": self.stopping.state_dict(),
            "history": self.recorder.history,
        }
        last = copy_weights(self.model)
        snapshot = Snapshot(self._best or last, last, self.step.state_dict(), progress, self.settings)
        self.checkpoint.save(self.model, snapshot)

    def train_epoch(self, after_step: Callable[[], None]) -> Row:
        """Train one epoch and return its row.

        Raises:
            InputError: loss or gradient is not finite.
        """
        self.epoch += 1
        # Dropout and the like draw from a stream of the epoch: nothing to store or restore. It is the same on
        # every process, so that noise on what they share (nodes, edges, items) is that of one process.
        seed_everything(stream_seed(self.batches.seed, "training", self.epoch))
        self.model.train()
        total = 0.0
        for index, batch in enumerate(self.batches.epoch(self.epoch)):
            try:
                total += self.step(batch) * self.batches.size(index)
            except FloatingPointError as error:
                raise InputError(
                    f"epoch {self.epoch}, step {index + 1}: training diverged ({error}); lower "
                    "train.optimizer.lr, or set train.max_grad_norm"
                ) from error
            after_step()
        loss = self.step.mean_over_processes(total) / len(self.batches.rows)
        return {"epoch": self.epoch, "train/loss": loss}

    def validate(self) -> Row:
        """Validation metrics now; weights that are the best so far are kept."""
        metrics, value = self.validation(self.model)
        if self.stopping.update(value, self.epoch):
            self._best = copy_weights(self.model)
        return metrics

    def load_best(self) -> None:
        """Give the model the best weights and leave it in evaluation mode."""
        self.model.load_state_dict(self._best)
        self.model.eval()
