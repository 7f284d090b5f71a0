"""The study that all workers of a sweep share: who runs what, and what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import TPESampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from kgrec.errors import InputError
from kgrec.seed import stream_seed
from kgrec.sweep.plan import Plan, best_overrides
from kgrec.sweep.storage import FILES, Locks, kind_in, open_storage
from kgrec.sweep.trial import OpenTrial, Trial, has_used_its_starts, seen, was_begun_again

NAME = "sweep"


class SweepStudy:
    """The study of one sweep.

    Args:
        folder: of the sweep.
        study: of Optuna.
    """

    def __init__(self, folder: Path, study: optuna.Study) -> None:
        self.folder = folder
        self.locks = Locks(folder)
        self._study = study

    @property
    def facts(self) -> dict[str, Any]:
        """What the sweep is, see :attr:`Plan.identity`; its metric, overrides, budget, command, commit."""
        return dict(self._study.user_attrs)

    @property
    def file(self) -> Path:
        """Where it is kept."""
        return self.folder / FILES[kind_in(self.folder) or "journal"]

    def note(self, facts: Mapping[str, Any]) -> None:
        """Keep facts about the sweep."""
        for key, value in facts.items():
            self._study.set_user_attr(key, value)

    def trials(self) -> list[Trial]:
        """All trials, without the starts of those that were begun again."""
        return [self._seen(trial) for trial in self._counted()]

    def best(self, trials: Sequence[Trial]) -> Trial | None:
        """The one that validation likes best of those that are done, the first of equals."""
        done = [trial for trial in trials if trial.state == "done"]
        sign = 1.0 if self._study.direction == StudyDirection.MAXIMIZE else -1.0
        return max(done, key=lambda trial: sign * (trial.value or 0.0), default=None)

    def overrides_of(self, trial: Trial) -> list[str]:
        """Settings that make the trial's run again."""
        return best_overrides(self.facts["overrides"], trial.params)

    def importances(self) -> dict[str, float]:
        """Share of each setting in what sets the best tenth of the trials apart; of fewer than ten, nothing.

        Watanabe et al., IJCAI 2023, *PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in
        Arbitrary Subspaces*.
        """
        if sum(trial.state == "done" for trial in self.trials()) < 10:
            return {}
        evaluator = optuna.importance.PedAnovaImportanceEvaluator()
        return optuna.importance.get_param_importances(self._study, evaluator=evaluator)

    def claim(self, plan: Plan, worker: str) -> OpenTrial | None:
        """The next trial of a worker; ``None`` where none is left.

        One whose worker is gone comes first, then what the tree-structured Parzen estimator proposes
        (Bergstra et al., NeurIPS 2011, *Algorithms for Hyper-Parameter Optimization*, §4). Each proposal is
        drawn by a sampler seeded by the plan's seed and the number of trials before, so a sweep of one worker
        that is stopped and started again proposes what it would have proposed.
        """
        with self.locks.held("claim"):
            self._put_back_abandoned()
            asked: dict[str, BaseDistribution] = {}
            if not self._study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
                trials = self.trials()
                if not plan.budget.allows(len(trials), sum(trial.seconds for trial in trials)):
                    return None
                if trials:
                    seed = stream_seed(plan.seed, "tune", len(trials)) % 2**32
                    self._study.sampler = TPESampler(seed=seed)
                    asked = plan.space.distributions
                else:
                    drawn = plan.defaults
                    distributions = {} if drawn is None else plan.space.distributions
                    self._put(drawn or {}, distributions, {"defaults": True}, {})
            trial = self._study.ask(asked)
            is_default = trial.user_attrs.get("defaults", False)
            params = [] if is_default else plan.params(trial.params)
            curve = self._study.get_trials(deepcopy=False)[trial.number].intermediate_values
            opened = OpenTrial(trial, params, bool(trial.params), curve)
            opened.note(worker=worker, params=params, starts=trial.user_attrs.get("starts", 0) + 1)
            return opened

    def _counted(self) -> list[FrozenTrial]:
        return [trial for trial in self._study.get_trials(deepcopy=False) if not was_begun_again(trial)]

    def _seen(self, trial: FrozenTrial) -> Trial:
        found = seen(trial)
        return replace(found, state="stopped") if self._is_abandoned(trial) else found

    def _is_abandoned(self, trial: FrozenTrial) -> bool:
        worker = trial.user_attrs.get("worker", "")
        return trial.state == TrialState.RUNNING and not self.locks.is_alive(worker)

    def _put_back_abandoned(self) -> None:
        """Trials whose worker is gone wait to be begun again, with their curve so far."""
        for trial in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if not self._is_abandoned(trial):
                continue
            if not has_used_its_starts(trial):
                # First this: killed in between, it is begun again twice rather than not at all.
                self._put(trial.params, trial.distributions, trial.user_attrs, trial.intermediate_values)
            self._study.tell(trial.number, state=TrialState.FAIL)

    def _put(
        self,
        params: dict[str, Any],
        distributions: dict[str, BaseDistribution],
        facts: dict[str, Any],
        curve: dict[int, float],
    ) -> None:
        trial = create_trial(
            state=TrialState.WAITING,
            params=params,
            distributions=distributions,
            user_attrs=facts,
            intermediate_values=curve,
        )
        self._study.add_trial(trial)


def join(plan: Plan, kind: str | None) -> SweepStudy:
    """Begin a sweep, or join the one that the plan's folder holds.

    Args:
        plan: of the sweep.
        kind: of storage; ``None`` = the one that is there, else a journal.

    Raises:
        InputError: the folder holds another sweep, or another kind of storage.
    """
    there = kind_in(plan.folder)
    if kind is not None and there is not None and kind != there:
        raise InputError(
            f"--storage {kind}: {plan.folder / FILES[there]} holds the sweep already; leave the option out "
            "or choose another group=…"
        )
    with Locks(plan.folder).held("claim"):
        study = optuna.create_study(
            storage=open_storage(plan.folder, kind or there or "journal"),
            pruner=plan.pruning.pruner,
            study_name=NAME,
            direction="maximize" if plan.higher_is_better else "minimize",
            load_if_exists=True,
        )
        joined = SweepStudy(plan.folder, study)
        if "search" not in joined.facts:
            joined.note({**plan.identity, "metric": plan.metric})
    for part, value in plan.identity.items():
        if joined.facts.get(part) != value:
            what = "pruning, see --pruner" if part == "pruning" else part
            raise InputError(f"{joined.file}: a sweep of other {what}; choose another group=… or delete it")
    return joined


def existing(folder: Path) -> SweepStudy:
    """The sweep of a folder.

    Raises:
        InputError: there is none.
    """
    kind = kind_in(folder)
    if kind is None:
        raise InputError(f"{folder}: found no sweep, expected {' or '.join(FILES.values())} of `kgrec sweep`")
    try:
        study = optuna.load_study(study_name=NAME, storage=open_storage(folder, kind))
    except KeyError as error:
        raise InputError(f"{folder / FILES[kind]}: holds no sweep") from error
    return SweepStudy(folder, study)
