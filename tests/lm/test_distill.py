"""A student that learns: from the teacher, from the graph, and after an interruption as without one."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import scipy.sparse as sp
import torch
from torch import Tensor

from kgrec.errors import InputError
from kgrec.lm import distill
from kgrec.lm.agreement import likeness
from kgrec.lm.distill import Distillation, Schedule, Student, sizes_of
from kgrec.lm.folder import load_lm
from kgrec.lm.objectives.base import Lesson, Sizes
from kgrec.lm.objectives.embedding import Embedding
from kgrec.lm.objectives.graph import Graph
from kgrec.lm.objectives.ranking import Ranking
from kgrec.lm.objectives.similarity import Similarity
from kgrec.training.checkpoint import Checkpoint

WORDS = ("heat", "alien", "toy", "story", "good", "bad", "ugly", "space", "crime", "drama")
TEXTS = [f"{first} {second}" for first in WORDS for second in WORDS if first != second]
SCHEDULE = Schedule(epochs=4, batch_size=16, lr=3e-3, patience=4)
SIZES = Sizes(4, 4, 1, 2)


def rows(*values: list[float]) -> Tensor:
    return torch.tensor(values)


def made(bert: Path, other: Path, schedule: Schedule = SCHEDULE, graph: bool = False) -> Distillation:
    teacher, student = load_lm(str(bert)), load_lm(str(other))
    torch.manual_seed(0)
    objective = Graph(1.0, 0.1, sizes_of(teacher, student)) if graph else Ranking(1.0, 0.1, SIZES)
    facts = None
    if graph:  # an item's facts are the two words of its text, so the text can tell them
        columns = [[WORDS.index(word) for word in text.split()] for text in TEXTS]
        facts = sp.csr_array(
            torch.zeros(len(TEXTS), len(WORDS)).scatter_(1, torch.tensor(columns), 0.7).numpy()
        )
    return Distillation(teacher, student, TEXTS, {"one": objective}, facts, schedule, "mean")


def weights(work: Distillation) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in work.student.network.parameters()])


def test_a_student_comes_nearer_to_its_teacher(make_model: Callable[..., Path], tmp_path: Path) -> None:
    schedule = replace(SCHEDULE, epochs=12, patience=12, lr=1e-2)
    figures = made(make_model("bert"), make_model("bert", 1), schedule).run(Checkpoint(tmp_path / "c"), {})
    assert figures["held_out_loss"] < 0.3 * figures["held_out_loss_before"]
    assert figures["similarity_correlation"] > figures["similarity_correlation_before"] + 0.1
    assert figures["texts_trained"] == 81


def test_the_graph_teaches_which_texts_share_facts(make_model: Callable[..., Path], tmp_path: Path) -> None:
    work = made(
        make_model("bert"), make_model("bert", 1), replace(SCHEDULE, epochs=12, patience=12), graph=True
    )
    figures = work.run(Checkpoint(tmp_path / "c"), {})
    assert figures["held_out_loss"] < 0.8 * figures["held_out_loss_before"]


def test_a_stopped_run_ends_as_one_that_was_not(
    make_model: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distill, "CHECKPOINT_SECONDS", 0.0)
    folders = make_model("bert"), make_model("bert", 1)
    whole = made(*folders)
    expected = whole.run(Checkpoint(tmp_path / "whole"), {})
    stopped, epochs = made(*folders), 0

    def stop(self: Any, *arguments: Any) -> float:
        nonlocal epochs
        epochs += 1
        if epochs == 3:
            raise KeyboardInterrupt
        return original(self, *arguments)

    original = Distillation._epoch
    monkeypatch.setattr(Distillation, "_epoch", stop)
    with pytest.raises(KeyboardInterrupt):
        stopped.run(Checkpoint(tmp_path / "stopped"), {})
    monkeypatch.setattr(Distillation, "_epoch", original)
    again = made(*folders)
    assert again.run(Checkpoint(tmp_path / "stopped"), {}) == expected
    assert torch.equal(weights(again), weights(whole))


def test_a_checkpoint_of_other_settings_is_refused(
    make_model: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distill, "CHECKPOINT_SECONDS", 0.0)
    folders = make_model("bert"), make_model("bert", 1)
    made(*folders, replace(SCHEDULE, epochs=1)).run(Checkpoint(tmp_path / "c"), {"data": "a"})
    with pytest.raises(InputError, match="checkpoint of another model or run \\(data is a there and b here"):
        made(*folders).run(Checkpoint(tmp_path / "c"), {"data": "b"})


def test_a_student_that_only_gets_worse_stays_as_it_was(
    make_model: Callable[..., Path], tmp_path: Path
) -> None:
    work = made(make_model("bert"), make_model("bert"), replace(SCHEDULE, epochs=2))  # its own teacher
    before = weights(work)
    figures = work.run(Checkpoint(tmp_path / "c"), {})
    assert figures["best_epoch"] == 0
    assert torch.equal(weights(work), before)


def test_states_of_a_batch_are_those_of_single_texts(bert: Path) -> None:
    work = made(bert, bert)
    student = Student(work.student.network, work.objectives)
    together = student.states(work._ids[:5], "mean")
    single = [student.states([ids], "mean") for ids in work._ids[:5]]
    assert len(together) == 4
    for layer, states in enumerate(together):
        torch.testing.assert_close(states, torch.cat([one[layer] for one in single]), rtol=1e-4, atol=1e-5)


def test_known_answers() -> None:
    student, teacher = rows([2.0, 0.0], [0.0, 3.0], [1.0, 0.0]), rows([1.0, 0.0], [0.0, 1.0], [0.0, 1.0])
    lesson = Lesson([student], [teacher], None)
    # cosines 1, 1, 0
    assert Embedding(1.0, SIZES)(lesson).item() == pytest.approx(1 / 3)
    # pairs: student 01 = 0, 02 = 1, 12 = 0; teacher 01 = 0, 02 = 0, 12 = 1
    assert Similarity(1.0, SIZES)(lesson).item() == pytest.approx(2 / 3)
    # rows of others, teacher against student: (0, 0)|(0, 1), (0, 1)|(0, 0), (0, 1)|(1, 0)
    p = torch.tensor([1.0, torch.e]) / (1.0 + torch.e)
    even = torch.tensor([0.5, 0.5])
    expected = sum(
        (target * (target / other).log()).sum().item()
        for target, other in ((even, p), (p, even), (p, p.flip(0)))
    )
    assert Ranking(1.0, 1.0, SIZES)(lesson).item() == pytest.approx(expected / 3)


def test_items_without_shared_facts_teach_nothing() -> None:
    student = torch.randn(3, 4, generator=torch.Generator().manual_seed(0)).requires_grad_()
    facts = torch.tensor([[1.0, 0.5, 0.0], [0.5, 1.0, 0.0], [0.0, 0.0, 0.0]])
    loss = Graph(1.0, 0.1, SIZES)(Lesson([student], [], facts))
    assert loss > 0
    nothing = Graph(1.0, 0.1, SIZES)(Lesson([student], [], torch.eye(3)))
    assert nothing.item() == 0.0


def test_likeness_of_a_rotated_copy_is_full() -> None:
    x = torch.randn(30, 6, generator=torch.Generator().manual_seed(0))
    rotation = torch.linalg.qr(torch.randn(6, 6, generator=torch.Generator().manual_seed(1))).Q
    full = likeness(x, 3.0 * x @ rotation)
    assert full["similarity_correlation"] == pytest.approx(1.0, abs=1e-5)
    assert full["neighbours@10"] == pytest.approx(1.0)
    other = likeness(x, torch.randn(30, 9, generator=torch.Generator().manual_seed(2)))
    assert other["neighbours@10"] < 0.6


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 0}, "--epochs: found 0"),
        ({"batch_size": 1}, "--batch-size: found 1, expected at least 2"),
        ({"lr": 0.0}, r"--lr: found 0\.0"),
        ({"held_out": 1.0}, r"--held-out: found 1\.0"),
    ],
)
def test_settings_out_of_range(settings: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Schedule(**settings)


def test_too_few_texts(bert: Path) -> None:
    work = made(bert, bert)
    with pytest.raises(InputError, match="found 5 texts, expected at least 20"):
        Distillation(work.teacher, work.student, TEXTS[:5], work.objectives, None, SCHEDULE, "mean")
