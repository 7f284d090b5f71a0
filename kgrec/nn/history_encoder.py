"""One vector for a short history: a weighted mean over its places, and a recurrent state."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kgrec.errors import InputError


class HistoryEncoder(nn.Module):
    r"""The sum of what does not look at order, but for the distance, and of what does.

    .. math::
        u = \frac{\sum_l w_l x_l}{(\sum_l w_l)^{p}} + W_h \, \mathrm{GRU}(x_1 … x_L),
        \quad p = \mathrm{shrinkage}

    over the places that are filled, with a learned weight :math:`w_l > 0` for each place; p < 1 lets long
    histories say more. The recurrent part is that of `GRU4Rec <https://arxiv.org/abs/1511.06939>`_ (Hidasi et
    al., ICLR 2016, §3.1).

    Args:
        dim: D, width of items and of the result.
        length: L, places of a history.
        pooled: whether the weighted mean is there.
        recurrent: whether the recurrent part is.
        shrinkage: p in [0, 1].
        dropout: probability in [0, 1) on the items and on the result, element by element.

    Raises:
        InputError: a setting out of range, or neither of the two parts.
    """

    def __init__(
        self, dim: int, length: int, *, pooled: bool, recurrent: bool, shrinkage: float, dropout: float
    ) -> None:
        super().__init__()
        if not pooled and not recurrent:
            raise InputError(
                "model.encoder: found pooled=false and recurrent=false, expected one of them true"
            )
        if not 0 <= shrinkage <= 1:
            raise InputError(f"model.encoder.shrinkage: found {shrinkage}, expected a number in [0, 1]")
        if not 0 <= dropout < 1:
            raise InputError(f"model.encoder.dropout: found {dropout}, expected a probability in [0, 1)")
        self.shrinkage = shrinkage
        self.dropout = dropout
        # Begins with harmonic weights: the last item counts most.
        self.log_weight = nn.Parameter(-torch.arange(length, 0, -1).float().log()) if pooled else None
        self.recurrent = nn.GRU(dim, dim, batch_first=True) if recurrent else None
        self.from_state = nn.Linear(dim, dim, bias=False) if recurrent else None

    def forward(self, places: Tensor, filled: Tensor) -> Tensor:
        """``[B, D]``.

        Args:
            places: ``[B, L, D]`` the items, the most recent one last.
            filled: ``[B, L]`` bool; places that are not are at the front.
        """
        places = F.dropout(places, self.dropout, self.training) * filled.unsqueeze(2)
        parts = []
        if self.log_weight is not None:
            weights = self.log_weight.exp() * filled
            total = weights.sum(1, keepdim=True).clamp(min=1e-6)
            parts.append((weights.unsqueeze(2) * places).sum(1) / total**self.shrinkage)
        if self.recurrent is not None and self.from_state is not None:
            # Empty places come first and are zero: they move the state from zero a little, alike for all.
            states, _ = self.recurrent(places)
            parts.append(self.from_state(states[:, -1]))
        return F.dropout(torch.stack(parts).sum(0), self.dropout, self.training)
