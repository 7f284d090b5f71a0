"""Text features from as many layers as a text needs."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor
from torch.nn import functional as F

from kgrec.errors import InputError
from kgrec.text.batches import batches_of
from kgrec.text.encoder import Cost
from kgrec.text.packing import Groups, blocks_of, can_pack, packed, reading_packed
from kgrec.text.pooling import POOLINGS
from kgrec.text.transformer import TransformerEncoder

_LEAST_TEXTS = 8
_LEAST_DISTANCE = 1e-6


class EarlyExitEncoder:
    r"""A transformer whose texts leave it at the first layer that can tell their last vector well enough.

    Each layer l but the last has a head: a linear map from the pooled state of layer l to that of the last
    layer, and a linear guess of the logarithm of the cosine distance between what the map says and what the
    last layer would say. A text whose guess is at most ``threshold`` leaves with the mapped vector; others go
    on, in batches that shrink. From `DeeBERT <https://aclanthology.org/2020.acl-main.204/>`_ (Xin et al., ACL
    2020, section 3: heads on every layer, trained behind a frozen model; exit by a threshold) and `BERxiT
    <https://aclanthology.org/2021.eacl-main.8/>`_ (Xin et al., EACL 2021, section 4.2: what is not a
    classifier has no entropy, so a learned certainty decides). Here the heads are ridge regressions in closed
    form, fitted to the last layer's vectors instead of labels. A text's vector is its own: it depends on no
    other text in the batch.

    :meth:`fitted_to` fits the heads: maps to all of the texts; distances are those that maps of every other
    text leave at the rest.

    Args:
        base: the whole model, of type bert.
        threshold: largest guessed cosine distance at which a text leaves, 0 … 2; 0 = none does.
        penalty: of the ridge regressions, > 0, on centred columns.

    Raises:
        InputError: a setting out of range; another type of model; not fitted yet, or to fewer than 8 texts.
    """

    def __init__(self, base: TransformerEncoder, threshold: float, penalty: float) -> None:
        if not 0 <= threshold <= 2:
            raise InputError(f"threshold: {threshold} is no cosine distance, expected 0 … 2")
        if penalty <= 0:
            raise InputError(f"penalty: {penalty} is not above 0")
        self.base = base
        self.threshold = threshold
        self.penalty = penalty
        self.layers_used = torch.zeros(0)
        self._heads: list[_Head] = []
        self._fitted_on = ""

    @property
    def dim(self) -> int:
        """Hidden size of the model."""
        return self.base.dim

    @property
    def cache_key(self) -> str:
        """That of the model, the settings, and the texts that the heads were fitted to."""
        self._require_heads()
        return f"early_exit/{self.threshold}/{self.penalty}/{self._fitted_on}/{self.base.cache_key}"

    def fitted_to(self, texts: Sequence[str]) -> "EarlyExitEncoder":
        """The encoder with heads that know these texts."""
        distinct = list(dict.fromkeys(text for text in texts if text.strip()))
        if len(distinct) < _LEAST_TEXTS:
            raise InputError(
                f"lm: found {len(distinct)} texts, expected {_LEAST_TEXTS} or more to fit exits to"
            )
        other = EarlyExitEncoder(self.base.fitted_to(texts), self.threshold, self.penalty)
        *early, last = other.base.layer_states(distinct).values()
        other._heads = [_Head.fitted(states, last, self.penalty) for states in early[1:]]
        other._fitted_on = hashlib.sha256(json.dumps(distinct).encode()).hexdigest()[:16]
        return other

    @torch.no_grad()
    def encode(self, texts: list[str]) -> Tensor:
        """``[N, dim]`` float32; ``layers_used`` ``[N]`` tells how many layers each text has passed."""
        self._require_heads()
        base, backbone = self.base, self.base.backbone
        if not can_pack(backbone.network):
            found = backbone.network.config.model_type
            raise InputError(f"base: found a model of type {found}, expected bert without a prefix")
        ids = base.token_ids(backbone.tokenizer, texts)
        vectors = torch.zeros(len(texts), self.dim)
        self.layers_used = torch.zeros(len(texts))
        with reading_packed(backbone.network):
            for rows in batches_of(ids, "packed", base.batch_size, base.speed.limit(base.device)):
                found_here, used = self._encode_batch([ids[row] for row in rows])
                vectors[rows], self.layers_used[rows] = found_here.cpu(), used
        return vectors

    def _encode_batch(self, ids: list[list[int]]) -> tuple[Tensor, Tensor]:
        """Vectors ``[n, dim]`` and layers passed ``[n]`` of texts in the order of their lengths."""
        network, depth = self.base.backbone.network, self.base.depth
        input_ids, packing = packed(ids, self.base.device)
        states = network.embeddings(
            self.base.backbone.table_rows(input_ids), position_ids=packing["position_ids"]
        )
        groups: Groups = packing["groups"]
        left, lengths = torch.arange(len(ids)), torch.tensor([len(text) for text in ids])
        vectors, used = torch.zeros(len(ids), self.dim, device=states.device), torch.zeros(len(ids))
        for number, layer in enumerate(self.base.backbone.layers, start=1):
            output = layer(states, groups=groups)
            states = output[0] if isinstance(output, tuple) else output
            pooled = self._pooled(states, groups)
            if number == depth:
                vectors[left], used[left] = pooled, float(depth)
                break
            leaves = self._heads[number - 1].distance(pooled) <= self.threshold
            if not leaves.any():
                continue
            mapped = self._heads[number - 1].mapped(pooled[leaves])
            gone, stay = left[leaves.cpu()], ~leaves.cpu()
            vectors[gone] = F.normalize(mapped, dim=-1) if self.base.normalize else mapped
            used[gone] = float(number)
            states = states[:, stay.repeat_interleave(lengths).to(states.device)]
            left, lengths = left[stay], lengths[stay]
            groups = [(len(list(texts)), length) for length, texts in groupby(lengths.tolist())]
            if not len(left):
                break
        return vectors, used

    def _pooled(self, states: Tensor, groups: Groups) -> Tensor:
        blocks = blocks_of(states, groups)
        pool = POOLINGS[self.base.pooling]
        pooled = torch.cat([pool(block, block.new_ones(block.shape[:2])) for block in blocks])
        return F.normalize(pooled, dim=-1) if self.base.normalize else pooled

    def cost(self) -> Cost:
        """The whole model and its heads; a text that leaves early needs no more of it than it has passed."""
        self._require_heads()
        own = sum(head.num_parameters for head in self._heads)
        base = self.base.cost()
        return {
            "lm_params": base["lm_params"] + own,
            "lm_params_without_embeddings": base["lm_params_without_embeddings"] + own,
            "lm_bytes": base["lm_bytes"] + own * torch.float32.itemsize,
        }

    def _require_heads(self) -> None:
        if not self._fitted_on:
            raise InputError("lm: exits are fitted to texts of warm items; call fitted_to(texts) first")


@dataclass(frozen=True)
class _Head:
    """What a layer says of the last one.

    Attributes:
        weight, bias: ``[D, D]`` and ``[D]`` of the map.
        guess_weight, guess_bias: ``[D]`` and ``[]`` of the logarithm of its cosine distance.
    """

    weight: Tensor
    bias: Tensor
    guess_weight: Tensor
    guess_bias: Tensor

    @classmethod
    def fitted(cls, states: Tensor, last: Tensor, penalty: float) -> "_Head":
        """From states ``[N, D]`` of a layer and of the last one."""
        left = torch.zeros(len(states))
        for own, other in ((slice(0, None, 2), slice(1, None, 2)), (slice(1, None, 2), slice(0, None, 2))):
            weight, bias = _ridge(states[own], last[own], penalty)
            left[other] = 1 - F.cosine_similarity(states[other] @ weight + bias, last[other])
        guess_weight, guess_bias = _ridge(states, left.clamp(min=_LEAST_DISTANCE).log().unsqueeze(1), penalty)
        return cls(*_ridge(states, last, penalty), guess_weight.squeeze(1), guess_bias.squeeze(0))

    def mapped(self, pooled: Tensor) -> Tensor:
        """``[n, D]`` → ``[n, D]`` of the last layer."""
        return pooled @ self.weight.to(pooled.device) + self.bias.to(pooled.device)

    def distance(self, pooled: Tensor) -> Tensor:
        """Guessed cosine distance ``[n]``."""
        guess = pooled @ self.guess_weight.to(pooled.device) + self.guess_bias.to(pooled.device)
        return guess.exp()

    @property
    def num_parameters(self) -> int:
        """Numbers held."""
        return sum(part.numel() for part in (self.weight, self.bias, self.guess_weight, self.guess_bias))


def _ridge(inputs: Tensor, targets: Tensor, penalty: float) -> tuple[Tensor, Tensor]:
    """Weight ``[D, K]`` and bias ``[K]``: min ‖Y − XW − b‖² + penalty · ‖W‖², in closed form."""
    x, y = inputs.double(), targets.double()
    x_mean, y_mean = x.mean(dim=0), y.mean(dim=0)
    x, y = x - x_mean, y - y_mean
    weight = torch.linalg.solve(x.T @ x + penalty * torch.eye(x.shape[1], dtype=x.dtype), x.T @ y)
    return weight.float(), (y_mean - x_mean @ weight).float()
