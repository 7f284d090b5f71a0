import torch

from kgrec.nn.relation_products import RelationProducts


def test_products_are_those_of_each_fact() -> None:
    torch.manual_seed(0)
    relations, entities = torch.tensor([2, 0, 2, 0, 2]), torch.tensor([1, 1, 1, 0, 3])
    matrices, table = torch.randn(4, 3, 3, requires_grad=True), torch.randn(5, 3, requires_grad=True)
    facts = torch.tensor([[0, 2, 4], [1, 0, 2]])  # fact 3 is not asked for
    products, place = RelationProducts(relations, entities)(matrices, table, facts)
    assert len(products) == 3  # facts 0 and 2 share their product
    expected = torch.einsum("abij,abj->abi", matrices[relations[facts]], table[entities[facts]])
    torch.testing.assert_close(products[place], expected)
    upstream = torch.randn(2, 3, 3)
    ours = torch.autograd.grad((products[place] * upstream).sum(), [matrices, table])
    theirs = torch.autograd.grad((expected * upstream).sum(), [matrices, table])
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b)


def test_no_fact_asked_for_is_no_product() -> None:
    products = RelationProducts(torch.tensor([0]), torch.tensor([0]))
    found, place = products(torch.randn(1, 2, 2), torch.randn(1, 2), torch.zeros(0, 3, dtype=torch.long))
    assert found.shape == (0, 2)
    assert place.shape == (0, 3)
