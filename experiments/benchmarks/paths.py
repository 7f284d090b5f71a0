"""Are paths the model's reasons? The score without them, beside the score without as many other edges.

``python experiments/benchmarks/paths.py RUN [RUN …] [--users 100] [--draws 5]``

The runs told of in the results are those of::

    kgrec train data=planted lm=hashing gnn=rgcn group=paths test=false logger=none
    kgrec train data=planted lm=hashing gnn=lightgcn group=paths test=false logger=none
    kgrec train data=ml-100k lm=minilm_l0 gnn=rgcn group=paths test=false logger=none

For users drawn at random, the best item that each has not seen is explained, and the edges of the strongest
path are taken out of the graph. Two controls, means of several draws:

- *random edges*: each edge of the path is replaced by a random one that is as far from the item, and an
  interaction if and only if the path's is one;
- *random path*: another path from the user's history to the item, the strongest by random strengths.

Told is by how much the item's score falls, in standard deviations of the user's scores over all items.
Intervals (95 %) resample users; bold = above 0. No test interaction is looked at.
"""

import argparse
import shlex
import sys
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

from kgrec.data.planted import Planted, user_group
from kgrec.evaluation.bootstrap import Bootstrap, Estimate
from kgrec.explain import Explainer
from kgrec.recommend import TrainedRun
from kgrec.reporting.environment import environment
from kgrec.seed import numpy_generator
from kgrec.shapes import IntArray

RESULTS = Path(__file__).parents[1] / "results" / "benchmarks" / "paths.md"
ARMS = ("path", "random edges", "random path")


@dataclass(frozen=True)
class Measured:
    """One user: by how much the score falls for each arm, and the relation by which the path arrives."""

    user: str
    falls: dict[str, float]
    arrives_by: str


class Faithfulness:
    """Takes edges out of the graph of one run.

    Args:
        run: finished, of a model with a graph.
        max_length: edges of a path, at most.
        draws: of each control.
    """

    def __init__(self, run: TrainedRun, max_length: int, draws: int) -> None:
        self.explainer = Explainer(run)
        self.run, self.max_length, self.draws = run, max_length, draws
        self.generator = numpy_generator(run.cfg.seed, "paths")
        self.own = self.explainer.is_interaction

    def measure(self, user: str) -> Measured | None:
        """The best unseen item of a user; ``None`` where no path supports it."""
        user_id = self.run.user_id(user)
        item_id = self.run.dataset.items[self.run.top_items(user, 1)[0].id]
        strengths, _ = self.explainer.strengths(user_id, item_id)
        paths = self.explainer.paths(strengths, user_id, item_id, 1, self.max_length)
        if not paths:
            return None
        path = np.array(paths[0].edges)
        distances = self._distances(int(self.explainer.graph.item_nodes[item_id]))
        removed = {
            "path": [path],
            "random edges": [self._like(path, distances) for _ in range(self.draws)],
            "random path": [self._random_path(strengths, user_id, item_id) for _ in range(self.draws)],
        }
        with torch.no_grad():
            scale = float(self.run.model.score(torch.tensor([user_id]))[0].std())
        before = self._score(np.empty(0, dtype=np.int64), user_id, item_id)
        falls = {
            arm: float(np.mean([before - self._score(edges, user_id, item_id) for edges in draws])) / scale
            for arm, draws in removed.items()
        }
        return Measured(user, falls, self.explainer.reason(paths[0]).hops[-1].relation)

    def _score(self, removed: IntArray, user_id: int, item_id: int) -> float:
        return float(self.explainer.probe.scores_without(removed, user_id, [item_id]))

    def _distances(self, node: int) -> IntArray:
        """``[edges]``: steps from the node to the nearer end of each edge, at most ``max_length``."""
        edges = self.explainer.edges
        steps = np.full(self.explainer.graph.num_nodes, self.max_length)
        steps[node] = 0
        for _ in range(self.max_length):
            np.minimum.at(steps, edges.ravel(), steps[edges[:, ::-1]].ravel() + 1)
        return steps[edges].min(axis=1)

    def _like(self, path: IntArray, distances: IntArray) -> IntArray:
        """Random edges, one for each of the path: as far from the item, of the same kind, all different."""
        drawn: list[int] = []
        for edge in path:
            alike = (distances == distances[edge]) & (self.own == self.own[edge])
            drawn.append(int(self.generator.choice(np.setdiff1d(np.flatnonzero(alike), drawn))))
        return np.array(drawn)

    def _random_path(self, strengths: np.ndarray, user_id: int, item_id: int) -> IntArray:
        """Other users' interactions are walked only where the strengths allow it, as on the path itself."""
        walked = ~self.own | (strengths > 0)
        random = np.where(walked, 1.0 - self.generator.random(len(strengths)), 0.0)
        (path,) = self.explainer.paths(random, user_id, item_id, 1, self.max_length)
        return np.array(path.edges)


def rows_of(run: TrainedRun, num_users: int, max_length: int, draws: int) -> list[str]:
    """Markdown rows of one run; two for planted data, whose users have different reasons."""
    users = [run.dataset.users.raw_ids[user] for user in np.unique(run.dataset.train[:, 0]).tolist()]
    order = numpy_generator(run.cfg.seed, "users to explain").permutation(len(users))[:num_users]
    faithfulness = Faithfulness(run, max_length, draws)
    found = {users[place]: faithfulness.measure(users[place]) for place in order.tolist()}
    groups = {"": list(found)}
    if run.dataset.name == Planted.name:
        groups = {
            f", {kind} users": [u for u in found if user_group(u) == kind] for kind in ("graph", "text")
        }
    return [_row(run, label, [found[user] for user in members]) for label, members in groups.items()]


def _row(run: TrainedRun, label: str, members: list[Measured | None]) -> str:
    measured = [one for one in members if one is not None]
    values = {arm: [np.array([one.falls[arm] for one in measured])] for arm in ARMS}
    bootstrap = Bootstrap(values, run.cfg.seed)
    more = np.mean([one.falls["path"] > one.falls["random edges"] for one in measured])
    relation, count = Counter(one.arrives_by for one in measured).most_common(1)[0]
    cells = [
        f"{run.dataset.name}{label}",
        f"{run.cfg.choices.model}, {run.cfg.choices.gnn}",
        f"{len(measured)} of {len(members)}",
        *(f"{bootstrap.mean(arm).value:.3f}" for arm in ARMS),
        *(_interval(bootstrap.difference("path", arm)) for arm in ARMS[1:]),
        f"{more:.0%}",
        f"{relation} {count / len(measured):.0%}",
    ]
    return f"| {' | '.join(cells)} |"


def _interval(estimate: Estimate) -> str:
    mark = "**" if estimate.low > 0 else ""
    return f"{mark}{estimate.value:.3f}{mark} [{estimate.low:.3f}, {estimate.high:.3f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("runs", type=Path, nargs="+", help="run folders")
    parser.add_argument("--users", type=int, default=100, help="drawn at random from each run")
    parser.add_argument("--draws", type=int, default=5, help="of each control, for each user")
    parser.add_argument("--max-length", type=int, default=5)
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows = [
        row
        for folder in given.runs
        for row in rows_of(TrainedRun.load(folder), given.users, given.max_length, given.draws)
    ]
    command = shlex.join(["python", "experiments/benchmarks/paths.py", *sys.argv[1:]])
    commit = (environment(0)["git"] or {}).get("commit", "unknown")[:7]
    lines = [
        "# Are paths the model's reasons?",
        "",
        f"`{command}`, commit `{commit}`, {datetime.now(UTC):%Y-%m-%d}.",
        "",
        *(__doc__ or "").splitlines()[4:],
        "",
        "| data | model | users with a path | score falls without: path | random edges | random path "
        "| path − random edges | path − random path | path falls more than edges | arrives by |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|---|",
        *rows,
    ]
    given.out.write_text("\n".join(lines) + "\n")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
