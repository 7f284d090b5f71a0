"""``kgrec train``: one run, or one for each combination of a multirun."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kgrec.cli import OVERRIDES_HELP, CommandParser, is_main_process

if TYPE_CHECKING:
    from kgrec.multirun import Job
    from kgrec.reporting.run_folder import RunFolder
    from kgrec.reporting.tables import Table, Value

SHOWN_METRICS = ("recall", "ndcg", "mrr")

EXAMPLE = """\
  kgrec train data=planted lm=hashing gnn=rgcn fusion=concat
  kgrec train data=lastfm model=lightgcn seed=1
  kgrec train -m lm=minilm_l0,hashing seed=0,1 group=encoders
  kgrec train -m launcher=joblib launcher.jobs=2 kg=none,full 'seed=range(5)' group=graphs
  accelerate launch --multi_gpu --num_processes 2 -m kgrec train   (no GPU: train.runtime.device=cpu)"""


def main(arguments: Sequence[str]) -> int:
    """Train and show the figures; 1 where a job of a multirun failed."""
    parser = _parser()
    given = parser.parse_intermixed_args(arguments)
    code = _train_all(given.overrides) if given.multirun else _train_one(given.overrides)
    from kgrec.training.runtime import part_processes

    part_processes()
    return code


def _parser() -> CommandParser:
    from kgrec.build import groups, options

    choices = "\n".join(f"  {group:<12} {', '.join(options(group))}" for group in groups())
    parser = CommandParser(
        "train",
        "Train a model, evaluate it, leave a run folder <paths.runs>/<group>/<run id>. A finished run of\n"
        "the same settings is not trained again, a stopped one goes on.\n\n"
        f"groups (group=option; every setting inside is group.key=value):\n{choices}",
        EXAMPLE,
    )
    parser.add_argument("overrides", nargs="*", metavar="setting", help=OVERRIDES_HELP.partition(";")[0])
    parser.add_argument(
        "-m", "--multirun", action="store_true", help="a run for each combination of values a,b,…"
    )
    return parser


def _train_one(overrides: Sequence[str]) -> int:
    from kgrec.build import compose
    from kgrec.reporting.tables import render_text
    from kgrec.train import train

    run = train(compose(overrides))
    if is_main_process():
        print(render_text(_metrics_table(run)) + f"\n{run.path}")
    return 0


def _train_all(overrides: Sequence[str]) -> int:
    """One failing job does not stop the others."""
    from kgrec.multirun import multirun
    from kgrec.reporting.tables import Table, render_text

    jobs = multirun(overrides)
    failed = [job for job in jobs if job.message]
    if is_main_process():
        common = set.intersection(*(set(job.overrides) for job in jobs))
        print(render_text(_jobs_table(jobs, common)))
        if failed:
            rows = [[_varied(job, common), job.message] for job in failed]
            print(render_text(Table(["failed", "why"], rows)))
    return int(bool(failed))


def _varied(job: "Job", common: set[str]) -> str:
    return " ".join(override for override in job.overrides if override not in common)


def _metrics_table(run: "RunFolder") -> "Table":
    """The leading metrics, at the cut-off of the selection metric if it has one; validation beside test."""
    from kgrec.reporting.tables import Table

    summary = run.read_summary()
    cutoff = summary["protocol/selected_on"].partition("@")[2]
    names = [key.partition("/")[2] for key in summary if key.startswith(("valid/", "test/"))]
    wanted = list(dict.fromkeys(name for name in names if "/" not in name))  # a task without cut-offs has few
    if cutoff:
        wanted = [f"{part}{metric}@{cutoff}" for part in ("cold/", "") for metric in SHOWN_METRICS]
    return Table(
        ["metric", "valid", "test"],
        [
            [name, summary.get(f"valid/{name}"), summary.get(f"test/{name}")]
            for name in wanted
            if name in names
        ],
    )


def _jobs_table(jobs: "Sequence[Job]", common: set[str]) -> "Table":
    from kgrec.reporting.tables import Table

    rows: list[list[Value]] = []
    keys: list[str] = []
    for job in jobs:
        if not job.run.is_finished:
            rows.append([_varied(job, common), None, None, "failed"])
            continue
        summary = job.run.read_summary()
        selected = summary["protocol/selected_on"]
        keys.append(selected)
        test = summary.get(selected.replace("valid/", "test/", 1))
        rows.append([_varied(job, common), summary[selected], test, str(job.run.path)])
    metric = ", ".join(dict.fromkeys(key.removeprefix("valid/") for key in keys)) or "metric"
    return Table(["settings", f"valid {metric}", f"test {metric}", "run"], rows)
