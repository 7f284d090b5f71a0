from pathlib import Path

import pytest
from torch import nn

from kgrec.evaluation.cost import new_item_costs, parameter_counts, peak_rss_mb


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc to compare with")
def test_peak_memory_is_in_megabytes() -> None:
    status = Path("/proc/self/status").read_text()
    kibibytes = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    assert peak_rss_mb() == pytest.approx(kibibytes / 1024, rel=0.05)


def test_shared_parameters_count_once_and_frozen_ones_are_not_trainable() -> None:
    layer = nn.Linear(3, 4)  # 12 weights, 4 biases
    frozen = nn.Embedding(5, 2).requires_grad_(False)
    module = nn.ModuleList([layer, layer, frozen])
    assert parameter_counts(module) == {"cost/params": 26, "cost/trainable_params": 16}


def test_a_new_item_needs_language_model_and_graph_side() -> None:
    lm_cost = {"lm_params": 100, "lm_params_without_embeddings": 40, "lm_bytes": 400, "encode_items_per_s": 7}
    assert new_item_costs(lm_cost, graph_params=11) == {
        "cost/lm_params": 100,
        "cost/lm_params_without_embeddings": 40,
        "cost/lm_bytes": 400,
        "cost/encode_items_per_s": 7,
        "cost/graph_params": 11,
        "cost/new_item_params": 111,
    }


def test_without_text_the_language_model_costs_nothing() -> None:
    assert new_item_costs({}, graph_params=3)["cost/lm_params"] == 0
    assert new_item_costs({}, graph_params=3)["cost/new_item_params"] == 3
    with pytest.raises(ValueError, match="must not be negative"):
        new_item_costs({}, graph_params=-1)
