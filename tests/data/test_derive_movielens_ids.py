"""The script that made kgrec/data/ml_100k_movielens_ids.csv."""

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    path = CHECKOUT / "data" / "ml-100k" / "derive_movielens_ids.py"
    spec = importlib.util.spec_from_file_location("derive_movielens_ids", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def match(script: ModuleType, item: tuple[str, str], *movies: str) -> tuple[str, list[str]]:
    """Match a title and year against movies with ids 0, 1 …"""
    films = [script.Film.parse(str(index), title, "") for index, title in enumerate(movies)]
    rule, found = script.Matcher(films).match(script.Film.parse("x", *item))
    return rule, [film.film_id for film in found]


@pytest.mark.parametrize(
    ("item", "movie", "rule"),
    [
        (("GoldenEye", "1995"), "Goldeneye (1995)", "title and year"),
        (("Misérables, Les", "1995"), "Les Miserables (1995)", "title and year"),
        (("Cérémonie, La", "1995"), "C閞閙onie, La (1995)", "title and year"),
        (("Alien 3", "1992"), "Alien\ufffd (1992)", "title and year"),
        (("Romeo & Juliet", "1996"), "Romeo and Juliet (1996)", "title and year"),
        (("Land Before Time III (1995)", "V"), "Land Before Time III (1995)", "title and year"),
        (
            ("Hard Eight", "1996"),
            "Hard 8 (a.k.a. Sydney, a.k.a. Hard Eight) (1996)",
            "alternative title and year",
        ),
        (("Boot, Das", "1981"), "Boat, The (Das Boot) (1981)", "alternative title and year"),
        (("Star Wars", "1977"), "Star Wars: Episode IV - A New Hope (1977)", "part of the title and year"),
        (("Conan the Barbarian", "1981"), "Conan the Barbarian (1982)", "unique title, year one off"),
    ],
)
def test_each_rule_finds_its_film(script: ModuleType, item: tuple[str, str], movie: str, rule: str) -> None:
    assert match(script, item, "Something Else (1995)", movie) == (rule, ["1"])


@pytest.mark.parametrize(
    ("item", "movies"),
    [
        (("Drunks", "1995"), ["Drunks (1997)"]),
        (("Good Morning", "1971"), ["Good Morning, Vietnam (1987)", "Good Morning (1959)"]),
        (("Hamlet", "1995"), ["Hamlet (1996)", "Hamlet (1948)"]),
        (("Star Wars", "1977"), ["Star Wars: Episode VI - Return of the Jedi (1983)"]),
        (("unkonwn", "unkonwn"), ["Unknown (2006)"]),
    ],
)
def test_what_may_be_another_film_is_left_unmatched(
    script: ModuleType, item: tuple[str, str], movies: list[str]
) -> None:
    assert match(script, item, *movies) == ("no match", [])


def test_two_films_of_one_title_and_year_are_both_told(script: ModuleType) -> None:
    assert match(script, ("Emma", "1996"), "Emma (1996)", "Emma (1996)") == ("title and year", ["0", "1"])


@pytest.mark.parametrize(
    ("name", "text", "encoding"),
    [
        ("movies.dat", "5::Café, Le (1990)::Drama\r\n", "utf-8"),
        ("movies.dat", "5::Café, Le (1990)::Drama\n", "latin-1"),
        ("movies.csv", 'movieId,title,genres\n5,"Café, Le (1990)",Drama\n', "utf-8"),
    ],
)
def test_the_table_is_written_from_any_form_of_the_movies_file(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str, encoding: str
) -> None:
    (tmp_path / name).write_bytes(text.encode(encoding))
    header = "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq"
    (tmp_path / "ml-100k.item").write_text(f"{header}\n3\tLe cafe\t1990\tDrama\n4\tTea\t1990\t\n")
    arguments = [str(tmp_path / file) for file in ("ml-100k.item", name, "out.csv")]
    monkeypatch.setattr(sys, "argv", ["derive_movielens_ids.py", *arguments])
    script.main()
    assert (tmp_path / "out.csv").read_text() == "ml_100k_id,movielens_id\n3,5\n"


def test_the_committed_table_can_be_made_again(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = Path(os.environ.get("KGREC_DATA_DIR", CHECKOUT / "data"))
    files = [data / "ml-100k" / "ml-100k.item", data / "ml-1m" / "movies.dat"]
    if not all(file.is_file() for file in files):
        pytest.skip("needs ml-100k/ml-100k.item and ml-1m/movies.dat under KGREC_DATA_DIR")
    output = tmp_path / "out.csv"
    monkeypatch.setattr(sys, "argv", ["derive_movielens_ids.py", *map(str, files), str(output)])
    script.main()
    committed = CHECKOUT / "kgrec" / "data" / "ml_100k_movielens_ids.csv"
    assert output.read_text() == committed.read_text()
