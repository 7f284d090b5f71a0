"""Matrix factorisation trained to rank."""

from torch import Tensor

from kgrec.models.base import Batch, ModelInputs, Recommender
from kgrec.nn.embedding import embedding_table
from kgrec.nn.losses import RankingLoss


class BPRMF(Recommender):
    r"""Matrix factorisation, Rendle et al., UAI 2009, https://arxiv.org/abs/1205.2618 (§5.1).

    .. math:: s_{ui} = p_u^T q_i

    with both tables learned. ``loss=bpr`` is the paper's criterion; any other ranking loss fits. Scores
    are inner products in the loss's ranking space: cosines where the loss normalises, else of any sign.
    A cold item keeps its initial embedding. Difference from the paper: regularisation is the optimiser's
    weight decay.

    Args:
        inputs: only its sizes are used.
        embedding_dim: D ≥ 1.
        init_std: standard deviation (> 0) of the initial embeddings.
        loss: what is minimised.

    Raises:
        InputError: a value outside its range.
    """

    def __init__(self, inputs: ModelInputs, embedding_dim: int, init_std: float, loss: RankingLoss) -> None:
        super().__init__(inputs)
        self.user_table = embedding_table(self.num_users, embedding_dim, init_std)
        self.item_table = embedding_table(self.num_items, embedding_dim, init_std)
        self.criterion = loss
        self.num_negatives = loss.num_negatives

    def loss(self, batch: Batch) -> Tensor:
        """Mean ranking loss of the batch."""
        users = self.user_table(batch.users)
        return self.criterion(users, self.item_table.weight, batch.items, batch.negatives)

    def embeddings(self) -> tuple[Tensor, Tensor]:
        """Users ``[U, D]`` and items ``[I, D]`` in the loss's ranking space."""
        to_ranking_space = self.criterion.ranking_space
        return to_ranking_space(self.user_table.weight), to_ranking_space(self.item_table.weight)
