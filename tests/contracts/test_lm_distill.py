"""What every objective of ``conf/lm_distill`` must do."""

from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

from kgrec.errors import InputError
from kgrec.lm.objectives.base import Lesson, Objective, Sizes

CONFIGS = sorted((Path(__file__).parents[2] / "conf" / "lm_distill").glob("*.yaml"))
SIZES = Sizes(student_dim=5, teacher_dim=7, student_layers=2, teacher_layers=4)


@pytest.fixture(params=CONFIGS, ids=lambda path: path.stem)
def objective(request: pytest.FixtureRequest) -> Objective:
    torch.manual_seed(0)
    built: Objective = instantiate(OmegaConf.load(request.param))(sizes=SIZES)
    return built


def lesson() -> Lesson:
    draw = torch.Generator().manual_seed(1)
    student = [torch.randn(6, SIZES.student_dim, generator=draw).requires_grad_() for _ in range(3)]
    teacher = [
        torch.nn.functional.normalize(torch.randn(6, SIZES.teacher_dim, generator=draw)) for _ in range(5)
    ]
    rows = torch.nn.functional.normalize(torch.rand(6, 4, generator=draw))
    return Lesson(student, teacher, rows @ rows.T)


def test_config_says_what_it_is(objective: Objective, request: pytest.FixtureRequest) -> None:
    path = request.node.callspec.params["objective"]
    config = OmegaConf.load(path)
    assert path.read_text().startswith("# ")
    assert config["_partial_"] is True
    assert path.stem == config["_target_"].split(".")[-2]
    assert objective.weight == config["weight"]


def test_loss_is_a_number_that_teaches_the_student(objective: Objective) -> None:
    one = lesson()
    loss = objective(one)
    assert loss.shape == ()
    assert loss > 0
    loss.backward()
    gradient = one.student[-1].grad
    assert gradient is not None
    assert gradient.isfinite().all()
    assert gradient.any()


def test_the_length_of_a_vector_does_not_matter(objective: Objective) -> None:
    one = lesson()
    longer = Lesson([3.0 * state for state in one.student], one.teacher, one.facts)
    torch.testing.assert_close(objective(longer), objective(one), rtol=1e-4, atol=1e-5)


def test_the_order_of_a_batch_does_not_matter(objective: Objective) -> None:
    one, order = lesson(), torch.tensor([3, 1, 5, 0, 2, 4])
    assert one.facts is not None
    other = Lesson(
        [s[order] for s in one.student], [t[order] for t in one.teacher], one.facts[order][:, order]
    )
    torch.testing.assert_close(objective(other), objective(one), rtol=1e-4, atol=1e-5)


def test_a_weight_below_zero_is_refused() -> None:
    for path in CONFIGS:
        with pytest.raises(InputError, match="found weight -1, expected more than 0"):
            instantiate(OmegaConf.merge(OmegaConf.load(path), {"weight": -1}))(sizes=SIZES)
