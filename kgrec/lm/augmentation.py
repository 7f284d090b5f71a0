"""Other words for the same item: changes of the texts that a training step reads."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import torch

from kgrec.errors import InputError


class Augmentation(Protocol):
    """A random change of texts, drawn from torch's global generator, so that an epoch's seed decides it."""

    def __call__(self, texts: Sequence[str]) -> list[str]:
        """As many texts, none of them empty that was not."""
        ...


def _generator() -> random.Random:
    return random.Random(int(torch.randint(2**31, (1,))))


class WordDropout:
    """Each word is left out with a probability; one word always stays.

    The random deletion of `EDA: Easy Data Augmentation Techniques for Boosting Performance on Text
    Classification Tasks <https://aclanthology.org/D19-1670/>`_ (Wei and Zou, 2019, §2).

    Args:
        probability: [0, 1), else InputError.
    """

    def __init__(self, probability: float) -> None:
        self.probability = check_probability("word_dropout", probability)

    def __call__(self, texts: Sequence[str]) -> list[str]:
        """See :class:`Augmentation`."""
        draw = _generator()
        return [self._drop(text, draw) for text in texts]

    def _drop(self, text: str, draw: random.Random) -> str:
        words = text.split()
        kept = [word for word in words if draw.random() >= self.probability]
        return " ".join(kept) if kept or not words else draw.choice(words)


class Synonyms:
    """Each word that the lexicon knows is replaced by one of its synonyms with a probability.

    The synonym replacement of EDA (Wei and Zou, 2019, §2; they replace a fixed number of words and take the
    lexicon from WordNet).

    Args:
        lexicon: a text file, one group of words of one meaning a line, separated by tabs; lower case. A word
            may stand in several groups.
        probability: [0, 1].

    Raises:
        InputError: no such file, a line with a single word, a probability out of range.
    """

    def __init__(self, lexicon: str, probability: float) -> None:
        self.probability = check_probability("synonyms", probability)
        self.synonyms: dict[str, list[str]] = {}
        path = Path(lexicon).expanduser()
        if not path.is_file():
            raise InputError(f"lexicon: {lexicon} is no file; give one with a group of synonyms a line")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            words = [word.strip() for word in line.split("\t") if word.strip()]
            if len(words) == 1:
                raise InputError(f"{lexicon}, line {number}: found one word, expected two or more and tabs")
            for word in words:
                others = [other for other in words if other != word]
                self.synonyms[word] = [*self.synonyms.get(word, []), *others]

    def __call__(self, texts: Sequence[str]) -> list[str]:
        """See :class:`Augmentation`."""
        draw = _generator()
        return [" ".join(self._replace(word, draw) for word in text.split()) for text in texts]

    def _replace(self, word: str, draw: random.Random) -> str:
        known = self.synonyms.get(word.lower())
        return draw.choice(known) if known and draw.random() < self.probability else word


class BackTranslation:
    """Texts are read through another language and back with a probability.

    `Improving Neural Machine Translation Models with Monolingual Data <https://aclanthology.org/P16-1009/>`_
    (Sennrich et al., 2016, §3) for the name, `QANet <https://arxiv.org/abs/1804.09541>`_ (Yu et al., ICLR
    2018, §3) for the use as augmentation. Each distinct text is translated once, as the models' own settings
    say, and remembered.

    Args:
        there: any sequence-to-sequence model of transformers, folder or hub name, to the other language.
        back: one from there.
        probability: [0, 1].

    Raises:
        InputError: a probability out of range; a model that is not to be had, at the first call.
    """

    def __init__(self, there: str, back: str, probability: float) -> None:
        self.probability = check_probability("back_translation", probability)
        self.names = (there, back)
        self._models: list[Any] = []
        self._known: dict[str, str] = {}

    def __call__(self, texts: Sequence[str]) -> list[str]:
        """See :class:`Augmentation`."""
        draw = _generator()
        chosen = [draw.random() < self.probability for _ in texts]
        wanted = {text for text, is_chosen in zip(texts, chosen, strict=True) if is_chosen and text.strip()}
        if new := sorted(wanted - self._known.keys()):
            self._known |= dict(zip(new, self._there_and_back(new), strict=True))
        return [
            self._known.get(text) or text if is_chosen else text
            for text, is_chosen in zip(texts, chosen, strict=True)
        ]

    def _there_and_back(self, texts: list[str]) -> list[str]:
        if not self._models:
            self._models = [_load_translator(name) for name in self.names]
        for tokenizer, model in self._models:
            batch = tokenizer(texts, padding=True, truncation=True, return_tensors="pt").to(model.device)
            with torch.no_grad():
                texts = tokenizer.batch_decode(model.generate(**batch), skip_special_tokens=True)
        return texts


def _load_translator(name: str) -> tuple[Any, Any]:
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    try:
        with torch.random.fork_rng(devices=[]):
            model = AutoModelForSeq2SeqLM.from_pretrained(name).eval()
            return AutoTokenizer.from_pretrained(name), model
    except (OSError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise InputError(f"back_translation: model {name} does not load ({reason})") from error


def check_probability(setting: str, value: float) -> float:
    """``value`` itself.

    Raises:
        InputError: not in [0, 1].
    """
    if not 0 <= value <= 1:
        raise InputError(f"{setting}.probability: found {value}, expected in [0, 1]")
    return value
