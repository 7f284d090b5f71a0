"""Lists for a user, and items that are in no dataset."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from kgrec.build import compose
from kgrec.cli import main
from kgrec.errors import InputError
from kgrec.kg.graph import INVERSE_SUFFIX
from kgrec.models.base import ModelInputs, Recommender
from kgrec.pipeline import load_dataset, load_inputs
from kgrec.recommend import TrainedRun, nearest
from kgrec.seed import torch_generator
from kgrec.train import train

SETTINGS = ["data=planted", "lm=hashing", "logger=none", "train.runtime.progress='off'"]
DIM = 4


class Memory(Recommender):
    """Random embeddings; remembers what it is told of a new item and takes it for item 7."""

    needs_graph = True
    needs_text = True

    def __init__(self, inputs: ModelInputs) -> None:
        super().__init__(inputs)
        self.users = torch.randn(self.num_users, DIM, generator=torch_generator(0, "users"))
        self.items = torch.randn(self.num_items, DIM, generator=torch_generator(0, "items"))

    def embeddings(self) -> tuple[Tensor, Tensor]:
        return self.users, self.items

    def embed_new_item(self, text: Tensor, facts: Tensor) -> Tensor:
        self.text, self.facts = text, facts
        return self.items[7]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> TrainedRun:
    folder = tmp_path_factory.mktemp("recommend")
    cfg = compose([*SETTINGS, f"paths.cache={folder}", f"paths.data={folder}"])
    inputs = load_inputs(cfg, load_dataset(cfg))
    return TrainedRun(cfg, inputs, Memory(inputs).eval())


def memory(run: TrainedRun) -> Memory:
    assert isinstance(run.model, Memory)
    return run.model


def seen_by(run: TrainedRun, user: int) -> set[str]:
    pairs = [*run.dataset.train.tolist(), *run.dataset.valid.tolist()]
    return {run.dataset.items.raw_ids[item] for owner, item in pairs if owner == user}


def test_the_list_holds_the_best_unseen_items(run: TrainedRun) -> None:
    user = run.dataset.users["g3"]
    scores = (memory(run).items @ memory(run).users[user]).tolist()
    ids = run.dataset.items.raw_ids
    expected = sorted(
        (item for item in range(len(ids)) if ids[item] not in seen_by(run, user)),
        key=scores.__getitem__,
        reverse=True,
    )[:5]
    found = run.top_items("g3", k=5)
    assert [line.id for line in found] == [ids[item] for item in expected]
    assert [line.score for line in found] == pytest.approx([scores[item] for item in expected], rel=1e-5)
    assert found[0].title == run.dataset.item_titles[expected[0]]


def test_a_long_list_ends_where_the_unseen_items_end(run: TrainedRun) -> None:
    found = {line.id for line in run.top_items("g3", k=10_000)}
    assert found == set(run.dataset.items.raw_ids) - seen_by(run, run.dataset.users["g3"])


def test_the_edges_of_a_new_item_are_those_of_an_item_with_the_same_facts(run: TrainedRun) -> None:
    """Both ways of being linked: an entity of its own, and one that is an item."""
    dataset, graph = run.dataset, run.inputs.graph
    assert graph is not None
    entity = int(dataset.item_to_entity[7])
    facts = [
        f"{dataset.relations.raw_ids[relation]}={dataset.entities.raw_ids[tail]}"
        for head, relation, tail in dataset.triples.tolist()
        if head == entity
    ]
    run.embed_item("A quiet tale.", facts)
    into = (graph.edge_index[1] == graph.item_nodes[7]) & ~graph.is_interaction
    expected = torch.stack([graph.edge_type[into], graph.edge_index[0, into]], dim=1)
    assert sorted(memory(run).facts.tolist()) == sorted(expected.tolist())


def test_an_item_as_tail_gets_the_forward_relation(run: TrainedRun) -> None:
    relation = run.dataset.relations["made_by"]
    run.embed_item("", [f"made_by{INVERSE_SUFFIX}=thing/3"])
    node = run.dataset.num_users + run.dataset.items["i3"]
    assert memory(run).facts.tolist() == [[relation, node]]


def test_the_text_of_a_new_item_is_encoded_like_that_of_the_others(run: TrainedRun) -> None:
    text = run.inputs.text
    assert text is not None
    run.embed_item(run.dataset.item_texts[7], [])
    torch.testing.assert_close(memory(run).text, text.embeddings[7])
    assert memory(run).facts.shape == (0, 2)
    run.embed_item(" ", [])
    assert not memory(run).text.any()


def test_the_place_of_a_new_item_counts_the_better_candidates(run: TrainedRun) -> None:
    item = run.embed_item("A tale.", [])
    user = run.dataset.users["t5"]
    place = run.place(item, "t5")
    better = run.top_items("t5", k=10_000)
    assert place.score == pytest.approx(float(memory(run).users[user] @ item))
    assert place.rank == 1 + sum(line.score > place.score + 1e-6 for line in better)
    assert place.num_candidates == 1 + len(better)


def test_the_best_users_are_those_who_score_it_highest(run: TrainedRun) -> None:
    item = run.embed_item("A tale.", [])
    scores = memory(run).users @ item
    found = run.best_users(item, k=3)
    assert [run.dataset.users[line.id] for line in found] == scores.topk(3).indices.tolist()


def test_a_model_that_knows_items_by_id_says_so(run: TrainedRun) -> None:
    model = Recommender(run.inputs)
    with pytest.raises(InputError, match="model Recommender cannot score an item it was not trained with"):
        model.embed_new_item(torch.zeros(3), torch.zeros(0, 2))
    assert model.new_item_parameters() == 0


def test_embeddings_are_computed_once_for_many_blocks_of_users(run: TrainedRun) -> None:
    class Counting(Memory):
        calls = 0

        def embeddings(self) -> tuple[Tensor, Tensor]:
            self.calls += 1
            return super().embeddings()

    model = Counting(run.inputs).eval()
    users = torch.arange(3)
    with torch.no_grad():
        first = model.score(users)
        torch.testing.assert_close(model.score(users), first)
        assert model.calls == 1
        model.items = model.items + 1
        assert not torch.equal(model.eval().score(users), first)  # any change of mode computes anew
    assert model.calls == 2
    model.score(users)  # gradients may be wanted
    model.train()
    with torch.no_grad():
        model.score(users)
        model.score(users)
    assert model.calls == 5


def test_nearest_names_what_may_have_been_meant() -> None:
    assert nearest("comdy", ["drama", "comedy"]) == "nearest: 'comedy'"
    assert nearest("xyz", ["drama", "comedy"]) == "expected one such as 'drama', 'comedy'"


def test_a_run_folder_recommends_and_evaluates_as_trained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [f"paths.{name}={tmp_path / name}" for name in ("runs", "cache", "data")]
    folder = train(compose([*SETTINGS, *paths, "model=lightgcn", "train.max_epochs=2", "test=false"]))
    assert main(["evaluate", str(folder.path)]) == 0
    shown = dict(line.split() for line in capsys.readouterr().out.splitlines()[2:])
    summary = folder.read_summary()
    assert shown == {key: f"{summary[key]:.4f}" for key in summary if key.startswith("valid/")}
    assert main(["recommend", str(folder.path), "--user", "g1", "--k", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    found = TrainedRun.load(folder.path).top_items("g1", k=2)
    assert [line.split()[0] for line in lines[2:]] == [line.id for line in found]
