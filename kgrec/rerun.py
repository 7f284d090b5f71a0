"""A finished run once more, from the settings in its folder, and its figures beside the first ones."""

from omegaconf import DictConfig, OmegaConf

from kgrec.build import component, options, target_class
from kgrec.errors import InputError
from kgrec.models.base import ModelInputs
from kgrec.pipeline import load_dataset, load_graph
from kgrec.reporting.compare import MEASURED
from kgrec.reporting.environment import changes, environment
from kgrec.reporting.run_folder import RunFolder
from kgrec.reporting.tables import Table, Value
from kgrec.summary import data_digests


def config_of_repeat(run: RunFolder, group: str | None, test: bool) -> DictConfig:
    """The settings of a run for its repetition: beside its own group, its data where they now lie.

    Args:
        run: a finished one.
        group: of the repetition; ``None`` = ``<group of the run>-again``.
        test: whether test is read again, where the run read it.

    Raises:
        InputError: no finished run, or its own group.
    """
    cfg = OmegaConf.create(run.read_config())
    if not run.is_finished:
        raise InputError(
            f"{run.path}: found a run that is not finished, expected one with figures to compare"
        )
    own = run.path.resolve().parent
    cfg.group = group or f"{own.name}-again"
    if cfg.group == own.name:
        raise InputError(f"--into {cfg.group}: found the run's own group, expected another")
    cfg.test = bool(cfg.test and test)
    cfg.paths.runs = str(own.parent)
    cfg.logger = _as_of_now(cfg.logger)
    return cfg


def _as_of_now(logger: DictConfig) -> DictConfig:
    """The logger of the same class with today's settings, those that the run gave as it gave them.

    It is no part of the run, so it may have moved or changed since the run was made.
    """
    name = logger._target_.rpartition(".")[2]
    for option in options("logger"):
        now = component("logger", option)
        if now._target_.rpartition(".")[2] == name:
            for key, value in logger.items():
                if key in now and key != "_target_":
                    now[key] = value
            return now
    return logger


def changes_since(run: RunFolder, cfg: DictConfig) -> list[str]:
    """What differs between the run's surroundings and those of now: code, versions, device, data.

    Data and graph are prepared for it; of a run that did not record them nothing can be told.

    Raises:
        InputError: data that cannot be read.
    """
    dataset = load_dataset(cfg)
    graph = load_graph(cfg, dataset) if target_class(cfg.model).needs_graph else None
    now = {**environment(cfg.seed), "data": data_digests(ModelInputs(dataset, graph))}
    before = run.read_env()
    stored = before.setdefault("data", {"dataset": run.read_summary().get("protocol/data_sha256")})
    found = changes(before, now)
    found += [f"{name}: not recorded by the run" for name in ("dataset", "graph") if name not in stored]
    if any((env["git"] or {}).get("dirty") for env in (before, now)):
        found.append("uncommitted changes then or now: the code may differ")
    return found


def beside(before: RunFolder, after: RunFolder, tolerance: float) -> tuple[Table, list[str]]:
    """Every metric of the first run and of its repetition.

    Args:
        before: the run.
        after: its repetition; metrics of test are left out where it did not read them.
        tolerance: largest absolute difference that counts as none.

    Returns:
        The table, and the metrics that moved by more or that one run has and the other lacks.
    """
    first, second = before.read_summary(), after.read_summary()
    parts = MEASURED if any(key.startswith("test/") for key in second) else ("valid/",)
    rows: list[list[Value]] = []
    moved = []
    for key in dict.fromkeys(key for key in (*first, *second) if key.startswith(parts)):
        a, b = first.get(key), second.get(key)
        difference = None if a is None or b is None else b - a
        gone = (a is None) != (b is None)
        if gone or (difference is not None and abs(difference) > tolerance):
            moved.append(key)
        rows.append([key, a, b, difference, "yes" if key in moved else ""])
    return Table(["metric", "before", "now", "now - before", "moved"], rows, digits=6), moved
