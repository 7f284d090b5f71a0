"""Products of relation matrices with entities, each taken once."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class RelationProducts(nn.Module):
    """``M_r x_e`` for facts that name a relation r and an entity e.

    Facts that share both share the product, and products of one relation are one matrix product: nothing of
    the size D × D is held for a fact.

    Args:
        relations: ``[T]`` relation of each fact.
        entities: ``[T]`` row of each fact's entity.
    """

    _relations: Tensor
    _entities: Tensor
    _of_fact: Tensor

    def __init__(self, relations: Tensor, entities: Tensor) -> None:
        super().__init__()
        pairs, of_fact = torch.stack([relations, entities]).unique(dim=1, return_inverse=True)
        self.register_buffer("_relations", pairs[0].contiguous(), persistent=False)  # ascending
        self.register_buffer("_entities", pairs[1].contiguous(), persistent=False)
        self.register_buffer("_of_fact", of_fact, persistent=False)

    def forward(self, matrices: Tensor, table: Tensor, facts: Tensor) -> tuple[Tensor, Tensor]:
        """The products that ``facts`` need, and where each finds its own.

        Args:
            matrices: ``[R, D, D]``.
            table: ``[N, D]`` of the entities.
            facts: fact ids, any shape.

        Returns:
            ``[p, D]`` products, and the row of each fact's product in the shape of ``facts``.
        """
        pairs = self._of_fact[facts]
        used = torch.zeros(len(self._entities), dtype=torch.bool, device=facts.device)
        used[pairs.flatten()] = True
        place = used.cumsum(0) - 1
        relations = self._relations[used]
        vectors = F.embedding(self._entities[used], table)
        counts = torch.bincount(relations, minlength=len(matrices)).tolist()
        # Unbound at once: a matrix taken by its index would send back a gradient as large as all of them.
        pieces = zip(matrices.unbind(), vectors.split(counts), strict=True)
        parts = [part @ matrix.T for matrix, part in pieces if len(part)]
        return torch.cat([*parts, vectors[:0]]), place[pairs]
