"""Which texts the teacher finds nearest to each text."""

from torch import Tensor

from kgrec.lm.objectives.base import (
    Lesson,
    Objective,
    Sizes,
    check_temperature,
    list_divergence,
    other_similarities,
)


class Ranking(Objective):
    """KL divergence of softmax(cos / τ) over the other texts of a batch, teacher ‖ student.

    CompRess, Koohpayegani et al. 2020, https://arxiv.org/abs/2010.14713 section 3, with the batch as its
    anchor points. A small τ makes the top of the list count most. Widths may differ.

    Args:
        weight: see :class:`Objective`.
        temperature: τ.
        sizes: of both models; not used.
    """

    def __init__(self, weight: float, temperature: float, sizes: Sizes) -> None:
        super().__init__(weight)
        self.temperature = check_temperature(temperature)

    def forward(self, lesson: Lesson) -> Tensor:
        """The loss ``[]``."""
        student, teacher = other_similarities(lesson.student[-1]), other_similarities(lesson.teacher[-1])
        return list_divergence(student, teacher, self.temperature)
