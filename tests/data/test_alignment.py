import polars as pl

from kgrec.data.alignment import align
from kgrec.data.ids import IdMap

ITEMS = IdMap(["i0", "i1", "i2"])


def triples(*rows: str) -> pl.DataFrame:
    return pl.DataFrame([row.split() for row in rows], schema=["head", "relation", "tail"], orient="row")


def links(**pairs: str) -> pl.DataFrame:
    return pl.DataFrame({"item": list(pairs), "entity": list(pairs.values())})


def test_ids_go_by_first_appearance_in_heads_tails_and_links() -> None:
    knowledge, _ = align(triples("a r c", "b s a", "a r c"), links(i0="b", i2="z"), ITEMS, None)
    assert knowledge.entities.raw_ids == ["a", "b", "c", "z"]
    assert knowledge.relations.raw_ids == ["r", "s"]
    assert knowledge.triples.tolist() == [[0, 0, 2], [1, 1, 0]]
    assert knowledge.item_to_entity.tolist() == [1, -1, 3]


def test_each_step_is_logged() -> None:
    table = pl.DataFrame({"item": ["i0", "i0", "i0", "i1", "ghost"], "entity": ["a", "a", "b", "z", "a"]})
    knowledge, log = align(triples("a r c", "b s a", "a r c"), table, ITEMS, None)
    assert knowledge.item_to_entity.tolist() == [0, 3, -1]
    assert log == [
        "duplicate triples dropped: 3 → 2 triples",
        "links dropped (1 repeated, 1 of unknown items, 1 beyond an item's first): 5 → 2 links",
        "knowledge graph: 4 entities, 2 relations, 2 triples; 2 of 3 items linked, 1 of them to an entity "
        "without triples",
    ]


def test_inverse_relations_are_dropped_at_the_threshold() -> None:
    rows = triples("g films m", "m genre g", "m2 genre g", "g films m2", "h films m3")
    knowledge, log = align(rows, links(i0="m", i1="m2"), ITEMS, 0.6)
    assert knowledge.relations.raw_ids == ["genre"]
    assert len(knowledge.triples) == 2
    assert knowledge.entities.raw_ids == ["m", "m2", "g"]
    assert (
        "inverse relations dropped: 2 → 1 relations, 5 → 2 triples, 1 of the dropped had no inverse (films)"
        in log
    )
    knowledge, _ = align(rows, links(i0="m", i1="m2"), ITEMS, None)
    assert len(knowledge.triples) == 5


def test_no_graph_leaves_all_items_unlinked() -> None:
    knowledge, _ = align(triples("a r b").clear(), links(i0="a").clear(), ITEMS, 0.95)
    assert knowledge.triples.shape == (0, 3)
    assert knowledge.item_to_entity.tolist() == [-1, -1, -1]
