"""Every graph tool on real data: what came out, and what it cost.

``python experiments/benchmarks/graph_tools.py [--data ml-100k lastfm book-crossing]``

Commands run as a user gives them, one after the other, each in a process of its own that begins with the
libraries already loaded; loading them is measured once and told. CPU seconds and the largest resident memory
are those of the process, libraries included in the memory. Nothing is evaluated on test interactions.
"""

import argparse
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from kgrec.cli import main as kgrec
from kgrec.kg.store import GraphStore, load_store
from kgrec.reporting.environment import environment

RESULT = Path(__file__).parents[1] / "results" / "benchmarks" / "graph_tools.md"
DATASETS = ("ml-100k", "lastfm", "book-crossing")
ARMS = ("none", "rewired", "relinked", "relation_shuffled", "dropped", "falsified", "materialised")
SHAPES = (
    "shape=clean",
    "shape=core",
    "shape=hubs shape.steps.0.max_degree=300",
    "shape=hops shape.steps.0.hops=1",
)
SETTINGS = {"dropped": ["kg.share=0.5"], "falsified": ["kg.share=0.5"]}
TRAINED = "model=hybrid lm=none gnn=lightgcn model.start=null train.max_epochs=3 test=false logger=none"
LIBRARIES = (
    "numpy",
    "polars",
    "scipy.sparse",
    "torch",
    "hydra",
    "omegaconf",
    "networkx",
    "pyoxigraph",
)

Told = Callable[[str], str]


@dataclass(frozen=True)
class Step:
    """A command, and what of its output is worth telling.

    Attributes:
        arguments: of ``kgrec``.
        told: from its output to one cell.
        may_find: whether exit code 1, "something was found", is as good as 0.
    """

    arguments: str
    told: Told
    may_find: bool = False


@dataclass(frozen=True)
class Row:
    """One step that ran."""

    command: str
    told: str
    cpu_s: float
    peak_mb: float


def run(step: Step, folder: Path) -> Row:
    """Run one command in ``folder``.

    Raises:
        RuntimeError: it failed; with its last line.
    """
    output = folder / "output.txt"
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        os.chdir(folder)
        file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, 1)
        os.dup2(file, 2)
        code = 70
        try:
            code = kgrec(step.arguments.split())
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    _, status, used = os.wait4(child, 0)
    text, code = output.read_text(), os.waitstatus_to_exitcode(status)
    if code not in (0, 1 if step.may_find else 0):
        raise RuntimeError(f"exit code {code} of kgrec {step.arguments}: {text[-600:]}")
    return Row(step.arguments, step.told(text), used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def steps(data: str, folder: Path) -> Iterator[Step]:
    """All commands for one dataset; later ones read the files that earlier ones left in ``folder``."""
    on = f"data={data}"
    yield Step(f"kg export graph.npz {on}", _after_colon)
    for ending in ("ttl", "nt"):
        yield Step(f"kg export graph.{ending} {on}", _after_colon)
        yield Step(
            f"kg convert graph.{ending} {ending}.npz", lambda _, e=ending: _same(folder / f"{e}.npz", folder)
        )
    yield Step(f"kg export links.csv {on}", _after_colon)
    yield Step(f"kg link again.csv {on}", _linked)
    yield Step(f"kg link by_name.csv --hide --set title_year.needs_year=false {on}", _linked)
    yield Step(f"kg doctor {on}", lambda text: _match(r"^\S+: (.*)$", text), may_find=True)
    yield Step(f"kg stats {on}", _taste)
    for shape in SHAPES:
        yield Step(f"kg stats {on} {shape} --taste-items 0", _sizes)
    for arm in ARMS:
        settings = " ".join([f"kg={arm}", *SETTINGS.get(arm, [])])
        yield Step(f"kg stats {on} {settings} --taste-items 0", _sizes)
    yield Step(f"kg rules {on}", lambda text: text.splitlines()[-1])
    item = (folder / "links.csv").read_text().splitlines()[1].split(",")[0]
    yield Step(f"kg show {item} {on}", lambda text: f"{len(text.splitlines())} lines")
    yield Step(f"train {on} {TRAINED} paths.runs=runs", lambda text: Path(text.splitlines()[-1]).name)
    (summary,) = (folder / "runs").rglob("summary.json")
    per_run = summary.parent.relative_to(folder)
    yield Step(f"kg export vectors.txt --vectors {per_run}", _after_colon)
    yield Step(f"kg export items.npz --embeddings {per_run}", _after_colon)
    yield Step(f"explain {per_run} --user {_first_user(folder / 'items.npz')}", _paths)


def _first_user(vectors: Path) -> str:
    with np.load(vectors, allow_pickle=False) as file:
        return str(file["user_ids"][0])


def _same(converted: Path, folder: Path) -> str:
    """Whether a store says what the exported one says."""
    first, second = (_statements(load_store(path)) for path in (folder / "graph.npz", converted))
    if first != second:
        raise RuntimeError(f"{converted}: {len(first ^ second):,} statements are in one of the stores alone")
    return f"the same {len(first):,} statements as graph.npz"


def _statements(store: GraphStore) -> set[tuple[str, str, str]]:
    entities, relations = list(store.entities), list(store.relations)
    triples = {(entities[h], relations[r], entities[t]) for h, r, t in store.triples.tolist()}
    facts = zip(store.literal_facts.tolist(), store.literals, strict=True)
    return triples | {(entities[h], relations[r], f'"{text}"') for (h, r, _, _), text in facts}


def _after_colon(text: str) -> str:
    return text.splitlines()[-1].split(": ", 1)[1].split("; hash")[0]


def _match(pattern: str, text: str) -> str:
    found = re.search(pattern, text, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"found no {pattern!r} in {text[:300]!r}")
    return found[1]


def _linked(text: str) -> str:
    told = re.findall(r"^ *(.* items linked .*|items: .*|.*precision.*)$", text, re.MULTILINE)
    return "; ".join(dict.fromkeys(" ".join(line.split()) for line in told))


def _stats(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text[text.index("{") :])
    return found


def _sizes(text: str) -> str:
    stats = _stats(text)
    names = ("triples", "entities", "linked_items", "items_sharing_fact")
    told = ", ".join(f"{stats[name]:,} {name.replace('_', ' ')}" for name in names if name in stats)
    steps = [f"{line.removeprefix('shape ')}; " for line in stats.get("shape", []) if _changes(line)]
    return f"{''.join(steps)}{told}; hash {stats['hash']}"


def _changes(line: str) -> bool:
    """Whether any count of a step's line is another afterwards."""
    return any(before != after for before, after in re.findall(r"([\d,]+) → ([\d,]+)", line))


def _taste(text: str) -> str:
    taste = _stats(text)["taste"]
    return f"{_sizes(text)}; knows about taste: {taste['answer']} ({taste['pairs']:,} pairs)"


def _paths(text: str) -> str:
    none = re.search(r"^(no path .*)$", text, re.MULTILINE)
    return none[1] if none else f"{len(re.findall(r'^  [0-9.]+  ', text, re.MULTILINE))} paths"


def load_libraries() -> float:
    """CPU seconds that loading them takes."""
    began = time.process_time()
    for name in (*LIBRARIES, "kgrec.train", "kgrec.recommend", "kgrec.explain"):
        __import__(name)
    return time.process_time() - began


def section(data: str, rows: Sequence[Row], loading: float, commit: str) -> str:
    """One dataset's table as Markdown, and how it was made."""
    lines = [
        f"## {data}\n",
        f"`python experiments/benchmarks/graph_tools.py --data {data}`, commit `{commit[:7]}`, "
        f"{datetime.now(UTC):%Y-%m-%d}; loading libraries takes {loading:.1f} CPU s.\n",
        "| kgrec … | what came out | CPU s | MB |",
        "|---|---|--:|--:|",
    ]
    for row in rows:
        told = row.told.replace("|", "/")
        lines.append(f"| `{row.command}` | {told} | {row.cpu_s:.1f} | {row.peak_mb:.0f} |")
    return "\n".join(lines) + "\n"


def write(data: str, text: str) -> None:
    """Put one dataset's section in its place; those of others stay."""
    known = RESULT.read_text().split("\n## ")[1:] if RESULT.is_file() else []
    sections = {part.split("\n")[0]: f"## {part.strip()}\n" for part in known} | {data: text}
    about = " ".join((__doc__ or "").split("``")[2].split())
    ordered = [sections[name] for name in DATASETS if name in sections]
    new = RESULT.with_suffix(".new")
    new.write_text("\n".join(["# The graph tools on real data\n", f"{about}\n", *ordered]))
    new.replace(RESULT)


def measure(data: str) -> list[Row]:
    """Run all steps on one dataset."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for step in steps(data, folder):
            row = run(step, folder)
            rows.append(row)
            print(f"{row.cpu_s:6.1f} s {row.peak_mb:6.0f} MB  {row.command}: {row.told}", flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", nargs="+", default=DATASETS, choices=DATASETS)
    given = parser.parse_args()
    commit = (environment(0)["git"] or {}).get("commit") or "unknown"  # of the code that is loaded now
    loading = load_libraries()
    for data in given.data:
        write(data, section(data, measure(data), loading, commit))


if __name__ == "__main__":
    main()
