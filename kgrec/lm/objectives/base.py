"""What a student is taught: one objective per file, each with its config in ``conf/lm_distill``."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kgrec.errors import InputError


@dataclass(frozen=True)
class Sizes:
    """Of the two models.

    Attributes:
        student_dim, teacher_dim: widths of their vectors.
        student_layers, teacher_layers: how many layers a text passes.
    """

    student_dim: int
    teacher_dim: int
    student_layers: int
    teacher_layers: int


@dataclass(frozen=True)
class Lesson:
    """A batch of texts as both models see them, and the graph.

    Attributes:
        student: pooled states ``[B, d]`` after 0, 1, … layers, not scaled.
        teacher: pooled states ``[B, D]`` after 0, 1, … layers, each row of length 1; no gradient.
        facts: cosine ``[B, B]`` of the items' fact vectors, rows and columns of 0 without facts; ``None``
            where no objective reads it.
    """

    student: list[Tensor]
    teacher: list[Tensor]
    facts: Tensor | None


class Objective(nn.Module, ABC):
    """A loss of a :class:`Lesson`, with the maps it may train beside the student; these are not kept.

    Args:
        weight: factor of the loss where several are added.

    Raises:
        InputError: the weight is not above 0.
    """

    needs_facts = False
    """Whether it reads the graph."""

    def __init__(self, weight: float) -> None:
        super().__init__()
        if weight <= 0:
            raise InputError(f"objectives: found weight {weight}, expected more than 0")
        self.weight = weight

    @abstractmethod
    def forward(self, lesson: Lesson) -> Tensor:
        """The loss ``[]``, without the weight."""


def linear_map(student_dim: int, teacher_dim: int) -> nn.Module:
    """From the student's width to the teacher's: nothing where they are equal."""
    return nn.Identity() if student_dim == teacher_dim else nn.Linear(student_dim, teacher_dim, bias=False)


def cosine_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean of 1 - cosine over rows, half the squared distance of the rows scaled to length 1."""
    return 1.0 - F.cosine_similarity(student, teacher).mean()


def other_similarities(rows: Tensor) -> Tensor:
    """Cosine of each row with every other, ``[B, B - 1]``."""
    unit = F.normalize(rows, dim=-1)
    return without_diagonal(unit @ unit.T)


def without_diagonal(square: Tensor) -> Tensor:
    """``[B, B]`` → ``[B, B - 1]``: what an item has with itself says nothing."""
    keep = ~torch.eye(len(square), dtype=torch.bool, device=square.device)
    return square[keep].view(len(square), -1)


def list_divergence(student: Tensor, target: Tensor, temperature: float) -> Tensor:
    """Mean KL divergence of softmaxed rows, target ‖ student; both ``[B, n]`` similarities."""
    return F.kl_div(
        (student / temperature).log_softmax(dim=-1),
        (target / temperature).log_softmax(dim=-1),
        reduction="batchmean",
        log_target=True,
    )


def check_temperature(value: float) -> float:
    """The temperature itself.

    Raises:
        InputError: it is not above 0.
    """
    if value <= 0:
        raise InputError(f"objectives: found temperature {value}, expected more than 0")
    return value
