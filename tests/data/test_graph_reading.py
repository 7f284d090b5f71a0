import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from omegaconf import OmegaConf

from kgrec.build import build, config_dir
from kgrec.cli import main
from kgrec.data.custom import Custom
from kgrec.errors import InputError

TURTLE = """@prefix f: <http://f/> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix s: <http://schema.org/> .
f:heat f:by f:mann ; rdfs:label "Hitze"@de , "Heat"@en ; s:description "A thief."@en ; f:year 1995 .
f:ali f:by f:mann ; rdfs:label "Ali"@en ; f:year 2001 .
f:thief rdfs:label "Thief"@en ; f:year 1981 .
f:mann rdfs:label "Michael Mann" .
"""
ON = ["titles=true", "texts=true", "languages=[en]"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "ratings.csv").write_text("user,item\nu1,1\nu1,2\nu2,3\n")
    (tmp_path / "items.csv").write_text("item,name\n1,My Heat\n2,\n")
    (tmp_path / "links.csv").write_text("item,entity\n2,http://f/ali\n3,http://f/thief\n1,http://f/heat\n")
    (tmp_path / "films.ttl").write_text(TURTLE)
    return tmp_path


def source(*settings: str, **changed: Any) -> Custom:
    """As ``conf/data/custom.yaml`` builds it."""
    node = OmegaConf.load(config_dir() / "data" / "custom.yaml").source
    files = {"interactions": "ratings.csv", "items": "items.csv", "kg": "films.ttl", "links": "links.csv"}
    node.reading = OmegaConf.merge(node.reading, OmegaConf.from_dotlist(list(settings)))
    node = OmegaConf.merge(node, files, {"title_column": "name", "text_template": "{name}"}, changed)
    built: Custom = build(node)
    return built


def test_as_configured_literals_are_left_out(root: Path) -> None:
    (root / "links.csv").write_text("item,entity\n1,http://f/heat\n")
    raw = source().load(root)
    assert raw.items.rows() == [("1", "My Heat", "My Heat"), ("2", None, None)]
    assert len(raw.triples) == 2
    (root / "links.csv").write_text("item,entity\n3,http://f/thief\n")
    with pytest.raises(InputError, match="entity 'http://f/thief' is in no triple"):
        source().load(root)


def test_literals_fill_what_the_item_table_leaves_open(root: Path) -> None:
    items = source(*ON).load(root).items
    assert items.columns == ["item", "title", "text"]
    assert sorted(items.rows()) == [
        ("1", "My Heat", "My Heat"),
        ("2", "Ali", "Ali"),
        ("3", "Thief", "Thief"),
    ]
    alone = source(*ON, items=None, title_column=None, text_template=None).load(root).items
    assert sorted(alone.rows()) == [
        ("1", "Heat", "Heat. A thief."),
        ("2", "Ali", "Ali"),
        ("3", "Thief", "Thief"),
    ]


@pytest.mark.parametrize(
    ("settings", "row"),
    [
        (["texts=true"], ("1", None, "Hitze. A thief.")),
        (["titles=true", "languages=[en]"], ("1", "Heat", None)),
        (["titles=true", "languages=[fr,de]"], ("1", "Hitze", None)),
        (["titles=true", "title_relations=['http://schema.org/description']"], ("1", "A thief.", None)),
        (["texts=true", "languages=[en]", "text_relations=['http://f/none']"], ("1", None, "Heat")),
    ],
)
def test_each_setting_does_what_it_says(root: Path, settings: list[str], row: tuple[str | None, ...]) -> None:
    (root / "links.csv").write_text("item,entity\n1,http://f/heat\n")
    raw = source(*settings, items=None, title_column=None, text_template=None).load(root)
    assert raw.items.rows() == [row]


def test_numbers_become_entities(root: Path) -> None:
    triples = source("bins=2").load(root).triples
    years = triples.filter(pl.col("relation") == "http://f/year")
    assert years["tail"].to_list() == [
        "year:[1995, 2001]", "year:[1995, 2001]", "year:[1981, 1995)",
    ]  # fmt: skip
    assert len(triples) == 5


@pytest.mark.parametrize(
    "named", ["attributes=log", "attributes.year=log", "attributes={'http://f/year': log}"]
)
def test_numbers_become_attributes(root: Path, named: str) -> None:
    raw = source(named).load(root)
    assert raw.numbers.rows() == [
        (f"http://f/{film}", "http://f/year", year, "log")
        for film, year in (("heat", 1995.0), ("ali", 2001.0), ("thief", 1981.0))
    ]  # also of an entity that no triple has
    assert len(raw.triples) == 2
    with pytest.raises(
        InputError, match=r"films\.ttl gives no number by 'yaer'; relations that do: http://f/year"
    ):
        source("attributes.yaer=log").load(root)


@pytest.mark.parametrize("settings", [[], [*ON, "bins=2", "attributes=log"]])
def test_the_store_gives_what_the_file_gives(root: Path, settings: list[str]) -> None:
    assert main(["kg", "convert", str(root / "films.ttl"), str(root / "films.npz")]) == 0
    (root / "links.csv").write_text("item,entity\n1,http://f/heat\n2,http://f/ali\n")
    from_file = source(*settings).load(root)
    from_store = source(*settings, kg="films.npz").load(root)
    assert from_store.items.equals(from_file.items)
    assert from_store.triples.equals(from_file.triples)
    assert from_store.numbers.equals(from_file.numbers)


def test_named_graphs_are_chosen(root: Path) -> None:
    (root / "films.trig").write_text(
        "<http://g/1> { <http://f/a> <http://f/p> <http://f/b> . } <http://f/a> <http://f/p> <http://f/c> ."
    )
    tails = {
        graphs: source(f"graphs={graphs}", kg="films.trig", links=None).load(root).triples["tail"].to_list()
        for graphs in ("null", "[default]", "['http://g/1']")
    }
    assert tails == {
        "null": ["http://f/b", "http://f/c"],
        "[default]": ["http://f/c"],
        "['http://g/1']": ["http://f/b"],
    }
    assert main(["kg", "convert", str(root / "films.trig"), str(root / "films.npz")]) == 0
    with pytest.raises(InputError, match="a store has no named graphs; choose with `kgrec kg convert"):
        source("graphs=[default]", kg="films.npz", links=None).load(root)
    with pytest.raises(InputError, match="no statement in the graphs http://g/2; graphs there are: default"):
        source("graphs=['http://g/2']", kg="films.trig", links=None).load(root)


def test_recbole_and_kgat_files(root: Path) -> None:
    (root / "ml.kg").write_text("head_id:token\trelation_id:token\ttail_id:token\nm.1\tby\tm.2\n")
    (root / "ml.link").write_text("item_id:token\tentity_id:token\n1\tm.1\n")
    raw = source(kg="ml.kg", links="ml.link").load(root)
    assert (raw.triples.rows(), raw.links.rows()) == ([("m.1", "by", "m.2")], [("1", "m.1")])
    (root / "ml.link").write_text("item_id:token\tentity_id:token\n1\tm.1\n9\tm.1\n")
    with pytest.raises(InputError, match=r"ml\.link, line 3: item '9' is in neither"):
        source(kg="ml.kg", links="ml.link").load(root)
    (root / "kg_final.txt").write_text("1 0 2\n")
    assert source(kg="kg_final.txt", links=None).load(root).triples.rows() == [("1", "0", "2")]


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("bins=1", "reading.bins is 1; 0 (off) or 2 and more are needed"),
        ("bins=-2", "reading.bins is -2"),
        ("attributes=ranks", "reading.attributes: found 'ranks', expected one of linear, log, quantile"),
        ("attributes.year=none", "reading.attributes: found 'none', expected one of linear, log, quantile"),
        ("graphs=[]", "reading.graphs is []; a list such as"),
        ("title_relations=name", "reading.title_relations is 'name'; a list"),
        ("languages=en", "reading.languages is 'en'; a list such as [a, b], or null is needed"),
    ],
)
def test_settings_that_make_no_sense_are_refused(setting: str, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        source(setting)
