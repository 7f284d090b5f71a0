"""Looks for held-out pairs in places a model learns from."""

from dataclasses import replace

import numpy as np
import polars as pl

from kgrec.data.dataset import RawDataset
from kgrec.data.ids import IdMap
from kgrec.data.labels import Negatives
from kgrec.data.sequences import Sequences
from kgrec.data.splits import SplitResult
from kgrec.data.splits.base import PARTS
from kgrec.errors import InputError
from kgrec.shapes import BoolArray, Pairs

MAX_SHARE_IN_TRIPLES = 0.01
"""Share of held-out pairs that triples may seem to state: ids of two spaces meet by chance."""


def also_in(a: Pairs, b: Pairs) -> BoolArray:
    """``[m]``: which rows of ``b [m, 2]`` are also rows of ``a [n, 2]`` (non-negative ids)."""
    if len(a) == 0 or len(b) == 0:
        return np.zeros(len(b), dtype=bool)
    width = int(max(a[:, 1].max(), b[:, 1].max())) + 1
    keys = [pl.Series(pairs[:, 0] * width + pairs[:, 1]) for pairs in (a, b)]
    # Hashed: numpy sorts, and takes a hundred times as long.
    return keys[1].is_in(keys[0].implode()).to_numpy()


def count_shared_pairs(a: Pairs, b: Pairs) -> int:
    """The number of rows of ``b [m, 2]`` that are also rows of ``a [n, 2]`` (non-negative ids)."""
    return int(also_in(a, b).sum())


def count_pairs_in_triples(pairs: pl.DataFrame, triples: pl.DataFrame, links: pl.DataFrame) -> int:
    """The number of pairs that a triple states: one end is the user's raw id, the other the item's entity.

    A graph made from listening or rating logs may hold such triples.

    Args:
        pairs: ``user, item``, raw ids, distinct.
        triples: ``head, relation, tail``.
        links: ``item, entity``.
    """
    stated = pl.concat(
        [triples.select(user="head", entity="tail"), triples.select(user="tail", entity="head")]
    )
    linked = pairs.join(links, on="item", how="inner")
    return linked.join(stated, on=["user", "entity"], how="semi").select("user", "item").n_unique()


def raw_pairs(pairs: Pairs, users: IdMap, items: IdMap) -> pl.DataFrame:
    """``pairs [n, 2]`` as a frame ``user, item`` of raw ids."""
    names = {
        "user": [users.raw_ids[user] for user in pairs[:, 0]],
        "item": [items.raw_ids[item] for item in pairs[:, 1]],
    }
    return pl.DataFrame(names, schema={"user": pl.String, "item": pl.String})


def _guard_negatives(name: str, parts: SplitResult, negatives: Negatives) -> None:
    """No pair is labelled twice, in one part or in two."""
    rows = np.concatenate(
        [parts.train, parts.valid, parts.test, negatives.train, negatives.valid, negatives.test]
    )
    repeated = len(rows) - len(np.unique(rows, axis=0))
    if repeated:
        raise InputError(f"{name}: {repeated} labelled pairs stand twice; a pair may be in one part only")


def _by_user(name: str, parts: SplitResult, sequences: Sequences) -> SplitResult:
    """The targets of a split into sequences as pairs of user and item; no history may hold a later target."""
    for part, targets, later in (
        ("train", parts.train, {"valid": parts.valid, "test": parts.test}),
        ("valid", parts.valid, {"test": parts.test}),
    ):
        histories = sequences.held(np.unique(targets[:, 0]))
        for other, held_out in later.items():
            shared = count_shared_pairs(histories, sequences.of_users(held_out))
            if shared:
                raise InputError(
                    f"{name}: {shared} of {len(held_out)} {other} targets stand in histories of {part}; a "
                    "history may hold nothing that comes later"
                )
    train, valid, test = (sequences.of_users(getattr(parts, part)) for part in PARTS)
    return replace(parts, train=train, valid=valid, test=test)


def guard_against_leaks(raw: RawDataset, parts: SplitResult, users: IdMap, items: IdMap) -> None:
    """Stop when held-out pairs are among the training pairs or stated by the triples.

    Sequences count as their user: nobody's held-out target may be among the targets of an earlier part, nor
    in the histories that come with these.

    Raises:
        InputError: a pair is in two parts, is labelled twice, or more than
            ``MAX_SHARE_IN_TRIPLES`` of the held-out pairs are triples between a user and an item's entity.
    """
    if parts.sequences is not None:
        parts = _by_user(raw.name, parts, parts.sequences)
    for part, held_out, earlier in (
        ("valid", parts.valid, {"train": parts.train}),
        ("test", parts.test, {"train": parts.train, "valid": parts.valid}),
    ):
        for other, pairs in earlier.items():
            shared = count_shared_pairs(pairs, held_out)
            if shared:
                raise InputError(
                    f"{raw.name}: {shared} of {len(held_out)} {part} pairs are also in {other}; "
                    "a pair may be in one part only"
                )
    if parts.negatives is not None:
        _guard_negatives(raw.name, parts, parts.negatives)
    pairs = np.concatenate([parts.valid, parts.test])
    stated = count_pairs_in_triples(raw_pairs(pairs, users, items), raw.triples, raw.links)
    if stated > MAX_SHARE_IN_TRIPLES * len(pairs):
        raise InputError(
            f"{raw.name}: {stated} of {len(pairs)} valid and test pairs are stated by triples between the "
            "user and the item's entity; remove these triples"
        )
