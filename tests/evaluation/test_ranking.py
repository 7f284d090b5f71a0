import numpy as np
import pytest
import torch
from torch import Tensor

from kgrec.evaluation.ranking import NO_ITEM, Ranker, judge, rank, top_items
from kgrec.seed import numpy_generator

NO_PAIRS = np.empty((0, 2), dtype=np.int64)


def full_sort(
    scores: np.ndarray, seen: np.ndarray, allowed: np.ndarray, tie_break: np.ndarray, k: int
) -> np.ndarray:
    """The definition, row by row: what rank() must equal."""
    lists = np.full((len(scores), k), NO_ITEM)
    for user, row in enumerate(scores):
        masked = set(seen[seen[:, 0] == user, 1].tolist())
        items = [i for i in range(len(row)) if allowed[i] and i not in masked and row[i] > -np.inf]
        items.sort(key=lambda item: (-row[item], tie_break[item]))
        lists[user, : min(k, len(items))] = items[:k]
    return lists


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("levels", [1, 2, 5, 10_000])
@pytest.mark.parametrize(("k", "block_size"), [(1, 7), (10, 1), (10, 100), (45, 7)])
def test_rank_equals_a_full_sort_whatever_the_ties(
    dtype: torch.dtype, levels: int, k: int, block_size: int
) -> None:
    compare_with_full_sort("cpu", dtype, levels, k, block_size)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("levels", [1, 5, 10_000])
def test_rank_equals_a_full_sort_on_cuda(levels: int) -> None:
    compare_with_full_sort("cuda", torch.float32, levels, k=10, block_size=7)
    zeros = torch.tensor([[-0.0, 0.0, -0.0, 0.0]], device="cuda")
    assert rank_one([0.0] * 4, k=2, score=lambda users: zeros, device="cuda").tolist() == [0, 1]


@pytest.mark.parametrize("levels", [1, 3, 100, 10_000_000])
@pytest.mark.parametrize("num_items", [400, 961, 1003])
def test_rank_equals_a_full_sort_where_rows_are_long(levels: int, num_items: int) -> None:
    compare_with_full_sort("cpu", torch.float64, levels, k=10, block_size=7, num_items=num_items)


def compare_with_full_sort(
    device: str, dtype: torch.dtype, levels: int, k: int, block_size: int, num_items: int = 40
) -> None:
    generator = numpy_generator(levels, "ranking test", k)
    num_users = 30
    values = generator.integers(levels, size=(num_users, num_items)).astype(np.float64) - levels // 2
    values[generator.random(values.shape) < 0.1] = -np.inf
    scores = torch.from_numpy(values).to(device, dtype)
    seen = np.argwhere(generator.random(values.shape) < 0.2)
    relevant = np.argwhere(generator.random(values.shape) < 0.1)
    tie_break = generator.permutation(num_items)
    for allowed in (np.ones(num_items, dtype=bool), generator.random(num_items) < 0.4):
        expected = full_sort(scores.double().cpu().numpy(), seen, allowed, tie_break, k)
        ranking = rank(
            score=scores.__getitem__,
            user_ids=np.arange(num_users),
            relevant=relevant,
            seen=seen,
            candidates=None if allowed.all() else allowed,
            tie_break=tie_break,
            k=k,
            block_size=block_size,
            device=device,
        )
        np.testing.assert_array_equal(ranking.items.numpy(), expected)
        wanted = {(user, item) for user, item in relevant.tolist() if allowed[item]}
        for user in range(num_users):
            hits = [(user, item) in wanted for item in expected[user].tolist()]
            assert ranking.hits[user].tolist() == hits
            assert ranking.num_relevant[user] == sum(pair[0] == user for pair in wanted)


def rank_one(scores: list[float], k: int = 3, **changes: object) -> Tensor:
    """Top items of a single user; item ids break ties."""
    settings: dict = {
        "score": lambda users: torch.tensor([scores] * len(users)),
        "user_ids": np.array([0]),
        "relevant": NO_PAIRS,
        "seen": NO_PAIRS,
        "candidates": None,
        "tie_break": np.arange(len(scores)),
        "k": k,
        "block_size": 4,
        "device": "cpu",
    }
    return rank(**(settings | changes)).items[0]


def test_negative_zero_ties_with_zero() -> None:
    assert rank_one([-0.0, 0.0, -0.0, 0.0], k=2).tolist() == [0, 1]


def test_minus_infinity_is_never_recommended_and_plus_infinity_first() -> None:
    assert rank_one([-np.inf, 1.0, np.inf, -np.inf]).tolist() == [2, 1, NO_ITEM]


def test_a_user_who_has_seen_everything_gets_an_empty_list() -> None:
    seen = np.array([[0, 0], [0, 1], [0, 2]])
    assert rank_one([3.0, 2.0, 1.0], seen=seen).tolist() == [NO_ITEM] * 3


def test_seen_items_of_other_users_stay() -> None:
    assert rank_one([3.0, 2.0, 1.0], seen=np.array([[5, 0], [0, 1]])).tolist() == [0, 2, NO_ITEM]


def test_nan_scores_are_refused_with_their_number() -> None:
    with pytest.raises(ValueError, match="2 of 4 scores in a block of 1 users are NaN"):
        rank_one([np.nan, 1.0, np.nan, 0.0])


def test_wrong_scores_and_settings_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(1, 3\), expected \(1, 4\)"):
        rank_one([1.0, 2.0, 3.0], tie_break=np.arange(4))
    with pytest.raises(ValueError, match=r"int64, expected a floating type"):
        rank_one([1.0, 2.0], score=lambda users: torch.ones(len(users), 2, dtype=torch.int64))
    with pytest.raises(ValueError, match="no item is a candidate"):
        rank_one([1.0, 2.0], candidates=np.zeros(2, dtype=bool))
    with pytest.raises(ValueError, match="at least 1, got 0"):
        rank_one([1.0, 2.0], k=0)


def test_scores_are_left_as_they_were_and_computed_without_gradient() -> None:
    scores = torch.tensor([[3.0, 2.0, 1.0]])
    gradient_enabled = []

    def score(users: Tensor) -> Tensor:
        gradient_enabled.append(torch.is_grad_enabled())
        return scores

    rank_one([0.0] * 3, score=score, seen=np.array([[0, 0]]))
    assert scores.tolist() == [[3.0, 2.0, 1.0]]
    assert gradient_enabled == [False]


def test_each_block_is_scored_once_for_all_candidate_sets() -> None:
    blocks: list[list[int]] = []

    def score(users: Tensor) -> Tensor:
        blocks.append(users.tolist())
        return torch.zeros(len(users), 6)

    sets = [None, np.arange(6) < 2]
    everything, two = top_items(score, np.array([4, 2, 9]), NO_PAIRS, sets, np.arange(6)[::-1], 3, 2, "cpu")
    assert blocks == [[4, 2], [9]]
    assert everything.tolist() == [[5, 4, 3]] * 3
    assert two.tolist() == [[1, 0, NO_ITEM]] * 3


def test_scores_that_rows_share_are_not_mixed_up() -> None:
    row = torch.tensor([3.0, 2.0, 1.0, 0.0])
    seen = np.array([[0, 0], [1, 1], [1, 0]])
    (items,) = top_items(
        lambda users: row.expand(len(users), 4), np.arange(3), seen, [None], np.arange(4), 2, 3, "cpu"
    )
    assert items.tolist() == [[1, 2], [2, 3], [0, 1]]
    assert row.tolist() == [3.0, 2.0, 1.0, 0.0]


def test_a_ranker_ranks_by_whatever_scores() -> None:
    ranker = Ranker(np.array([3, 1]), np.array([[1, 2]]), [None], np.arange(3), "cpu")
    scores = torch.tensor([[0.0] * 3, [0.0, 1.0, 2.0], [0.0] * 3, [2.0, 1.0, 0.0]])
    assert ranker.top_items(scores.__getitem__, 2, 1)[0].tolist() == [[0, 1], [1, 0]]
    assert ranker.top_items((-scores).__getitem__, 2, 1)[0].tolist() == [[2, 1], [0, 1]]


def test_judge_counts_a_repeated_pair_once_and_ignores_other_users() -> None:
    items = torch.tensor([[3, 1, NO_ITEM], [0, 2, 3]])
    relevant = np.array([[7, 1], [7, 1], [7, 9], [5, 3], [6, 0]])
    ranking = judge(items, np.array([7, 5]), relevant)
    assert ranking.hits.tolist() == [[False, True, False], [False, False, True]]
    assert ranking.num_relevant.tolist() == [2, 1]
    assert ranking.user_ids.tolist() == [7, 5]


def test_judge_without_relevant_pairs() -> None:
    ranking = judge(torch.tensor([[3, 1]]), np.array([7]), NO_PAIRS)
    assert ranking.hits.tolist() == [[False, False]]
    assert ranking.num_relevant.tolist() == [0]


def test_judge_does_not_take_an_item_beyond_the_relevant_ones_for_another_users() -> None:
    # With ids of one digit, 0·3 + 5 is 1·3 + 2: the pair (1, 2) must not be read as (0, 5).
    ranking = judge(torch.tensor([[5, 0], [2, 5]]), np.array([0, 1]), np.array([[1, 2], [0, 0]]))
    assert ranking.hits.tolist() == [[False, True], [True, False]]
