"""What ``kgrec lm tune`` trains: a language model as a recommender, users being the mean of their items."""

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from kgrec.errors import InputError
from kgrec.lm.augmentation import Augmentation
from kgrec.lm.averaging import WeightAverage
from kgrec.lm.history import History
from kgrec.lm.methods.base import TuningMethod
from kgrec.lm.tower import Tower
from kgrec.models.base import Batch, ModelInputs, Recommender
from kgrec.nn.losses import RankingLoss
from kgrec.text.transformer import TransformerEncoder

EPSILON = 1e-12


class TextRecommender(Recommender):
    r"""Both sides of a score come from one encoder f of texts; nothing else is learned about an item.

    .. math:: s(u, i) = v_u \cdot f(t_i), \quad v_u = \text{history of } f(t_j), j \in H_u \setminus \{i\}

    in the loss's ranking space. So an item nobody has touched is scored like any other. The shape is that of
    news recommenders over fine-tuned language models (`Empowering News Recommendation with Pre-trained
    Language Models <https://arxiv.org/abs/2104.07413>`_, Wu et al., SIGIR 2021, §3.2), with a pool over the
    history in place of their user encoder.

    A step encodes the batch's own items anew, with gradients. All others, in histories and among the
    candidates, are read from a table: encoded at the start of the epoch, updated by each step's vectors (as
    the memory of `Cross-Batch Memory for Embedding Learning <https://arxiv.org/abs/1912.06798>`_, Wang et
    al., CVPR 2020, §3.2). So a step costs its batch's texts, however long the histories are. The table is a
    function of the weights at the start of the epoch and what happened since: a training stopped between
    epochs goes on the same.

    Args:
        inputs: its dataset's training interactions are learned from.
        texts: ``I`` texts of the items; only those of items with a training interaction, and of the
            ``candidates``, are ever read.
        candidates: ``[C]`` items that validation ranks.
        encoder: trained in place.
        method: which of its weights are trained.
        dropout: of the network, see :class:`~kgrec.lm.tower.Tower`.
        history: builds the users' side from ``(pairs, num_users, dim)``.
        loss: the ranking loss.
        augmentations: applied to the texts of a step, in this order.
        adversarial: ε ≥ 0, see :meth:`_adversarial_loss`; 0 = off.
        averaging: [0, 1), decay of :class:`~kgrec.lm.averaging.WeightAverage`, whose weights are validated
            and kept; 0 = off. Costs one more reading of the table for each validation.

    Raises:
        InputError: a setting out of range; what encoder or method refuse.
    """

    warm: Tensor

    def __init__(
        self,
        inputs: ModelInputs,
        texts: Sequence[str],
        candidates: Tensor,
        encoder: TransformerEncoder,
        *,
        method: TuningMethod,
        dropout: float | None,
        history: Callable[..., History],
        loss: RankingLoss,
        augmentations: Sequence[Augmentation],
        adversarial: float,
        averaging: float,
    ) -> None:
        super().__init__(inputs)
        if not adversarial >= 0:
            raise InputError(f"lm_recommender.adversarial: found {adversarial}, expected at least 0")
        self.texts = np.array(texts, dtype=object)
        self.tower = Tower(encoder, dropout)
        self.method = method
        method.prepare(encoder)
        self.history = history(inputs.dataset.train, self.num_users, self.tower.dim)
        self.ranking_loss = loss
        self.num_negatives = loss.num_negatives
        self.augmentations = list(augmentations)
        self.adversarial = adversarial
        trained = [weight for weight in self.tower.parameters() if weight.requires_grad]
        self.average = None if averaging == 0 else WeightAverage(trained, averaging)
        warm = torch.from_numpy(inputs.dataset.warm_items)
        self.register_buffer("warm", warm, persistent=False)
        self._read = torch.cat([warm.nonzero().squeeze(1), candidates]).unique()
        self._table: Tensor | None = None
        self._stale = False

    @property
    def has_start(self) -> bool:
        """The encoder as it was published is worth validating: what tuning must beat."""
        return True

    def trained_parameters(self) -> tuple[int, int]:
        """How many numbers of the language model are trained, and how many it has, those added included."""
        sizes = [(weight.numel(), weight.requires_grad) for weight in self.tower.parameters()]
        return sum(size for size, trained in sizes if trained), sum(size for size, _ in sizes)

    def loss(self, batch: Batch) -> Tensor:
        """Mean loss of a batch, and that of its disturbed texts where ``adversarial`` > 0."""
        table = self._start_of_step()
        fresh = batch.items.unique()
        texts = list(self.texts[fresh.cpu().numpy()])
        for augmentation in self.augmentations:
            texts = augmentation(texts)
        loss, vectors = self._loss(batch, table, fresh, texts)
        if self.adversarial > 0:
            loss = loss + self._adversarial_loss(batch, table, fresh, texts)
        table[fresh] = vectors.detach()
        return loss + self.method.penalty()

    def after_step(self, step: int, steps: int) -> None:
        """See :meth:`kgrec.models.base.Trainable.after_step`."""
        self.method.after_step(step, steps)
        if self.average is not None:
            self.average.update()

    def before_validation(self) -> None:
        """From here to the next epoch the weights are their mean over the steps, where that is asked for."""
        if self.average is not None:
            self.average.read_mean()
            self._table = None

    def _loss(self, batch: Batch, table: Tensor, fresh: Tensor, texts: list[str]) -> tuple[Tensor, Tensor]:
        """The ranking loss, and the vectors of the items encoded for it."""
        vectors = self.tower(texts)
        items = table.index_copy(0, fresh, vectors)
        users, weights = self.history.of_pairs(items, batch.users, batch.items)
        loss: Tensor = self.ranking_loss(users, items, batch.items, batch.negatives, weights, self.warm)
        return loss, vectors

    def _adversarial_loss(self, batch: Batch, table: Tensor, fresh: Tensor, texts: list[str]) -> Tensor:
        r"""The loss at word embeddings moved by ε in the direction that raises it most.

        `Adversarial Training Methods for Semi-Supervised Text Classification
        <https://arxiv.org/abs/1605.07725>`_ (Miyato et al., ICLR 2017, §3, eq. 5): r = ε g / ‖g‖ with g the
        gradient of the loss at the word embeddings of one text. Embeddings are not normalised beforehand: ε
        is in the units of the model's table. Costs a second pass.
        """
        read: list[Tensor] = []

        def watch(embeddings: Tensor) -> Tensor:
            read.append(embeddings if embeddings.requires_grad else embeddings.requires_grad_())
            return read[-1]

        with torch.enable_grad(), torch.random.fork_rng(devices=_cuda(table)), self.tower.disturbed(watch):
            loss, _ = self._loss(batch, table, fresh, texts)
            gradients = torch.autograd.grad(loss, read)
        moves = iter(
            [
                self.adversarial * g / g.flatten(1).norm(dim=1).clamp(min=EPSILON)[:, None, None]
                for g in gradients
            ]
        )
        with self.tower.disturbed(lambda embeddings: embeddings + next(moves)):
            return self._loss(batch, table, fresh, texts)[0]

    def _start_of_step(self) -> Tensor:
        """The table as the steps of this epoch have left it; at its start, of the weights as they are."""
        if self._table is None:
            self._table = self._encode_all()
        self._stale = True
        return self._table

    @torch.no_grad()
    def _encode_all(self) -> Tensor:
        """``[I, D]`` of the items that may be read, zeros elsewhere; in evaluation mode."""
        training = self.tower.training
        self.tower.eval()
        table = torch.zeros(self.num_items, self.tower.dim, device=self.device)
        read = self._read.to(self.device)
        table[read] = self.tower(list(self.texts[self._read.numpy()]))
        self.tower.train(training)
        return table

    def embeddings(self) -> tuple[Tensor, Tensor]:
        """Users and items in the loss's ranking space, in evaluation mode alone."""
        if self._table is None:
            self._table = self._encode_all()
        everyone = torch.arange(self.num_users, device=self.device)
        space = self.ranking_loss.ranking_space
        return space(self.history(self._table, everyone)), space(self._table)

    def train(self, mode: bool = True) -> Self:
        """Switch mode; a table that the steps of an epoch have changed is dropped, a fresh one stays."""
        if self._stale:
            self._table, self._stale = None, False
        if mode and self.average is not None:
            self.average.read_own()
            self._table = None
        return super().train(mode)

    def load_state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """Take other weights; the table is dropped."""
        self._table = None
        return super().load_state_dict(*args, **kwargs)


def _cuda(tensor: Tensor) -> list[torch.device]:
    return [tensor.device] if tensor.device.type == "cuda" else []
