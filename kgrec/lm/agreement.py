"""How much smaller and faster a model has become, and how near its vectors are to those of its parent."""

import time
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from kgrec.progress import doing
from kgrec.text.encoder import TextEncoder
from kgrec.text.transformer import TransformerEncoder

SAMPLE = 512
"""Most texts compared; they are taken evenly from all."""
NEIGHBOURS = 10


def encoder_of(
    folder: Path, max_length: int, pooling: str, dtype: str = "float32", device: str = "cpu"
) -> TransformerEncoder:
    """The encoder of a whole model, its vectors scaled to length 1; on the CPU where rates are compared."""
    return TransformerEncoder(str(folder), None, pooling, max_length, 64, dtype, True, device)


def agreement(before: TextEncoder, after: TextEncoder, texts: Sequence[str]) -> dict[str, float]:
    """Compare two encoders of the same texts.

    Args:
        before: the parent.
        after: the model made from it; where its vectors have another width they have no cosine with the
            parent's, and none is given.
        texts: non-empty.

    Returns:
        For each ``params``, ``bytes`` and ``items_per_s``, of after and (``…_before``) of before, on this
        machine one after the other; ``cosine_mean`` and ``cosine_lowest`` over ``texts`` texts.
    """
    doing("comparing the models")
    sample = list(dict.fromkeys(texts))
    sample = sample[:: max(1, -(-len(sample) // SAMPLE))]
    old, old_rate = _timed(before, sample)
    new, new_rate = _timed(after, sample)
    costs = {"": after.cost(), "_before": before.cost()}
    figures = {f"params{name}": cost["lm_params"] for name, cost in costs.items()}
    figures |= {f"bytes{name}": cost["lm_bytes"] for name, cost in costs.items()}
    figures |= {"items_per_s": new_rate, "items_per_s_before": old_rate, "texts": len(sample)}
    if sample and old.shape == new.shape:
        cosine = F.cosine_similarity(old, new)
        figures |= {"cosine_mean": float(cosine.mean()), "cosine_lowest": float(cosine.min())}
    return figures


def likeness(rows: Tensor, others: Tensor) -> dict[str, float]:
    """How alike two models see the same texts, whatever the widths of their vectors.

    Args:
        rows: ``[N, d]``, one for each text.
        others: ``[N, D]``, those of the other model.

    Returns:
        ``similarity_correlation``, Pearson's, of the cosines of all pairs of texts, 0 where one of the
        models finds all pairs alike; ``neighbours@10``, the share of a text's ten nearest texts that are
        the same (of fewer where there are fewer).
    """
    cosines = []
    for one in (rows, others):
        unit = F.normalize(one, dim=-1)
        cosines.append(unit @ unit.T)
    above = torch.triu_indices(len(rows), len(rows), offset=1)
    pairs = torch.stack([cosine[above[0], above[1]] for cosine in cosines])
    k = min(NEIGHBOURS, len(rows) - 1)
    nearest = [cosine.fill_diagonal_(-torch.inf).topk(k).indices for cosine in cosines]
    shared = (nearest[0].unsqueeze(2) == nearest[1].unsqueeze(1)).any(dim=2).float().mean()
    correlation = torch.corrcoef(pairs)[0, 1].nan_to_num(0.0)
    return {"similarity_correlation": float(correlation), "neighbours@10": float(shared)}


def _timed(encoder: TextEncoder, texts: list[str]) -> tuple[Tensor, float]:
    """The vectors, and how many a second; the model is loaded and has read a few texts before."""
    encoder.encode(texts[:8])
    start = time.perf_counter()
    rows = encoder.encode(texts)
    return rows, len(texts) / (time.perf_counter() - start)


def shown(figures: dict[str, float]) -> str:
    """The figures of :func:`agreement` in three lines."""
    ratio = figures["bytes"] / figures["bytes_before"]
    lines = [
        f"parameters  {figures['params_before']:,.0f} → {figures['params']:,.0f}, "
        f"bytes {figures['bytes_before']:,.0f} → {figures['bytes']:,.0f} ({ratio:.1%})",
        f"items/s     {figures['items_per_s_before']:,.0f} → {figures['items_per_s']:,.0f}",
    ]
    if "cosine_mean" in figures:
        lines.append(
            f"cosine to the parent, of {figures['texts']:.0f} item texts: mean {figures['cosine_mean']:.4f}, "
            f"lowest {figures['cosine_lowest']:.4f}"
        )
    return "\n".join(lines)
