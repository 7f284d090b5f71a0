"""The knowledge graph as a second teacher."""

from torch import Tensor

from kgrec.lm.objectives.base import (
    Lesson,
    Objective,
    Sizes,
    check_temperature,
    list_divergence,
    other_similarities,
    without_diagonal,
)


class Graph(Objective):
    """KL divergence of softmax(cos / τ) over the other items of a batch, fact vectors ‖ student.

    The list of :class:`kgrec.lm.objectives.ranking.Ranking` with another teacher: the cosine of two items'
    facts (:func:`kgrec.kg.fact_vectors.fact_vectors`). An item without a fact that another of the batch
    shares is left out: its list would be even, and teach that nothing is like anything. Our own.

    Args:
        weight: see :class:`Objective`.
        temperature: τ.
        sizes: of both models; not used.
    """

    needs_facts = True

    def __init__(self, weight: float, temperature: float, sizes: Sizes) -> None:
        super().__init__(weight)
        self.temperature = check_temperature(temperature)

    def forward(self, lesson: Lesson) -> Tensor:
        """The loss ``[]``; 0 where no item of the batch shares a fact."""
        if lesson.facts is None:
            raise ValueError("this objective needs facts")
        student, target = other_similarities(lesson.student[-1]), without_diagonal(lesson.facts)
        told = target.any(dim=1)
        if not told.any():
            return student.sum() * 0.0
        return list_divergence(student[told], target[told], self.temperature)
