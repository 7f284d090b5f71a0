"""What a ranker reads of a history."""

from collections.abc import Sequence
from dataclasses import dataclass

from kgrec.errors import InputError
from kgrec.models.pair_scorer import PairScorer
from kgrec.text.pair_prompt import PairPrompt


@dataclass(frozen=True)
class PromptSettings:
    """How long the text of a pair is.

    Attributes:
        history: items of the history that are read, those nearest to the candidate, ≥ 0.
        max_tokens: of the whole text, soft tokens included; at most what the language model reads.
    """

    history: int
    max_tokens: int

    def __post_init__(self) -> None:
        if self.history < 0:
            raise InputError(f"model.prompt.history: found {self.history}, expected at least 0")

    def texts(self, scorer: PairScorer, texts: Sequence[str]) -> PairPrompt:
        """The texts of pairs, for a language model."""
        limit = getattr(scorer.network.config, "max_position_embeddings", None) or self.max_tokens
        if self.max_tokens > limit:
            raise InputError(
                f"model.prompt.max_tokens: found {self.max_tokens}, but the model reads {limit} tokens"
            )
        return PairPrompt(scorer.tokenizer, texts, self.max_tokens, scorer.num_reserved)
