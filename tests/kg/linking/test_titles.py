import pytest

from kgrec.kg.linking.titles import comparable, parse_title


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Matrix, The", "matrix"),
        ("The Matrix", "matrix"),
        ("Misérables, Les", "miserables"),
        ("Ulee's Gold", "ulees gold"),
        ("Dick & Jane", "dick and jane"),
        ("Mission: Impossible", "mission impossible"),
        ("The", "the"),
        ("七人の侍", "七人の侍"),
        ("  ...  ", ""),
    ],
)
def test_what_does_not_count_is_gone(text: str, words: str) -> None:
    assert comparable(text) == words


def test_a_title_is_taken_apart() -> None:
    title = parse_title("City of Lost Children, The (Cité des enfants perdus, La) (1995)")
    assert (title.main, title.year) == ("cityoflostchildren", 1995)
    assert title.aliases == ("citedesenfantsperdus",)
    assert parse_title("Seven (a.k.a. Se7en)").aliases == ("se7en",)
    assert parse_title("Star Wars: Episode IV - A New Hope (1977)").parts == (
        "starwars",
        "episodeiv",
        "newhope",
    )


def test_a_number_behind_is_a_year_only_in_brackets() -> None:
    assert parse_title("2001").year is None
    assert parse_title("Blade Runner 2049").year is None
    assert parse_title("(500) Days of Summer (2009)").main == "daysofsummer"
    assert parse_title("(1408)").main == "1408"
