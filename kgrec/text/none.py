"""No text at all: the arm in which a model must live on structured features."""

from collections.abc import Sequence

import torch
from torch import Tensor

from kgrec.text.encoder import Cost


class NoText:
    """One zero per text, which says that nothing was found in it: every item counts as without text."""

    dim = 1
    cache_key = "none"

    def fitted_to(self, texts: Sequence[str]) -> "NoText":
        """Itself."""
        return self

    def encode(self, texts: list[str]) -> Tensor:
        """Zeros ``[N, 1]``."""
        return torch.zeros(len(texts), 1)

    def cost(self) -> Cost:
        """No language model."""
        return {"lm_params": 0, "lm_params_without_embeddings": 0, "lm_bytes": 0}
