"""From raw frames to contiguous ids: filters, ids, split, triples, leak guards; each step is logged."""

from dataclasses import replace

import numpy as np
import polars as pl

from kgrec.data.alignment import align
from kgrec.data.attributes import numeric_facts
from kgrec.data.dataset import RawDataset, RecDataset
from kgrec.data.filters import drop_duplicates, keep_core, keep_rated_at_least
from kgrec.data.ids import IdMap
from kgrec.data.labels import Negatives
from kgrec.data.leaks import guard_against_leaks
from kgrec.data.shaped import shaped
from kgrec.data.splits import Interactions, Split, SplitResult
from kgrec.errors import InputError
from kgrec.kg.shaping.shape import Shape


def prepare(
    raw: RawDataset,
    *,
    split: Split,
    rating_threshold: float | None,
    k_core: int,
    drop_inverse_relations: float | None,
    seed: int,
    shape: Shape | None = None,
) -> RecDataset:
    """Make a dataset ready for models.

    Ids are given in order of first appearance: users in the filtered interactions, items in
    ``raw.items`` and then in the interactions, entities and relations in the triples and links. They do
    not depend on ``seed``.

    Args:
        raw: the frames of a dataset source.
        split: how to hold out data.
        rating_threshold: positives are the rows rated at least this; ``None`` = all rows.
        k_core: each user and item keeps at least this many positives; 0 = off. Without it, all items
            stay in the catalogue, with or without positives.
        drop_inverse_relations: drop a relation when this share of its triples, (0, 1], is listed
            backwards by another (:func:`kgrec.kg.triples.drop_inverse_relations`); ``None`` = keep all.
        seed: the run's seed; only the split draws from it.
        shape: steps that the graph goes through; ``None`` = none.

    Returns:
        The dataset, with one line per step in ``preparation_log``.

    Raises:
        InputError: a setting does not fit the data, nothing is left, or held-out pairs are found in the
            training pairs or in the triples.
    """
    _check_settings(k_core, drop_inverse_relations)
    counts = (f"{count:,} {what.replace('_', ' ')}" for what, count in raw_counts(raw).items())
    log = [f"{raw.name} as read: {', '.join(counts)}"]
    interactions = _filter(raw.interactions, rating_threshold, k_core, log)
    catalogue = _catalogue(raw, interactions, k_core, log)
    items = IdMap(catalogue["item"].to_list())
    users = IdMap(interactions["user"].unique(maintain_order=True).to_list())
    parts = split(_to_ids(interactions, users, items), len(users), len(items), seed)
    parts = _drop_untrained_users(split.name, parts, len(users), log)
    guard_against_leaks(raw, parts, users, items)
    if parts.sequences is not None:
        users = parts.sequences.names(users)
    knowledge, lines = align(raw.triples, raw.links, items, drop_inverse_relations)
    if shape is not None:
        knowledge, steps = shaped(knowledge, shape)
        lines += steps
    numbers, told = numeric_facts(raw.numbers, knowledge)
    lines += told
    return RecDataset(
        name=raw.name,
        users=users,
        items=items,
        entities=knowledge.entities,
        relations=knowledge.relations,
        train=parts.train,
        valid=parts.valid,
        test=parts.test,
        triples=knowledge.triples,
        item_to_entity=knowledge.item_to_entity,
        item_texts=catalogue["text"].fill_null("").to_list(),
        item_titles=catalogue.select(pl.coalesce("title", "item")).to_series().to_list(),
        cold_valid=parts.cold_valid,
        cold_test=parts.cold_test,
        protocol={
            **_split_protocol(split),
            "rating_threshold": "none" if rating_threshold is None else rating_threshold,
            "k_core": k_core,
            "drop_inverse_relations": "none" if drop_inverse_relations is None else drop_inverse_relations,
        },
        preparation_log=(*log, *lines),
        negatives=parts.negatives,
        sequences=parts.sequences,
        numbers=numbers,
    )


def raw_counts(raw: RawDataset) -> dict[str, int]:
    """What the files hold, before any filter.

    Keys: ``users`` and ``interactions`` of the interactions; ``items`` of the catalogue (item table and
    interactions); ``items_with_text``; ``entities`` of triples and links; ``relations``; ``triples``;
    ``linked_items`` of the catalogue; and ``train``, ``valid``, ``test`` for data that comes split.
    """
    items = pl.concat([raw.items.select("item"), raw.interactions.select("item")]).unique()
    linked = raw.links.join(items, on="item", how="semi")
    counts = {
        "users": raw.interactions["user"].n_unique(),
        "items": len(items),
        "interactions": len(raw.interactions),
        "items_with_text": raw.items.filter(pl.col("text").str.len_chars() > 0)["item"].n_unique(),
        "entities": pl.concat([raw.triples["head"], raw.triples["tail"], raw.links["entity"]]).n_unique(),
        "relations": raw.triples["relation"].n_unique(),
        "triples": len(raw.triples),
        "linked_items": linked["item"].n_unique(),
    }
    if "split" in raw.interactions.columns:
        counts |= dict(raw.interactions.group_by("split", maintain_order=True).len().iter_rows())
    return counts


def _check_settings(k_core: int, drop_inverse_relations: float | None) -> None:
    if k_core < 0:
        raise InputError(f"data.k_core is {k_core}; 0 (off) or more is needed")
    if drop_inverse_relations is not None and not 0 < drop_inverse_relations <= 1:
        raise InputError(
            f"data.drop_inverse_relations is {drop_inverse_relations}; a share in (0, 1] or null is needed"
        )


def _filter(
    interactions: pl.DataFrame, rating_threshold: float | None, k_core: int, log: list[str]
) -> pl.DataFrame:
    """The positives, distinct, in file order."""
    nameless = interactions.filter(pl.col("user").is_null() | pl.col("item").is_null())
    if len(nameless):
        raise InputError(f"interactions: {len(nameless)} rows have no user or no item; all need both")
    if rating_threshold is not None:
        interactions, line = keep_rated_at_least(interactions, rating_threshold)
        log.append(line)
    interactions, line = drop_duplicates(interactions)
    log.append(line)
    if len(interactions) == 0:
        raise InputError(
            f"no interaction is left (data.rating_threshold {rating_threshold}); choose a lower threshold"
        )
    if k_core > 0:
        interactions, line = keep_core(interactions, k_core)
        log.append(line)
    return interactions


def _catalogue(raw: RawDataset, interactions: pl.DataFrame, k_core: int, log: list[str]) -> pl.DataFrame:
    """``item, title, text``, one row per candidate: all known items, or those in the core."""
    listed = raw.items.select("item", "title", "text").unique("item", keep="first", maintain_order=True)
    positive = interactions.select("item").unique(maintain_order=True)
    touched = raw.interactions.select("item").unique(maintain_order=True)
    if k_core > 0:
        touched = positive
        listed = listed.join(touched, on="item", how="semi", maintain_order="left")
    unlisted = touched.join(listed, on="item", how="anti", maintain_order="left")
    catalogue = pl.concat([listed, unlisted], how="diagonal")
    log.append(
        f"catalogue: {len(catalogue):,} items, {len(catalogue) - len(positive):,} without a positive, "
        f"{len(unlisted):,} not in the item table, {len(raw.items) - raw.items['item'].n_unique():,} "
        "repeated rows of the item table dropped"
    )
    return catalogue


def _to_ids(interactions: pl.DataFrame, users: IdMap, items: IdMap) -> Interactions:
    columns = interactions.to_dict(as_series=True)
    pairs = (users.to_ids(columns["user"].to_list()), items.to_ids(columns["item"].to_list()))
    times, given = columns.get("timestamp"), columns.get("split")
    return Interactions(
        pairs=np.stack(pairs, axis=1),
        timestamps=None if times is None else times.cast(pl.Float64).fill_null(np.nan).to_numpy(),
        given=None if given is None else given.fill_null("").to_numpy().astype(np.str_),
    )


def _drop_untrained_users(split: str, parts: SplitResult, num_users: int, log: list[str]) -> SplitResult:
    """Users with nothing to train on lose their held-out rows: no model can know them."""
    if len(parts.train) == 0:
        raise InputError(f"data.split ({split}): no training interaction is left; hold out less")
    if parts.sequences is not None:  # each is known by its history
        num_users = len(parts.sequences)
        log.append(f"sequences: {num_users:,} of {len(np.unique(parts.sequences.users)):,} users")
    trained = np.zeros(num_users, dtype=bool)
    trained[parts.train[:, 0] if parts.sequences is None else slice(None)] = True
    kept = replace(
        parts,
        valid=parts.valid[trained[parts.valid[:, 0]]],
        test=parts.test[trained[parts.test[:, 0]]],
        negatives=None if parts.negatives is None else parts.negatives.of_users(trained),
    )
    for part, before, after in (("valid", parts.valid, kept.valid), ("test", parts.test, kept.test)):
        if len(before) and not len(after):
            raise InputError(
                f"data.split ({split}): no user of the {len(before)} {part} interactions has any training "
                "interaction; use another split"
            )
    log.append(
        f"split {split}: {len(kept.train):,} train, {len(kept.valid):,} valid, {len(kept.test):,} test "
        f"interactions; {int(kept.cold_valid.sum()):,} cold items for valid, {int(kept.cold_test.sum()):,} "
        "for test"
    )
    log.append(
        f"users without training interactions: {int((~trained).sum()):,}, who lose "
        f"{len(parts.valid) - len(kept.valid):,} valid and {len(parts.test) - len(kept.test):,} test rows"
    )
    if parts.negatives is not None and kept.negatives is not None:
        log.append(f"negatives: {_counts(parts.negatives)}; of trained users {_counts(kept.negatives)}")
    return kept


def _counts(negatives: Negatives) -> str:
    return f"{len(negatives.train):,} train, {len(negatives.valid):,} valid, {len(negatives.test):,} test"


def _split_protocol(split: Split) -> dict[str, str | float | int | bool]:
    return {"split": split.name, **{f"split_{name}": value for name, value in vars(split).items()}}
