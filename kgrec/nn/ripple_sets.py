"""Ripple sets: the facts that lie one, two, … steps from what a user has consumed."""

import numpy as np
import torch
from torch import Tensor

from kgrec.errors import InputError
from kgrec.nn.facts import Facts
from kgrec.seed import numpy_generator
from kgrec.shapes import IntArray, Pairs


class RippleSampler:
    r"""Draws M facts per user and hop (RippleNet, §3.3, definitions 1 and 2).

    .. math:: S^h_u = \{(h, r, t) : h \in E^{h-1}_u\}, \quad E^h_u = \{t : (h, r, t) \in S^h_u\}

    with :math:`E^0_u` the user's items. M facts of each set are kept, and the next hop begins at their
    tails: without replacement where there are enough, else with. A hop that reaches nothing repeats the
    one before.

    Args:
        hops: H ≥ 1.
        size: M ≥ 1.
        inverses: whether facts are also walked from tail to head, under relations of their own.
        seed: of the draw.

    Raises:
        InputError: a setting outside its range.
    """

    def __init__(self, *, hops: int, size: int, inverses: bool, seed: int) -> None:
        for name, number in (("hops", hops), ("size", size)):
            if number < 1:
                raise InputError(f"model.ripple_sets.{name}: found {number}, expected a whole number >= 1")
        self.hops = hops
        self.size = size
        self.inverses = inverses
        self.seed = seed

    def facts(self, facts: Facts) -> Facts:
        """The facts that may be walked, from head to tail."""
        return facts.with_inverses() if self.inverses else facts

    def __call__(self, facts: Facts, interactions: Pairs, num_users: int) -> tuple[Tensor, Tensor]:
        """Sample the ripple sets.

        Args:
            facts: as :meth:`facts` returns them.
            interactions: ``[n, 2]`` training interactions; item i is row i of the facts.
            num_users: U.

        Returns:
            ``[U, H, M]`` fact ids, and ``[U]`` which users have any; 0 in the sets of those who have none.
        """
        rng = numpy_generator(self.seed, "ripple sets")
        begin_at = _FactsByHead(facts)
        tails = facts.tails.numpy()
        sets = np.zeros((num_users, self.hops, self.size), dtype=np.int64)
        has_facts = np.zeros(num_users, dtype=bool)
        history = interactions[np.argsort(interactions[:, 0], kind="stable")]
        users, first = np.unique(history[:, 0], return_index=True)
        for user, items in zip(users, np.split(history[:, 1], first[1:]), strict=True):
            heads = np.unique(items)
            for hop in range(self.hops):
                found = begin_at(heads)
                if len(found):
                    sets[user, hop] = rng.choice(found, self.size, replace=len(found) < self.size)
                elif hop == 0:
                    break
                else:
                    sets[user, hop] = sets[user, hop - 1]
                has_facts[user] = True
                heads = np.unique(tails[sets[user, hop]])
        return torch.from_numpy(sets), torch.from_numpy(has_facts)


class _FactsByHead:
    """Ids of the facts that begin at given rows."""

    def __init__(self, facts: Facts) -> None:
        heads = facts.heads.numpy()
        self._order = np.argsort(heads, kind="stable")
        self._counts = np.bincount(heads, minlength=facts.num_rows)
        self._first = np.cumsum(self._counts) - self._counts

    def __call__(self, rows: IntArray) -> IntArray:
        counts = self._counts[rows]
        shift = np.repeat(self._first[rows] - (np.cumsum(counts) - counts), counts)
        found: IntArray = self._order[shift + np.arange(counts.sum())]
        return found
