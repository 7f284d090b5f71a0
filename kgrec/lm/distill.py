"""A small language model taught by a large one, and by the graph, on the texts of items."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import scipy.sparse as sp
import torch
from torch import Tensor, nn

from kgrec.errors import InputError
from kgrec.lm.agreement import encoder_of, likeness
from kgrec.lm.folder import LanguageModel, require_memory
from kgrec.lm.objectives.base import Lesson, Objective, Sizes
from kgrec.progress import doing
from kgrec.seed import torch_generator
from kgrec.text.backbone import token_ids
from kgrec.text.batches import padded
from kgrec.text.pooling import POOLINGS
from kgrec.training.checkpoint import Checkpoint, Snapshot, copy_weights
from kgrec.training.early_stopping import EarlyStopping
from kgrec.training.progress import Progress

log = logging.getLogger(__name__)

WARMUP = 0.1
"""Share of the steps in which the learning rate grows from 0; then it falls to 0 at the last step."""
LARGEST_GRADIENT = 1.0
CHECKPOINT_SECONDS = 30.0
"""Least time between two checkpoints: on a small corpus an epoch takes less than writing one."""


@dataclass(frozen=True)
class Schedule:
    """How a student is trained.

    Attributes:
        epochs: at most.
        batch_size: texts a step, also the list that a text is compared within.
        lr: highest learning rate of AdamW.
        weight_decay: of AdamW.
        patience: epochs without a lower loss on held-out texts after which it stops.
        held_out: share of the texts that are not trained on.
        seed: of what is held out, the order and the maps.
    """

    epochs: int = 30
    batch_size: int = 64
    lr: float = 3e-4
    weight_decay: float = 0.01
    patience: int = 4
    held_out: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value, low in (("epochs", self.epochs, 1), ("batch-size", self.batch_size, 2)):
            if value < low:
                raise InputError(f"--{name}: found {value}, expected at least {low}")
        if not self.lr > 0:
            raise InputError(f"--lr: found {self.lr}, expected more than 0")
        if not 0 < self.held_out < 1:
            raise InputError(f"--held-out: found {self.held_out}, expected more than 0 and less than 1")

    def rate(self, step: int, num_steps: int) -> float:
        """Learning rate of a step, counted from 1."""
        warm = max(1, int(WARMUP * num_steps))
        return self.lr * min(step / warm, (num_steps - step + 1) / max(1, num_steps - warm))


class Student(nn.Module):
    """The network that learns and the maps that its objectives train beside it.

    Args:
        network: in evaluation mode, and it stays so: without dropout the targets can be met.
        objectives: name → loss.
    """

    def __init__(self, network: Any, objectives: dict[str, Objective]) -> None:
        super().__init__()
        self.network = network
        self.objectives = nn.ModuleDict(objectives)

    def states(self, ids: Sequence[list[int]], pooling: str) -> list[Tensor]:
        """Pooled states ``[B, d]`` after 0, 1, … layers."""
        input_ids, mask = padded(ids, next(self.network.parameters()).device)
        output = self.network(input_ids=input_ids, attention_mask=mask, output_hidden_states=True)
        return [
            POOLINGS[pooling](state, mask) for state in (*output.hidden_states[:-1], output.last_hidden_state)
        ]

    def forward(self, lesson: Lesson) -> Tensor:
        """The weighted sum of the losses ``[]``."""
        return torch.stack([one.weight * one(lesson) for one in self.objectives.values()]).sum()


@dataclass
class Distillation:
    """One student, one teacher, one corpus.

    Attributes:
        teacher: runs once; its pooled states are the targets.
        student: its network is trained in place.
        texts: non-empty, each once; of warm items where the split holds items out.
        objectives: name → loss, sized for the two models.
        facts: ``[N, F]`` fact vectors of the texts' items, see :func:`kgrec.kg.fact_vectors.fact_vectors`.
        schedule: see :class:`Schedule`.
        pooling: see :data:`kgrec.text.pooling.POOLINGS`.
    """

    teacher: LanguageModel
    student: LanguageModel
    texts: list[str]
    objectives: dict[str, Objective]
    facts: sp.csr_array | None
    schedule: Schedule
    pooling: str
    _ids: list[list[int]] = field(init=False)
    _train: Tensor = field(init=False)
    _held: Tensor = field(init=False)

    def __post_init__(self) -> None:
        if len(self.texts) < 20:
            raise InputError(f"--data: found {len(self.texts)} texts, expected at least 20 to train on")
        self._ids = token_ids(self.student.tokenizer, self.texts, self.student.max_length)
        order = torch.randperm(
            len(self.texts), generator=torch_generator(self.schedule.seed, "lm", "held out")
        )
        num_held = max(2, round(self.schedule.held_out * len(self.texts)))
        self._held, self._train = order[:num_held], order[num_held:]

    @cached_property
    def targets(self) -> list[Tensor]:
        """The teacher's pooled states ``[N, D]`` after 0, 1, … layers, rows of length 1."""
        encoder = encoder_of(self.teacher.folder, self.teacher.max_length, self.pooling, device="auto")
        return list(encoder.layer_states(self.texts).values())

    def run(self, checkpoint: Checkpoint, settings: dict[str, str]) -> dict[str, float]:
        """Train, and leave the best weights in the student's network.

        A run that was stopped goes on from the checkpoint and gives what it would have given.

        Args:
            checkpoint: written after an epoch, where the last was :data:`CHECKPOINT_SECONDS` ago.
            settings: what the checkpoint belongs to.

        Returns:
            ``held_out_loss_before`` and ``held_out_loss``, ``epochs``, ``best_epoch``, ``texts_trained``,
            and :func:`kgrec.lm.agreement.likeness` to the teacher on the held-out texts, before and after.
        """
        student, steps = self._prepared()
        doing("asking the teacher")
        before = self._likeness(student)
        optimizer = torch.optim.AdamW(
            student.parameters(), lr=self.schedule.lr, weight_decay=self.schedule.weight_decay
        )
        stopping = EarlyStopping(self.schedule.patience, higher_is_better=False)
        first_loss = self._held_out_loss(student)
        stopping.update(first_loss, 0)
        epoch, best = 0, copy_weights(student)
        if snapshot := checkpoint.load(student, settings):
            student.load_state_dict(snapshot.last)
            optimizer.load_state_dict(snapshot.optimizer)
            stopping.load_state_dict(snapshot.progress["stopping"])
            epoch, best = snapshot.progress["epoch"], snapshot.best
            log.info("going on after epoch %d", epoch)
        stored = time.monotonic()
        doing("training the student")
        with Progress("auto", self.schedule.epochs, steps, epoch, is_main=True) as progress:
            while epoch < self.schedule.epochs and not stopping.should_stop:
                epoch += 1
                loss = self._epoch(student, optimizer, epoch, steps, progress)
                held = self._held_out_loss(student)
                if stopping.update(held, epoch):
                    best = copy_weights(student)
                progress.epoch_done(epoch, {"loss": loss, "held out": held})
                if time.monotonic() - stored >= CHECKPOINT_SECONDS:
                    state = {"epoch": epoch, "stopping": stopping.state_dict()}
                    last = copy_weights(student)
                    checkpoint.save(student, Snapshot(best, last, optimizer.state_dict(), state, settings))
                    stored = time.monotonic()
        student.load_state_dict(best)
        figures = {"held_out_loss_before": first_loss, "held_out_loss": self._held_out_loss(student)}
        figures |= {"epochs": epoch, "best_epoch": stopping.best_epoch, "texts_trained": len(self._train)}
        figures |= {f"{name}_before": value for name, value in before.items()}
        return figures | self._likeness(student)

    def _prepared(self) -> tuple[Student, int]:
        """The student on its device, and the steps of an epoch."""
        parameters = sum(parameter.numel() for parameter in self.student.network.parameters())
        # weights, gradients, two moments, and copies of the best and the last weights, in float32
        require_memory(6 * 4 * parameters, "training the student")
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        student = Student(self.student.network, self.objectives).to(device)
        return student, len(self._batches(self._train))

    def _batches(self, rows: Tensor) -> list[Tensor]:
        """Batches of two texts or more."""
        return [batch for batch in rows.split(self.schedule.batch_size) if len(batch) > 1]

    def _epoch(
        self, student: Student, optimizer: torch.optim.Optimizer, epoch: int, steps: int, progress: Progress
    ) -> float:
        draw = torch_generator(self.schedule.seed, "lm", "distill", epoch)
        order = self._train[torch.randperm(len(self._train), generator=draw)]
        total = 0.0
        for number, rows in enumerate(self._batches(order), start=1):
            rate = self.schedule.rate((epoch - 1) * steps + number, self.schedule.epochs * steps)
            for group in optimizer.param_groups:
                group["lr"] = rate
            loss = student(self._lesson(student, rows))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(student.parameters(), LARGEST_GRADIENT)
            optimizer.step()
            total += float(loss.detach())
            progress.step()
        return total / steps

    def _lesson(self, student: Student, rows: Tensor) -> Lesson:
        states = student.states([self._ids[row] for row in rows.tolist()], self.pooling)
        device = states[0].device
        facts = None
        if self.facts is not None:
            told = self.facts[rows.numpy()]
            facts = torch.from_numpy((told @ told.T).toarray()).float().to(device)
        return Lesson(states, [target[rows].to(device) for target in self.targets], facts)

    @torch.no_grad()
    def _held_out_loss(self, student: Student) -> float:
        batches = self._batches(self._held)
        losses = [float(student(self._lesson(student, rows))) for rows in batches]
        return sum(losses) / len(losses)

    @torch.no_grad()
    def _likeness(self, student: Student) -> dict[str, float]:
        rows = [
            student.states([self._ids[row] for row in batch.tolist()], self.pooling)[-1].cpu()
            for batch in self._held.split(self.schedule.batch_size)
        ]
        return likeness(torch.cat(rows), self.targets[-1][self._held])


def sizes_of(teacher: LanguageModel, student: LanguageModel) -> Sizes:
    """Widths and depths of two models."""
    of_teacher, of_student = teacher.network.config, student.network.config
    return Sizes(
        of_student.hidden_size,
        of_teacher.hidden_size,
        of_student.num_hidden_layers,
        of_teacher.num_hidden_layers,
    )
