"""Measured figures beside published ones, from the report of a study alone."""

from collections.abc import Iterator
from typing import Any

from kgrec.reporting.tables import Interval, Table, Value

Report = dict[str, Any]

COLUMNS = ("arm", "measured", "sd over seeds", "published", "difference %", "within tolerance")
COLUMNS_OF_A_RUN = ("seeds", "tuned", "train s")


def published_tables(report: Report) -> Iterator[tuple[str, Table]]:
    """One table for each metric of which there is a published figure; arms without one stand in it too."""
    measured = list(report["rows"][0]["metrics"]) if report["rows"] else []
    for metric in measured:
        if _is_published(report, metric):
            rows = [_row(row, metric) for row in report["rows"]]
            rows += [
                [f"{name} (not run)", None, None, figure, None, None, None, None, None]
                for name, published in report["references"].items()
                if (figure := published["figures"].get(metric)) is not None
            ]
            yield f"{metric} beside published figures", Table([*COLUMNS, *COLUMNS_OF_A_RUN], rows, digits=4)


def reproduction_lines(report: Report) -> Iterator[str]:
    """Per reproduced arm: its paper, where the figures were read, since when it is verified, deviations."""
    sources: dict[str, Report] = {}
    for row in report["rows"]:
        if (published := row["published"]) is None:
            continue
        sources[published["source"]["name"]] = published["source"]
        verified = f"verified {published['verified']}" if published["verified"] else "not yet verified"
        deviations = "".join(f"; {deviation}" for deviation in published["deviations"])
        yield (
            f"{row['arm']}: {_cited(published)}, within {100 * published['tolerance']:g} %; "
            f"{verified}{deviations}"
        )
    for name, published in report["references"].items():
        sources[published["source"]["name"]] = published["source"]
        yield f"{name}: {_cited(published)}"
    for source in sources.values():
        yield f"{source['name']}: {source['address']}; {source['protocol']}"


def _cited(published: Report) -> str:
    return f"{published['paper']}, {published['address']}; figures of {published['source']['name']}"


def _is_published(report: Report, metric: str) -> bool:
    records = [row["published"] for row in report["rows"] if row["published"]]
    return any(metric in published["figures"] for published in [*records, *report["references"].values()])


def _row(row: Report, metric: str) -> list[Value]:
    value = row["metrics"][metric]
    beside = row["published"]["beside"].get(metric) if row["published"] else None
    compared: list[Value] = [None, None, None]
    if beside:
        compared = [beside["published"], f"{100 * beside['difference']:+.1f}", beside["within"]]
    return [
        row["arm"],
        Interval(value["mean"], value["low"], value["high"]),
        value["sd"],
        *compared,
        len(row["seeds"]),
        "yes" if row["tuning"] else "no",
        f"{row['cost/train_s']:.0f}" if "cost/train_s" in row else None,
    ]
