"""Texts of pairs: what stands where, and what is cut first."""

from collections.abc import Callable
from pathlib import Path

import pytest

from kgrec.errors import InputError
from kgrec.text.backbone import load_tokenizer
from kgrec.text.pair_prompt import RESERVED_ID, PairPrompt

ITEMS = ["toy story", "heat", "alien space", "the good the bad and the ugly", ""]


def prompt(folder: Path, max_tokens: int = 30, num_reserved: int = 0) -> PairPrompt:
    return PairPrompt(load_tokenizer(folder, 32), ITEMS, max_tokens, num_reserved)


def words(folder: Path, ids: list[int]) -> str:
    return " ".join(load_tokenizer(folder, 32).convert_ids_to_tokens(ids))


def test_an_encoder_reads_two_parts(bert: Path) -> None:
    ids = prompt(bert)([0, 1], 2)
    unknown = "[UNK] [UNK]"  # "liked" and ":" are not in the tiny vocabulary
    assert words(bert, ids) == f"[CLS] {unknown} toy story [UNK] heat [SEP] alien space [SEP]"


def test_a_decoder_reads_one_part(make_model: Callable[..., Path]) -> None:
    folder = make_model("gpt2")
    text = words(folder, prompt(folder)([0], 2))
    assert text == "[UNK] [UNK] toy story [UNK] [UNK] alien space"


def test_the_history_is_cut_before_the_candidate(bert: Path) -> None:
    whole = prompt(bert)([3, 0, 1], 2)
    short = prompt(bert, max_tokens=len(whole) - 3)([3, 0, 1], 2)
    assert len(short) == len(whole) - 3
    assert words(bert, short).endswith("ugly [UNK] toy [SEP] alien space [SEP]")
    shortest = prompt(bert, max_tokens=7)([0, 1], 3)  # room for two words
    assert words(bert, shortest) == "[CLS] [UNK] [UNK] [SEP] the good [SEP]"


def test_no_history_and_no_text_still_make_a_text(bert: Path) -> None:
    assert words(bert, prompt(bert)([], 4)) == "[CLS] [UNK] [UNK] [SEP] [SEP]"


@pytest.mark.parametrize("kind", ["bert", "gpt2"])
def test_reserved_places_stand_before_the_text(make_model: Callable[..., Path], kind: str) -> None:
    folder = make_model(kind)
    plain, reserved = prompt(folder), prompt(folder, num_reserved=3)
    ids, start = reserved([0], 1), reserved.reserved_from
    assert start == (1 if kind == "bert" else 0)
    assert ids[start : start + 3] == [RESERVED_ID] * 3
    assert ids[:start] + ids[start + 3 :] == plain([0], 1)


def test_too_little_room_is_refused(bert: Path) -> None:
    with pytest.raises(InputError, match="max_tokens: found 9, expected at least 10"):
        prompt(bert, max_tokens=9, num_reserved=3)
    assert prompt(bert, max_tokens=10, num_reserved=3)([0], 1)
