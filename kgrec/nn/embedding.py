"""Tables of learned embeddings."""

from torch import nn

from kgrec.errors import InputError


def embedding_table(size: int, embedding_dim: int, init_std: float) -> nn.Embedding:
    """``[size, embedding_dim]`` drawn from N(0, init_std²).

    Raises:
        InputError: ``embedding_dim`` < 1 or ``init_std`` ≤ 0.
    """
    if embedding_dim < 1:
        raise InputError(f"model.embedding_dim: found {embedding_dim}, expected a whole number >= 1")
    if not init_std > 0:
        raise InputError(f"model.init_std: found {init_std}, expected a number > 0")
    table = nn.Embedding(size, embedding_dim)
    nn.init.normal_(table.weight, std=init_std)
    return table
