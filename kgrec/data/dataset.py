"""The two forms of a dataset: raw frames as read, and contiguous ids as trained on."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import polars as pl

from kgrec.data.ids import IdMap
from kgrec.data.labels import Negatives, Rows
from kgrec.data.sequences import Sequences
from kgrec.errors import InputError
from kgrec.kg.attributes import NumericFacts
from kgrec.shapes import BoolArray, IntArray, Pairs, Triples


@dataclass(frozen=True)
class DatasetCard:
    """Where a dataset comes from and what its publishers say it holds.

    Attributes:
        origin: address of the original data.
        licence: terms of use in one sentence.
        version: version or date.
        citation: the paper to cite.
        published_counts: count name → published value, compared by ``kgrec data doctor``; names are
            those of :func:`kgrec.data.prepare.raw_counts`.
        notes: known faults.
        unchecked: files for which no checksum is known, so that nobody can tell whether they are those that
            published figures were measured on.
    """

    origin: str
    licence: str
    version: str
    citation: str
    published_counts: dict[str, int] = field(default_factory=dict)
    notes: str = ""
    unchecked: tuple[str, ...] = ()


NUMBERS = {"head": pl.String, "relation": pl.String, "value": pl.Float64, "scale": pl.String}


@dataclass(frozen=True)
class RawDataset:
    """Frames of raw ids (all ids are strings), exactly what the files say.

    Attributes:
        name: dataset name.
        interactions: ``user, item`` and where known ``rating`` (f64), ``timestamp`` (f64), ``split``
            ("train" | "valid" | "test" for data that comes with fixed splits).
        items: ``item, title, text``; ``title`` is shown to people, ``text`` is what the language model
            reads; both may be null.
        triples: ``head, relation, tail``.
        links: ``item, entity``, at most one row per item.
        card: provenance.
        numbers: ``head, relation, value, scale`` of numeric attributes, see :mod:`kgrec.kg.attributes`.
    """

    name: str
    interactions: pl.DataFrame
    items: pl.DataFrame
    triples: pl.DataFrame
    links: pl.DataFrame
    card: DatasetCard
    numbers: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=NUMBERS))


class DatasetSource(Protocol):
    """What ``conf/data/*.yaml`` builds: one dataset's reader."""

    name: str
    card: DatasetCard

    def load(self, root: Path) -> RawDataset:
        """Read the raw files under ``root``; raises :class:`kgrec.errors.InputError` on bad rows."""
        ...

    def fetch(self, root: Path) -> None:
        """Bring the raw files to ``root`` (checksums checked, nothing half-written)."""
        ...

    def is_present(self, root: Path) -> bool:
        """Whether all raw files lie under ``root``."""
        ...


@dataclass(frozen=True)
class RecDataset:
    """A dataset ready for models: contiguous ids, one split, triples and links.

    Attributes:
        train, valid, test: ``[n, 2]`` user id, item id; observed pairs.
        triples: ``[T, 3]`` head, relation, tail (entity, relation, entity ids); no inverses.
        item_to_entity: ``[I]`` entity id, -1 where unlinked.
        item_texts: ``I`` strings, empty where there is no text.
        item_titles: ``I`` strings for people.
        cold_valid, cold_test: ``[I]`` masks: items held out as a whole for validation / test
            (all False in warm protocols).
        protocol: how the split was made, e.g. ``{"split": "cold_item", "rating_threshold": 4.0}``.
        preparation_log: one line per preparation step with counts before and after.
        negatives: unobserved pairs that are part of labelled data, for each part; ``None`` elsewhere.
        sequences: history of each pseudo-user where ``users`` are sequences; ``None`` elsewhere.
        numbers: numeric attributes of linked entities; ``None`` where none were asked for or found.
    """

    name: str
    users: IdMap
    items: IdMap
    entities: IdMap
    relations: IdMap
    train: Pairs
    valid: Pairs
    test: Pairs
    triples: Triples
    item_to_entity: IntArray
    item_texts: list[str]
    item_titles: list[str]
    cold_valid: BoolArray
    cold_test: BoolArray
    protocol: dict[str, str | float | int | bool] = field(default_factory=dict)
    preparation_log: tuple[str, ...] = ()
    negatives: Negatives | None = None
    sequences: Sequences | None = None
    numbers: NumericFacts | None = None

    def in_sequences(self) -> Sequences:
        """The history of each pseudo-user.

        Raises:
            InputError: the split made no sequences.
        """
        if self.sequences is None:
            raise InputError(
                f"dataset {self.name}: found no sequences, which task=next_item and its models need; set "
                "data/split=next_item"
            )
        return self.sequences

    def labelled(self, part: str) -> Rows:
        """Positives and negatives of ``train``, ``valid`` or ``test``.

        Raises:
            InputError: the split gave no negatives.
        """
        if self.negatives is None:
            raise InputError(
                f"dataset {self.name}: found no labelled rows, which task=ctr needs; set data/split=labelled"
            )
        return Rows.of(getattr(self, part), getattr(self.negatives, part))

    @property
    def num_users(self) -> int:
        """U."""
        return len(self.users)

    @property
    def num_items(self) -> int:
        """I."""
        return len(self.items)

    @property
    def num_entities(self) -> int:
        """E."""
        return len(self.entities)

    @property
    def num_relations(self) -> int:
        """R, without inverses."""
        return len(self.relations)

    @property
    def warm_items(self) -> BoolArray:
        """``[I]``: items with at least one training interaction."""
        warm = np.zeros(self.num_items, dtype=bool)
        warm[self.train[:, 1]] = True
        return warm
