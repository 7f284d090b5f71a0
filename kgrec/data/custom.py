"""Bring your own data: tables of interactions, items and links, and a knowledge graph."""

import logging
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from kgrec.data.dataset import DatasetCard, RawDataset
from kgrec.data.formats import recbole
from kgrec.data.formats.tables import (
    check_unique,
    read_all_columns,
    read_table,
    row_name,
    select_columns,
)
from kgrec.data.formats.tsv import FIRST_ROW_LINE
from kgrec.data.graph_reading import TRIPLES, GraphFacts, GraphReading
from kgrec.data.text_template import TextTemplate
from kgrec.errors import InputError
from kgrec.kg.links import check_links, links_by_name
from kgrec.kg.statements import READABLE, format_ending

_LOG = logging.getLogger(__name__)
_COLUMNS = ("user", "item", "rating", "timestamp", "split", "entity")
_SPLITS = ("train", "valid", "test")
_TEXTS = {"item": pl.String, "title": pl.String, "text": pl.String}
_LINKS = {"item": pl.String, "entity": pl.String}


class Custom:
    """A dataset source made of the user's own files; implements :class:`kgrec.data.dataset.DatasetSource`.

    A path is looked for as given where it is absolute, else in the dataset's folder, else in the working
    directory. Tables are csv, tsv or parquet.

    Args:
        name: name of the dataset, and of its folder in the data folder.
        interactions: table with columns user, item and where known rating, timestamp (numbers) and
            split (train, valid or test).
        items: table with one row per item: its id and whatever ``text_template`` and ``title_column`` name.
        kg: RDF (.ttl .nt .nq .trig .rdf .xml .owl .jsonld, also .gz), the store that ``kgrec kg convert``
            writes (.npz), head-relation-tail lines (.tsv, RecBole's .kg, KGAT's .txt), or a table with the
            columns head, relation, tail (.csv .parquet).
        reading: what is taken of ``kg``.
        links: table with columns item and entity, or RecBole's .link. Without it, an item whose id is an
            entity's name is linked to that entity.
        columns: kgrec's column name → the files' one, for user, item, rating, timestamp, split, entity;
            null = the files have no such column.
        text_template: what the language model reads of an item; see :class:`TextTemplate`.
        title_column: column of the item table that people know an item by.

    Raises:
        InputError: settings that do not fit together.
    """

    def __init__(
        self,
        name: str,
        interactions: str,
        items: str | None,
        kg: str | None,
        reading: GraphReading,
        links: str | None,
        columns: Mapping[str, str | None],
        text_template: str | None,
        title_column: str | None,
    ) -> None:
        unknown = [key for key in columns if key not in _COLUMNS]
        if unknown:
            raise InputError(f"columns: unknown key {unknown[0]!r}; valid: {', '.join(_COLUMNS)}")
        if items is None and (text_template is not None or title_column is not None):
            raise InputError("text_template and title_column read the item table: give items too")
        if links is not None and kg is None:
            raise InputError(
                f"links is {links!r} but kg is null: links lead into a knowledge graph, give kg too"
            )
        self.name = name
        self.card = DatasetCard(
            origin="your own files", licence="your own", version="", citation="", notes="read as given"
        )
        self._interactions, self._items, self._kg, self._links = interactions, items, kg, links
        self._reading = reading
        self._columns = dict(columns)
        self._template = None if text_template is None else TextTemplate(text_template)
        self._title_column = title_column

    def is_present(self, root: Path) -> bool:
        """Whether all files named by the settings are found."""
        return all(_find(root, file) for file in self._files().values())

    def fetch(self, root: Path) -> None:
        """Say which file is missing: nobody else can bring it.

        Raises:
            InputError: always, unless every file is there.
        """
        for setting, file in self._files().items():
            _path(root, setting, file)

    def load(self, root: Path) -> RawDataset:
        """Read all tables and the graph.

        Raises:
            InputError: a missing file or column, a bad row, or a link into nowhere.
        """
        interactions = self._load_interactions(root)
        items = self._load_items(root)
        graph = self._load_graph(root)
        item_ids = pl.concat([items["item"], interactions["item"]]).unique(maintain_order=True).to_list()
        links = self._load_links(root, item_ids, graph.entities())
        return RawDataset(
            name=self.name,
            interactions=interactions,
            items=graph.describe(items, links),
            triples=graph.triples,
            links=links,
            card=self.card,
            numbers=graph.numbers,
        )

    def linking_tables(self, root: Path) -> tuple[pl.DataFrame | None, pl.DataFrame, pl.DataFrame | None]:
        """What ``kgrec kg link`` works on: the files as they are, before anybody has checked the links.

        Returns:
            All columns of the item table (the id is ``item``), ``None`` where there is none; the graph,
            literals included, with ``tail_is_literal``; links
            ``item, entity``, ``None`` where there are none.

        Raises:
            InputError: a missing file or column, or a bad row.
        """
        table = None
        if self._items is not None:
            path, item = _path(root, "items", self._items), self._columns.get("item") or "item"
            table = read_all_columns(path)
            select_columns(table, path, required={"item": pl.String}, columns={"item": item})
            check_unique(table, item, path)
            table = table.rename({item: "item"}).with_columns(pl.col("item").cast(pl.String))
        links = None
        if self._links is not None:
            columns = {name: self._columns.get(name, name) for name in _LINKS}
            links = read_table(_path(root, "links", self._links), required=_LINKS, columns=columns)
        return table, self._statements(root), links

    def _statements(self, root: Path) -> pl.DataFrame:
        """``head, relation, tail, tail_is_literal``, as the file has them."""
        if self._kg is None:
            return pl.DataFrame(schema={**TRIPLES, "tail_is_literal": pl.Boolean})
        statements = self._reading.statements(_path(root, "kg", self._kg))
        return statements.select(*TRIPLES, tail_is_literal=pl.col("datatype").is_not_null())

    def rdf_file(self, root: Path) -> Path | None:
        """The graph's file where it is RDF, as opposed to a table of names.

        Raises:
            InputError: the file is missing.
        """
        path = None if self._kg is None else _path(root, "kg", self._kg)
        return path if path is not None and format_ending(path) in READABLE else None

    def _load_interactions(self, root: Path) -> pl.DataFrame:
        path = _path(root, "interactions", self._interactions)
        frame = read_table(
            path,
            required={"user": pl.String, "item": pl.String},
            optional={"rating": pl.Float64, "timestamp": pl.Float64, "split": pl.String},
            columns=self._columns,
        )
        if "split" in frame.columns:
            wrong = (~frame["split"].is_in(_SPLITS)).arg_true()
            if len(wrong):
                raise InputError(
                    f"{row_name(path, wrong[0])}: split is {frame['split'][wrong[0]]!r}, "
                    f"expected one of {', '.join(_SPLITS)}"
                )
        return frame

    def _load_items(self, root: Path) -> pl.DataFrame:
        if self._items is None:
            return pl.DataFrame(schema=_TEXTS)
        path = _path(root, "items", self._items)
        table = read_all_columns(path)
        columns = {"item": self._columns.get("item", "item")}
        items = select_columns(table, path, required={"item": pl.String}, columns=columns)
        check_unique(items, "item", path)
        if self._title_column is not None and self._title_column not in table.columns:
            raise InputError(
                f"title_column {self._title_column!r}: {path} has no such column; "
                f"columns there are: {', '.join(table.columns)}"
            )
        nothing = pl.lit(None, dtype=pl.String)
        return items.with_columns(
            title=nothing if self._title_column is None else table[self._title_column].cast(pl.String),
            text=nothing if self._template is None else self._template.render(table, str(path)),
        )

    def _load_graph(self, root: Path) -> GraphFacts:
        if self._kg is None:
            return GraphFacts(pl.DataFrame(schema=TRIPLES))
        return self._reading.read(_path(root, "kg", self._kg))

    def _load_links(self, root: Path, items: list[str], entities: list[str]) -> pl.DataFrame:
        if self._links is not None:
            path = _path(root, "links", self._links)
            if path.suffix == ".link":
                links = recbole.read_links(path)
            else:
                columns = {name: self._columns.get(name, name) for name in _LINKS}
                links = read_table(path, required=_LINKS, columns=columns)
            check_links(links, items, entities, lambda row: _link_name(path, row))
            return links
        links = links_by_name(items, entities)
        if entities:
            _LOG.info(
                "%d of %d items bear the name of an entity and are linked to it", len(links), len(items)
            )
        return links

    def _files(self) -> dict[str, str]:
        """Setting → file, for the settings that name one."""
        files = {
            "interactions": self._interactions,
            "items": self._items,
            "kg": self._kg,
            "links": self._links,
        }
        return {setting: file for setting, file in files.items() if file is not None}


def _link_name(path: Path, row: int) -> str:
    if path.suffix == ".link":
        return f"{path}, line {row + FIRST_ROW_LINE}"
    return row_name(path, row)


def _find(root: Path, file: str) -> Path | None:
    """``file`` in ``root`` or, failing that, in the working directory; absolute paths stand as they are."""
    for path in (root / file, Path(file)):
        if path.is_file():
            return path
    return None


def _path(root: Path, setting: str, file: str) -> Path:
    path = _find(root, file)
    if path is None:
        places = [file] if Path(file).is_absolute() else [str(root / file), str(Path.cwd() / file)]
        raise InputError(f"{setting}: no file {' or '.join(places)}; a custom dataset is brought by you")
    return path
