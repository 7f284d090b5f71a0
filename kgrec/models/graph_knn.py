"""Nearest items by shared facts."""

from torch import Tensor

from kgrec.models.base import ModelInputs, Recommender
from kgrec.models.features import SparseRows, fact_matrix, interaction_matrix


class GraphKNN(Recommender):
    r"""Cosine between the tf-idf weighted bags of facts of two items, summed over the history.

    .. math:: s_{ui} = \sum_{j \in I_u} f_j \cdot f_i

    with f the rows of :func:`kgrec.models.features.fact_matrix`. This is content-based filtering in the
    vector space of linked data, after Di Noia et al., I-SEMANTICS 2012,
    https://doi.org/10.1145/2362499.2362501 (there one space per relation, with weights; here one space,
    a fact being relation and entity). Scores are ≥ 0; items without a shared fact score 0. Nothing is
    trained.

    Args:
        inputs: graph and training interactions.
    """

    needs_graph = True

    def __init__(self, inputs: ModelInputs) -> None:
        super().__init__(inputs)
        facts = fact_matrix(self.required_graph(inputs), balanced=False)
        history = interaction_matrix(inputs.dataset.train, self.num_users, self.num_items)
        self.facts = SparseRows(facts)
        self.profiles = SparseRows(history @ facts)

    def score(self, user_ids: Tensor) -> Tensor:
        """Scores ``[B, I]``, ≥ 0."""
        return (self.facts.csr() @ self.profiles.dense(user_ids).T).T

    def new_item_parameters(self) -> int:
        """One weight per fact."""
        return self.facts.shape[1]
