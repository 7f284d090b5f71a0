"""Differences between arms with paired tests over users, and the effect of each setting by itself."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from kgrec.evaluation.bootstrap import Estimate
from kgrec.evaluation.significance import holm, wilcoxon_p
from kgrec.reporting.arms import RunArm, arms_of, common_seeds, measure, reference_of, short
from kgrec.reporting.compare import Runs
from kgrec.reporting.html import Section
from kgrec.reporting.measured import Measured
from kgrec.reporting.tables import Interval, Probability, Table, Value

HOW_TESTED = (
    "Difference and 95 % interval: paired bootstrap over seeds, then users (10,000 draws), with its two-"
    "sided p; a second opinion: Wilcoxon's signed-rank test on each user's difference averaged over seeds. "
    "Holm's correction is over all rows of the table."
)
CHOSEN = (
    "The reference was chosen by these very figures, which flatters it: name one beforehand (--reference) "
    "for a test that counts."
)
HOW_MATCHED = (
    "The mean over matched pairs of runs: the same seed and the same settings but for the one named. "
    "Interval and p as for differences, Holm's correction over all rows."
)
NOTHING_ELSE = "There is no other arm to compare with it."
NO_PAIRS = "No two runs of one seed differ in one setting alone."


@dataclass(frozen=True)
class _Effect:
    """The mean effect of one setting going from one value to another."""

    factor: str
    low: str
    high: str
    num_pairs: int
    seeds: Sequence[int]
    estimate: Estimate


def difference_section(runs: Runs, metrics: Sequence[str], wanted: str | None) -> Section:
    """Each arm against a reference, on the seeds that both have.

    Args:
        runs: see :func:`kgrec.reporting.compare.collect`.
        metrics: per-user metrics (or pooled ones, for which there is no Wilcoxon test); the first one tells
            the best arm.
        wanted: see :func:`kgrec.reporting.arms.reference_of`.

    Raises:
        InputError: no such reference, or runs that cannot be paired.
    """
    arms = arms_of(runs)
    reference = reference_of(arms, metrics[0], wanted)
    pairs = [
        (metric, arm, common_seeds(arm, reference))
        for metric in metrics
        for arm in arms
        if arm is not reference
    ]
    tested = [pair for pair in pairs if pair[2]]
    results = [result for metric in metrics for result in _against(reference, tested, metric)]
    bootstrap_p = holm([estimate.p or 0.0 for estimate, _ in results])
    known = [p for _, p in results if p is not None]
    wilcoxon = iter(holm(known))
    rows: list[list[Value]] = [
        [
            arm.name,
            metric,
            len(seeds),
            Interval(estimate.value, estimate.low, estimate.high),
            Probability(estimate.p or 0.0),
            Probability(adjusted),
            None if p is None else Probability(p),
            None if p is None else Probability(next(wilcoxon)),
        ]
        for (metric, arm, seeds), (estimate, p), adjusted in zip(tested, results, bootstrap_p, strict=True)
    ]
    columns = ["arm", "metric", "seeds", "difference", "p", "p (Holm)", "Wilcoxon p", "Wilcoxon p (Holm)"]
    apart = [arm.name for metric, arm, seeds in pairs if not seeds and metric == metrics[0]]
    notes = [f"Reference: {reference.name}.", HOW_TESTED, *([CHOSEN] if wanted is None and rows else [])]
    notes += [f"No seed in common with the reference: {'; '.join(apart)}."] if apart else []
    tables = [("", Table(columns, rows))] if rows else []
    return Section("Differences", text=notes if rows else [*notes[:1], NOTHING_ELSE], tables=tables)


def effect_section(runs: Runs, metric: str) -> Section:
    """The ablation view: what each setting does, the others held fixed.

    Raises:
        InputError: runs that cannot be paired.
    """
    effects = list(_effects(runs, metric))
    adjusted = holm([effect.estimate.p or 0.0 for effect in effects])
    rows: list[list[Value]] = [
        [
            effect.factor,
            f"{effect.low} → {effect.high}",
            Interval(effect.estimate.value, effect.estimate.low, effect.estimate.high),
            Probability(effect.estimate.p or 0.0),
            Probability(p),
            effect.num_pairs,
            len(effect.seeds),
        ]
        for effect, p in zip(effects, adjusted, strict=True)
    ]
    columns = ["setting", "from → to", "effect", "p", "p (Holm)", "pairs", "seeds"]
    if not rows:
        return Section("Effects", text=[NO_PAIRS])
    return Section("Effects", text=[f"On {metric}. {HOW_MATCHED}"], tables=[("", Table(columns, rows))])


def _against(
    reference: RunArm, tested: Sequence[tuple[str, RunArm, list[int]]], metric: str
) -> Iterator[tuple[Estimate, float | None]]:
    """Difference to the reference and Wilcoxon's p of each arm; arms of the same seeds share a bootstrap."""
    by_seeds: dict[tuple[int, ...], Measured] = {}
    own = [(arm, seeds) for name, arm, seeds in tested if name == metric]
    for arm, seeds in own:
        key = tuple(seeds)
        if key not in by_seeds:
            together = [other for other, others in own if tuple(others) == key]
            by_seeds[key] = measure([reference, *together], seeds, metric)
        measured = by_seeds[key]
        estimate = measured.contrast({arm.name: 1.0, reference.name: -1.0}, metric)
        a, b = measured.values(arm.name, metric), measured.values(reference.name, metric)
        users = measured.users(arm.name, reference.name)
        yield estimate, None if measured.is_pooled else wilcoxon_p(users, a, b)


def _effects(runs: Runs, metric: str) -> Iterator[_Effect]:
    arms = arms_of(runs)
    for factor in runs.keys:
        levels = list(dict.fromkeys(arm.settings[factor] for arm in arms))
        for low, high in combinations(levels, 2):
            pairs = [
                (a, b)
                for a in arms
                for b in arms
                if (a.settings[factor], b.settings[factor]) == (low, high)
                and _others(a, factor) == _others(b, factor)
            ]
            involved = [arm for pair in pairs for arm in pair]
            seeds = common_seeds(*involved) if pairs else []
            if seeds:
                weights = {
                    arm.name: sign / len(pairs)
                    for pair in pairs
                    for arm, sign in zip(pair, (-1.0, 1.0), strict=True)
                }
                estimate = measure(involved, seeds, metric).contrast(weights, metric)
                count = len(pairs) * len(seeds)
                yield _Effect(short(factor), str(low), str(high), count, seeds, estimate)


def _others(arm: RunArm, factor: str) -> list[object]:
    return [value for key, value in arm.settings.items() if key != factor]
