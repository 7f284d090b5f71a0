from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf

from kgrec.build import build, config_dir
from kgrec.errors import InputError
from kgrec.kg.arms.dropped import Dropped
from kgrec.kg.arms.falsified import Falsified
from kgrec.kg.arms.full import FullGraph
from kgrec.kg.arms.materialised import Materialised
from kgrec.kg.arms.none import NoGraph
from kgrec.kg.arms.permutation import positions_of_groups, swap_clashes_away
from kgrec.kg.arms.relation_shuffled import RelationShuffled
from kgrec.kg.arms.relinked import Relinked
from kgrec.kg.arms.rewired import Rewired
from kgrec.kg.graph import INTERACTS, build_graph
from kgrec.shapes import IntArray, Triples

NUM_ENTITIES, NUM_RELATIONS, NUM_ITEMS = 60, 4, 40
ARM_CONFIGS = sorted((config_dir() / "kg").glob("*.yaml"))
CONTROLS = ("rewired", "relinked", "relation_shuffled")


def random_graph(seed: int) -> tuple[Triples, IntArray]:
    """Distinct triples without self loops; items are heads and tails, some share an entity."""
    rng = np.random.default_rng(seed)
    skew = rng.dirichlet(np.full(NUM_ENTITIES, 0.5))
    heads, tails = rng.choice(NUM_ENTITIES, (2, 300), p=skew)
    triples = np.stack([heads, rng.integers(NUM_RELATIONS, size=300), tails], axis=1)
    triples = np.unique(triples[heads != tails], axis=0)
    item_to_entity = rng.integers(-1, NUM_ENTITIES // 2, size=NUM_ITEMS)
    item_to_entity[:2] = [-1, 5]
    return rng.permutation(triples), item_to_entity


def degree_by_relation(triples: Triples, side: int) -> IntArray:
    counts = np.zeros((NUM_ENTITIES, NUM_RELATIONS), dtype=np.int64)
    np.add.at(counts, (triples[:, side], triples[:, 1]), 1)
    return counts


@pytest.mark.parametrize("path", ARM_CONFIGS, ids=lambda path: path.stem)
def test_every_arm_is_deterministic_and_leaves_its_input_alone(path: Path) -> None:
    arm = build(OmegaConf.load(path))
    triples, links = random_graph(0)
    triples_before, links_before = triples.copy(), links.copy()
    first, second = arm(triples, links, 3), arm(triples, links, 3)
    assert np.array_equal(first[0], second[0])
    assert np.array_equal(first[1], second[1])
    assert np.array_equal(triples, triples_before)
    assert np.array_equal(links, links_before)
    assert first[0].dtype == first[1].dtype == np.int64
    assert first[0].shape[1] == 3
    assert first[1].shape == links.shape


@pytest.mark.parametrize("path", ARM_CONFIGS, ids=lambda path: path.stem)
def test_every_arm_takes_an_empty_graph(path: Path) -> None:
    triples, links = build(OmegaConf.load(path))(np.empty((0, 3), dtype=np.int64), np.full(3, -1), 0)
    assert triples.shape == (0, 3)
    assert links.tolist() == [-1, -1, -1]


def test_none_has_no_triples_and_no_links() -> None:
    triples, links = NoGraph()(*random_graph(0), 0)
    assert triples.shape == (0, 3)
    assert (links == -1).all()
    assert len(links) == NUM_ITEMS


def test_full_is_the_graph_itself() -> None:
    expected = random_graph(0)
    triples, links = FullGraph()(*expected, 0)
    assert np.array_equal(triples, expected[0])
    assert np.array_equal(links, expected[1])


@pytest.mark.parametrize("seed", range(5))
def test_rewired_keeps_all_counts_and_hardly_any_fact(seed: int) -> None:
    triples, links = random_graph(seed)
    rewired, new_links = Rewired(repair_tries=200, draw=0)(triples, links, seed)
    assert np.array_equal(new_links, links)
    assert np.array_equal(rewired[:, :2], triples[:, :2])
    assert np.array_equal(degree_by_relation(rewired, 2), degree_by_relation(triples, 2))
    assert len(np.unique(rewired, axis=0)) == len(triples)
    assert (rewired[:, 0] != rewired[:, 2]).all()
    kept = len(triples) + len(rewired) - len(np.unique(np.concatenate([triples, rewired]), axis=0))
    assert kept < 0.4 * len(triples)


def test_rewired_keeps_the_degrees_of_nodes_and_the_mask() -> None:
    """One item to an entity, so that no triple is copied: each node keeps its degree by relation and side."""
    triples, _ = random_graph(1)
    links = np.concatenate([np.arange(30), [-1, -1]])
    names = [f"r{i}" for i in range(NUM_RELATIONS)]
    pairs = np.array([[0, 0], [1, 31]])
    graphs = [
        build_graph(2, len(links), NUM_ENTITIES, names, pairs, arm(triples, links, 0)[0], links)
        for arm in (FullGraph(), Rewired(repair_tries=200, draw=0))
    ]
    counts = []
    for graph in graphs:
        count = np.zeros((graph.num_nodes, graph.num_relations), dtype=np.int64)
        np.add.at(count, (graph.edge_index[0].numpy(), graph.edge_type.numpy()), 1)
        counts.append(count)
    assert np.array_equal(counts[0], counts[1])
    assert np.array_equal(graphs[0].has_kg, graphs[1].has_kg)
    assert not np.array_equal(graphs[0].edge_index, graphs[1].edge_index)
    assert INTERACTS in graphs[1].relation_names


def test_rewired_without_repair_would_lose_degree() -> None:
    """The reason for the repair: plain permutations of this graph do repeat triples."""
    triples, links = random_graph(0)
    plain, _ = Rewired(repair_tries=0, draw=0)(triples, links, 0)
    assert len(np.unique(plain, axis=0)) < len(triples)


def test_rewired_ends_where_no_repair_is_possible() -> None:
    """Every head has every tail: the only graph without repetition is the one given."""
    heads, tails = np.divmod(np.arange(12), 4)
    triples = np.stack([heads, np.zeros_like(heads), tails + 3], axis=1)
    rewired, _ = Rewired(repair_tries=20, draw=0)(triples, np.array([0, 1, 2]), 0)
    assert np.array_equal(rewired[:, :2], triples[:, :2])
    assert np.array_equal(np.sort(rewired[:, 2]), np.sort(triples[:, 2]))


@pytest.mark.parametrize("name", CONTROLS)
def test_every_seed_and_draw_gives_another_control(name: str) -> None:
    triples, links = random_graph(0)
    node = OmegaConf.load(config_dir() / "kg" / f"{name}.yaml")

    def control(draw: int, seed: int) -> list[int]:
        node.draw = draw
        new_triples, new_links = build(node)(triples, links, seed)
        return [*new_triples.ravel().tolist(), *new_links.tolist()]

    pairs = [(draw, seed) for draw in range(3) for seed in range(3)]
    assert len({tuple(control(*pair)) for pair in pairs}) == len(pairs)
    assert control(2, 1) == control(2, 1)


@pytest.mark.parametrize("name", CONTROLS)
def test_a_negative_draw_is_refused(name: str) -> None:
    node = OmegaConf.load(config_dir() / "kg" / f"{name}.yaml")
    node.draw = -1
    with pytest.raises(InputError, match=r"kg\.draw: found -1, expected 0 or more"):
        build(node)


@pytest.mark.parametrize("seed", range(5))
def test_relinked_permutes_entities_within_bins_of_degree(seed: int) -> None:
    triples, links = random_graph(seed)
    arm = Relinked(num_bins=4, draw=0)
    new_triples, relinked = arm(triples, links, seed)
    assert np.array_equal(new_triples, triples)
    assert np.array_equal(relinked < 0, links < 0)
    assert np.array_equal(np.sort(relinked), np.sort(links))
    linked = links >= 0
    bins_before = arm.degree_bins(triples, links[linked])
    bins_after = arm.degree_bins(triples, relinked[linked])
    assert np.array_equal(bins_before, bins_after)
    assert len(np.unique(bins_before)) > 1
    assert (relinked != links).sum() > 0.4 * linked.sum()  # the rest share the entity or drew themselves


def test_degree_bins_are_quantiles_and_keep_equals_together() -> None:
    """Entity e is the head of e triples: entities 1 to 8 have degrees 1 to 8."""
    triples = np.array([[head, 0, 20 + n] for head in range(1, 9) for n in range(head)])
    assert Relinked(num_bins=4, draw=0).degree_bins(triples, np.arange(1, 9)).tolist() == [
        0,
        0,
        1,
        1,
        2,
        2,
        3,
        3,
    ]
    assert len(set(Relinked(num_bins=4, draw=0).degree_bins(triples, np.array([3, 3, 3, 3])).tolist())) == 1


@pytest.mark.parametrize("seed", range(5))
def test_relation_shuffled_keeps_pairs_and_counts(seed: int) -> None:
    triples, links = random_graph(seed)
    twins = triples[:40].copy()  # pairs joined by two relations: their labels must stay distinct
    twins[:, 1] = (twins[:, 1] + 1) % NUM_RELATIONS
    triples = np.unique(np.concatenate([triples, twins]), axis=0)
    shuffled, new_links = RelationShuffled(repair_tries=200, draw=0)(triples, links, seed)
    assert np.array_equal(new_links, links)
    assert np.array_equal(shuffled[:, [0, 2]], triples[:, [0, 2]])
    assert np.array_equal(np.bincount(shuffled[:, 1]), np.bincount(triples[:, 1]))
    assert len(np.unique(shuffled, axis=0)) == len(triples)
    assert (shuffled[:, 1] != triples[:, 1]).mean() > 0.5


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="repair_tries is -1, expected 0 or more"):
        Rewired(repair_tries=-1, draw=0)
    with pytest.raises(ValueError, match="repair_tries is -1"):
        RelationShuffled(repair_tries=-1, draw=0)
    with pytest.raises(ValueError, match="num_bins is 0, expected 1 or more"):
        Relinked(num_bins=0, draw=0)


def test_positions_of_groups() -> None:
    groups = positions_of_groups(np.array([7, 2, 7, 5]))
    assert [group.tolist() for group in groups] == [[1], [3], [0, 2]]
    assert positions_of_groups(np.array([], dtype=np.int64)) == []


def test_swap_clashes_away_mends_repeats_and_loops() -> None:
    keys, values = np.array([1, 1, 2, 3]), np.array([9, 9, 8, 3])
    mended = swap_clashes_away(keys, values, np.random.default_rng(0), 100, allow_equal=False)
    pairs = np.stack([keys, mended], axis=1)
    assert len(np.unique(pairs, axis=0)) == 4
    assert (keys != mended).all()
    assert sorted(mended) == [3, 8, 9, 9]


def test_swap_leaves_a_row_without_clashes_as_it_is() -> None:
    keys, values = np.array([1, 2, 3]), np.array([1, 5, 6])
    assert swap_clashes_away(keys, values, np.random.default_rng(0), 10, allow_equal=True).tolist() == [
        1,
        5,
        6,
    ]


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_dropped_leaves_a_share_out_in_order(share: float) -> None:
    triples, links = random_graph(0)
    left, new_links = Dropped(share, draw=0)(triples, links, 7)
    assert len(left) == len(triples) - round(share * len(triples))
    places = [triples.tolist().index(triple) for triple in left.tolist()]
    assert places == sorted(places)
    assert np.array_equal(new_links, links)


def test_what_is_left_at_a_share_is_left_at_a_smaller_one() -> None:
    triples, links = random_graph(1)
    few, many = ({*map(tuple, Dropped(share, 0)(triples, links, 7)[0].tolist())} for share in (0.75, 0.25))
    assert few < many
    other_draw = {*map(tuple, Dropped(0.75, 1)(triples, links, 7)[0].tolist())}
    assert few != other_draw


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_falsified_keeps_all_counts_and_the_share_of_facts_that_it_leaves(share: float) -> None:
    triples, links = random_graph(2)
    wrong, new_links = Falsified(share, 200, draw=0)(triples, links, 7)
    assert np.array_equal(wrong[:, :2], triples[:, :2])
    for side in (0, 2):
        assert np.array_equal(degree_by_relation(wrong, side), degree_by_relation(triples, side))
    kept = (wrong == triples).all(axis=1).mean()
    assert kept == 1 if share == 0 else 1 - share <= kept < 1 - 0.7 * share
    assert np.array_equal(new_links, links)


def test_facts_falsified_at_a_share_are_among_those_of_a_larger_one() -> None:
    """But for those that a permutation leaves in place."""
    triples, links = random_graph(3)
    few, many = (
        (Falsified(share, 0, 0)(triples, links, 7)[0] != triples).any(axis=1) for share in (0.2, 0.8)
    )
    assert (few & ~many).mean() < 0.2 * 0.2 / 2  # half of what two independent choices would give


@pytest.mark.parametrize("arm", [lambda: Dropped(1.5, 0), lambda: Falsified(-0.1, 0, 0)])
def test_a_share_that_is_none_is_refused(arm: Callable[[], object]) -> None:
    with pytest.raises(InputError, match=r"setting kg\.share"):
        arm()


def test_materialised_adds_what_a_rule_says_is_missing() -> None:
    couples = np.array([[2 * k, 0, 2 * k + 1] for k in range(10)])
    triples = np.concatenate([couples, couples[:8, [2, 1, 0]]])  # married, of eight told in both directions
    links = np.arange(20)
    arm = Materialised(min_support=10, min_head_coverage=0.1, min_pca_confidence=0.9, max_rules=1)
    added, same = arm(triples, links, 0)
    assert same is links
    assert added[: len(triples)].tolist() == triples.tolist()
    assert added[len(triples) :].tolist() == [[17, 0, 16], [19, 0, 18]]


def test_materialised_refuses_no_rules() -> None:
    with pytest.raises(InputError, match=r"kg.max_rules: found 0"):
        Materialised(min_support=1, min_head_coverage=0.0, min_pca_confidence=0.0, max_rules=0)
