"""What a ranker learns from: held out pairs on the lists of a first stage that has not seen them."""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from kgrec.data.dataset import RecDataset
from kgrec.errors import InputError
from kgrec.models.base import Recommender
from kgrec.models.features import SparseRows, interaction_matrix
from kgrec.models.first_stage import Holdout, top_lists
from kgrec.models.selection import BLOCK_SIZE
from kgrec.seed import numpy_generator
from kgrec.shapes import BoolArray


@dataclass(frozen=True)
class RankerLists:
    """Positives, and each user's list without any.

    Attributes:
        positives: sorted, user · I + item of each pair.
        others: ``[U, k]`` items of the user's list that are no held out interaction, best first, then -1.
        num_items: I.
    """

    positives: Tensor
    others: Tensor
    num_items: int

    @classmethod
    @torch.no_grad()
    def of(
        cls,
        stage: Recommender,
        dataset: RecDataset,
        held: BoolArray,
        k: int,
        holdout: Holdout,
        stream: int,
    ) -> Self:
        """Rank what was held out for each user by a ``stage`` that was fitted without it.

        Where whole items are held out they are ranked among themselves, else all items are.

        Raises:
            InputError: no held out interaction is on a list.
        """
        shape = (dataset.num_users, dataset.num_items)
        known, found = (
            SparseRows(interaction_matrix(pairs, *shape))
            for pairs in (dataset.train[~held], dataset.train[held])
        )
        candidates = torch.ones(dataset.num_items, dtype=torch.bool)
        if holdout.by == "items":
            candidates[:] = False
            candidates[torch.from_numpy(dataset.train[held, 1])] = True
        keys, others = [], []
        for users in torch.arange(dataset.num_users).split(BLOCK_SIZE):
            allowed = candidates & (known.dense(users) == 0)
            items, values = top_lists(stage.score(users), allowed, k)
            listed, wanted = values > -torch.inf, found.dense(users).gather(1, items) > 0
            keys.append((users.unsqueeze(1) * dataset.num_items + items)[listed & wanted])
            free = listed & ~wanted
            order = free.float().argsort(dim=1, descending=True, stable=True)
            others.append(items.masked_fill(~free, -1).gather(1, order))
        positives, rest = torch.cat(keys), torch.cat(others)
        positives = positives[rest[positives // dataset.num_items, 0] >= 0]  # something to be compared with
        if len(positives) == 0:
            raise InputError(
                f"model.holdout: none of {int(held.sum())} held out interactions is among the {k} best of "
                "the first stage beside another item; expected a larger share, or a larger first_stage.k"
            )
        rng = numpy_generator(stream, "ranker pairs")
        chosen = torch.from_numpy(rng.permutation(len(positives))[: holdout.max_pairs])
        return cls(positives[chosen].sort().values, rest, dataset.num_items)

    def draw(
        self, users: Tensor, items: Tensor, num_negatives: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """The positives among the pairs of a batch, each with negatives of its user's list.

        Args:
            users: ``[B]``.
            items: ``[B]``.
            num_negatives: n, drawn with replacement.
            generator: of the draw.

        Returns:
            Users ``[P]`` and items ``[P, 1 + n]``, the positive first.
        """
        keys = users * self.num_items + items
        chosen = torch.isin(keys, self.positives)
        users, items = users[chosen], items[chosen]
        lists = self.others[users]
        lengths = (lists >= 0).sum(dim=1, keepdim=True)
        places = (torch.rand(len(users), num_negatives, generator=generator) * lengths).long()
        return users, torch.cat([items.unsqueeze(1), lists.gather(1, places)], dim=1)
