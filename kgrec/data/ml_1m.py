"""MovieLens-1M as CoLaKG has it, with descriptions and a graph put together from four sources.

Files: ``train.txt``, ``test.txt`` user and items in internal ids; ``user_map.txt``, ``item_map.txt`` raw id,
internal id; ``movies.dat`` id, "Title (Year)", genres; for descriptions ``llm_response_item.json`` raw id,
text; for the graph see :mod:`kgrec.data.ml_1m_graph`.
"""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from kgrec.data.dataset import DatasetCard, RawDataset
from kgrec.data.download import RemoteFile, fetch_from_urls, fetch_from_wheel
from kgrec.data.formats.colakg import read_colakg_interactions, read_texts
from kgrec.data.formats.kgat import read_numbers
from kgrec.data.formats.tsv import read_utf8
from kgrec.data.ml_1m_graph import (
    FREEBASE,
    FREEBASE_LINKS,
    GRAPH_FILES,
    GRAPHS,
    freebase_folder,
    item_entity,
)
from kgrec.data.ml_100k import FILES as ML_100K_FILES
from kgrec.data.ml_100k import WHEEL
from kgrec.data.text_template import TextTemplate
from kgrec.errors import InputError

GITHUB = "https://raw.githubusercontent.com"
COLAKG = f"{GITHUB}/ziqiangcui/CoLaKG/7e1ce44945b2cfcb99ba36daf4b143e7a9704b84/data/ml-1m"
COUPLED_CF = f"{GITHUB}/zhqgui/CoupledCF/3c305315d4b39b958de40d83afad0807519610bf/ml-1m"

FILES = {
    name: RemoteFile(origin=f"{folder}/{name}", sha256=sha256)
    for folder, name, sha256 in (
        (COLAKG, "train.txt", "573597130772d14eaa4e3119e79bfcd784a227ef59bc7511cb94376ef73fdda0"),
        (COLAKG, "test.txt", "2270d90d15e28f575e462e956beb9ef87b71176232c188fb038460409d22bca6"),
        (COLAKG, "user_map.txt", "df8752d1425692fd14a76d5ba3ca2b6a28b7ade61a7764fc8575c2807c504f6b"),
        (COLAKG, "item_map.txt", "f9656ffd46465058dbad4cbd160dbeb6844a70fb20399834409fd686d22fea98"),
        (COUPLED_CF, "movies.dat", "0f6badff929f8d83a523f3f9ee15cb062a763ace363a8c37ee449b0fdc9a76b0"),
    )
}
DESCRIPTIONS = "llm_response_item.json"
DESCRIPTION_FILES = {
    DESCRIPTIONS: RemoteFile(
        f"{COLAKG}/{DESCRIPTIONS}", "b47eb5d8b2ca1754e994daa93736dcc027dc8cc03da0ea28115a552eb6158724"
    )
}
MOVIE = r"^(?<item>\d+)::(?<title>.*?)\s*\((?<year>\d{4})\)::(?<genres>[^:]*)$"

CARD = DatasetCard(
    origin="https://grouplens.org/datasets/movielens/1m/ (texts: https://github.com/ziqiangcui/CoLaKG)",
    licence="GroupLens: research use, citation, no redistribution without permission, no commercial use",
    version="MovieLens 1M as in CoLaKG, commit 7e1ce44",
    citation="Harper and Konstan 2015, The MovieLens Datasets, ACM TiiS 5(4), https://doi.org/10.1145/2827872",
    published_counts={
        "users": 6040,
        "items": 3260,
        "interactions": 998_539,
        "train": 801_218,
        "test": 197_321,
    },
    notes=(
        "Without ratings: every row is a positive. 50 titles lost their accents. Descriptions were written "
        "by a large language model and name the director or the cast: they state the graph's facts in words."
    ),
)


class ML1M:
    """Reader of MovieLens-1M.

    Every item has an entity of its own, ``ml-1m:item/<id>``; the sources of the graph hang their facts on it.

    Args:
        variant: name of the dataset in tables, such as ``ml-1m-titles``: texts differ, so figures do.
        text: template of the text that the language model reads, of ``{title}``, ``{year}``, ``{genres}`` and
            ``{description}``. The descriptions' file is needed only where the template names them.
        graphs: which sources of facts to join, of ``genres``, ``imdb5000``, ``freebase``, ``mkr``.

    Raises:
        InputError: ``text`` is no template, or an unknown source of facts.
    """

    name = "ml-1m"
    card = CARD

    def __init__(self, variant: str, text: str, graphs: Sequence[str]) -> None:
        unknown = [graph for graph in graphs if graph not in GRAPHS]
        if unknown:
            raise InputError(f"data.source.graphs has {unknown[0]!r}; known: {', '.join(GRAPHS)}")
        self.variant = variant
        self.text = TextTemplate(text)
        self.graphs = tuple(graphs)
        self.files = dict(FILES)
        if "description" in self.text.columns:
            self.files |= DESCRIPTION_FILES
        for graph in self.graphs:
            self.files |= GRAPH_FILES.get(graph, {})

    def is_present(self, root: Path) -> bool:
        """Whether all files lie under ``root``, the Freebase graph there or in the folder of ``ml-100k``."""
        own = all((root / name).is_file() for name in self.files)
        return own and ("freebase" not in self.graphs or freebase_folder(root) is not None)

    def fetch(self, root: Path) -> None:
        """Download the files from the repositories that hold them, Freebase's from RecBole's wheel."""
        fetch_from_urls(self.files, root)
        if "freebase" in self.graphs:
            fetch_from_wheel(WHEEL, {name: ML_100K_FILES[name] for name in (FREEBASE, FREEBASE_LINKS)}, root)

    def load(self, root: Path) -> RawDataset:
        """Read the files under ``root``."""
        item_map = read_numbers(root / "item_map.txt", ("item", "internal_id"))
        items = item_map.select("item").join(
            _read_movies(root / "movies.dat"), on="item", how="left", maintain_order="left"
        )
        if "description" in self.text.columns:
            texts = read_texts(root / DESCRIPTIONS, "raw MovieLens id")
            items = items.join(
                texts.rename({"id": "item", "text": "description"}),
                on="item",
                how="left",
                maintain_order="left",
            )
        links = items.select("item", entity=item_entity())
        facts = [GRAPHS[graph](root, items) for graph in self.graphs]
        nothing = pl.DataFrame(schema={"head": pl.String, "relation": pl.String, "tail": pl.String})
        fields = items.with_columns(genres=pl.col("genres").list.join(", "))
        return RawDataset(
            name=self.variant,
            interactions=read_colakg_interactions(root, item_map),
            items=pl.DataFrame(
                {
                    "item": items["item"],
                    "title": TextTemplate("{title} ({year})").render(fields, "movies.dat"),
                    "text": self.text.render(fields, "movies.dat"),
                }
            ),
            triples=pl.concat([nothing, *facts]).unique(maintain_order=True),
            links=links,
            card=self.card,
        )


def _read_movies(path: Path) -> pl.DataFrame:
    """``item, title, year, genres``, genres as lists."""
    lines = pl.Series([read_utf8(path).decode()]).str.split("\n").explode()
    movies = lines.str.extract_groups(MOVIE).struct.unnest()
    broken = movies["item"].is_null()
    if broken.any():
        row = int(broken.arg_true()[0])
        raise InputError(
            f"{path}: line {row + 1}: found {lines[row][:60]!r}, expected id::Title (Year)::Genre|Genre"
        )
    return movies.with_columns(pl.col("genres").str.split("|"))
