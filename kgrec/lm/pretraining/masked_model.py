"""A BERT that guesses masked words and whether one sentence follows another."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from kgrec.errors import InputError
from kgrec.lm.pretraining.corpus import Examples
from kgrec.lm.pretraining.masking import IGNORED, Masking, Tokens, tokens_of
from kgrec.models.base import Batch, Trainable
from kgrec.progress import doing
from kgrec.seed import torch_generator

PERPLEXITY = "valid/perplexity"
FOLLOWS = "valid/next_sentence"


class MaskedModel(Trainable):
    r"""Masked language modelling and next-sentence prediction, as BERT was pretrained.

    .. math:: -\frac{1}{|M|} \sum_{t \in M} \ln p(w_t \mid \tilde w) \;-\; \ln p(\text{follows} \mid \tilde w)

    the second term over the pairs that have a second sentence (`BERT <https://arxiv.org/abs/1810.04805>`_,
    Devlin et al., NAACL 2019, §3.1). A batch's "users" and "items" are first and second sentences.

    Args:
        network: ``BertForPreTraining``, trained in place.
        tokenizer: its tokenizer, with a ``[MASK]``.
        train: what is learned from.
        held_out: what perplexity is measured on, under masks that are drawn once.
        masking: which tokens are guessed.
        max_length: tokens of a pair, at least 8 and at most the model's positions.
        batch_size: pairs encoded at once in validation.
        seed: of the held-out masks.

    Raises:
        InputError: a tokenizer without ``[MASK]``; a length out of range.
    """

    def __init__(
        self,
        network: Any,
        tokenizer: Any,
        train: Examples,
        held_out: Examples,
        masking: Masking,
        max_length: int,
        batch_size: int,
        seed: int,
    ) -> None:
        super().__init__()
        if tokenizer.mask_token_id is None:
            raise InputError(
                "model: its tokenizer has no [MASK] token, which masked language modelling needs"
            )
        if not 8 <= max_length <= network.config.max_position_embeddings:
            limit = network.config.max_position_embeddings
            raise InputError(f"lm_pretrain.max_length: found {max_length}, expected 8 to {limit}")
        self.network = network
        self.tokenizer = tokenizer
        self.train_sentences = train.sentences
        self.masking = masking
        self.max_length = max_length
        doing("masking the held-out texts")
        generator = torch_generator(seed, "pretraining", "held-out masks")
        self._held_out = [
            (tokens, *self._masked(tokens, generator), labels, has_second)
            for tokens, labels, has_second in self._batches(held_out, batch_size)
        ]

    @property
    def has_start(self) -> bool:
        """The model as it was, or at random: what pretraining must beat."""
        return True

    def loss(self, batch: Batch) -> Tensor:
        """Mean loss of the masked tokens, and of the pairs."""
        firsts = [self.train_sentences[place] for place in batch.users.tolist()]
        seconds = [self.train_sentences[place] for place in batch.items.tolist()]
        tokens = tokens_of(self.tokenizer, firsts, seconds, self.max_length)
        guesses, follows = self._losses(tokens, *self._masked(tokens, None), batch.labels, batch.items > 0)
        return guesses.mean() + (follows.mean() if len(follows) else 0.0)

    @torch.no_grad()
    def measure(self) -> dict[str, float]:
        """Perplexity of the masked held-out tokens, and the share of pairs rightly told to follow or not."""
        guesses, follows = [], []
        for tokens, read, wanted, labels, has_second in self._held_out:
            loss, follow = self._losses(tokens, read, wanted, labels, has_second)
            guesses.append(loss)
            follows.append(follow)
        right = torch.cat(follows) < math.log(2)
        accuracy = {FOLLOWS: float(right.float().mean())} if len(right) else {}
        return {PERPLEXITY: float(torch.cat(guesses).double().mean().exp()), **accuracy}

    def _losses(
        self, tokens: Tokens, read: Tensor, wanted: Tensor, labels: Tensor | None, has_second: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Cross entropies of the masked tokens ``[m]`` and of the pairs with a second sentence ``[p]``."""
        device = self.device
        states, pooled = self.network.bert(
            input_ids=read.to(device),
            attention_mask=tokens.mask.to(device),
            token_type_ids=tokens.types.to(device),
            return_dict=False,
        )[:2]
        wanted = wanted.to(device)
        # The output layer is as wide as the vocabulary: it sees masked places only.
        heads = self.network.cls
        scores = heads.predictions(states[wanted != IGNORED])
        guesses = F.cross_entropy(scores, wanted[wanted != IGNORED], reduction="none")
        if labels is None or not has_second.any():
            return guesses, guesses[:0]
        pairs = has_second.to(device)
        is_random = (1 - labels.to(device)[pairs]).long()  # BERT's label 0 = it follows
        return guesses, F.cross_entropy(heads.seq_relationship(pooled[pairs]), is_random, reduction="none")

    def _masked(self, tokens: Tokens, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        return self.masking(tokens, self.tokenizer.mask_token_id, self.network.config.vocab_size, generator)

    def _batches(self, examples: Examples, size: int) -> list[tuple[Tokens, Tensor, Tensor]]:
        """Tokens, labels and whether there is a second sentence, of all rows."""
        found = []
        labels = torch.from_numpy(examples.rows.known_labels).float()
        for start in range(0, len(examples.rows), size):
            rows = examples.rows.pairs[start : start + size]
            firsts, seconds = ([examples.sentences[place] for place in column] for column in rows.T.tolist())
            tokens = tokens_of(self.tokenizer, firsts, seconds, self.max_length)
            found.append((tokens, labels[start : start + size], torch.from_numpy(rows[:, 1] > 0)))
        return found
