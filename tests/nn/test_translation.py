import pytest
import torch
import torch.nn.functional as F

from kgrec.errors import InputError
from kgrec.nn.translation import (
    InnerProduct,
    NegativeDistance,
    TransR,
    grouped_product,
    translation_distances,
)


@pytest.fixture
def transr() -> TransR:
    """Two relations in 2 dimensions: one swaps the axes, one doubles the first and drops the second."""
    model = TransR(2, 2, relation_dim=2, normalize=False)
    with torch.no_grad():
        model.relations.copy_(torch.tensor([[1.0, 0.0], [0.0, 3.0]]))
        model.projections.copy_(torch.tensor([[[0.0, 1.0], [1.0, 0.0]], [[2.0, 0.0], [0.0, 0.0]]]))
    return model


HEAD_AND_TAILS = torch.tensor([[[1.0, 2.0], [2.0, 4.0], [5.0, 2.0]], [[1.0, 2.0], [1.0, 9.0], [0.0, 0.0]]])


def test_distances_by_hand(transr: TransR) -> None:
    distances = transr(HEAD_AND_TAILS, torch.tensor([0, 1]), (1, 1))
    # swapped: (2, 1) + (1, 0) − (4, 2) = (−1, −1); − (2, 5) = (1, −4).
    # doubled: (2, 0) + (0, 3) − (2, 0) = (0, 3); − (0, 0) = (2, 3).
    assert distances.tolist() == [[2.0, 17.0], [9.0, 13.0]]


def test_distances_of_vectors_of_length_one(transr: TransR) -> None:
    transr.normalize = True
    distances = transr(HEAD_AND_TAILS, torch.tensor([0, 1]), (1, 1))
    of_length_1 = F.normalize(torch.tensor([[2.0, 1], [4, 2], [2, 5]]), dim=1)
    head, first, second = of_length_1 + torch.tensor([[1.0, 0], [0, 0], [0, 0]])
    assert distances[0].tolist() == pytest.approx([(head - t).square().sum().item() for t in (first, second)])
    # (1, 0) + (0, 1) − (1, 0), and a tail that the relation maps to 0 stays there
    assert distances[1].tolist() == pytest.approx([1.0, 2.0])


@pytest.mark.parametrize("normalize", [False, True])
def test_distances_and_gradients_are_those_of_the_formula(normalize: bool) -> None:
    vectors = torch.randn(7, 5, 6, dtype=torch.float64, requires_grad=True)

    def formula(vectors: torch.Tensor) -> torch.Tensor:
        scaled = F.normalize(vectors, dim=2) if normalize else vectors
        return (scaled[:, :1] + scaled[:, 1:2] - scaled[:, 2:]).square().sum(dim=2)

    expected = formula(vectors)
    found = translation_distances(vectors, normalize=normalize)
    assert torch.allclose(found, expected)
    weights = torch.randn_like(expected)
    (wanted,) = torch.autograd.grad((expected * weights).sum(), vectors)
    (gradient,) = torch.autograd.grad((found * weights).sum(), vectors)
    assert torch.allclose(gradient, wanted)


def test_each_group_has_its_own_matrix() -> None:
    rows = torch.randn(6, 3, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(4, 3, 2, dtype=torch.float64, requires_grad=True)
    group = torch.tensor([0, 0, 2, 3, 3, 3])
    product = grouped_product(rows, weights, (2, 0, 1, 3))
    assert torch.allclose(product, torch.einsum("md,mdk->mk", rows, weights[group]))
    assert torch.autograd.gradcheck(lambda r, w: grouped_product(r, w, (2, 0, 1, 3)), (rows, weights))


@pytest.mark.parametrize("counts", [(2, 2), (1, 1, 1), (1, 1)])
def test_counts_that_do_not_fit_are_refused(counts: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="groups, found rows"):
        grouped_product(torch.zeros(3, 2), torch.zeros(2, 2, 2), counts)


def test_distances_are_float32_under_autocast(transr: TransR) -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert transr.project(HEAD_AND_TAILS, (1, 1)).dtype == torch.float32


def test_similarities_by_hand() -> None:
    translated, tails = torch.tensor([[1.0, 2.0], [0.0, 0.0]]), torch.tensor([[1.0, 2.0], [3.0, -1.0]])
    inner, distance = InnerProduct(), NegativeDistance()
    assert (inner.queries(translated) @ inner.targets(tails).T).tolist() == [[5.0, 1.0], [0.0, 0.0]]
    assert (distance.queries(translated) @ distance.targets(tails).T).tolist() == [
        [0.0, -13.0],
        [-5.0, -10.0],
    ]


def test_bad_width_is_refused() -> None:
    with pytest.raises(InputError, match=r"model\.translation\.relation_dim: found 0"):
        TransR(1, 2, relation_dim=0, normalize=True)
