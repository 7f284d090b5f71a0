import threading
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from kgrec.evaluation.ranking import Ranker
from kgrec.evaluation.side_by_side import side_by_side

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_the_first_part_is_done_before_the_others_which_have_a_thread_each() -> None:
    done: list[tuple[int, int, bool]] = []
    here = threading.get_ident()
    meet = threading.Barrier(2, timeout=20)  # two of the others are under way at the same time

    def work(part: int) -> None:
        if part:
            meet.wait()
        done.append((part, torch.get_num_threads(), threading.get_ident() == here))

    side_by_side(work, range(5), CPU)
    assert done[0] == (0, 2, True)
    assert sorted(done[1:]) == [(part, 1, False) for part in range(1, 5)]
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize(
    ("num_threads", "num_parts", "device"), [(1, 5, "cpu"), (2, 2, "cpu"), (2, 5, "meta"), (2, 0, "cpu")]
)
def test_where_threads_are_of_no_use_all_is_done_in_turn(
    num_threads: int, num_parts: int, device: str
) -> None:
    torch.set_num_threads(num_threads)
    done = []
    side_by_side(
        lambda part: done.append((part, threading.get_ident())), range(num_parts), torch.device(device)
    )
    assert done == [(part, threading.get_ident()) for part in range(num_parts)]


def test_an_error_in_a_part_is_raised_and_the_threads_are_as_before() -> None:
    def work(part: int) -> None:
        if part == 3:
            raise ValueError("part 3")

    with pytest.raises(ValueError, match="part 3"):
        side_by_side(work, range(5), CPU)
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize("block_size", [1, 7, 100])
def test_lists_do_not_depend_on_threads_or_blocks_and_no_gradient_is_kept(block_size: int) -> None:
    rng = np.random.default_rng(0)
    users = torch.nn.Parameter(torch.from_numpy(rng.integers(-2, 3, (40, 3))).float())  # many ties
    items = torch.from_numpy(rng.integers(-2, 3, (50, 3))).float()
    seen = np.argwhere(rng.random((40, 50)) < 0.1)
    ranker = Ranker(np.arange(40), seen, [None, rng.random(50) < 0.5], rng.permutation(50), "cpu")
    recorded = []

    def score(user_ids: torch.Tensor) -> torch.Tensor:
        scores = users[user_ids] @ items.T
        recorded.append(scores.requires_grad)
        return scores

    lists = ranker.top_items(score, 5, block_size)
    torch.set_num_threads(1)
    for found, expected in zip(lists, ranker.top_items(score, 5, 40), strict=True):
        assert torch.equal(found, expected)
    assert not any(recorded)
