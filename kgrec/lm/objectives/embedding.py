"""The teacher's vector of each text."""

from torch import Tensor

from kgrec.lm.objectives.base import Lesson, Objective, Sizes, cosine_distance, linear_map


class Embedding(Objective):
    """1 - cos(M s, t): the student's vector s lies where the teacher's t lies.

    Reimers & Gurevych 2020, https://arxiv.org/abs/2004.09813 section 2, with the squared distance of
    vectors scaled to length 1 in the place of that of the vectors, because length is thrown away later. M is
    a trained linear map where the widths differ (Jiao et al. 2020, https://arxiv.org/abs/1909.10351 equation
    8), else nothing.

    Args:
        weight: see :class:`Objective`.
        sizes: of both models.
    """

    def __init__(self, weight: float, sizes: Sizes) -> None:
        super().__init__(weight)
        self.map = linear_map(sizes.student_dim, sizes.teacher_dim)

    def forward(self, lesson: Lesson) -> Tensor:
        """The loss ``[]``."""
        return cosine_distance(self.map(lesson.student[-1]), lesson.teacher[-1])
