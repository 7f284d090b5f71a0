"""Several encoders as one: cosines are means, and what members decide is decided by them."""

from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from kgrec.build import build, compose
from kgrec.errors import InputError
from kgrec.pipeline import run_name
from kgrec.text.encoder import TextEncoder, encode_items
from kgrec.text.ensemble import EnsembleEncoder
from kgrec.text.hashing import HashingEncoder
from kgrec.text.static import StaticEncoder
from kgrec.text.transformer import TransformerEncoder

MEMBERS = ("lm=ensemble", "+lm@lm.members.small=minilm_l1", "+lm@lm.members.words=hashing")


def two_kinds(bert: Path) -> dict[str, TextEncoder]:
    """Of other widths, the first with vectors of any length."""
    return {
        "bert": TransformerEncoder(str(bert), 2, "mean", 32, 8, "float32", False, "cpu"),
        "words": HashingEncoder(64, [1], [3]),
    }


def test_a_cosine_is_the_mean_of_the_members(bert: Path, texts: list[str]) -> None:
    members = two_kinds(bert)
    encoder = EnsembleEncoder(members)
    rows = encoder.encode(texts)
    assert rows.shape == (len(texts), encoder.dim) == (len(texts), 16 + 64)
    cosines = []
    for member in members.values():
        unit = F.normalize(member.encode(texts), dim=1)
        cosines.append(unit @ unit.T)
    assert torch.allclose(rows @ rows.T, torch.stack(cosines).mean(0), atol=1e-5)
    assert torch.allclose(rows.norm(dim=1), torch.ones(len(texts)), atol=1e-5)


def test_equal_members_are_as_one(bert: Path, texts: list[str]) -> None:
    one = two_kinds(bert)["bert"]
    rows = EnsembleEncoder({"a": one, "b": one, "c": one}).encode(texts)
    unit = F.normalize(one.encode(texts), dim=1)
    assert torch.allclose(rows @ rows.T, unit @ unit.T, atol=1e-5)


def test_a_member_that_finds_nothing_leaves_zeros(bert: Path) -> None:
    row = EnsembleEncoder(two_kinds(bert)).encode(["!"])[0]  # no letter: nothing for the hashing encoder
    assert float(row[:16].norm()) == pytest.approx(0.5**0.5, abs=1e-5)
    assert not row[16:].any()


def test_costs_add_up_and_the_key_names_every_member(bert: Path) -> None:
    members = two_kinds(bert)
    encoder = EnsembleEncoder(members)
    assert encoder.cost()["lm_params"] == sum(member.cost()["lm_params"] for member in members.values())
    assert encoder.cost()["lm_bytes"] > 0
    assert all(member.cache_key in encoder.cache_key for member in members.values())
    assert EnsembleEncoder({"bert": members["bert"]}).cache_key != encoder.cache_key
    assert EnsembleEncoder(dict(reversed(members.items()))).cache_key == encoder.cache_key


def test_members_are_fitted_to_the_texts(bert: Path, texts: list[str], tmp_path: Path) -> None:
    encoder = EnsembleEncoder(
        {kind: StaticEncoder(str(bert), 32, True, kind) for kind in ("corpus", "cut")}
        | {"words": HashingEncoder(8, [1], [])}
    )
    assert encoder.vocabulary == "corpus"
    with pytest.raises(InputError, match="fitted"):
        encoder.encode(texts)
    fitted = encoder.fitted_to(texts)
    features = encode_items(fitted, [*texts, ""], tmp_path)
    assert features.has_text.tolist() == [True] * len(texts) + [False]


def test_as_typed() -> None:
    cfg = compose([*MEMBERS, "lm.members.words.dim=16"])
    assert build(cfg.lm).encode(["Heat"]).shape == (1, 384 + 16)
    assert run_name(cfg) != run_name(compose([*MEMBERS]))
    assert run_name(compose([*MEMBERS, "lm.members.small.speed.batching=length"])) == run_name(
        compose([*MEMBERS])
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["lm=ensemble"], "setting 'lm.members' must be given"),
        (["lm=ensemble", "lm.members={}"], "lm.members: found none, expected one or more"),
        (["lm=ensemble", "+lm@lm.members.a=huge"], "lm has no option 'huge'"),
        (["lm=ensemble", "+lm@lm.members.a=hf"], "setting 'lm.members.a.model' must be given"),
        ([*MEMBERS, "lm.members.small.pooling=best"], "pooling: 'best' is none of"),
    ],
)
def test_bad_input(settings: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build(compose(settings).lm)
