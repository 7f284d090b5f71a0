"""Paths and rules of runs on the dataset with a known answer."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from kgrec.build import compose
from kgrec.cli import main
from kgrec.data.planted import user_group
from kgrec.errors import InputError
from kgrec.explain import GRADIENT, RARITY, Explainer
from kgrec.recommend import TrainedRun
from kgrec.reporting.run_folder import RunFolder
from kgrec.train import train

SETTINGS = [
    "data=planted",
    "lm=hashing",
    "gnn=rgcn",
    "logger=none",
    "test=false",
    "train.max_epochs=12",
    "train.runtime.device=cpu",
    "train.runtime.progress='off'",
]


def finished(folder: Path, *overrides: str) -> RunFolder:
    paths = [f"paths.{name}={folder / name}" for name in ("runs", "cache", "data")]
    return train(compose([*SETTINGS, *paths, *overrides]))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("explain")


@pytest.fixture(scope="module")
def run(folder: Path) -> RunFolder:
    return finished(folder)


@pytest.fixture(scope="module")
def explainer(run: RunFolder) -> Explainer:
    return Explainer(TrainedRun.load(run.path))


def users(explainer: Explainer, kind: str, count: int) -> list[str]:
    names = [explainer.run.dataset.users.raw_ids[u] for u in np.unique(explainer.run.dataset.train[:, 0])]
    return [name for name in names if user_group(name) == kind][:count]


def test_the_strongest_path_goes_by_what_decides(explainer: Explainer) -> None:
    for user in users(explainer, "graph", 12):
        found = explainer.explain(user, None, k=3, max_length=5)
        assert found.strength_source == GRADIENT
        reason = explainer.reason(found.paths[0])
        assert [hop.relation for hop in reason.hops] == ["interacts", "made_by", "made_by"]
        assert reason.hops[1].node == f"maker/{int(user[1:]) % 10}"
        assert reason.hops[2].node == found.title
        assert [path.strength for path in found.paths] == sorted(
            (path.strength for path in found.paths), reverse=True
        )
        assert len({path.edges[-1] for path in found.paths}) == len(found.paths)


def test_rounding_is_no_reason(folder: Path) -> None:
    """An item's only fact has weight 1 after normalisation, whatever it had before."""
    run = finished(folder, "shape=relations", "shape.steps.0.allow=[made_by]", "train.max_epochs=2")
    explainer = Explainer(TrainedRun.load(run.path))
    user = users(explainer, "graph", 1)[0]
    user_id = explainer.run.dataset.users[user]
    assert not explainer.probe.gradient(user_id, [0, 1, 2]).any()
    assert explainer.explain(user, None, k=1, max_length=5).strength_source == RARITY


def test_paths_begin_in_the_history_and_end_at_the_item(explainer: Explainer) -> None:
    dataset = explainer.run.dataset
    user = users(explainer, "text", 1)[0]
    user_id = dataset.users[user]
    chosen = set(dataset.train[dataset.train[:, 0] == user_id, 1].tolist())
    item = min(chosen)  # one that the user knows: the edge that says so is no reason
    found = explainer.explain(user, dataset.items.raw_ids[item], k=2, max_length=5)
    assert found.paths
    for path in found.paths:
        assert path.nodes[0] == int(explainer.graph.user_nodes[user_id])
        assert path.nodes[-1] == int(explainer.graph.item_nodes[item])
        assert path.nodes[1] - len(explainer.graph.user_nodes) in chosen - {item}


def test_without_its_path_an_item_falls_deeper_than_without_another(explainer: Explainer) -> None:
    rng = np.random.default_rng(0)
    falls = []
    for user in users(explainer, "graph", 5):
        found = explainer.explain(user, None, k=1, max_length=5)
        user_id, item_id = explainer.run.dataset.users[user], explainer.run.dataset.items[found.item]
        (path,) = found.paths
        node = int(explainer.graph.item_nodes[item_id])
        others = np.flatnonzero((explainer.edges == node).any(axis=1) & ~explainer.is_interaction)
        other = rng.choice(np.setdiff1d(others, path.edges), 1)
        without_path, without_other = (
            float(explainer.probe.scores_without(edges, user_id, [item_id]))
            for edges in (np.array(path.edges), other)
        )
        falls.append((found.score - without_path, found.score - without_other))
    by_path, by_other = np.array(falls).T
    assert (by_path > by_other).all()
    assert (by_path > 0).all()


def test_the_gradient_is_that_of_small_changes(explainer: Explainer) -> None:
    user = explainer.run.dataset.users["g3"]
    gradient = explainer.probe.gradient(user, [5])
    strongest = np.argsort(-np.abs(gradient))[:3]
    step = 1e-3
    for edge in strongest.tolist():
        scores = []
        for change in (step, -step):
            weights = torch.ones(explainer.probe.num_edges)
            weights[edge] += change
            with torch.no_grad():
                model = explainer.probe._with_weights(weights)
                scores.append(float(model.score_pairs(torch.tensor([user]), torch.tensor([5]))))
        assert gradient[edge] == pytest.approx((scores[0] - scores[1]) / (2 * step), rel=0.05)


def test_nothing_removed_is_the_score_of_the_run(explainer: Explainer) -> None:
    user = explainer.run.dataset.users["g3"]
    with torch.no_grad():
        expected = explainer.run.model.score(torch.tensor([user]))[0, :4]
    found = explainer.probe.scores_without(np.empty(0, dtype=np.int64), user, [0, 1, 2, 3])
    torch.testing.assert_close(found, expected)


def test_rules_hold_for_what_they_are_told_of(explainer: Explainer) -> None:
    item = explainer.explain("g3", None, k=1, max_length=3).item
    (best, *_) = explainer.rules("g3", item, 3)
    assert best.rule == "interacts(x, y) <- interacts(x, z) & made_by(z, w) & made_by(y, w)"
    assert [hop.relation for hop in best.hops] == ["interacts", "made_by", "made_by"]
    dataset = explainer.run.dataset
    title = best.hops[0].node
    owned = dataset.train[dataset.train[:, 0] == dataset.users["g3"], 1].tolist()
    assert title in [dataset.item_titles[i] for i in owned]
    assert best.hops[-1].node == dataset.item_titles[dataset.items[item]]


def test_names_of_nodes_are_those_of_the_graph(explainer: Explainer) -> None:
    dataset, triples = explainer.run.dataset, explainer.graph.triples
    facts = triples[triples[:, 1] < dataset.num_relations]
    found = {
        (explainer.names[head], relation, explainer.names[tail]) for head, relation, tail in facts.tolist()
    }
    entities = [name.replace("thing/", "Thing ") for name in dataset.entities.raw_ids]
    assert found == {
        (entities[head], relation, entities[tail]) for head, relation, tail in dataset.triples.tolist()
    }


def test_a_model_without_gradient_falls_back_on_rarity(folder: Path) -> None:
    explainer = Explainer(TrainedRun.load(finished(folder, "model=graph_knn").path))
    found = explainer.explain("g3", None, k=2, max_length=5)
    assert found.strength_source == RARITY
    assert len(found.paths) == 2
    user, item = explainer.run.dataset.users["g3"], explainer.run.dataset.items[found.item]
    facts = explainer.edges[:, 0] == int(explainer.graph.item_nodes[item])
    assert float(explainer.probe.scores_without(np.flatnonzero(facts), user, [item])) < found.score


def test_the_command_prints_writes_and_draws(
    run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = ["--json", str(tmp_path / "why.json"), "--picture", str(tmp_path / "why.svg")]
    assert main(["explain", str(run.path), "--user", "g3", "--k", "2", "--rules", "1", *files]) == 0
    printed = capsys.readouterr().out
    assert "–made_by→ maker/3 ←made_by–" in printed
    assert "interacts(x, y) <- interacts(x, z) & made_by(z, w) & made_by(y, w)" in printed
    written = json.loads((tmp_path / "why.json").read_text())
    assert written["user"] == "g3"
    assert [hop["relation"] for hop in written["paths"][0]["hops"]] == ["interacts", "made_by", "made_by"]
    assert written["rules"][0]["rule"].startswith("interacts(x, y) <-")
    assert "<svg" in (tmp_path / "why.svg").read_text()


def test_a_list_tells_why(run: RunFolder, explainer: Explainer, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recommend", str(run.path), "--user", "g3", "--k", "2"]) == 0
    plain = capsys.readouterr().out
    assert main(["recommend", str(run.path), "--user", "g3", "--k", "2", "--why"]) == 0
    table, *reasons = capsys.readouterr().out.split("\n\n")
    assert table == plain.rstrip("\n")
    wanted = explainer.run.top_items("g3", 2)
    assert [text.partition(", score")[0] for text in reasons] == [
        f"user g3, item {line.id} ({line.title})" for line in wanted
    ]
    for line, text in zip(wanted, reasons, strict=True):
        found = explainer.explain("g3", line.id, k=3, max_length=5)
        assert [row for row in text.splitlines() if row.startswith("  0.") or row.startswith("  1.")] == [
            f"  {path.strength:.3f}  {explainer.reason(path)}" for path in found.paths
        ]
        held = [row.partition(": ")[2] for row in text.splitlines() if row.startswith("rule, confidence")]
        assert held == [rule.rule for rule in explainer.rules("g3", line.id, 3)]
        assert held[0] == "interacts(x, y) <- interacts(x, z) & made_by(z, w) & made_by(y, w)"


def test_why_is_told_of_known_items_alone(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recommend", str(run.path), "--item-text", "words", "--why"]) == 2
    assert "--why tells of items of the dataset" in capsys.readouterr().err


def test_why_without_a_graph_prints_no_list(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = finished(folder, "model=ease", "kg=none")
    assert main(["recommend", str(run.path), "--user", "g3", "--why"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "model EASE reads no graph" in shown.err


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (["--user", "g9999"], "user 'g9999' is not in planted; nearest: 'g"),
        (["--user", "g3", "--item", "i9999"], "item 'i9999' is not in planted; nearest: 'i99'"),
        (["--user", "g3", "--k", "0"], "k: found 0, expected at least 1"),
        (["--user", "g3", "--rules", "-1"], "rules: found -1, expected at least 1"),
    ],
)
def test_bad_input_is_one_line(
    given: list[str], found: str, run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", str(run.path), *given]) == 2
    assert found in capsys.readouterr().err


def test_a_model_without_a_graph_is_refused(folder: Path) -> None:
    run = TrainedRun.load(finished(folder, "model=ease", "kg=none").path)
    with pytest.raises(InputError, match="model EASE reads no graph"):
        Explainer(run)
