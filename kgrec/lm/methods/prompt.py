"""Trained words before each text."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kgrec.errors import InputError
from kgrec.lm.methods.base import TuningMethod
from kgrec.text.transformer import TransformerEncoder


class PromptedEmbedding(nn.Embedding):
    """A frozen table of token embeddings with trained rows at its end.

    Args:
        table: the plain table.
        prompt: ``[P, D]`` where the new rows begin.
    """

    def __init__(self, table: nn.Embedding, prompt: Tensor) -> None:
        super().__init__(
            table.num_embeddings, table.embedding_dim, padding_idx=table.padding_idx, device="meta"
        )
        self.weight = table.weight
        self.prompt = nn.Parameter(prompt)

    def forward(self, ids: Tensor) -> Tensor:
        """Rows of the table, or of the prompt from its end on."""
        place = ids - self.num_embeddings
        known = super().forward(ids.clamp(max=self.num_embeddings - 1))
        return torch.where(place.unsqueeze(-1) >= 0, F.embedding(place.clamp(min=0), self.prompt), known)

    def plain(self) -> nn.Embedding:
        """One table with all rows."""
        rows = torch.cat([self.weight.detach(), self.prompt.detach()])
        return nn.Embedding.from_pretrained(rows, freeze=False, padding_idx=self.padding_idx)


class PromptTuning(TuningMethod):
    """New words stand before every text, and their embeddings alone are trained.

    `The Power of Scale for Parameter-Efficient Prompt Tuning <https://arxiv.org/abs/2104.08691>`_ (Lester et
    al., EMNLP 2021, §2). They begin as the embeddings of random known words (§2.1, "sampled vocabulary").
    Differences: they become words of the tokenizer, which puts them behind ``[CLS]``, so that the folder is a
    plain model; peft's prompt stands before ``[CLS]`` in a wrapper that only it can load. So they count in
    ``max_length`` and in the mean over the tokens.

    Args:
        length: words, at least 1, else InputError.
    """

    def __init__(self, length: int) -> None:
        if length < 1:
            raise InputError(f"lm_tune.method.length: found {length}, expected at least 1")
        self.length = length

    def prepare(self, encoder: TransformerEncoder) -> None:
        """Freeze the network; add the words to its tokenizer and table."""
        network, tokenizer = encoder.backbone.network, encoder.backbone.tokenizer
        table = network.get_input_embeddings()
        if type(table) is not nn.Embedding or len(tokenizer) != table.num_embeddings:
            raise InputError(
                f"model: found a tokenizer of {len(tokenizer)} words and a table of class "
                f"{type(table).__name__}, expected a plain table with a row for each word and no more"
            )
        if encoder.max_length <= self.length + 2:
            raise InputError(
                f"lm_tune.method.length: {self.length} words leave no room for text in {encoder.max_length} "
                "tokens"
            )
        network.requires_grad_(False)
        known = torch.randperm(table.num_embeddings)[: self.length]
        network.set_input_embeddings(PromptedEmbedding(table, table.weight.detach()[known].clone()))
        _add_words(tokenizer, self.length)

    def merge(self, encoder: TransformerEncoder) -> None:
        """Put the plain table back."""
        network = encoder.backbone.network
        network.set_input_embeddings(network.get_input_embeddings().plain())
        network.config.vocab_size = network.get_input_embeddings().num_embeddings
        network.requires_grad_(True)


def _add_words(tokenizer: Any, length: int) -> None:
    """Let the tokenizer write ``[CLS] [P0] … [SEP]`` around every text.

    Raises:
        InputError: it does not write ``[CLS]`` and ``[SEP]``.
    """
    from tokenizers import processors

    if tokenizer.cls_token is None or tokenizer.sep_token is None:
        raise InputError("model: its tokenizer has no [CLS] and [SEP], between which a prompt stands")
    first = len(tokenizer)
    words = [f"[P{first + place}]" for place in range(length)]
    tokenizer.add_special_tokens({"additional_special_tokens": words})
    begin, end = tokenizer.cls_token, tokenizer.sep_token
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{begin} {' '.join(words)} $A {end}",
        pair=f"{begin} {' '.join(words)} $A {end} $B:1 {end}:1",
        special_tokens=[(word, tokenizer.convert_tokens_to_ids(word)) for word in (begin, end, *words)],
    )
