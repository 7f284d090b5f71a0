"""What a study is: arms that differ in settings, and claims about them listed before the runs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from kgrec.errors import InputError
from kgrec.studies.published import Published


@dataclass(frozen=True)
class Arm:
    """One row of the table.

    Attributes:
        name: shown in the table and named by claims and by ``--only``.
        overrides: settings of this arm on top of the study's common ones.
        choices: alternatives of equal standing, e.g. the read-out layers of a language model. Each is
            trained without a look at test; the best on validation, split by split, is then tested.
        series: the curve of the plot that the arm belongs to, empty = not drawn.
        label: written beside the arm's point in the plot.
        draws: replicates of the arm on each split, e.g. the random draws of a control graph. Each is run,
            and chooses, by itself; a user's value is the mean over them, before any statistic.
        seeds: run on the first so many seeds of the study only; ``None`` = on all. Claims compare such an
            arm with others on the seeds that both have.
        tuning: file of ``experiments/results/tuning`` (``kgrec sweep export --json``) whose best
            settings stand in the overrides; empty = not tuned.
        published: what somebody else reports for it.
        before: commands, without the word ``kgrec``, that make what the arm reads on a split; ``{seed}`` and
            ``{folder}``, that of the study's runs, are filled in. Each must find what it made earlier.
        place: where it stands on the study's ``curve``; ``None`` = nowhere. An arm with a place and no
            series begins every curve.
    """

    name: str
    overrides: tuple[str, ...]
    choices: tuple[tuple[str, ...], ...] = ((),)
    series: str = ""
    label: str = ""
    draws: tuple[tuple[str, ...], ...] = ((),)
    seeds: int | None = None
    tuning: str = ""
    published: Published | None = None
    before: tuple[str, ...] = ()
    place: float | None = None

    def __post_init__(self) -> None:
        if self.seeds is not None and self.seeds < 1:
            raise ValueError(f"arm {self.name!r}: expected one seed or more, got {self.seeds}")
        if not self.draws or len(set(self.draws)) < len(self.draws):
            raise ValueError(f"arm {self.name!r}: expected one draw or more, all different; got {self.draws}")


@dataclass(frozen=True)
class Claim:
    """``statistic(arm, than)`` is more than ``at_least``.

    Attributes:
        name: the sentence that the report prints.
        statistic: ``difference`` arm - than, ``ratio`` arm / than, ``share`` 1 - than / arm, ``mean`` of arm
            alone (``than`` is empty), or ``closed``, the share (arm - than) / (of - than) of a gap that arm
            closes.
        at_least: what the lower end of the interval must exceed.
        needs: a claim without which this one says nothing; where that one does not hold, this one is
            ``not_testable``.
        otherwise: what the report says in that case.
        informative: worth a line, but no claim of the study: left out of Holm's family and of ``--check``.
        metric: one of the study's metrics; empty = its primary one.
        of: where the gap ends, for ``closed`` alone.
    """

    name: str
    statistic: Literal["difference", "ratio", "share", "mean", "closed"]
    arm: str
    than: str
    at_least: float
    needs: str = ""
    otherwise: str = ""
    informative: bool = False
    metric: str = ""
    of: str = ""

    @property
    def compared(self) -> tuple[str, ...]:
        """The arms that it is about."""
        return tuple(arm for arm in (self.arm, self.than, self.of) if arm)


@dataclass(frozen=True)
class Front:
    """An arm lies on the Pareto front of quality against a cost: none of the others dominates it.

    Attributes:
        name: the sentence that the report prints.
        arm: the arm.
        among: the others, of which none may be as cheap and as good.
        beside: those of them whose cost the arm's is told as a share of.
        cost: key of what a new item costs, see :mod:`kgrec.studies.new_items`, without ``cost/``.
        more_is_better: whether a larger number is the better one, as for a rate.
    """

    name: str
    arm: str
    among: tuple[str, ...]
    beside: tuple[str, ...]
    cost: str
    more_is_better: bool = False


@dataclass(frozen=True)
class Study:
    """Arms × splits, and what is claimed of them.

    Attributes:
        name: as in ``kgrec reproduce NAME``; the file is ``name`` with ``_`` for ``-``.
        question: one sentence.
        common: settings of all arms.
        arms: rows of the table, in this order.
        claims: listed before the runs; one that another ``needs`` comes first.
        primary: metric of the claims, a column of ``per_user.parquet``.
        metrics: metrics of the table, the primary one among them.
        sample: what seeds draw anew: the item ``splits`` (cold protocols), or ``seeds`` alone, with the
            same split and users (warm protocols); decides how intervals are made.
        test_to_train: test units over training units of a split, for the interval that allows for the
            overlap of splits; ``None`` = not given.
        num_splits: splits (seeds ``0 … n-1``) of a full run.
        min_splits: with fewer, every status is marked provisional.
        notes: what a reader must know before quoting a figure.
        references: name → figures published for what is not run here, printed beside the arms.
        deployed: arms for which the costs of a new item are measured side by side, on the first split, when
            their runs are finished.
        fronts: claims about these costs, on the means of the primary metric.
        groups: name → arms, which ``--only`` takes beside names of arms.
        curve: what the places of arms measure: quality is drawn along it. Empty = there is no such thing.
    """

    name: str
    question: str
    common: tuple[str, ...]
    arms: tuple[Arm, ...]
    claims: tuple[Claim, ...]
    primary: str
    metrics: tuple[str, ...]
    sample: Literal["splits", "seeds"] = "splits"
    test_to_train: float | None = None
    num_splits: int = 10
    min_splits: int = 10
    notes: tuple[str, ...] = ()
    references: Mapping[str, Published] = field(default_factory=dict)
    deployed: tuple[str, ...] = ()
    fronts: tuple[Front, ...] = ()
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    curve: str = ""

    def __post_init__(self) -> None:
        names = [arm.name for arm in self.arms]
        if len(set(names)) < len(names):
            raise ValueError(f"two arms of one name: {names}")
        earlier: set[str] = set()
        for claim in self.claims:
            for arm in claim.compared:
                if arm not in names:
                    raise ValueError(f"claim {claim.name!r} names arm {arm!r}; arms are {names}")
            expected = {"mean": 1, "closed": 3}.get(claim.statistic, 2)
            if len(claim.compared) != expected:
                found = f"claim {claim.name!r} is a {claim.statistic} of {claim.compared}"
                raise ValueError(f"{found}, expected {expected} arms")
            if claim.metric and claim.metric not in self.metrics:
                raise ValueError(f"claim {claim.name!r}: metric {claim.metric!r} is not among {self.metrics}")
            if claim.needs and claim.needs not in earlier:
                raise ValueError(f"claim {claim.name!r} needs {claim.needs!r}, which is no earlier claim")
            earlier.add(claim.name)
        if unknown := [arm for arm in self.deployed if arm not in names]:
            raise ValueError(f"{unknown[0]!r} is deployed but no arm; arms are {names}")
        for front in self.fronts:
            named = (front.arm, *front.among, *front.beside)
            if unknown := [arm for arm in named if arm not in self.deployed]:
                raise ValueError(f"front {front.name!r} names {unknown[0]!r}, which is not deployed")
        if self.primary not in self.metrics:
            raise ValueError(f"primary metric {self.primary!r} is not among {self.metrics}")

    def on_validation(self) -> "Study":
        """The same study, its figures read on validation: for looks that leave the test set alone."""
        metrics = tuple(_valid(metric) for metric in self.metrics)
        claims = tuple(replace(claim, metric=_valid(claim.metric)) for claim in self.claims)
        note = "figures of validation, on which epochs and choices were selected: they flatter every arm"
        return replace(
            self,
            primary=_valid(self.primary),
            metrics=metrics,
            claims=claims,
            references={},
            notes=(note, *self.notes),
        )

    def arms_named(self, names: Sequence[str]) -> tuple[Arm, ...]:
        """The arms of these names or groups, in the study's order; all of them where no name is given.

        Raises:
            InputError: an unknown name; the message lists groups and arms.
        """
        if wrong := [name for name in names if name not in self.names]:
            raise InputError(f"study {self.name} has no arm {wrong[0]!r}; valid: {', '.join(self.names)}")
        wanted = {arm for name in names for arm in self.groups.get(name, (name,))}
        return tuple(arm for arm in self.arms if not names or arm.name in wanted)

    @property
    def names(self) -> tuple[str, ...]:
        """What ``--only`` takes."""
        return (*self.groups, *(arm.name for arm in self.arms))


@dataclass(frozen=True)
class Suite:
    """One question asked of several datasets, the claims of all studies judged as one family.

    Attributes:
        name: as in ``kgrec reproduce NAME``.
        question: one sentence.
        datasets: options of ``data`` that a full run covers, in this order; ``data=…`` chooses one of
            them, or any other option.
        studies_of: option of ``data`` → its studies, each with ``data=…`` among its common settings, of names
            that no other dataset's study has.
        notes: what a reader must know before quoting a figure.
    """

    name: str
    question: str
    datasets: tuple[str, ...]
    studies_of: Callable[[str], tuple[Study, ...]]
    notes: tuple[str, ...] = ()

    def studies(self, data: str | None) -> tuple[Study, ...]:
        """The studies of one option of ``data``, or of all datasets."""
        names = self.datasets if data is None else (data,)
        return tuple(study for name in names for study in self.studies_of(name))

    def arms_named(self, names: Sequence[str], studies: Sequence[Study]) -> dict[str, list[str]]:
        """Study → its arms of these names, groups spelt out; studies without any are left out.

        Raises:
            InputError: a name that is neither a group nor an arm of any of the studies.
        """
        known = dict.fromkeys(name for study in studies for name in study.names)
        if wrong := [name for name in names if name not in known]:
            raise InputError(f"suite {self.name} has no arm {wrong[0]!r}; valid: {', '.join(known)}")
        own = {study.name: [name for name in names if name in study.names] for study in studies}
        chosen = {study.name: study.arms_named(own[study.name]) for study in studies}
        return {
            study: [arm.name for arm in arms] for study, arms in chosen.items() if own[study] or not names
        }


def _valid(metric: str) -> str:
    return metric.replace("test/", "valid/", 1)
