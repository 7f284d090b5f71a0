"""From measurements to ratios: medians over repeats, RecBole's figure over kgrec's.

A ratio above 1 says that kgrec is the better one: faster, or with less memory. A record is what a driver
leaves: ``epochs`` (each ``train_s train_cpu_s rank_s rank_cpu_s elapsed_s recall``), ``peak_rss_mb`` and
facts about the run.
"""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

Record = Mapping[str, Any]

WARM_UP_EPOCHS = 1
"""The first epoch builds caches and is not counted."""

WANTED = {
    ("lightgcn", "epoch"): 2.5,
    ("cke", "epoch"): 5.0,
    ("kgin", "epoch"): 5.0,
    ("", "rank"): 3.0,
    ("", "rss"): 1.0,
    ("", "time_to_best"): 10.0,
}
"""(model, measure) → the ratio asked for; "" = every model."""


def per_epoch(records: Sequence[Record], key: str) -> float:
    """Median over repeats of the median over epochs of one figure, the warm-up left out."""
    return median(_median_of(record, key) for record in records)


def _median_of(record: Record, key: str) -> float:
    counted = record["epochs"][WARM_UP_EPOCHS:]
    if not counted:
        raise ValueError(f"{len(record['epochs'])} epochs, expected more than {WARM_UP_EPOCHS}")
    return median(epoch[key] for epoch in counted)


def peak_rss(records: Sequence[Record]) -> float:
    """Median over repeats of the most physical memory held, MB."""
    return median(record["peak_rss_mb"] for record in records)


def best_recall(record: Record) -> tuple[float, float]:
    """Best validation recall@10 of a run, and the seconds since training began when it was reached first."""
    best = max(record["epochs"], key=lambda epoch: epoch["recall"])
    return best["recall"], best["elapsed_s"]


def seconds_until(record: Record, target: float) -> float | None:
    """Seconds since training began when validation recall@10 first reached ``target``; ``None`` = never."""
    reached = (epoch["elapsed_s"] for epoch in record["epochs"] if epoch["recall"] >= target)
    return next(reached, None)


def speed_row(cell: Mapping[str, Any], kgrec: Sequence[Record], recbole: Sequence[Record]) -> dict[str, Any]:
    """Epoch, ranking and memory of one dataset, model and number of threads.

    ``…_cpu`` counts the seconds that all threads have computed, which a busy machine lengthens least.
    """
    row: dict[str, Any] = {key: cell[key] for key in ("data", "model", "threads")}
    timed = {"epoch": "train_s", "epoch_cpu": "train_cpu_s", "rank": "rank_s", "rank_cpu": "rank_cpu_s"}
    for name, key in timed.items():
        row[name] = _compared(cell["model"], name, per_epoch(kgrec, key), per_epoch(recbole, key))
    row["rss"] = _compared(cell["model"], "rss", peak_rss(kgrec), peak_rss(recbole))
    return row


def quality_row(
    cell: Mapping[str, Any], kgrec: Sequence[Record], recbole: Sequence[Record]
) -> dict[str, Any]:
    """Seconds until RecBole's best validation recall is reached; the median over kgrec's seeds.

    A seed that never gets there counts as infinitely long; where the median is such a one, there is no ratio.
    """
    target, theirs = best_recall(recbole[0])
    reached = [seconds_until(record, target) for record in kgrec]
    ours = median(float("inf") if seconds is None else seconds for seconds in reached)
    row: dict[str, Any] = {key: cell[key] for key in ("data", "model", "threads")}
    row["target_recall"] = target
    row["kgrec_best_recall"] = median(best_recall(record)[0] for record in kgrec)
    row["seeds_reached"] = f"{sum(seconds is not None for seconds in reached)}/{len(reached)}"
    row["time_to_best"] = _compared(cell["model"], "time_to_best", ours, theirs)
    return row


def _compared(model: str, measure: str, ours: float, theirs: float) -> dict[str, float | bool | None]:
    wanted = WANTED.get((model, measure), WANTED.get(("", measure)))
    finite = ours < float("inf")
    ratio = theirs / ours if finite else None
    meets = None if wanted is None else ratio is not None and ratio >= wanted
    return {
        "kgrec": ours if finite else None,
        "recbole": theirs,
        "ratio": ratio,
        "wanted": wanted,
        "meets": meets,
    }


def page(report: Mapping[str, Any]) -> str:
    """The report as Markdown."""
    facts = report["facts"]
    versions = ", ".join(
        f"{side}: " + " ".join(f"{name} {number}" for name, number in packages.items())
        for side, packages in facts["versions"].items()
    )
    lines = [
        "# kgrec beside RecBole 1.2.1",
        "",
        f"`{facts['command']}`, commit `{facts['commit']}`, {facts['date']}. {facts['host']}. {versions}.",
        "",
        *(f"- {note}" for note in report["notes"]),
        "",
        "## Per epoch, ranking, memory",
        "",
        "| data | model | threads | s per epoch: kgrec | RecBole | ratio | s to rank: kgrec | RecBole "
        "| ratio | peak MB: kgrec | RecBole | ratio |",
        "|---|---|--:|" + "--:|" * 9,
    ]
    for row in report["speed"]:
        cells = [*_cells(row["epoch"], ".4f"), *_cells(row["rank"], ".4f"), *_cells(row["rss"], ".0f")]
        lines.append(f"| {row['data']} | {row['model']} | {row['threads']} | {' | '.join(cells)} |")
    lines += [
        "",
        "## Until RecBole's own best validation recall@10",
        "",
        "| data | model | threads | recall@10 to reach | kgrec's best | seeds | s: kgrec | RecBole | ratio |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for row in report["quality"]:
        cells = [f"{row['target_recall']:.4f}", f"{row['kgrec_best_recall']:.4f}", row["seeds_reached"]]
        cells += _cells(row["time_to_best"], ".2f")
        lines.append(f"| {row['data']} | {row['model']} | {row['threads']} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cells(compared: Mapping[str, Any], style: str) -> list[str]:
    """Both figures and their ratio; a ratio that meets what was wanted is bold."""
    if compared["ratio"] is None:
        return ["not reached", f"{compared['recbole']:{style}}", "–"]
    ratio = f"{compared['ratio']:.2f}×"
    if compared["meets"]:
        ratio = f"**{ratio}**"
    return [f"{compared['kgrec']:{style}}", f"{compared['recbole']:{style}}", ratio]
