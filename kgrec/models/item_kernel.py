"""Inner products of items in a weighted sum of feature blocks."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product

import numpy as np
import scipy.sparse as sp

from kgrec.models.base import ModelInputs
from kgrec.models.features import fact_counts, fact_matrix, unit_text
from kgrec.models.selection import check_values
from kgrec.shapes import FloatArray


@dataclass(frozen=True)
class KernelWeights:
    """Weight (≥ 0) of each block; 0 = left out."""

    text: float
    facts: float
    fact_count: float
    bias: float
    attributes: float

    def as_dict(self) -> dict[str, float]:
        """Name → weight; without that of attributes where it is 0, as most data has none."""
        named = asdict(self)
        return named if self.attributes else {name: named[name] for name in named if name != "attributes"}


@dataclass(frozen=True)
class ItemBlocks:
    """Feature blocks of all items.

    Attributes:
        text: ``[I, Dt]`` centred text features with rows of unit length, zero where there is no text.
        facts: ``[I, F]`` tf-idf weighted facts with rows of unit length, zero where there are none.
        fact_count: ``[I]`` standardised log(1 + number of facts): well-known items have many.
        attributes: ``[I, C]`` numeric attributes, see :class:`kgrec.kg.attributes.ItemAttributes`.
    """

    text: FloatArray
    facts: sp.csr_array
    fact_count: FloatArray
    attributes: FloatArray

    @classmethod
    def of(cls, inputs: ModelInputs, balanced_facts: bool) -> "ItemBlocks":
        """Blocks of the items of ``inputs``; see ``fact_matrix`` for the facts.

        Raises:
            ValueError: text or graph is missing.
        """
        if inputs.graph is None or inputs.text is None:
            raise ValueError("ItemBlocks needs a graph and text features, got None")
        text, graph = inputs.text, inputs.graph
        log_count = np.log1p(fact_counts(graph))
        spread = log_count.std()
        standardised = (log_count - log_count.mean()) / (spread if spread > 0 else 1.0)
        attributes = np.zeros((len(log_count), 0))
        if inputs.attributes is not None:
            attributes = inputs.attributes.columns.double().numpy()
        facts = fact_matrix(graph, balanced_facts)
        return cls(unit_text(text, center=True), facts, standardised, attributes)


class ItemKernel:
    r"""K = w_text · T Tᵀ + w_facts · F Fᵀ + w_count · c cᵀ + w_attributes · A Aᵀ + w_bias · 1 1ᵀ, ``[I, I]``.

    Each weight list holds the values to choose from; all combinations are tried. T, F, c and A are the
    blocks of :class:`ItemBlocks`.

    Args:
        text: weights of text features.
        facts: weights of the bag of facts.
        fact_count: weights of the number of facts.
        bias: weight of the constant feature, the intercept.
        attributes: weights of the numeric attributes.

    Raises:
        InputError: a weight below 0, or an empty list.
    """

    def __init__(
        self,
        text: Sequence[float],
        facts: Sequence[float],
        fact_count: Sequence[float],
        bias: float,
        attributes: Sequence[float] = (0.0,),  # runs older than this setting have none
    ) -> None:
        named = {
            "text": text,
            "facts": facts,
            "fact_count": fact_count,
            "bias": [bias],
            "attributes": attributes,
        }
        for name, weights in named.items():
            check_values(f"kernel.{name}", weights, lowest=0, or_equal=True)
        self.choices = [KernelWeights(*values) for values in product(*named.values())]

    def choices_for(self, blocks: ItemBlocks) -> list[KernelWeights]:
        """The choices that differ: the weight of an empty block says nothing, and its first one stands.

        Without attributes theirs is 0.
        """
        first = self.choices[0]
        empty = {
            name: getattr(first, name)
            for name, has_any in (("text", blocks.text.any()), ("facts", blocks.facts.nnz > 0))
            if not has_any
        }
        if not blocks.attributes.any():
            empty["attributes"] = 0.0
        return list(dict.fromkeys(replace(choice, **empty) for choice in self.choices))

    @staticmethod
    def matrix(blocks: ItemBlocks, weights: KernelWeights) -> FloatArray:
        """K for one choice of weights."""
        num_items = len(blocks.fact_count)
        kernel = np.full((num_items, num_items), float(weights.bias))
        if weights.text:
            kernel += weights.text * (blocks.text @ blocks.text.T)
        if weights.facts:
            kernel += weights.facts * (blocks.facts @ blocks.facts.T).toarray()
        if weights.fact_count:
            kernel += weights.fact_count * np.outer(blocks.fact_count, blocks.fact_count)
        if weights.attributes:
            kernel += weights.attributes * (blocks.attributes @ blocks.attributes.T)
        return kernel
