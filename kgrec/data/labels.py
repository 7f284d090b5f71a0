"""Labelled pairs: observed ones, and unobserved ones drawn once to stand beside them."""

from dataclasses import dataclass

import numpy as np

from kgrec.shapes import BoolArray, FloatArray, Pairs


@dataclass(frozen=True)
class Negatives:
    """Unobserved pairs ``[n, 2]`` that are part of the data: labelled 0, and never in a graph."""

    train: Pairs
    valid: Pairs
    test: Pairs

    def of_users(self, kept: BoolArray) -> "Negatives":
        """The pairs of the users that ``kept [U]`` marks."""
        return Negatives(*(part[kept[part[:, 0]]] for part in (self.train, self.valid, self.test)))


@dataclass(frozen=True)
class Rows:
    """Pairs of user and item, and what is known of them.

    Attributes:
        pairs: ``[n, 2]`` user id, item id.
        labels: ``[n]`` 1 = observed, 0 = drawn as unobserved; ``None`` where all are observed.
    """

    pairs: Pairs
    labels: FloatArray | None = None

    @classmethod
    def of(cls, positives: Pairs, negatives: Pairs) -> "Rows":
        """The positives, then the negatives, with their labels."""
        labels = np.concatenate([np.ones(len(positives)), np.zeros(len(negatives))])
        return cls(np.concatenate([positives, negatives]), labels)

    def __len__(self) -> int:
        return len(self.pairs)

    @property
    def known_labels(self) -> FloatArray:
        """The labels; 1 for all where all pairs are observed."""
        return np.ones(len(self.pairs)) if self.labels is None else self.labels

    @property
    def positives(self) -> Pairs:
        """The observed pairs."""
        return self.pairs if self.labels is None else self.pairs[self.labels > 0]
