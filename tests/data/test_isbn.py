import polars as pl

from kgrec.data.isbn import isbn_facts


def facts(*numbers: str) -> list[tuple[str, str, str]]:
    links = pl.DataFrame({"item": numbers, "entity": [f"e{place}" for place in range(len(numbers))]})
    return isbn_facts(links).rows()


def test_publisher_and_block_by_the_ranges_of_the_agency() -> None:
    """0-7432 is Simon & Schuster; a registrant of two digits leaves six for the title, one of five three."""
    assert facts("0743227093") == [
        ("e0", "isbn.publisher", "0-7432"),
        ("e0", "isbn.block", "0-7432-270"),
    ]
    assert [tail for _, _, tail in facts("0002005018", "8445071408")] == [
        "0-00",
        "0-00-200",
        "84-450",
        "84-450-714",
    ]


def test_both_lengths_and_an_x_are_read() -> None:
    assert facts("9780743227094") == facts("0743227093")
    assert facts("034545104X")[0] == ("e0", "isbn.publisher", "0-345")


def test_what_is_no_isbn_tells_nothing() -> None:
    assert facts("B0000DAOHN", "0743227094", "") == []
    table = isbn_facts(
        pl.DataFrame({"item": [], "entity": []}, schema={"item": pl.String, "entity": pl.String})
    )
    assert table.columns == ["head", "relation", "tail"]
    assert set(table.dtypes) == {pl.String}
