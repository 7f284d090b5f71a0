"""What every fusion of ``conf/fusion`` must do."""

from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

from kgrec.nn.fusion.base import Fusion

CONFIGS = sorted((Path(__file__).parents[2] / "conf" / "fusion").glob("*.yaml"))
N, STRUCTURED_DIM, TEXT_DIM, OUT_DIM = 12, 5, 7, 4
ALL, NONE = torch.ones(N, dtype=torch.bool), torch.zeros(N, dtype=torch.bool)


@pytest.fixture(params=CONFIGS, ids=lambda path: path.stem)
def fusion(request: pytest.FixtureRequest) -> Fusion:
    torch.manual_seed(0)
    partial = instantiate(OmegaConf.load(request.param))
    built = partial(structured_dim=STRUCTURED_DIM, text_dim=TEXT_DIM, out_dim=OUT_DIM)
    with torch.no_grad():
        # Away from initial values that are special, such as a gate whose weights are all zero.
        for parameter in built.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return built.eval()


@pytest.fixture
def inputs() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {
        "structured": torch.randn(N, STRUCTURED_DIM, generator=generator),
        "text": torch.randn(N, TEXT_DIM, generator=generator),
        "has_text": torch.arange(N) % 2 == 0,
        "has_kg": torch.arange(N) % 3 == 0,
    }


def test_config_says_what_it_is(fusion: Fusion, request: pytest.FixtureRequest) -> None:
    path = request.node.callspec.params["fusion"]
    config = OmegaConf.load(path)
    assert path.read_text().startswith("# ")
    assert config["_partial_"] is True
    assert path.stem == config["_target_"].split(".")[-2]


def test_shape(fusion: Fusion, inputs: dict[str, torch.Tensor]) -> None:
    assert isinstance(fusion, Fusion)
    assert fusion.out_dim == OUT_DIM
    assert fusion(**inputs).shape == (N, OUT_DIM)


def test_no_items(fusion: Fusion, inputs: dict[str, torch.Tensor]) -> None:
    assert fusion(**{name: tensor[:0] for name, tensor in inputs.items()}).shape == (0, OUT_DIM)


def test_a_row_depends_on_itself_only(fusion: Fusion, inputs: dict[str, torch.Tensor]) -> None:
    """Batch result = single result."""
    together = fusion(**inputs)
    alone = torch.cat([fusion(**{name: t[i : i + 1] for name, t in inputs.items()}) for i in range(N)])
    torch.testing.assert_close(together, alone)


@pytest.mark.parametrize("value", [1e6, float("nan"), float("inf")])
def test_what_a_missing_row_holds_is_never_looked_at(
    fusion: Fusion, inputs: dict[str, torch.Tensor], value: float
) -> None:
    expected = fusion(**inputs)
    inputs["text"][~inputs["has_text"]] = value
    inputs["structured"][~inputs["has_kg"]] = value
    inputs["text"].requires_grad_()
    inputs["structured"].requires_grad_()
    out = fusion(**inputs)
    (out.pow(2).sum() + fusion.auxiliary_loss(**inputs)).backward()
    torch.testing.assert_close(out, expected)
    for name, parameter in fusion.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name
    for side, mask in (("text", "has_text"), ("structured", "has_kg")):
        if inputs[side].grad is not None:  # an ablation ignores one side
            assert (inputs[side].grad[~inputs[mask]] == 0).all()


@pytest.mark.parametrize("has_text", [ALL, NONE], ids=["text", "no_text"])
@pytest.mark.parametrize("has_kg", [ALL, NONE], ids=["kg", "no_kg"])
def test_finite_when_a_side_is_missing_everywhere(
    fusion: Fusion, inputs: dict[str, torch.Tensor], has_text: torch.Tensor, has_kg: torch.Tensor
) -> None:
    sides = inputs["structured"], inputs["text"], has_text, has_kg
    out = fusion(*sides)
    (out.pow(2).sum() + fusion.auxiliary_loss(*sides)).backward()
    assert torch.isfinite(out).all()
    for name, parameter in fusion.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name


def test_items_of_which_nothing_is_known_are_alike(fusion: Fusion, inputs: dict[str, torch.Tensor]) -> None:
    out = fusion(inputs["structured"], inputs["text"], NONE, NONE)
    assert torch.equal(out, out[:1].expand_as(out))


def test_items_without_both_sides_add_nothing_to_the_auxiliary_loss(
    fusion: Fusion, inputs: dict[str, torch.Tensor]
) -> None:
    def loss(**changed: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(2)
        return fusion.auxiliary_loss(**{**inputs, **changed})

    both = inputs["has_text"] & inputs["has_kg"]
    whole = loss()
    assert whole.shape == ()
    assert (whole.item() > 0) == (fusion.auxiliary_weight > 0)
    # Of a row without both sides, the side that is there changes.
    moved = {side: inputs[side] + 10.0 * ~both.unsqueeze(1) for side in ("structured", "text")}
    torch.testing.assert_close(loss(**moved), whole)
    assert loss(has_kg=inputs["has_kg"] & ~both).item() == 0


def test_presence_matters(fusion: Fusion, inputs: dict[str, torch.Tensor]) -> None:
    """With both sides present, at least one is used; a fusion that ignores one is an ablation by name."""
    out = fusion(inputs["structured"], inputs["text"], ALL, ALL)
    uses_kg = not torch.allclose(out, fusion(inputs["structured"], inputs["text"], ALL, NONE))
    uses_text = not torch.allclose(out, fusion(inputs["structured"], inputs["text"], NONE, ALL))
    name = type(fusion).__name__
    assert uses_kg == (name != "TextOnly")
    assert uses_text == (name != "StructuredOnly")


def test_the_share_of_the_graph_is_one_without_text_and_none_without_graph(
    fusion: Fusion, inputs: dict[str, torch.Tensor]
) -> None:
    share = fusion.structured_share(**inputs)
    if share is None:  # a fusion that weighs no sides
        return
    has_text, has_kg = inputs["has_text"], inputs["has_kg"]
    assert share.shape == (N,)
    assert (share[has_text & has_kg] > 0).all()
    assert (share[has_text & has_kg] < 1).all()
    torch.testing.assert_close(share[has_kg & ~has_text], torch.ones(N)[has_kg & ~has_text])
    assert (share[~has_kg] == 0).all()


@pytest.mark.parametrize(
    ("name", "wrong", "message"),
    [
        ("structured", torch.zeros(N, STRUCTURED_DIM + 1), "structured is"),
        ("text", torch.zeros(N - 1, TEXT_DIM), "text is"),
        ("has_text", torch.ones(N, 1, dtype=torch.bool), "has_text is"),
        ("has_kg", torch.ones(N), "has_kg is torch.float32, expected torch.bool"),
    ],
)
def test_wrong_shapes_are_refused(
    fusion: Fusion, inputs: dict[str, torch.Tensor], name: str, wrong: torch.Tensor, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        fusion(**{**inputs, name: wrong})


def test_wrong_sizes_are_refused(fusion: Fusion, request: pytest.FixtureRequest) -> None:
    partial = instantiate(OmegaConf.load(request.node.callspec.params["fusion"]))
    with pytest.raises(ValueError, match="text_dim 0"):
        partial(structured_dim=STRUCTURED_DIM, text_dim=0, out_dim=OUT_DIM)
