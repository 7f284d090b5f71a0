from pathlib import Path
from typing import Any

import polars as pl
import pytest
from omegaconf import OmegaConf

from kgrec.build import build, config_dir
from kgrec.data.custom import Custom
from kgrec.data.graph_reading import GraphReading
from kgrec.errors import InputError

NTRIPLES = (
    "<http://kg/heat> <http://kg/director> <http://kg/mann> .\n"
    '<http://kg/heat> <http://kg/year> "1995" .\n'
    "<http://kg/ali> <http://kg/director> <http://kg/mann> .\n"
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A data folder with two films, one of them linked."""
    folder = tmp_path / "films"
    folder.mkdir()
    (folder / "ratings.csv").write_text("who,item,stars\nu1,1,5\nu2,2,3\n")
    (folder / "items.tsv").write_text("item\tname\tplot\n1\tHeat\tA thief.\n2\tAli\t\n3\t\t\n")
    (folder / "films.nt").write_text(NTRIPLES)
    (folder / "links.csv").write_text("item,entity\n1,http://kg/heat\n")
    return folder


def reading(**changed: Any) -> GraphReading:
    settings = {
        "graphs": None,
        "titles": False,
        "texts": False,
        "title_relations": None,
        "text_relations": None,
        "languages": None,
        "bins": 0,
    }
    return GraphReading(**{**settings, **changed})


def source(**changed: Any) -> Custom:
    settings = {
        "name": "films",
        "interactions": "ratings.csv",
        "items": "items.tsv",
        "kg": "films.nt",
        "reading": reading(),
        "links": "links.csv",
        "columns": {"user": "who", "rating": "stars"},
        "text_template": "{name}. {plot}",
        "title_column": "name",
    }
    return Custom(**{**settings, **changed})


def test_all_files_together(root: Path) -> None:
    raw = source().load(root)
    assert raw.name == "films"
    assert raw.interactions.to_dicts() == [
        {"user": "u1", "item": "1", "rating": 5.0},
        {"user": "u2", "item": "2", "rating": 3.0},
    ]
    assert raw.items.rows() == [("1", "Heat", "Heat. A thief."), ("2", "Ali", "Ali."), ("3", None, None)]
    assert raw.items.columns == ["item", "title", "text"]
    assert raw.triples.rows() == [
        ("http://kg/heat", "http://kg/director", "http://kg/mann"),
        ("http://kg/ali", "http://kg/director", "http://kg/mann"),
    ]
    assert raw.links.rows() == [("1", "http://kg/heat")]


def test_interactions_alone(root: Path) -> None:
    raw = source(items=None, kg=None, links=None, text_template=None, title_column=None).load(root)
    assert len(raw.interactions) == 2
    assert raw.items.schema == {"item": pl.String, "title": pl.String, "text": pl.String}
    assert raw.items.is_empty()
    assert raw.triples.columns == ["head", "relation", "tail"]
    assert raw.links.columns == ["item", "entity"]


def test_items_without_template_and_title(root: Path) -> None:
    items = source(text_template=None, title_column=None).load(root).items
    assert items.rows() == [("1", None, None), ("2", None, None), ("3", None, None)]
    assert items.schema == {"item": pl.String, "title": pl.String, "text": pl.String}


def test_without_links_items_named_like_entities_are_linked(root: Path) -> None:
    (root / "ratings.csv").write_text("who,item,stars\nu1,http://kg/ali,5\nu1,other,4\n")
    raw = source(links=None, items=None, text_template=None, title_column=None).load(root)
    assert raw.links.rows() == [("http://kg/ali", "http://kg/ali")]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("kg.tsv", "heat\tby\tmann\n"),
        ("kg.csv", "head,relation,tail\nheat,by,mann\n"),
        ("kg.ttl", "<urn:kgrec:heat> <urn:kgrec:by> <urn:kgrec:mann> ."),
    ],
)
def test_graphs_of_every_kind(root: Path, name: str, content: str) -> None:
    (root / name).write_text(content)
    assert source(kg=name, links=None).load(root).triples.rows() == [("heat", "by", "mann")]


def test_graph_as_parquet(root: Path) -> None:
    pl.DataFrame({"tail": ["mann"], "head": ["heat"], "relation": ["by"]}).write_parquet(root / "kg.parquet")
    assert source(kg="kg.parquet", links=None).load(root).triples.rows() == [("heat", "by", "mann")]


def test_paths_are_sought_in_the_folder_then_the_working_directory(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "links.csv").rename(tmp_path / "links.csv")
    assert not source().is_present(root)
    with pytest.raises(
        InputError, match=r"links: no file .*films/links\.csv or .*links\.csv; a custom dataset"
    ):
        source().fetch(root)
    monkeypatch.chdir(tmp_path)
    assert source().is_present(root)
    assert source(interactions=str(root / "ratings.csv")).load(root).links.rows() == [("1", "http://kg/heat")]
    (root / "links.csv").write_text("item,entity\n2,http://kg/ali\n")
    assert source().load(root).links.rows() == [("2", "http://kg/ali")]


def test_fetch_is_content_where_all_files_are_there(root: Path) -> None:
    source().fetch(root)
    with pytest.raises(
        InputError, match=r"interactions: no file /nowhere/x\.csv; a custom dataset is brought by you"
    ):
        source(interactions="/nowhere/x.csv").fetch(root)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("ratings.csv", "who,item,stars\nu1,1,five\n", r"ratings\.csv, line 2: stars is 'five', expected"),
        ("ratings.csv", "user,item,stars\nu1,1,5\n", "no column 'who' for 'user'; columns there are: user"),
        ("ratings.csv", "who,item,stars,split\nu,1,5,test\nu,2,5,dev\n", "line 3: split is 'dev'"),
        ("items.tsv", "item\tname\tplot\n1\ta\tb\n1\tc\td\n", r"items\.tsv, line 3: item '1' a second time"),
        ("items.tsv", "item\tname\n1\ta\n", "has no column 'plot'; columns there are: item, name"),
        ("items.tsv", "item\tplot\n1\ta\n", "title_column 'name': .* no such column; columns there"),
        ("links.csv", "item,entity\n1,http://kg/heart\n", r"line 2: entity .* nearest: 'http://kg/heat'"),
        ("links.csv", "item,entity\n9,http://kg/heat\n", r"links\.csv, line 2: item '9' is in neither"),
        ("films.nt", "<a:b> <a:c> .\n", r"films\.nt, line 1: "),
        ("films.nt", '<a:b> <a:c> "only literals" .\n', r"films\.nt: no triple between entities; set"),
    ],
)  # fmt: skip
def test_bad_rows_name_file_and_line(root: Path, file: str, content: str, message: str) -> None:
    (root / file).write_text(content)
    with pytest.raises(InputError, match=message):
        source().load(root)


def test_unknown_title_column_is_refused(root: Path) -> None:
    with pytest.raises(
        InputError, match=r"title_column 'titel': .*items\.tsv has no such column; columns there are:"
    ):
        source(title_column="titel").load(root)


def test_unknown_graph_ending_is_refused(root: Path) -> None:
    (root / "kg.json").write_text("{}")
    with pytest.raises(InputError, match=r"kg\.json: unknown ending; a graph is one of \.ttl"):
        source(kg="kg.json").load(root)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"columns": {"users": "who"}}, "columns: unknown key 'users'; valid: user, item, rating"),
        ({"items": None}, "text_template and title_column read the item table"),
        ({"kg": None}, "links is 'links.csv' but kg is null"),
        ({"text_template": "{name"}, "text_template '{name'"),
    ],
)
def test_settings_that_do_not_fit_are_refused_at_construction(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        source(**changed)


def test_config_builds_a_source_that_reads_plain_columns(tmp_path: Path) -> None:
    node = OmegaConf.load(config_dir() / "data" / "custom.yaml").source
    node.interactions = str(tmp_path / "plays.csv")
    (tmp_path / "plays.csv").write_text("user,item,split\nu1,a,train\nu1,b,test\n")
    raw = build(node).load(tmp_path)
    assert raw.interactions.columns == ["user", "item", "split"]
    assert raw.name == "custom"
