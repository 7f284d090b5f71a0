"""A language model as second stage: it reads each user's history and each candidate, and orders the list."""

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from kgrec.models.base import Batch, ModelInputs, Recommender
from kgrec.models.features import SparseRows, interaction_matrix, unit_text
from kgrec.models.first_stage import FirstStage, Holdout, fitted, top_lists, without, without_text
from kgrec.models.pair_scorer import PairScorer
from kgrec.models.pairwise import PairwiseRecommender
from kgrec.models.prompt_settings import PromptSettings
from kgrec.models.rank_blend import RankBlend, reordered
from kgrec.models.ranker_lists import RankerLists
from kgrec.models.user_histories import UserHistories
from kgrec.nn.losses import RankingLoss
from kgrec.seed import numpy_generator, torch_generator


class LMRanker(PairwiseRecommender):
    r"""The k best items of a first stage, ordered by a language model that may read the graph too.

    .. math::
        s(u, i) = w^\top \mathrm{pool}\, M(g_u, g_i, g_u \cdot g_i, \mathrm{text}(H_u), \mathrm{text}_i) + b

    M reads the items of the history that are nearest to the candidate, and the candidate
    (:class:`~kgrec.text.pair_prompt.PairPrompt`). The g are the graph's features of the candidate, and their
    mean over the history: the item embeddings of a graph network (``features``). Their inner product is told
    besides, so that no layer has to learn to multiply. They come as tokens before the text
    (:class:`~kgrec.nn.soft_tokens.SoftTokens`), or set the strength of low-rank changes of M's weights
    (:class:`~kgrec.nn.conditioned_lora.ConditionedLoRA`), or both. Scores are trained pointwise
    (``loss=bce``), as in `Passage Re-ranking with BERT <https://arxiv.org/abs/1901.04085>`_ (Nogueira and
    Cho, 2019), or listwise, by a softmax over some of a list, as in `RankT5
    <https://arxiv.org/abs/2210.10634>`_ (Zhuang et al., SIGIR 2023).

    **What it learns from.** A share of the training items (or interactions) is held out, and a first stage
    and the graph network are fitted without it. The held out interactions on that first stage's lists are
    the positives, other items of the same lists their negatives. So in training no list, feature or
    history has seen what is to be found, as in use. In use the lists are those of a first stage fitted to
    all training interactions; features stay those of the training, as another fit would turn their axes.

    Where there are several ``blend`` shares, validation decides how much the language model says, none of it
    included. Items beyond the list keep the score of the first stage.

    Args:
        inputs: dataset, text, and the graph that the ranker sees.
        loss: of sampled items; their number is that of negatives from the list.
        first_stage: makes the lists.
        features: builds from ``inputs`` a recommender in closed form, whose item embeddings are the graph's
            features; it is given no text.
        holdout: which training interactions the ranker learns from.
        prompt: what is read.
        scorer: builds the language model from ``graph_dim``.
        blend: how the two stages are joined.

    Raises:
        InputError: a first stage, or features, that would have to be trained; what the parts refuse.
    """

    needs_graph: ClassVar[bool] = True
    needs_text: ClassVar[bool] = True
    graph_features: Tensor
    blend_weight: Tensor

    def __init__(
        self,
        inputs: ModelInputs,
        *,
        loss: RankingLoss,
        first_stage: FirstStage,
        features: Callable[..., Recommender],
        holdout: Holdout,
        prompt: PromptSettings,
        scorer: Callable[..., PairScorer],
        blend: RankBlend,
    ) -> None:
        super().__init__(inputs, loss)
        _, text = self.required_inputs(inputs)
        self.num_drawn, self.num_negatives = self.num_negatives, 0  # the lists hold them: none are sampled
        self.stream = torch.initial_seed()
        self.k, self.blend, self.holdout = first_stage.k, blend, holdout
        self._inputs, self._first_stage, self._features = inputs, first_stage, features
        self._first_inputs = first_stage.inputs(inputs, self.stream)
        self.first: Recommender = first_stage.model(inputs=self._first_inputs)

        graph_dim = _item_embeddings(features(inputs=without_text(inputs))).shape[1]
        self.scorer = scorer(graph_dim=graph_dim)
        self.texts = prompt.texts(self.scorer, inputs.dataset.item_texts)
        train = inputs.dataset.train
        self._held = holdout.held(train, self.stream)
        vectors = unit_text(text, center=True)
        self._known = UserHistories(train[~self._held], self.num_users, vectors, prompt.history)
        self._whole = UserHistories(train, self.num_users, vectors, prompt.history)
        self.seen = SparseRows(interaction_matrix(train, self.num_users, self.num_items))
        self.register_buffer("graph_features", torch.zeros(self.num_items, graph_dim))
        self.register_buffer("blend_weight", torch.tensor(float(blend.weight[0])))
        self._lists: RankerLists | None = None
        self._tastes: dict[UserHistories, Tensor] = {}

    def fit(self) -> None:
        """Solve the first stage and the graph's features, and make the lists that are learned from."""
        fitted(self.first, "model.first_stage.model")
        reduced = without(without_text(self._inputs), self._held)
        network = fitted(self._features(inputs=reduced), "model.features")
        with torch.no_grad():
            features = _item_embeddings(network)
            # entries of about 1, of the items and of the means: only the directions are the network's
            self.graph_features.copy_(features / features.square().mean().sqrt().clamp(min=1e-12))
        self._tastes = {}
        before = without(self._first_inputs, self._held)
        stage = fitted(self._first_stage.model(inputs=before), "model.first_stage.model")
        self._lists = RankerLists.of(
            stage, self._inputs.dataset, self._held, self.k, self.holdout, self.stream
        )

    def loss(self, batch: Batch) -> Tensor:
        """Mean loss of the batch's held out pairs against others of their lists; 0 where there is none."""
        if self._lists is None:
            raise TypeError("LMRanker.fit() must be called before its loss")
        generator = torch_generator(self.stream, "negatives", batch.step)
        users, items = self._lists.draw(batch.users.cpu(), batch.items.cpu(), self.num_drawn, generator)
        if len(users) == 0:  # every process takes part in the backward pass
            return torch.stack([(weight * 0).sum() for weight in self.scorer.parameters()]).sum()
        scores = self._ranked(users, items, self._known)
        mean: Tensor = self.criterion.of_scores(scores[:, 0], scores[:, 1:])
        return mean if self.scorer.method is None else mean + self.scorer.method.penalty()

    def after_step(self, step: int, steps: int) -> None:
        """See :meth:`kgrec.models.base.Trainable.after_step`."""
        if self.scorer.method is not None:
            self.scorer.method.after_step(step, steps)

    def score(self, user_ids: Tensor) -> Tensor:
        """Scores ``[B, I]``, the k best items that the user has not seen ranked anew."""
        return self.score_among(user_ids, torch.arange(self.num_items, device=user_ids.device))

    def score_items(self, user_ids: Tensor, item_ids: Tensor) -> Tensor:
        """Scores ``[B, m]`` of ``item_ids [B, m]``, as :meth:`score` has them."""
        return self.score(user_ids).gather(1, item_ids)

    def score_among(self, user_ids: Tensor, item_ids: Tensor) -> Tensor:
        """Scores ``[B, I]``, the k best among ``item_ids [C]`` that the user has not seen ranked anew."""
        scores = self.first.score(user_ids)
        if self.blend_weight == 0 or len(user_ids) == 0:
            return scores
        items, first = self._list(user_ids, item_ids, scores)
        second = self._ranked(user_ids, items, self._whole)
        anew = reordered(first, second, float(self.blend_weight))
        return scores.scatter(1, items, torch.where(first > -torch.inf, anew, scores.gather(1, items)))

    @torch.no_grad()
    def before_validation(self) -> None:
        """Choose the share of the language model as it is now, where there are several."""
        if len(self.blend.weight) == 1:
            return
        data = self._inputs.dataset
        cold = data.cold_valid
        items = torch.from_numpy(np.flatnonzero(cold if cold.any() else np.ones(self.num_items, dtype=bool)))
        everyone = np.unique(data.valid[np.isin(data.valid[:, 1], items.numpy()), 0])
        chosen = numpy_generator(self.stream, "blend").permutation(everyone)[: self.blend.num_users]
        users = torch.from_numpy(np.sort(chosen)).to(self.device)
        listed, first = self._list(users, items.to(self.device), self.first.score(users))
        relevant = SparseRows(interaction_matrix(data.valid, self.num_users, self.num_items)).to(self.device)
        second = self._ranked(users, listed, self._whole)
        best = self.blend.best(first, second, relevant.dense(users).gather(1, listed))
        self.blend_weight.fill_(best)
        self.chosen = {**self.first.chosen, "blend_weight": best}

    def _list(self, user_ids: Tensor, item_ids: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
        allowed = torch.zeros_like(scores, dtype=torch.bool)
        allowed[:, item_ids] = True
        return top_lists(scores, allowed & (self.seen.dense(user_ids) == 0), self.k)

    def _ranked(self, user_ids: Tensor, item_ids: Tensor, histories: UserHistories) -> Tensor:
        """The language model's scores ``[B, m]`` of ``item_ids [B, m]``."""
        if histories not in self._tastes:
            means = histories.means(self.graph_features)
            self._tastes[histories] = means / means.square().mean().sqrt().clamp(min=1e-12)
        ids = [
            self.texts(nearest, candidate)
            for user, candidates in zip(user_ids.tolist(), item_ids.tolist(), strict=True)
            for nearest, candidate in zip(histories.nearest(user, candidates), candidates, strict=True)
        ]
        items = self.graph_features[item_ids.to(self.device).flatten()]
        taste = self._tastes[histories].to(self.device)[user_ids.to(self.device)]
        taste = taste.repeat_interleave(item_ids.shape[1], dim=0)
        near = (taste * items).sum(dim=1, keepdim=True) / items.shape[1] ** 0.5
        features = torch.stack([taste, items, near.expand_as(items)], dim=1)
        scores: Tensor = self.scorer(ids, self.texts.reserved_from, features)
        return scores.view(item_ids.shape)

    def load_state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """Take other weights and features; what was derived from the old ones is dropped."""
        self._tastes = {}
        return super().load_state_dict(*args, **kwargs)


def _item_embeddings(model: Recommender) -> Tensor:
    pair = model.embeddings()
    if pair is None:
        raise TypeError(f"{type(model).__name__} has no item embeddings, which the graph's features are")
    return pair[1].detach()
