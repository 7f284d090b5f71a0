"""A random share of labelled rows: the observed pairs and as many unobserved ones, drawn once."""

from typing import ClassVar

import numpy as np

from kgrec.data.labels import Negatives
from kgrec.data.splits.base import Interactions, SplitResult, check_fractions
from kgrec.errors import InputError
from kgrec.seed import numpy_generator
from kgrec.shapes import Pairs


class LabelledSplit:
    """The protocol of click-through prediction: negatives are drawn first, then all rows are split alike.

    Each user gets ``negatives_per_positive`` distinct items for each of their positives, uniform among the
    items that they have no interaction with in any part. Of all rows together, ``floor(n · test)`` drawn at
    random go to test and ``floor(n · valid)`` to validation (KGCN and KGNN-LS, ``src/data_loader.py`` of
    their repositories, with 6:2:2).

    A trait of the protocol: a user's labels are balanced over the three parts together, so the more of the
    training rows of a user are positive, the fewer of the others are.

    Args:
        valid: share of all rows for validation, [0, 1).
        test: the same for test.
        negatives_per_positive: ≥ 1.

    Raises:
        InputError: a setting out of range.
    """

    name: ClassVar[str] = "labelled"

    def __init__(self, valid: float, test: float, negatives_per_positive: int) -> None:
        check_fractions(self.name, valid, test)
        if negatives_per_positive < 1:
            raise InputError(
                f"data.split.negatives_per_positive: found {negatives_per_positive}, expected at least 1"
            )
        self.valid = valid
        self.test = test
        self.negatives_per_positive = negatives_per_positive

    def __call__(self, interactions: Interactions, num_users: int, num_items: int, seed: int) -> SplitResult:
        """Draw from the streams ``split/labelled/negatives`` and ``split/labelled/rows`` of ``seed``.

        Raises:
            InputError: a user has too few unobserved items.
        """
        positives = interactions.pairs
        negatives = self._draw(positives, num_users, num_items, seed)
        num_rows = len(positives) + len(negatives)
        order = numpy_generator(seed, "split", self.name, "rows").permutation(num_rows)
        num_test, num_valid = (int(num_rows * share + 1e-9) for share in (self.test, self.valid))
        part = np.zeros(num_rows, dtype=np.int64)
        part[order[:num_test]] = 2
        part[order[num_test : num_test + num_valid]] = 1
        own, drawn = part[: len(positives)], part[len(positives) :]
        split = SplitResult.from_masks(interactions, own == 1, own == 2, num_items)
        return split.with_negatives(Negatives(*(negatives[drawn == index] for index in range(3))))

    def _draw(self, positives: Pairs, num_users: int, num_items: int, seed: int) -> Pairs:
        """``[n · negatives_per_positive, 2]``, user by user."""
        rng = numpy_generator(seed, "split", self.name, "negatives")
        by_user = positives[np.argsort(positives[:, 0], kind="stable")]
        counts = np.bincount(positives[:, 0], minlength=num_users)
        drawn = []
        for user, seen in enumerate(np.split(by_user[:, 1], np.cumsum(counts)[:-1])):
            unseen = np.setdiff1d(np.arange(num_items), seen)
            wanted = len(seen) * self.negatives_per_positive
            if wanted > len(unseen):
                raise InputError(
                    f"data.split (labelled): a user with {len(seen)} of {num_items} items needs {wanted} "
                    f"negatives, and has {len(unseen)} unobserved items; lower negatives_per_positive"
                )
            items = rng.choice(unseen, wanted, replace=False)
            drawn.append(np.stack([np.full(wanted, user, dtype=np.int64), items], axis=1))
        return np.concatenate(drawn)
