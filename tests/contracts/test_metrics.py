"""What every metric owes: each file of kgrec/evaluation/metrics and each eval config is found by itself."""

import importlib
import inspect
import pkgutil
from pathlib import Path

import pytest
import torch

from kgrec.build import build, compose, options
from kgrec.evaluation import metrics
from kgrec.evaluation.click_metrics.base import ClickMetric
from kgrec.evaluation.evaluator import Evaluator
from kgrec.evaluation.metrics.base import Metric
from kgrec.evaluation.ranking import Ranking
from kgrec.evaluation.sampled_users import SampledUsers

EVAL_CONFIGS = sorted((Path(__file__).parents[2] / "conf" / "eval").glob("*.yaml"))


def metric_classes() -> list[type]:
    modules = [
        importlib.import_module(f"{metrics.__name__}.{module.name}")
        for module in pkgutil.iter_modules(metrics.__path__)
        if module.name != "base"
    ]
    return [
        value
        for module in modules
        for value in vars(module).values()
        if inspect.isclass(value) and value.__module__ == module.__name__
    ]


@pytest.fixture(params=metric_classes(), ids=lambda cls: cls.__name__)
def metric(request: pytest.FixtureRequest) -> Metric:
    return request.param()


def random_ranking(num_users: int = 50, length: int = 20) -> Ranking:
    generator = torch.Generator().manual_seed(0)
    hits = torch.rand(num_users, length, generator=generator) < torch.rand(num_users, 1, generator=generator)
    hits[0] = False
    return Ranking(
        items=torch.arange(length).repeat(num_users, 1),
        hits=hits,
        num_relevant=hits.sum(dim=1) + torch.randint(1, 6, (num_users,), generator=generator),
        user_ids=torch.arange(num_users),
    )


def one_user(ranking: Ranking, row: int) -> Ranking:
    return Ranking(*(getattr(ranking, name)[row : row + 1] for name in Ranking.__dataclass_fields__))


def test_metric_states_its_name_direction_formula_and_empty_case(metric: Metric) -> None:
    assert isinstance(metric, Metric)
    assert isinstance(metric.higher_is_better, bool)
    text = " ".join((inspect.getdoc(type(metric)) or "").lower().split())
    assert "denominator" in text
    assert "relevant item: 0" in text or "without relevant items gets 0" in text


def test_names_are_distinct() -> None:
    names = [cls.name for cls in metric_classes()]
    assert len(set(names)) == len(names) >= 7


def test_values_are_float64_per_user_and_cutoff_between_0_and_1(metric: Metric) -> None:
    values = metric(random_ranking(), [5, 1, 20])
    assert values.shape == (50, 3)
    assert values.dtype == torch.float64
    assert values.min() >= 0
    assert 0 < values.max() <= 1
    assert values[0].tolist() == [0, 0, 0]  # relevant items, no hit


def test_batch_equals_single(metric: Metric) -> None:
    ranking = random_ranking()
    single = torch.cat([metric(one_user(ranking, row), [3, 10]) for row in range(50)])
    assert torch.equal(metric(ranking, [3, 10]), single)


def test_the_order_of_cutoffs_does_not_matter(metric: Metric) -> None:
    ranking = random_ranking()
    assert torch.equal(metric(ranking, [20, 5]), metric(ranking, [5, 20])[:, [1, 0]])


def test_moving_a_hit_forward_never_hurts(metric: Metric) -> None:
    late, early = (
        Ranking(torch.arange(4)[None], torch.tensor([hits]), torch.tensor([2]), torch.tensor([0]))
        for hits in ([False, True, True, False], [True, False, True, False])
    )
    assert (metric(early, [1, 2, 3, 4]) >= metric(late, [1, 2, 3, 4])).all() == metric.higher_is_better
    assert not torch.equal(metric(early, [1]), metric(late, [1]))


def test_empty_case_is_zero(metric: Metric) -> None:
    nothing = Ranking(
        torch.full((1, 3), -1), torch.zeros(1, 3, dtype=torch.bool), torch.zeros(1, dtype=torch.int64),
        torch.tensor([0]),
    )  # fmt: skip
    assert metric(nothing, [1, 3]).tolist() == [[0, 0]]


def test_cutoffs_beyond_the_lists_are_refused(metric: Metric) -> None:
    with pytest.raises(ValueError, match=r"cut-offs \[0, 21\] lie outside 1 … 20"):
        metric(random_ranking(), [0, 5, 21])


@pytest.mark.parametrize("split", options("data/split"))
@pytest.mark.parametrize("path", EVAL_CONFIGS, ids=lambda path: path.stem)
def test_eval_config_builds_for_every_split_and_names_every_setting(path: Path, split: str) -> None:
    assert path.read_text().startswith("# ")
    config = compose([f"eval={path.stem}", f"data/split={split}"]).eval
    evaluator = build(config)
    assert set(config) - {"_target_"} == set(inspect.signature(type(evaluator)).parameters)
    assert evaluator.selection_metric in evaluator.keys("valid")
    assert evaluator.selection_higher_is_better
    assert evaluator.protocol()["selected_on"] == evaluator.selection_metric
    kind = Metric if isinstance(evaluator, Evaluator | SampledUsers) else ClickMetric
    assert all(isinstance(metric, kind) for metric in evaluator.metrics)


@pytest.mark.parametrize("split", options("data/split"))
def test_the_split_decides_what_is_ranked(split: str) -> None:
    evaluator = build(compose([f"data/split={split}"]).eval)
    holds_out_items = split == "cold_item"
    assert any(key.startswith("test/cold/") for key in evaluator.keys("test")) == holds_out_items
    assert evaluator.selection_metric.startswith("valid/cold/") == holds_out_items


def test_there_are_eval_configs() -> None:
    assert "default" in {path.stem for path in EVAL_CONFIGS}
