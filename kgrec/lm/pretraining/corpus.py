"""What a language model is pretrained on: documents of sentences, from item texts or the graph's facts."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Protocol

import numpy as np

from kgrec.data.dataset import RecDataset
from kgrec.data.labels import Rows
from kgrec.errors import InputError
from kgrec.seed import numpy_generator
from kgrec.text.facts import entity_name, relation_name

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


@dataclass(frozen=True)
class Sentence:
    """A sentence and what is masked in it as a whole.

    Attributes:
        text: not empty, unless it stands for "no second sentence".
        spans: begin and end of the stretches, in characters; words outside of them are masked one by one.
    """

    text: str
    spans: tuple[tuple[int, int], ...] = ()


Document = list[Sentence]
NOTHING = Sentence("")


class CorpusSource(Protocol):
    """What ``conf/lm_corpus/*.yaml`` builds."""

    def documents(self, dataset: RecDataset, texts: Sequence[str]) -> list[Document]:
        """Documents without anything that is told of cold items alone; none of them empty.

        Args:
            dataset: ids, triples, links.
            texts: ``I`` texts of the items.
        """
        ...


class ItemTexts:
    """The texts of the warm items, a document each, cut into sentences after ``.``, ``!`` and ``?``."""

    def documents(self, dataset: RecDataset, texts: Sequence[str]) -> list[Document]:
        """See :class:`CorpusSource`."""
        read = [text for text, warm in zip(texts, dataset.warm_items, strict=True) if warm and text.strip()]
        return [
            [Sentence(part) for part in _SENTENCE_END.split(text.strip())] for text in dict.fromkeys(read)
        ]


class Facts:
    """The graph's triples as sentences, ``Heat (1995) director Michael Mann.``, a document for each head.

    Entities are masked as wholes, so that a sentence is learned as a fact and not as a phrase (as the entity
    masking of `ERNIE <https://arxiv.org/abs/1904.09223>`_, Sun et al., 2019, §3.2.3). A linked entity has its
    item's title. Left out are triples with an entity known by an id alone, and those that touch a cold item.
    """

    def documents(self, dataset: RecDataset, texts: Sequence[str]) -> list[Document]:
        """See :class:`CorpusSource`; ``texts`` are not read."""
        names = [entity_name(raw) for raw in dataset.entities.raw_ids]
        told: list[str | None] = [None if is_id or not name.strip() else name for is_id, name in names]
        warm = dataset.warm_items
        for item, entity in enumerate(dataset.item_to_entity.tolist()):
            if entity >= 0:
                told[entity] = (dataset.item_titles[item].strip() or None) if warm[item] else None
        relations = [relation_name(raw) for raw in dataset.relations.raw_ids]
        of_head: dict[int, Document] = defaultdict(list)
        for head, relation, tail in dataset.triples.tolist():
            first, last = told[head], told[tail]
            if first is not None and last is not None:
                of_head[head].append(_fact(first, relations[relation], last))
        return list(of_head.values())


def _fact(head: str, relation: str, tail: str) -> Sentence:
    text = f"{head} {relation} {tail}."
    begin = len(head) + len(relation) + 2
    return Sentence(text, ((0, len(head)), (begin, begin + len(tail))))


@dataclass(frozen=True)
class Examples:
    """Pairs of sentences to learn from.

    Attributes:
        sentences: distinct ones, the first of them :data:`NOTHING`.
        rows: ``[n, 2]`` places in ``sentences`` of the first and of the second, 0 = there is none; label 1 =
            it really follows, 0 = it was drawn from another document.
    """

    sentences: list[Sentence]
    rows: Rows

    def texts(self) -> list[str]:
        """Of all sentences."""
        return [sentence.text for sentence in self.sentences[1:]]


@dataclass
class _Pairs:
    sentences: dict[Sentence, int] = field(default_factory=lambda: {NOTHING: 0})
    pairs: list[tuple[int, int]] = field(default_factory=list)
    labels: list[float] = field(default_factory=list)

    def add(self, first: Sentence, second: Sentence, label: float) -> None:
        places = [self.sentences.setdefault(part, len(self.sentences)) for part in (first, second)]
        self.pairs.append((places[0], places[1]))
        self.labels.append(label)


def examples(documents: Sequence[Document], next_sentence: bool, rng: np.random.Generator) -> Examples:
    """Neighbours in a document, and as many pairs whose second sentence is drawn from another document.

    Half and half, as in `BERT <https://arxiv.org/abs/1810.04805>`_ (Devlin et al., NAACL 2019, §3.1, task 2).
    A document of one sentence stands alone. Without ``next_sentence`` every sentence does.
    """
    made = _Pairs()
    for place, document in enumerate(documents):
        if not next_sentence or len(document) < 2 or len(documents) < 2:
            for sentence in document:
                made.add(sentence, NOTHING, 1.0)
            continue
        for first, second in pairwise(document):
            other = documents[(place + int(rng.integers(1, len(documents)))) % len(documents)]
            made.add(first, second, 1.0)
            made.add(first, other[int(rng.integers(len(other)))], 0.0)
    pairs = np.array(made.pairs, dtype=np.int64).reshape(-1, 2)
    return Examples(list(made.sentences), Rows(pairs, np.array(made.labels)))


def split_documents(
    documents: list[Document], held_out: float, seed: int
) -> tuple[list[Document], list[Document]]:
    """Documents to learn from, and a share of them to measure perplexity on.

    Raises:
        InputError: a share outside (0, 1), or one that leaves nothing on a side.
    """
    if not 0 < held_out < 1:
        raise InputError(f"lm_pretrain.held_out: found {held_out}, expected in (0, 1)")
    order = numpy_generator(seed, "pretraining", "held out").permutation(len(documents))
    number = max(1, round(held_out * len(documents)))
    if number >= len(documents):
        raise InputError(
            f"corpus: found {len(documents)} documents, expected 2 or more: to learn from, and to measure on"
        )
    return [documents[place] for place in order[number:]], [documents[place] for place in order[:number]]
