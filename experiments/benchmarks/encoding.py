"""Texts to vectors: every way that kgrec has, beside sentence-transformers, on one model and the same texts.

``python experiments/benchmarks/encoding.py [--quick] [--ways NAME …] [--threads 1 2] [--cpu-seconds]``

The model is all-MiniLM-L6-v2 with all of its layers, at most 256 tokens. Each way has a process of its own
and waits while another computes; in every other round they come in the opposite order. Rates are formed
within a round as ratios to sentence-transformers, and their median is told, so that a machine that slows
down slows all. What loading, compiling and fitting take is told apart. sentence-transformers stands as it
comes: batches of 32, sorted by length.
"""

import argparse
import json
import multiprocessing
import os
import platform
import shlex
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from encoding_exits import THRESHOLDS, exits
from encoding_exits import table as exit_table
from encoding_ways import MODEL, PEER, WAYS, Work, serve

from kgrec.build import compose
from kgrec.pipeline import item_texts, load_dataset
from kgrec.reporting.environment import commit
from kgrec.shapes import FloatArray

RESULTS = Path(__file__).parents[1] / "results" / "benchmarks"
SIZES = {"ml-100k": (1024, 128), "ml-1m-llm-text": (128, 24)}
"""Dataset → texts in a round, in full and with ``--quick``."""
FIT_TEXTS = (1024, 256)
"""Texts of warm items that exits are fitted to."""


@dataclass
class Measured:
    """What a way has told: seconds to get ready, those of each round, vectors, peak memory."""

    ready_s: float
    seconds: list[dict[str, float]] = field(default_factory=list)
    vectors: FloatArray = field(default_factory=lambda: np.zeros((0, 0)))
    peak_mb: float = 0.0


def corpus(data: str, is_quick: bool) -> tuple[list[str], list[str]]:
    """Texts of a round, evenly from all, and other ones of warm items to fit exits to."""
    cfg = compose([f"data={data}"])
    dataset = load_dataset(cfg)
    texts = item_texts(cfg, dataset)
    distinct = list(dict.fromkeys(text for text in texts if text.strip()))
    wanted = SIZES[data][is_quick]
    chosen = distinct[:: max(1, len(distinct) // wanted)][:wanted]
    warm = [texts[item] for item in dataset.warm_items.nonzero()[0] if texts[item].strip()]
    fit = list(dict.fromkeys(warm).keys() - set(chosen))
    return chosen, sorted(fit)[:: max(1, len(fit) // FIT_TEXTS[is_quick])][: FIT_TEXTS[is_quick]]


def export(folder: Path) -> Path:
    """The model in ONNX form."""
    from kgrec.lm.export import write_onnx
    from kgrec.lm.folder import load_lm

    folder.mkdir()
    write_onnx(folder, load_lm(MODEL))
    return folder


def measure(ways: Sequence[str], rounds: int, **work: Any) -> dict[str, Measured]:
    """Every way in its turn, round after round."""
    context = multiprocessing.get_context("spawn")
    with ExitStack() as open_ones:
        ends, measured = {}, {}
        for way in ways:
            mine, its = context.Pipe()
            process = context.Process(target=serve, args=(Work(way, **work), its))
            process.start()
            its.close()  # so that a process that dies is noticed
            open_ones.callback(process.join)
            open_ones.callback(mine.close)
            measured[way], ends[way] = Measured(mine.recv()), mine
        for turn in range(rounds):
            for way in list(ways)[:: 1 if turn % 2 == 0 else -1]:
                ends[way].send(True)
                seconds, measured[way].vectors, measured[way].peak_mb = ends[way].recv()
                measured[way].seconds.append(seconds)
        for end in ends.values():
            end.send(False)
    return measured


def rows_of(measured: dict[str, Measured], clock: str, **told: Any) -> list[dict[str, Any]]:
    """One row for each way."""
    peer, rows = measured[PEER], []
    for way, own in measured.items():
        cosines = (own.vectors * peer.vectors).sum(axis=1)
        cosines = cosines / np.linalg.norm(own.vectors, axis=1) / np.linalg.norm(peer.vectors, axis=1)
        pairs = zip(own.seconds, peer.seconds, strict=True)
        row = {
            "texts_per_s": median(len(cosines) / seconds[clock] for seconds in own.seconds),
            "ratio": median(its[clock] / mine[clock] for mine, its in pairs),
            "cosine_mean": float(cosines.mean()),
            "cosine_lowest": float(cosines.min()),
            "ready_s": own.ready_s,
            "peak_mb": own.peak_mb,
        }
        rows.append({**told, "way": way, **row})
    return rows


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The rows as Markdown."""
    lines = [
        f"| way | texts/s | × {PEER} | cosine to it, mean (lowest) | ready after s | peak MB |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for row in rows:
        cosines = f"{row['cosine_mean']:.6f} ({row['cosine_lowest']:.6f})"
        rates = f"{row['texts_per_s']:.1f} | {row['ratio']:.2f}"
        lines.append(f"| {row['way']} | {rates} | {cosines} | {row['ready_s']:.0f} | {row['peak_mb']:.0f} |")
    return "\n".join(lines)


def report(result: dict[str, Any]) -> str:
    """All of it as Markdown."""
    clock = "CPU seconds (other work kept the machine busy)" if result["clock"] == "cpu" else "wall seconds"
    parts = [
        "# Texts to vectors\n",
        f"`{result['command']}`, commit {result['commit']}, {result['date']}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}, torch {version('torch')}, {PEER} {version(PEER)}. {clock}. "
        f"{result['rounds']} rounds. float32 but where another type is named.\n",
    ]
    for data, threads in dict.fromkeys((row["data"], row["threads"]) for row in result["rows"]):
        rows = [row for row in result["rows"] if (row["data"], row["threads"]) == (data, threads)]
        parts.append(f"## {data}, {rows[0]['texts']} texts, {threads} thread{'s' * (threads > 1)}\n")
        parts.append(table(rows) + "\n")
    if result["exits"]:
        parts.append(
            "## Early exit on ml-100k titles, ridge regression on validation-cold items, one thread\n"
        )
        parts.append(exit_table(result["exits"]) + "\n")
    return "\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--quick", action="store_true", help="fewer texts and rounds, minutes instead of an hour"
    )
    parser.add_argument("--data", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS), metavar="NAME")
    parser.add_argument("--threads", nargs="+", type=int, help="default: 1 2, with --quick 1")
    parser.add_argument("--cpu-seconds", action="store_true", help="count CPU instead of wall seconds")
    parser.add_argument("--no-exits", action="store_true", help="leave out the table of early exit")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of encoding.md and encoding.json")
    given = parser.parse_args()
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    rounds, clock = 2 if given.quick else 5, "cpu" if given.cpu_seconds else "wall"
    ways = list(dict.fromkeys([PEER, *given.ways]))
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        onnx = export(Path(folder) / "onnx")
        for data in given.data:
            texts, fit = corpus(data, given.quick)
            for threads in given.threads or ([1] if given.quick else [1, 2]):
                found = measure(ways, rounds, threads=threads, texts=texts, fit_texts=fit, onnx=onnx)
                rows += rows_of(found, clock, data=data, threads=threads, texts=len(texts))
    command = shlex.join(["python", "experiments/benchmarks/encoding.py", *sys.argv[1:]])
    result = {
        **{"command": command, "commit": commit(), "date": date.today().isoformat()},
        **{"rounds": rounds, "clock": clock, "rows": rows},
        "exits": [] if given.no_exits else exits("ml-100k", THRESHOLDS),
    }
    print(report(result))
    (given.out / "encoding.md").write_text(report(result))
    (given.out / "encoding.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
