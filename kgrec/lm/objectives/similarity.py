"""How like each other the teacher finds two texts."""

from torch import Tensor
from torch.nn import functional as F

from kgrec.lm.objectives.base import Lesson, Objective, Sizes, other_similarities


class Similarity(Objective):
    """Mean squared difference of the cosines of all pairs of a batch.

    Similarity-preserving distillation, Tung & Mori 2019, https://arxiv.org/abs/1907.09682 equation 4, with
    rows scaled to length 1 before the products rather than after, and without the pairs of a text with
    itself. Widths may differ: nothing is mapped.

    Args:
        weight: see :class:`Objective`.
        sizes: of both models; not used.
    """

    def __init__(self, weight: float, sizes: Sizes) -> None:
        super().__init__(weight)

    def forward(self, lesson: Lesson) -> Tensor:
        """The loss ``[]``."""
        return F.mse_loss(other_similarities(lesson.student[-1]), other_similarities(lesson.teacher[-1]))
