"""Features of the graph as tokens that a language model reads before its text."""

import torch
from torch import Tensor, nn


class SoftTokens(nn.Module):
    r"""Projects S feature vectors into the space of a model's word embeddings, each with a map of its own.

    .. math:: t_s = \frac{\eta}{\sqrt{D}} W_s g_s, \quad \eta = \text{mean norm of a word embedding}

    As the visual tokens of `Multimodal Few-Shot Learning with Frozen Language Models
    <https://arxiv.org/abs/2106.13884>`_ (Tsimpoukelli et al., NeurIPS 2021, §3), and the graph tokens of
    `GraphGPT <https://arxiv.org/abs/2310.13023>`_ (Tang et al., SIGIR 2024). W begins at zero, as the
    gate of `Flamingo <https://arxiv.org/abs/2204.14198>`_ (Alayrac et al., NeurIPS 2022, §2.2) does: at the
    beginning of training no score depends on the graph. The factor makes a map with entries of about 1
    speak as loudly as a word.

    Args:
        num_tokens: S.
        graph_dim: width of a feature vector, of entries of about 1.
        model_dim: D, width of a word embedding.
        norm: η > 0.
    """

    def __init__(self, num_tokens: int, graph_dim: int, model_dim: int, norm: float) -> None:
        super().__init__()
        self.scale = norm / model_dim**0.5
        self.weight = nn.Parameter(torch.zeros(num_tokens, graph_dim, model_dim))

    def forward(self, features: Tensor) -> Tensor:
        """``[B, S, graph_dim]`` → ``[B, S, D]``."""
        return self.scale * torch.einsum("bsg,sgd->bsd", features, self.weight)
