"""What is wrong with a dataset? Counts, broken rows, links, texts and leaks, in a report for people."""

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from kgrec.data.dataset import RawDataset, RecDataset
from kgrec.data.leaks import MAX_SHARE_IN_TRIPLES, count_pairs_in_triples, count_shared_pairs
from kgrec.data.link_check import check_links_by_use
from kgrec.data.prepare import raw_counts

NUM_HUBS = 5
NUM_SHUFFLES = 10
PROBLEM_MARK = "! "


@dataclass
class Section:
    """One part of a report.

    Attributes:
        title: what was looked at.
        lines: findings; problems start with ``"! "``.
    """

    title: str
    lines: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        """A finding that is no problem."""
        self.lines.append(text)

    def problem_if(self, condition: bool, text: str) -> None:
        """A finding that is a problem if ``condition`` holds."""
        self.lines.append(PROBLEM_MARK + text if condition else text)

    @property
    def problems(self) -> int:
        """Number of problems."""
        return sum(line.startswith(PROBLEM_MARK) for line in self.lines)


@dataclass(frozen=True)
class Report:
    """The findings of :func:`diagnose`."""

    name: str
    sections: tuple[Section, ...]

    @property
    def problems(self) -> int:
        """Number of problems in all sections."""
        return sum(section.problems for section in self.sections)

    def to_text(self) -> str:
        """The report for a terminal."""
        head = f"{self.name}: {self.problems} problem{'' if self.problems == 1 else 's'} found"
        parts = [
            "\n".join([section.title, *(f"  {line}" for line in section.lines)]) for section in self.sections
        ]
        return "\n\n".join([head, *parts])


def diagnose(raw: RawDataset, dataset: RecDataset) -> Report:
    """Look for what is wrong with a dataset; reads only, takes seconds.

    Args:
        raw: the dataset as read.
        dataset: the same, prepared.
    """
    return Report(
        raw.name,
        (
            count_section(raw),
            Section("Preparation", list(dataset.preparation_log)),
            _rows(raw),
            link_section(raw),
            hub_section(dataset),
            _texts(dataset),
            leak_section(raw, dataset),
            use_section(dataset),
        ),
    )


def count_section(raw: RawDataset) -> Section:
    """Counts as read, beside the published ones."""
    section = Section("Counts as read, and as published")
    published = raw.card.published_counts
    for name, count in raw_counts(raw).items():
        line = f"{name:<16}{count:>12,}"
        if name in published:
            same = count == published[name]
            section.problem_if(not same, f"{line} {'=' if same else '≠'} {published[name]:,}")
        else:
            section.note(line)
    if raw.card.unchecked:
        section.note(
            f"no checksum is known for {', '.join(raw.card.unchecked)}: the counts are the only check"
        )
    return section


def _rows(raw: RawDataset) -> Section:
    section = Section("Rows")
    rows = raw.interactions
    for column in rows.columns:
        missing = rows[column].null_count()
        section.problem_if(missing > 0, f"{missing:,} interactions without {column}")
    repeated = len(rows) - rows.select("user", "item").n_unique()
    section.problem_if(repeated > 0, f"{repeated:,} interactions repeat a pair of user and item")
    repeated = len(raw.items) - raw.items["item"].n_unique()
    section.problem_if(repeated > 0, f"{repeated:,} rows of the item table repeat an item")
    repeated = len(raw.triples) - raw.triples.n_unique()
    section.problem_if(repeated > 0, f"{repeated:,} triples repeat another")
    loops = len(raw.triples.filter(pl.col("head") == pl.col("tail")))
    section.note(f"{loops:,} triples are self loops, which the graph leaves out")
    return section


def link_section(raw: RawDataset) -> Section:
    """Items without a link, links into nowhere, links that repeat."""
    section = Section("Links")
    items = pl.concat([raw.items.select("item"), raw.interactions.select("item")]).unique()
    links = raw.links.unique()
    unlinked = items.join(links, on="item", how="anti")
    rows = raw.interactions.join(unlinked, on="item", how="semi")
    section.problem_if(
        len(unlinked) == len(items) and len(raw.triples) > 0,
        f"{len(unlinked):,} of {len(items):,} items are not linked; {len(rows):,} of "
        f"{len(raw.interactions):,} interactions are on them",
    )
    several = len(links) - links["item"].n_unique()
    section.problem_if(several > 0, f"{several:,} links beyond the first of their item")
    unknown = links.join(items, on="item", how="anti")
    section.problem_if(len(unknown) > 0, f"{len(unknown):,} links of items that are not in the catalogue")
    sharing = links.filter(pl.col("entity").is_duplicated())
    section.note(f"{len(sharing):,} items link to an entity that another item links to as well")
    ends = pl.concat([raw.triples.select(entity="head"), raw.triples.select(entity="tail")]).unique()
    bare = links.join(ends, on="entity", how="anti")
    section.problem_if(len(bare) > 0, f"{len(bare):,} links to an entity without triples")
    return section


def hub_section(dataset: RecDataset) -> Section:
    """Entities, and the ones in most triples."""
    section = Section("Entities")
    ends = dataset.triples[:, [0, 2]].ravel()
    degree = np.bincount(ends, minlength=dataset.num_entities)
    section.note(
        f"{dataset.num_entities:,} entities, {len(dataset.triples):,} triples, {dataset.num_relations:,} "
        f"relations; {int((degree == 1).sum()):,} entities are in one triple only"
    )
    for entity in np.argsort(-degree, kind="stable")[:NUM_HUBS]:
        share = degree[entity] / max(len(dataset.triples), 1)
        section.note(
            f"hub {dataset.entities.raw_ids[entity]}: in {degree[entity]:,} triples ({share:.1%} of all)"
        )
    return section


def _texts(dataset: RecDataset) -> Section:
    section = Section("Texts")
    texts = pl.Series(dataset.item_texts, dtype=pl.String)
    given = texts.filter(texts != "")
    section.note(f"{len(texts) - len(given):,} of {len(texts):,} items have no text")
    if len(given):
        lengths = given.str.len_chars().to_numpy()
        section.note(
            f"texts have {np.median(lengths):,.0f} characters in the median, {lengths.max():,} at most"
        )
    twins = int(given.is_duplicated().sum())
    section.note(f"{twins:,} items have the same text as another: a warm twin gives a cold item away")
    return section


def leak_section(raw: RawDataset, dataset: RecDataset) -> Section:
    """Held-out pairs among the training pairs, interactions among the triples."""
    section = Section("Leaks")
    for name, held_out in (("valid", dataset.valid), ("test", dataset.test)):
        shared = count_shared_pairs(dataset.train, held_out)
        section.problem_if(shared > 0, f"{shared:,} of {len(held_out):,} {name} pairs are in train")
    shared = count_shared_pairs(dataset.valid, dataset.test)
    section.problem_if(shared > 0, f"{shared:,} of {len(dataset.test):,} test pairs are in valid")
    pairs = raw.interactions.select("user", "item").unique()
    stated = count_pairs_in_triples(pairs, raw.triples, raw.links)
    section.problem_if(
        stated > MAX_SHARE_IN_TRIPLES * len(pairs),
        f"{stated:,} of {len(pairs):,} interactions are triples between the user and the item's entity",
    )
    return section


def use_section(dataset: RecDataset) -> Section:
    """Whether items that the links put together are consumed together."""
    section = Section("Do the links point to the right entities?")
    check = check_links_by_use(
        np.concatenate([dataset.train, dataset.valid, dataset.test]),
        dataset.num_users,
        dataset.triples,
        dataset.item_to_entity,
        num_shuffles=NUM_SHUFFLES,
        seed=0,
    )
    section.note(f"{check.num_pairs:,} item pairs share a rare entity (2 to 20 items)")
    if check.verdict == "unknown":
        section.note("too few pairs with users to tell")
        return section
    for name, value, shuffled in (
        ("lift of co-consumption", check.lift, check.shuffled_lifts),
        ("similarity of users", check.similarity, check.shuffled_similarities),
    ):
        section.note(
            f"{name}: {value:.3f}; links shuffled {len(shuffled)} times: {shuffled.mean():.3f} "
            f"± {shuffled.std(ddof=1):.3f}"
        )
    section.problem_if(
        check.verdict == "random",
        f"links look {check.verdict}: {check.sigmas:.1f} standard deviations above shuffled in similarity",
    )
    return section
