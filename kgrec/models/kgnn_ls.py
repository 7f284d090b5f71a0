"""KGNN-LS: KGCN whose edge weights must also carry a user's labels from item to item."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from kgrec.models.base import ModelInputs
from kgrec.models.kgcn import KGCN
from kgrec.models.settings import check_weights
from kgrec.nn.aggregators import Aggregator
from kgrec.nn.facts import NeighbourSampler
from kgrec.nn.losses import RankingLoss

_UNKNOWN, _EDGE = 0.5, 1e-4
"""The label of what is neither observed nor sampled, and how near to 0 and 1 a prediction may come."""


class KGNNLS(KGCN):
    r"""KGCN with label smoothness, Wang et al., KDD 2019, https://arxiv.org/abs/1905.04413 (§3.3, §3.4).

    The weights of the edges are learned, so they want a regulariser: labels that spread along them should
    foretell a label that is held out. For each pair of a batch the item's own label is hidden; known labels
    of the user (1 = observed in training, 0 = sampled in this batch) stay, others begin at ½ and become the
    mixture of their neighbours' by the weights of the item's mixture, H times (eqs. 7 to 10):

    .. math::
        l_u(e) \leftarrow \sum_k w^u_{e,k} \, l_u(n_{e,k}), \quad
        R = \lambda \, \operatorname{mean}_{(u,i)} J(y_{ui}, \hat l_u(i))

    with J the cross entropy. What is scored is :class:`KGCN`'s. Labels lie on items alone, so where facts
    lead from items to entities that are no items, as in most of these graphs, H = 1 reaches no label and the
    regulariser does nothing; the published settings for music have H = 1.

    Differences from the paper: those of :class:`KGCN`; unknown labels begin at ½, as in the published code.
    From the published code: labels are mixed by weights that sum to 1 and compared as the probabilities that
    they are, where the code takes a mean over K besides and passes the result as log-odds; negatives known
    in one step are those of its batch, not one fixed set.

    Args:
        inputs: with a graph.
        embedding_dim: D ≥ 1.
        hops: H ≥ 1.
        neighbours: draws the K neighbours of each entity.
        aggregator: D → how an entity and its neighbours are joined, one for each hop.
        init_std: standard deviation (> 0) of the initial embeddings.
        l2_weight: ≥ 0, of half the mean squared length of the batch's users and items.
        ls_weight: λ ≥ 0, of the label smoothness.
        loss: a loss of sampled items.

    Raises:
        ValueError: there is no graph.
        InputError: a setting outside its range.
    """

    _observed: Tensor

    def __init__(
        self,
        inputs: ModelInputs,
        *,
        embedding_dim: int,
        hops: int,
        neighbours: NeighbourSampler,
        aggregator: Callable[[int], Aggregator],
        init_std: float,
        l2_weight: float,
        ls_weight: float,
        loss: RankingLoss,
    ) -> None:
        super().__init__(
            inputs,
            embedding_dim=embedding_dim,
            hops=hops,
            neighbours=neighbours,
            aggregator=aggregator,
            init_std=init_std,
            l2_weight=l2_weight,
            loss=loss,
        )
        check_weights(ls_weight=ls_weight)
        self.ls_weight = ls_weight
        users, items = torch.from_numpy(inputs.dataset.train).T
        self.register_buffer("_observed", self._keys(users, items).unique(), persistent=False)

    def penalty(self, user_ids: Tensor, item_ids: Tensor, labels: Tensor) -> Tensor:
        """KGCN's penalty, and the weighted label smoothness of the pairs."""
        predicted = self.propagated_labels(user_ids, item_ids, labels).clamp(_EDGE, 1 - _EDGE)
        smoothness = F.binary_cross_entropy(predicted, labels)
        return super().penalty(user_ids, item_ids, labels) + self.ls_weight * smoothness

    def propagated_labels(self, user_ids: Tensor, item_ids: Tensor, labels: Tensor) -> Tensor:
        """``[B]``: the label in [0, 1] that each pair's item receives, its own being hidden.

        Args:
            user_ids: ``[B]``.
            item_ids: ``[B]``.
            labels: ``[B]`` of the batch: those at 0 are known besides the training interactions.
        """
        entities, weights = self._receptive_field(self.user_table(user_ids), item_ids.unsqueeze(1))
        entities.append(self.neighbours[entities[-1]].flatten(1))
        sampled = self._keys(user_ids, item_ids)[labels == 0].unique()
        known, values = [], []
        for rows in entities:
            keys = self._keys(user_ids.unsqueeze(1), rows)
            held_out = rows == item_ids.unsqueeze(1)
            observed = _contains(self._observed, keys) & ~held_out
            known.append(observed | (_contains(sampled, keys) & ~held_out))
            values.append(torch.where(known[-1], observed.to(labels.dtype), _UNKNOWN))
        for _ in self.aggregators:
            mixed = [
                (near * inner.view(near.shape)).sum(dim=2)
                for near, inner in zip(weights, values[1:], strict=False)
            ]
            values = [torch.where(*triple) for triple in zip(known, values, mixed, strict=False)]
        return values[0].squeeze(1)

    def _keys(self, user_ids: Tensor, rows: Tensor) -> Tensor:
        """One number for each pair of user and entity."""
        return user_ids * self.entity_table.num_embeddings + rows


def _contains(keys: Tensor, wanted: Tensor) -> Tensor:
    """Which of ``wanted`` are among ``keys [n]``, which ascend."""
    if len(keys) == 0:
        return torch.zeros_like(wanted, dtype=torch.bool)
    places = torch.searchsorted(keys, wanted).clamp(max=len(keys) - 1)
    return keys[places] == wanted
