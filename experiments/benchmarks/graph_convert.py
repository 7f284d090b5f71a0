"""N-Triples to integer ids: ``kgrec kg convert`` beside rdflib.

``python experiments/benchmarks/graph_convert.py [--triples 1000000] [--rounds 3] [--beside-other-work]``

Both read the same made-up file, each in a process of its own, one after the other, round after round; every
other round runs backwards. Ratios are formed within a round and their median is told, so that a machine that
slows down slows both. CPU seconds are those of the whole process, starting it and loading libraries included.
kgrec also keeps literals and writes its store; rdflib only parses and numbers what it has parsed.
"""

import argparse
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

RESULT = Path(__file__).parents[1] / "results" / "benchmarks" / "graph_convert.md"
RDFLIB = """
import sys
from rdflib import Graph, Literal
entities, relations, triples = {}, {}, []
graph = Graph()
graph.parse(sys.argv[1], format="nt")
for head, relation, tail in graph:
    if not isinstance(tail, Literal):
        triples.append((
            entities.setdefault(str(head), len(entities)),
            relations.setdefault(str(relation), len(relations)),
            entities.setdefault(str(tail), len(entities)),
        ))
print(len(triples), len(entities))
"""


@dataclass(frozen=True)
class Cost:
    """What one process needed."""

    cpu_s: float
    wall_s: float
    peak_mb: float


def write_graph(path: Path, num_triples: int) -> None:
    """Four triples in five between entities, one with a year; a quarter as many entities as triples."""
    drawn, entities = random.Random(0), max(1, num_triples // 4)
    entity, relation = "http://example.org/entity/", "http://example.org/relation/"
    year = "http://www.w3.org/2001/XMLSchema#gYear"
    with path.open("w") as file:
        for number in range(num_triples):
            head = drawn.randrange(entities)
            if number % 5:
                tail = f"<{entity}{drawn.randrange(entities)}>"
                file.write(f"<{entity}{head}> <{relation}{number % 40}> {tail} .\n")
            else:
                file.write(f'<{entity}{head}> <{relation}year> "{1900 + head % 120}"^^<{year}> .\n')


def cost_of(command: Sequence[str]) -> Cost:
    """Run a command to its end.

    Raises:
        RuntimeError: it failed.
    """
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"exit code {process.returncode} of {command[:6]}")
    return Cost(used.ru_utime + used.ru_stime, time.perf_counter() - start, used.ru_maxrss / 1024)


def measure(num_triples: int, rounds: int) -> dict[str, list[Cost]]:
    """Costs of each program in each round."""
    with tempfile.TemporaryDirectory() as folder:
        graph, store = Path(folder) / "graph.nt", Path(folder) / "graph.npz"
        write_graph(graph, num_triples)
        programs = {
            "kgrec": [sys.executable, "-m", "kgrec", "kg", "convert", str(graph), str(store)],
            "rdflib": [sys.executable, "-c", RDFLIB, str(graph)],
        }
        costs: dict[str, list[Cost]] = {name: [] for name in programs}
        for turn in range(rounds):
            for name in list(programs)[:: 1 if turn % 2 == 0 else -1]:
                costs[name].append(cost_of(programs[name]))
    return costs


def report(costs: dict[str, list[Cost]], num_triples: int, note: str) -> str:
    """The costs as Markdown."""
    ratio = {
        key: median(
            getattr(theirs, key) / getattr(ours, key)
            for ours, theirs in zip(costs["kgrec"], costs["rdflib"], strict=True)
        )
        for key in ("cpu_s", "peak_mb")
    }
    rounds = len(costs["kgrec"])
    lines = [
        "# N-Triples to integer ids\n",
        f"`python experiments/benchmarks/graph_convert.py --triples {num_triples} --rounds {rounds}`, "
        f"{os.cpu_count()} cores, Python {platform.python_version()}. {note}Medians over rounds.\n",
        "| program | CPU s | wall s | peak MB |",
        "|---|--:|--:|--:|",
    ]
    for name, rows in costs.items():
        cells = [median(getattr(row, key) for row in rows) for key in ("cpu_s", "wall_s", "peak_mb")]
        lines.append(f"| {name} | {cells[0]:.1f} | {cells[1]:.1f} | {cells[2]:.0f} |")
    lines.append(
        f"\nrdflib needs {ratio['cpu_s']:.1f} times the CPU seconds and {ratio['peak_mb']:.1f} times the "
        "memory (median of the ratios within a round)."
    )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--triples", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--beside-other-work", action="store_true", help="say so in the report")
    given = parser.parse_args()
    note = "Other work kept the machine busy: trust CPU seconds and ratios, not wall time. "
    text = report(
        measure(given.triples, given.rounds), given.triples, note if given.beside_other_work else ""
    )
    print(text)
    RESULT.write_text(text)


if __name__ == "__main__":
    main()
