from collections.abc import Callable
from pathlib import Path

import pytest

from kgrec.data.dataset import DatasetSource
from kgrec.data.ml_1m import CARD, ML1M
from kgrec.data.ml_1m_graph import GRAPHS, imdb_facts
from kgrec.data.prepare import raw_counts
from kgrec.errors import InputError

FindRawFiles = Callable[[DatasetSource], Path]
TITLES = "{title} ({year})"
IMDB_HEADER = (
    "director_name;actor_1_name;actor_2_name;actor_3_name;genres;plot_keywords;language;country;imdb_score;"
    "movie_imdb_link"
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Films 10 and 30; internal ids 1 and 0, so that one read as the other would be the other film.

    Film 20 is in the tables of facts only.
    """
    folder = tmp_path / "ml-1m"
    files = {
        "train.txt": "0 0 1\n1 1\n",
        "test.txt": "0\n1 0\n",
        "user_map.txt": "7 0\n5 1\n",
        "item_map.txt": "10 1\n30 0\n",
        "movies.dat": "10::Heat (1995)::Crime|Drama\r\n20::Nobody (1990)::War\r\n30::L'Eté(1996)::Drama\r\n",
        "llm_response_item.json": '{"10": " A heist. ", "30": "A summer."}',
        "imdb5000.csv": IMDB_HEADER
        + "\nMann;Pacino;De Niro;;Crime|Drama;heist|bank;English;USA;8.2;http://imdb.com/title/tt0113277/?r"
        + "\nMann;Pacino;De Niro;;Crime|Drama;again;English;USA;8.2;http://imdb.com/title/tt0113277/?r"
        + "\nNoone;;;;War;;;;1.0;http://imdb.com/title/tt0000020/\n",
        "links.csv": "movieId,imdbId,tmdbId\n10,0113277,949\n20,0000020,1\n",
        "mkr-kg/kg.txt": "0\tfilm.film.writer\t9\n1\tfilm.film.writer\t9\n",
        "mkr-kg/item_index2entity_id.txt": "30\t0\n20\t1\n",
        "../ml-100k/ml-100k.kg": "head_id:token\trelation_id:token\ttail_id:token\n"
        "m.a\tfilm.film.sequel\tm.b\n",
        "../ml-100k/ml-100k.link": "item_id:token\tentity_id:token\n10\tm.a\n20\tm.c\n",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text.encode())
    return folder


def test_interactions_come_in_raw_ids_with_their_part(root: Path) -> None:
    raw = ML1M("ml-1m-titles", TITLES, ["genres"]).load(root)
    assert raw.name == "ml-1m-titles"
    assert sorted(raw.interactions.rows()) == [
        ("5", "10", "train"),
        ("5", "30", "test"),
        ("7", "10", "train"),
        ("7", "30", "train"),
    ]


def test_texts_follow_the_template(root: Path) -> None:
    items = ML1M("ml-1m-titles", TITLES, []).load(root).items
    assert items.rows() == [("10", "Heat (1995)", "Heat (1995)"), ("30", "L'Eté (1996)", "L'Eté (1996)")]
    described = ML1M("ml-1m-llm-text", "{description}", []).load(root).items
    assert described["text"].to_list() == ["A heist.", "A summer."]
    assert described["title"].to_list() == ["Heat (1995)", "L'Eté (1996)"]


def test_every_source_of_facts_hangs_them_on_the_films(root: Path) -> None:
    facts = {graph: ML1M("x", TITLES, [graph]).load(root).triples.rows() for graph in GRAPHS}
    ten, thirty = "ml-1m:item/10", "ml-1m:item/30"
    assert facts["genres"] == [
        (ten, "genre", "genre:Crime"),
        (ten, "genre", "genre:Drama"),
        (thirty, "genre", "genre:Drama"),
    ]
    assert facts["imdb5000"] == [
        (ten, "imdb.director", "imdb.person:Mann"),
        (ten, "imdb.actor", "imdb.person:Pacino"),
        (ten, "imdb.actor", "imdb.person:De Niro"),
        (ten, "imdb.genre", "imdb.genre:Crime"),
        (ten, "imdb.genre", "imdb.genre:Drama"),
        (ten, "imdb.keyword", "imdb.keyword:heist"),
        (ten, "imdb.keyword", "imdb.keyword:bank"),
        (ten, "imdb.language", "imdb.language:English"),
        (ten, "imdb.country", "imdb.country:USA"),
    ]
    assert facts["freebase"] == [(ten, "film.film.sequel", "m.b")]
    assert facts["mkr"] == [(thirty, "mkr.film.film.writer", "mkr:9")]
    together = ML1M("x", TITLES, list(GRAPHS)).load(root)
    assert len(together.triples) == sum(len(rows) for rows in facts.values())
    assert together.links.rows() == [("10", ten), ("30", thirty)]


def test_only_the_files_that_are_needed_must_lie_there(root: Path) -> None:
    source = ML1M("x", TITLES, list(GRAPHS))
    assert source.is_present(root)
    (root / "llm_response_item.json").unlink()
    assert source.is_present(root)
    assert not ML1M("x", "{description}", []).is_present(root)
    (root.parent / "ml-100k" / "ml-100k.kg").rename(root / "ml-100k.kg")
    assert not source.is_present(root)
    (root.parent / "ml-100k" / "ml-100k.link").rename(root / "ml-100k.link")
    assert source.is_present(root)
    (root / "links.csv").unlink()
    assert not source.is_present(root)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("movies.dat", "10::Heat::Crime\n", "line 1: found '10::Heat::Crime', expected id::Title"),
        ("train.txt", "0 5\n", "item 5 is not in item_map.txt"),
        ("user_map.txt", "7 0\n", "user 1 is not in user_map.txt"),
        ("imdb5000.csv", "genres\nWar\n", "line 1: no column movie_imdb_link; found genres"),
        ("links.csv", "movieId,tmdbId\n10,949\n", "imdbId"),
        ("mkr-kg/kg.txt", "0\tr\t1\n0\t\t1\n", "line 2: relation is empty; an id is needed"),
    ],
)
def test_bad_rows_are_named(root: Path, name: str, text: str, message: str) -> None:
    (root / name).write_text(text)
    with pytest.raises(InputError) as error:
        ML1M("x", TITLES, list(GRAPHS)).load(root)
    assert message in str(error.value)


def test_an_unknown_source_of_facts_is_refused() -> None:
    with pytest.raises(InputError, match="graphs has 'imdb'; known: genres, imdb5000, freebase, mkr"):
        ML1M("x", TITLES, ["imdb"])


def test_real_counts(find_raw_files: FindRawFiles) -> None:
    source = ML1M("ml-1m-llm-text", "{description}", list(GRAPHS))
    root = find_raw_files(source)
    raw = source.load(root)
    counts = raw_counts(raw)
    assert {name: counts[name] for name in CARD.published_counts} == CARD.published_counts
    assert counts["items_with_text"] == 3260
    films = imdb_facts(root, raw.items)["head"].n_unique()
    assert films == 1080  # of the 3,260, as counted when the data was put together
    assert counts["triples"] == 130_647
