"""Text features of several encoders together."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from kgrec.errors import InputError
from kgrec.text.encoder import Cost, TextEncoder


class EnsembleEncoder:
    r"""Several encoders side by side: the cosine of two texts is the mean of what the members find.

    .. math:: f(t) = \frac{1}{\sqrt{n}} \left[ \frac{f_1(t)}{\|f_1(t)\|}, …, \frac{f_n(t)}{\|f_n(t)\|} \right]

    so that :math:`f(t) \cdot f(t') = \frac{1}{n} \sum_k \cos(f_k(t), f_k(t'))`. Models tuned from other seeds
    err in other places, and a mean errs less (`Deep Ensembles <https://arxiv.org/abs/1612.01474>`_,
    Lakshminarayanan et al., NeurIPS 2017, §2.4). Members may be of any kind and width; a text costs all of
    them. Where they are of one architecture and began from the same weights, ``kgrec lm average`` makes one
    model of them, which costs no more than one.

    A member that finds nothing in a text gives zeros: the others' part of the mean is left.

    Args:
        members: encoders by name, one at least. The order of their parts is that of the names.

    Raises:
        InputError: no member.
    """

    def __init__(self, members: Mapping[str, TextEncoder]) -> None:
        if not members:
            raise InputError("lm.members: found none, expected one or more: +lm@lm.members.NAME=OPTION")
        self.members = dict(sorted(members.items()))

    @property
    def dim(self) -> int:
        """Sum of the members' widths."""
        return sum(member.dim for member in self.members.values())

    @property
    def cache_key(self) -> str:
        """The members' keys; their names say nothing but the order."""
        return "ensemble/[" + ", ".join(member.cache_key for member in self.members.values()) + "]"

    @property
    def vocabulary(self) -> str:
        """``corpus`` where that of a member is: all texts together then decide what counts as its size."""
        kinds = {getattr(member, "vocabulary", "full") for member in self.members.values()}
        return "corpus" if "corpus" in kinds else "full"

    def fitted_to(self, texts: Sequence[str]) -> "EnsembleEncoder":
        """With each member fitted to the texts."""
        return EnsembleEncoder({name: member.fitted_to(texts) for name, member in self.members.items()})

    def encode(self, texts: list[str]) -> Tensor:
        """``[N, dim]`` float32, of length 1 where every member finds something in the text."""
        parts = [F.normalize(member.encode(texts).float(), dim=1) for member in self.members.values()]
        return torch.cat(parts, dim=1) / len(parts) ** 0.5

    def cost(self) -> Cost:
        """That of all members together."""
        costs = [member.cost() for member in self.members.values()]
        return {
            name: sum(cost[name] for cost in costs)
            for name in ("lm_params", "lm_params_without_embeddings", "lm_bytes")
        }
