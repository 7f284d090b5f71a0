"""kgrec beside RecBole 1.2.1: the same models on the same data, one after the other, as ratios.

    python experiments/benchmarks/recbole.py --data lastfm ml-100k --models lightgcn cke kgin --threads 1 2

RecBole lives in a virtual environment of its own, made on first use. Each measurement is a process of its
own, kgrec's and RecBole's in turn and never two at once. Cells already measured at this commit are kept, so
a stopped benchmark goes on. Nothing is evaluated on test.
"""

import argparse
import json
import os
import platform
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import recbole_report
import recbole_setup
from recbole_plan import DATA, MODELS, NOTES, SIDES, Cell, cells, schedule, spec

from kgrec.build import compose
from kgrec.pipeline import load_dataset
from kgrec.reporting.environment import environment

HERE = Path(__file__).resolve().parent
RESULTS = HERE.parent / "results" / "benchmarks"
CACHE = Path(".cache/recbole")


class Bench:
    """Runs measurements one at a time, each in a process of its own.

    Args:
        cache: RecBole's environment, data in its format, logs; made where missing.
        quick: a few epochs of everything, to see that it runs.
    """

    def __init__(self, cache: Path, quick: bool) -> None:
        self.cache = cache.resolve()
        self.quick = quick
        self.python = recbole_setup.ensure_environment(self.cache / "venv")

    def export(self, data: str) -> None:
        """Write a dataset in RecBole's format, as kgrec has prepared it."""
        dataset = load_dataset(compose([*DATA[data], "seed=0"]))
        recbole_setup.export(dataset, f"{data}-kgrec", self.cache / "data")

    def measure(self, cell: Cell, side: str, repeat: int) -> dict[str, Any]:
        """One measurement.

        Raises:
            RuntimeError: the process failed; its last words are in the message.
        """
        folder = self.cache / "work"
        folder.mkdir(exist_ok=True)
        record = folder / "record.json"
        record.unlink(missing_ok=True)
        told = spec(cell, side, repeat, self.quick)
        places = {"record": str(record), "data_path": str(self.cache / "data")}
        (folder / "spec.json").write_text(json.dumps(told | places))
        python = [sys.executable] if side == "kgrec" else [str(self.python), "-P"]
        done = subprocess.run(
            [*python, str(HERE / f"{side}_driver.py"), str(folder / "spec.json")],
            cwd=folder,  # RecBole writes logs where it stands
            env=_environment_variables(cell.threads),
            capture_output=True,
            text=True,
        )
        if done.returncode or not record.is_file():
            raise RuntimeError(f"{cell}, {side}: {done.stderr.strip()[-2000:]}")
        return dict(json.loads(record.read_text()), settings=told)


def _environment_variables(threads: int) -> dict[str, str]:
    """The caller's, with its data folder made absolute, and threads that wait without spinning."""
    variables = dict(os.environ, OMP_WAIT_POLICY="PASSIVE")
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS"):
        variables[name] = str(threads)
    variables["KGREC_DATA_DIR"] = str(Path(variables.get("KGREC_DATA_DIR", "data")).resolve())
    variables["PYTHONPATH"] = str(HERE.parents[1])
    return variables


class Measurements:
    """What has been measured, kept in a file so that a stopped benchmark goes on.

    Args:
        path: of the file.
        identity: commit and settings; measurements made under another identity are dropped.
    """

    def __init__(self, path: Path, identity: dict[str, Any]) -> None:
        self.path = path
        stored = json.loads(path.read_text()) if path.is_file() else {}
        kept = stored.get("identity") == identity
        self.contents: dict[str, Any] = stored if kept else {"identity": identity, "records": {}}

    def __contains__(self, cell: Cell) -> bool:
        return str(cell) in self.contents["records"]

    def add(self, cell: Cell, records: dict[str, list[dict[str, Any]]]) -> None:
        """Keep a finished cell."""
        self.contents["records"][str(cell)] = records
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps(self.contents))
        new.replace(self.path)

    def of(self, cell: Cell) -> dict[str, list[dict[str, Any]]]:
        """Side → its records."""
        return dict(self.contents["records"][str(cell)])


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure what is missing and return the report."""
    facts = environment(seed=0)
    identity = {"git": facts["git"], "quick": options.quick, "repeats": options.repeats}
    bench = Bench(options.cache, options.quick)
    done = Measurements(options.cache / ("quick.json" if options.quick else "measurements.json"), identity)
    planned = cells(options)
    missing = [cell for cell in planned if cell not in done]
    for data in {cell.data for cell in missing}:
        bench.export(data)
    for number, cell in enumerate(missing, start=1):
        began = time.perf_counter()
        records: dict[str, list[dict[str, Any]]] = {side: [] for side in SIDES}
        for side, repeat in schedule(cell, options.repeats):
            records[side].append(bench.measure(cell, side, repeat))
        check_same_data(cell, records)
        done.add(cell, records)
        print(f"{number}/{len(missing)} {cell}: {time.perf_counter() - began:.0f} s", flush=True)
    return make_report(planned, done, facts)


def check_same_data(cell: Cell, records: dict[str, list[dict[str, Any]]]) -> None:
    """Refuse a comparison in which the two sides saw different data.

    Raises:
        RuntimeError: pairs, users, items or threads differ.
    """
    for key in ("train_pairs", "num_users", "num_items", "threads"):
        found = {side: {record[key] for record in of_side} for side, of_side in records.items()}
        if len(set.union(*found.values())) != 1:
            raise RuntimeError(f"{cell}: {key} differs: {found}")


def make_report(planned: Sequence[Cell], done: Measurements, facts: dict[str, Any]) -> dict[str, Any]:
    """Ratios of all cells, and what they hang on."""
    rows: dict[str, list[dict[str, Any]]] = {"speed": [], "quality": []}
    make = {"speed": recbole_report.speed_row, "quality": recbole_report.quality_row}
    for cell in planned:
        records = done.of(cell)
        row = make[cell.kind](asdict(cell), records["kgrec"], records["recbole"])
        row["settings"] = {side: of_side[0]["settings"] for side, of_side in records.items()}
        rows[cell.kind].append(row)
    last = done.of(planned[-1])
    host, git = facts["host"], facts["git"] or {}
    memory = f"{host['memory_mb'] / 1024:.0f} GB" if host["memory_mb"] else "memory unknown"
    return {
        "facts": {
            "command": shlex.join(["python", "experiments/benchmarks/recbole.py", *sys.argv[1:]]),
            "commit": str(git.get("commit"))[:7] + (" with changes" if git.get("dirty") else ""),
            "date": time.strftime("%Y-%m-%d"),
            "host": f"{host['cpu_count']} cores of {_cpu_model()}, {memory}, Python {facts['python']}",
            "versions": {side: last[side][0]["versions"] for side in SIDES},
        },
        "notes": list(NOTES),
        **rows,
    }


def _cpu_model() -> str:
    """The processor's name as Linux gives it."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.is_file() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", nargs="+", choices=sorted(DATA), default=["lastfm", "ml-100k"])
    parser.add_argument("--models", nargs="+", choices=sorted(MODELS), default=["lightgcn", "cke", "kgin"])
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--repeats", type=int, default=3, help="processes per side and cell")
    parser.add_argument(
        "--quality", nargs="*", choices=sorted(DATA), default=["lastfm"], help="datasets of the time to best"
    )
    parser.add_argument("--quick", action="store_true", help="a few epochs of everything; no result is kept")
    parser.add_argument("--prepare", action="store_true", help="make RecBole's environment and stop")
    parser.add_argument("--cache", type=Path, default=CACHE, help="RecBole's environment, data, measurements")
    parser.add_argument("--out", type=Path, default=RESULTS, help="where recbole.json and recbole.md go")
    return parser.parse_args(given)


def main() -> None:
    """Measure, print, write."""
    options = arguments()
    if options.prepare:
        recbole_setup.ensure_environment(options.cache.resolve() / "venv")
        return
    report = run(options)
    page = recbole_report.page(report)
    print(page)
    if not options.quick:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "recbole.json").write_text(json.dumps(report, indent=1) + "\n")
        (options.out / "recbole.md").write_text(page)


if __name__ == "__main__":
    main()
