"""All randomness from one seed.

Every consumer draws from a stream of its own, named by its purpose, so that adding a draw in one
place does not change the numbers of another, and an arm of a study sees the same split as its sibling.
"""

import hashlib
import random

import numpy as np
import torch


def stream_seed(seed: int, *purpose: str | int) -> int:
    """Derive the 63-bit seed of the stream named by ``purpose``.

    Args:
        seed: the run's one seed.
        purpose: what the stream is for, e.g. ``("split", "cold_item")``.
    """
    text = "/".join(str(part) for part in (seed, *purpose))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def numpy_generator(seed: int, *purpose: str | int) -> np.random.Generator:
    """A NumPy generator for one purpose."""
    return np.random.default_rng(stream_seed(seed, *purpose))


def torch_generator(seed: int, *purpose: str | int) -> torch.Generator:
    """A CPU torch generator for one purpose."""
    return torch.Generator().manual_seed(stream_seed(seed, *purpose))


def seed_everything(seed: int) -> None:
    """Seed the global generators: parameter initialisation and dropout draw from them."""
    random.seed(stream_seed(seed, "python"))
    np.random.seed(stream_seed(seed, "numpy") % 2**32)
    torch.manual_seed(stream_seed(seed, "torch"))


def tie_break_order(raw_ids: list[str], seed: int = 0) -> np.ndarray:
    """Rank of each raw id under a seeded hash: the order in which ties are broken.

    Independent of file order, because ids often grow with age and fame (design §8).

    Returns:
        ``[I]`` int64, a permutation of ``0 … I-1``.
    """
    keys = [hashlib.sha256(f"{seed}/{raw_id}".encode()).digest() for raw_id in raw_ids]
    order = sorted(range(len(keys)), key=keys.__getitem__)
    rank = np.empty(len(keys), dtype=np.int64)
    rank[order] = np.arange(len(keys))
    return rank
