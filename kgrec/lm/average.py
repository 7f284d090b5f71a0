"""One model from several that began as one: the mean of their weights."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import takewhile
from typing import Any

from torch import Tensor

from kgrec.errors import InputError
from kgrec.lm.folder import LanguageModel, Lineage, Step, find_lm, load_lm, read_lineage, weights_sha256

VERB = "average"
SAID_IN_PASSING = ("_name_or_path", "architectures", "dtype", "torch_dtype", "transformers_version")
"""Settings of a folder that say nothing about what its model computes."""


def average(names: Sequence[str]) -> tuple[LanguageModel, dict[str, float]]:
    r"""The uniform soup of several models: :math:`\bar\theta = \frac{1}{n} \sum_k \theta_k`.

    `Model soups <https://arxiv.org/abs/2203.05482>`_ (Wortsman et al., ICML 2022, §2, Table 2): models that
    were tuned from the same weights with other seeds or settings lie in one basin, so that their mean is
    often better than each of them, at the cost of one. Models that did not begin as one lie in different
    basins: they are refused.

    Args:
        names: two models or more, see :func:`kgrec.lm.folder.load_lm`; held in memory one after the other.

    Returns:
        The first one with the averaged weights, its lineage that which all have in common; and ``models``,
        their number, and ``distance``, the root mean square of :math:`\|\theta_k - \bar\theta\|` over
        :math:`\|\bar\theta\|`.

    Raises:
        InputError: fewer than two, the same weights twice, another architecture, tokenizer or beginning.
    """
    if len(names) < 2:
        raise InputError(f"models: found {len(names)}, expected two or more to average")
    _check_different(names)
    first = load_lm(names[0])
    total = {name: weight.double() for name, weight in first.network.state_dict().items()}
    squares, lineage = _squares(total), first.lineage
    for name in names[1:]:
        other = load_lm(name)
        _check_alike(first, other)
        lineage = common(lineage, other.lineage)
        for key, weight in other.network.state_dict().items():
            total[key] += weight
        squares += _squares(other.network.state_dict())
    mean = {key: weight / len(names) for key, weight in total.items()}
    first.network.load_state_dict(mean)  # copied into float32
    length = _squares(mean)
    distance = (max(squares / len(names) - length, 0.0) / length) ** 0.5
    model = LanguageModel(first.name, first.folder, first.network, first.tokenizer, first.max_length, lineage)
    return model, {"models": float(len(names)), "distance": distance}


def parents(names: Sequence[str]) -> list[dict[str, Any]]:
    """Name, digest and steps of each model, as JSON types: what a lineage keeps of them."""
    return [
        {
            "model": name,
            "sha256": weights_sha256(find_lm(name)),
            "lineage": [asdict(step) for step in read_lineage(find_lm(name))],
        }
        for name in names
    ]


def common(one: Lineage, other: Lineage) -> Lineage:
    """The steps, from the first on, that two models share."""
    pairs = takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
    return tuple(step for step, _ in pairs)


def _squares(weights: Mapping[str, Tensor]) -> float:
    return float(sum(weight.double().square().sum() for weight in weights.values()))


def _check_different(names: Sequence[str]) -> None:
    digests: dict[str, str] = {}
    for name in names:
        digest = weights_sha256(find_lm(name))
        if digest in digests:
            raise InputError(f"models: {digests[digest]} and {name} hold the same weights; give each once")
        digests[digest] = name


def _check_alike(first: LanguageModel, other: LanguageModel) -> None:
    """Refuse to average what does not fit together.

    Raises:
        InputError: naming the first difference.
    """
    ours, theirs = _architecture(first), _architecture(other)
    for key in sorted(ours.keys() | theirs.keys()):
        if ours.get(key) != theirs.get(key):
            raise InputError(
                f"models: {other.name} is of another architecture than {first.name}: {key} is "
                f"{theirs.get(key)} there and {ours.get(key)} here"
            )
    if _tokenizer(first) != _tokenizer(other):
        raise InputError(f"models: {other.name} has another tokenizer than {first.name}")
    beginnings = [_beginning(model.lineage, weights_sha256(model.folder)) for model in (first, other)]
    if beginnings[0] != beginnings[1]:
        raise InputError(
            f"models: {other.name} began from other weights than {first.name}, and a mean of unrelated "
            "weights says nothing; expected models tuned from one (lm=ensemble joins any)"
        )


def _architecture(model: LanguageModel) -> dict[str, Any]:
    """Settings of the network, and the shapes of its weights."""
    settings = {k: v for k, v in model.network.config.to_dict().items() if k not in SAID_IN_PASSING}
    return settings | {f"weight {k}": list(v.shape) for k, v in model.network.state_dict().items()}


def _tokenizer(model: LanguageModel) -> dict[str, Any]:
    """What the tokenizer does to a text that is not cut."""
    state: dict[str, Any] = json.loads(model.tokenizer.backend_tokenizer.to_str())
    return {key: value for key, value in state.items() if key not in ("truncation", "padding")}


def _beginning(lineage: Lineage, digest: str) -> str:
    """The weights that the first step was done to, or from scratch that step; without steps the model's own.

    Of an average the beginning of its first parent, as all have the same.
    """
    if not lineage:
        return digest
    step = lineage[0]
    if step.verb == VERB:
        parent = step.settings["parents"][0]
        return _beginning(tuple(Step(**row) for row in parent["lineage"]), parent["sha256"])
    return step.parent_sha256 or json.dumps([step.verb, step.settings], sort_keys=True)
