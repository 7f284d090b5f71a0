"""The full softmax with and without its matrix of scores: seconds and memory, forward and backward.

``python experiments/benchmarks/softmax.py [--rounds 7] [--threads 1 2]``

Both ways take turns; told is the best round of each. Memory is what a process grows by at its peak, one
process each. *held* = the items need no gradient, as after a hybrid's start; *trained* = they do.
"""

import argparse
import multiprocessing
import resource
import shlex
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch
from torch import Tensor

from kgrec.nn.log_partition import log_partition
from kgrec.reporting.environment import environment

RESULTS = Path(__file__).parents[1] / "results" / "benchmarks" / "softmax.md"


def with_matrix(users: Tensor, items: Tensor) -> Tensor:
    """What torch does: all scores, and their gradients, in memory."""
    return torch.logsumexp(users @ items.T, dim=1)


WAYS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"matrix": with_matrix, "blocks": log_partition}


@dataclass(frozen=True)
class Case:
    """A step's worth of users and items.

    Attributes:
        data: what has so many.
        users: M.
        items: C.
        width: D.
        trained: whether the items need a gradient.
    """

    data: str
    users: int
    items: int
    width: int
    trained: bool

    def step(self, way: str) -> None:
        """Forward and backward once, of the same random embeddings."""
        generator = torch.Generator().manual_seed(0)
        users = torch.randn(self.users, self.width, generator=generator).requires_grad_()
        items = torch.randn(self.items, self.width, generator=generator).requires_grad_(self.trained)
        WAYS[way](users, items).mean().backward()


CASES = [
    Case(data, users, items, 64, trained)
    for data, users, items in (
        ("ML-100K", 943, 1_682),
        ("Last.FM", 1_872, 3_846),
        ("ML-1M", 6_040, 3_260),
        ("Book-Crossing", 11_017, 9_058),
    )
    for trained in (False, True)
]


def seconds(case: Case, rounds: int, threads: int) -> dict[str, float]:
    """Best round of each way."""
    torch.set_num_threads(threads)
    best = dict.fromkeys(WAYS, float("inf"))
    for _ in range(rounds):
        for way in WAYS:
            started = time.perf_counter()
            case.step(way)
            best[way] = min(best[way], time.perf_counter() - started)
    return best


def growth(case: Case, way: str) -> float:
    """Megabytes at the peak of a step beyond those of a small one, in this process: to be asked once."""
    Case("", 8, 8, case.width, case.trained).step(way)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    case.step(way)
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def growths(case: Case) -> list[float]:
    """:func:`growth` of each way."""
    context = multiprocessing.get_context("spawn")
    found = []
    for way in WAYS:
        with context.Pool(1) as pool:
            found.append(pool.apply(growth, (case, way)))
    return found


def row(case: Case, rounds: int, threads: list[int], grown: list[float]) -> str:
    """One row of the table."""
    cells = [case.data, f"{case.users:,} x {case.items:,}", "trained" if case.trained else "held"]
    for count in threads:
        taken = seconds(case, rounds, count)
        cells.append(
            f"{taken['matrix'] * 1e3:.0f} / {taken['blocks'] * 1e3:.0f}"
            f" = {taken['matrix'] / taken['blocks']:.1f}"
        )
    return f"| {' | '.join([*cells, ' / '.join(f'{value:.0f}' for value in grown)])} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=7, help="of each way")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    # Memory first: a process begins with the peak of the one that starts it.
    grown = [growths(case) for case in CASES]
    rows = []
    for case, megabytes in zip(CASES, grown, strict=True):
        rows.append(row(case, given.rounds, given.threads, megabytes))
        print(rows[-1], flush=True)
    command = shlex.join(["python", "experiments/benchmarks/softmax.py", *sys.argv[1:]])
    commit = (environment(0)["git"] or {}).get("commit", "unknown")[:7]
    ways = [f"ms, {count} thread{'s' * (count > 1)}: matrix / blocks" for count in given.threads]
    lines = [
        "# The full softmax without its matrix of scores",
        "",
        f"`{command}`, commit `{commit}`, {datetime.now(UTC):%Y-%m-%d}.",
        "",
        *(__doc__ or "").splitlines()[4:],
        "",
        f"| data | users x items | items | {' | '.join(ways)} | MB: matrix / blocks |",
        f"|---|---|---|{'--:|' * (len(ways) + 1)}",
        *rows,
    ]
    given.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
