"""The teacher's states on the way to its vector."""

import torch
from torch import Tensor, nn

from kgrec.lm.objectives.base import Lesson, Objective, Sizes, cosine_distance, linear_map


class Hidden(Objective):
    """Mean over the student's layers i of 1 - cos(M_i s_i, t_g(i)), with g(i) = round(i · L_t / L_s).

    The layer-wise states of TinyBERT (Jiao et al. 2020, https://arxiv.org/abs/1909.10351 section 3.1,
    equations 8 and 9, embeddings included as layer 0), of pooled states in the place of each token's: the
    two models may then have different tokenizers, and the teacher runs once. M_i is a trained linear map
    where the widths differ.

    Args:
        weight: see :class:`Objective`.
        sizes: of both models.
    """

    def __init__(self, weight: float, sizes: Sizes) -> None:
        super().__init__(weight)
        layers = range(sizes.student_layers + 1)
        self.layer_of = [round(layer * sizes.teacher_layers / sizes.student_layers) for layer in layers]
        self.maps = nn.ModuleList(linear_map(sizes.student_dim, sizes.teacher_dim) for _ in layers)

    def forward(self, lesson: Lesson) -> Tensor:
        """The loss ``[]``."""
        losses = [
            cosine_distance(mapped(state), lesson.teacher[layer])
            for mapped, state, layer in zip(self.maps, lesson.student, self.layer_of, strict=True)
        ]
        return torch.stack(losses).mean()
