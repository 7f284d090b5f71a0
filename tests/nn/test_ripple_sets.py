import numpy as np
import pytest
import torch

from kgrec.errors import InputError
from kgrec.nn.facts import Facts
from kgrec.nn.ripple_sets import RippleSampler

# Items 0 to 2, entities 3 to 5. Facts: 0→3, 0→4, 3→5, 5→2, 1→1 has none beyond itself.
HEADS, TAILS = [0, 0, 3, 5], [3, 4, 5, 2]
FACTS = Facts(torch.tensor(HEADS), torch.tensor([0, 1, 0, 1]), torch.tensor(TAILS), 6, 2)
HISTORY = np.array([[1, 0], [0, 2], [2, 1], [1, 1]])  # user 1: items 0, 1; user 0: item 2; user 2: item 1


def sets(size: int, inverses: bool = False, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, Facts]:
    sampler = RippleSampler(hops=3, size=size, inverses=inverses, seed=seed)
    facts = sampler.facts(FACTS)
    return *sampler(facts, HISTORY, num_users=4), facts


def test_each_hop_begins_where_the_last_one_ended() -> None:
    memories, has_facts, _ = sets(size=2)
    assert memories.shape == (4, 3, 2)
    assert has_facts.tolist() == [False, True, False, False]
    assert sorted(memories[1, 0].tolist()) == [0, 1]  # both facts of item 0
    assert memories[1, 1].tolist() == [2, 2]  # the one of entity 3: with replacement; entity 4 has none
    assert memories[1, 2].tolist() == [3, 3]
    assert not memories[[0, 2, 3]].any()


def test_a_hop_that_reaches_nothing_repeats_the_last() -> None:
    facts = Facts(torch.tensor([0]), torch.tensor([0]), torch.tensor([3]), 4, 1)
    memories, _ = RippleSampler(hops=2, size=1, inverses=False, seed=0)(facts, np.array([[0, 0]]), 1)
    assert memories.tolist() == [[[0], [0]]]


def test_inverses_lead_from_tails_to_heads() -> None:
    memories, has_facts, facts = sets(size=8, inverses=True)
    assert has_facts.tolist() == [True, True, False, False]
    assert set(memories[0, 0].tolist()) == {4 + 3}  # the inverse of 5→2 leaves item 2 …
    assert facts.tails[memories[0, 0, 0]] == 5  # … for entity 5
    assert facts.relations[memories[0, 0, 0]] == 2 + 1


def test_samples_are_those_of_the_seed_and_reach_everything() -> None:
    assert torch.equal(sets(size=1, seed=3)[0], sets(size=1, seed=3)[0])
    drawn = {int(sets(size=1, seed=seed)[0][1, 0, 0]) for seed in range(20)}
    assert drawn == {0, 1}


@pytest.mark.parametrize("setting", ["hops", "size"])
def test_settings_below_one_are_refused(setting: str) -> None:
    settings = {"hops": 1, "size": 1, "inverses": False, "seed": 0} | {setting: 0}
    with pytest.raises(InputError, match=rf"model\.ripple_sets\.{setting}: found 0"):
        RippleSampler(**settings)
