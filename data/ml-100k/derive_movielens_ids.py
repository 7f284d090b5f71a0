"""Map the item ids of MovieLens-100K to the movie ids that all later MovieLens releases share.

RecBole's ``ml-100k.link`` is keyed by the later ids, so its links point to other films until they are
translated (RUCAIBox/RecSysDatasets issue 130). This script wrote ``kgrec/data/ml_100k_movielens_ids.csv``::

    python data/ml-100k/derive_movielens_ids.py ml-100k.item movies.dat kgrec/data/ml_100k_movielens_ids.csv

``movies.dat`` is the movies file of any later release: ``id::title (year)::genres`` or the csv form. A
film is matched by the first of the rules below that has a candidate; where a rule has several candidates
the item stays unmatched, because a wrong link is worse than none:

1. same title, same year;
2. same title or alternative title (in brackets, "a.k.a."), same year;
3. same part of a title ("Star Wars" of "Star Wars: Episode IV - A New Hope"), same year;
4. same title, year one off, and no other film of that title in the release.

Titles are compared without case, accents, punctuation and with the article in front. Both files are read
as UTF-8, else latin-1; a copy whose latin-1 accents went through GBK ("Mis閞ables") is mended, and a
character that was lost there (U+FFFD) matches any one letter or digit.
"""

import argparse
import csv
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

ARTICLES = "the|a|an|das|der|die|el|gli|i|il|l'|la|le|les|lo|los|o|un|une"
LOST = "\ufffd"


@dataclass(frozen=True)
class Film:
    """One row of either file: names in comparable form, best first."""

    film_id: str
    year: int | None
    title: str
    alternatives: tuple[str, ...]
    parts: tuple[str, ...]

    @classmethod
    def parse(cls, film_id: str, title: str, year: str) -> "Film":
        """Split a title into its names; a year in the title's own brackets wins."""
        title = _mend_gbk(title).strip()
        if trailing := re.search(r"\((\d{4})\)\s*$", title):
            year, title = trailing[1], title[: trailing.start()]
        main = re.sub(r"\([^)]*\)", " ", title)
        brackets = [
            name for text in re.findall(r"\(([^)]*)\)", title) for name in re.split(r"a\.?k\.?a\.", text)
        ]
        parts = re.split(r": | - ", main)
        return cls(
            film_id=film_id,
            year=int(year) if year.isdigit() else None,
            title=comparable(main),
            alternatives=tuple(filter(None, map(comparable, brackets))),
            parts=tuple(filter(None, map(comparable, parts))) if len(parts) > 1 else (),
        )


def comparable(title: str) -> str:
    """Lower case letters and digits only, the article in front, "&" as "and"; lost characters stay."""
    title = unicodedata.normalize("NFKD", title).lower().replace("&", " and ").strip(" ,")
    title = re.sub(rf"^(.*), ({ARTICLES})$", r"\2 \1", title)
    return re.sub(rf"[^a-z0-9{LOST}]", "", title)


def _mend_gbk(title: str) -> str:
    return re.sub(r"[\u4e00-\u9fff]", lambda char: char[0].encode("gbk").decode("latin-1"), title)


def read_text(path: Path) -> str:
    """The file's text, UTF-8 or else latin-1."""
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def read_items(path: Path) -> list[Film]:
    """Films of ``ml-100k.item``: id, title, year, genres."""
    rows = [line.split("\t") for line in read_text(path).splitlines()[1:]]
    return [Film.parse(film_id, title, year) for film_id, title, year, _ in rows]


def read_movies(path: Path) -> list[Film]:
    """Films of a later release, ``::`` or comma separated."""
    lines = read_text(path).splitlines()
    if lines[0].startswith("movieId,"):
        rows: Iterable[list[str]] = csv.reader(lines[1:])
    else:
        rows = (line.split("::") for line in lines)
    return [Film.parse(film_id, title, "") for film_id, title, _ in rows]


class Matcher:
    """Finds the film of a later release that is an item of MovieLens-100K."""

    def __init__(self, movies: list[Film]) -> None:
        self.movies = movies
        self.title_counts = Counter(movie.title for movie in movies)
        self.rules: list[tuple[str, Callable[[Film, Film], bool]]] = [
            ("title and year", lambda a, b: a.year == b.year and same(a.title, b.title)),
            ("alternative title and year", lambda a, b: a.year == b.year and share_name(a, b)),
            ("part of the title and year", lambda a, b: a.year == b.year and share_part(a, b)),
            ("unique title, year one off", self._one_year_off),
        ]

    def match(self, item: Film) -> tuple[str, list[Film]]:
        """The first rule with a candidate, and its candidates."""
        for rule, agrees in self.rules:
            candidates = [movie for movie in self.movies if agrees(item, movie)]
            if candidates:
                return rule, candidates
        return "no match", []

    def _one_year_off(self, a: Film, b: Film) -> bool:
        near = a.year is not None and b.year is not None and abs(a.year - b.year) == 1
        return near and a.title == b.title and self.title_counts[b.title] == 1


def same(a: str, b: str) -> bool:
    """Equal names, where a lost character of ``b`` stands for any one character."""
    if LOST not in b:
        return a == b
    return re.fullmatch(b.replace(LOST, "[a-z0-9]"), a) is not None


def share_name(a: Film, b: Film) -> bool:
    """Whether any title or alternative title is the same."""
    return any(same(x, y) for x in (a.title, *a.alternatives) for y in (b.title, *b.alternatives))


def share_part(a: Film, b: Film) -> bool:
    """Whether a part of one title is the other title, or a part of it."""
    return any(same(x, y) for x in (a.title, *a.parts) for y in (b.title, *b.parts))


def main() -> None:
    """Write the table and print how each rule did."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("items", type=Path, help="ml-100k.item")
    parser.add_argument("movies", type=Path, help="movies.dat or movies.csv of a later release")
    parser.add_argument("output", type=Path, help="csv to write: ml_100k_id,movielens_id")
    arguments = parser.parse_args()
    matcher = Matcher(read_movies(arguments.movies))
    rows, tally = ["ml_100k_id,movielens_id"], Counter[str]()
    for item in read_items(arguments.items):
        rule, candidates = matcher.match(item)
        if len(candidates) == 1:
            rows.append(f"{item.film_id},{candidates[0].film_id}")
        tally[rule if len(candidates) < 2 else f"several candidates by {rule}"] += 1
        if rule != "title and year" or len(candidates) != 1:
            found = ", ".join(f"{movie.film_id} {movie.title} {movie.year}" for movie in candidates)
            print(f"{rule}: {item.film_id} {item.title} {item.year} -> {found or '-'}")
    arguments.output.write_text("\n".join(rows) + "\n")
    print(f"{len(rows) - 1} matched; " + "; ".join(f"{rule}: {count}" for rule, count in tally.items()))


if __name__ == "__main__":
    main()
