"""Titles made comparable: articles, accents, brackets, "Title, The", and the year behind a title."""

import re
import unicodedata
from dataclasses import dataclass

ARTICLES = "the|a|an|das|der|die|el|gli|i|il|la|le|les|lo|los|o|un|une"
_YEAR_BEHIND = re.compile(r"\s*\(((?:1[5-9]|20)\d\d)\)\s*$")
_BRACKETS = re.compile(r"\(([^()]*)\)")
_ALSO_KNOWN_AS = re.compile(r"\ba\.?k\.?a\.?\s", re.IGNORECASE)
_PART_MARK = re.compile(r": | - ")


@dataclass(frozen=True)
class Title:
    """One title, taken apart.

    Attributes:
        words: the title without brackets in comparable words, for measures of likeness.
        main: the same without spaces, for equality.
        aliases: what stands in brackets, such as an original title, comparable.
        parts: what stands before and behind a colon or dash, comparable; empty where there is none.
        year: of the brackets behind the title; ``None`` where there are none.
    """

    words: str
    main: str
    aliases: tuple[str, ...]
    parts: tuple[str, ...]
    year: int | None


def parse_title(text: str) -> Title:
    """Take a title apart: ``"Matrix, The (1999)"`` → main ``matrix``, year 1999."""
    behind = _YEAR_BEHIND.search(text)
    if behind:
        text = text[: behind.start()]
    bracketed = [name for found in _BRACKETS.findall(text) for name in _ALSO_KNOWN_AS.split(found)]
    bare = _BRACKETS.sub(" ", text) if _BRACKETS.sub("", text).strip() else text
    words, pieces = comparable(bare), _PART_MARK.split(bare)
    return Title(
        words=words,
        main=squeezed(words),
        aliases=_some(bracketed),
        parts=_some(pieces) if len(pieces) > 1 else (),
        year=int(behind[1]) if behind else None,
    )


def comparable(text: str) -> str:
    """Lower-case words without accents, punctuation and article: ``"Misérables, Les"`` → ``miserables``.

    ``&`` reads "and". Letters and digits of every script stay.
    """
    plain = unicodedata.normalize("NFKD", text).lower().replace("&", " and ").strip(" ,")
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    plain = re.sub(rf"^(.*), (?:{ARTICLES}|l')$", r"\1", plain)
    words = re.sub(r"[\W_]+", " ", plain.replace("'", "")).strip()
    return re.sub(rf"^(?:{ARTICLES}) (?=\S)", "", words)


def squeezed(words: str) -> str:
    """Comparable words without the spaces between them: "Spider Man" is "Spiderman"."""
    return words.replace(" ", "")


def _some(names: list[str]) -> tuple[str, ...]:
    return tuple(filter(None, (squeezed(comparable(name)) for name in names)))
