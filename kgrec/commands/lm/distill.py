"""``kgrec lm distill``: teach a small model what a large one says of the items."""

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kgrec.cli import CommandParser
from kgrec.commands.lm import MODEL_HELP, OUT_HELP, add_corpus
from kgrec.errors import InputError

if TYPE_CHECKING:
    from kgrec.lm.distill import Distillation
    from kgrec.lm.folder import LanguageModel

OBJECTIVES = "embedding,ranking"


def main(arguments: Sequence[str]) -> int:
    """Train the student, save it, compare it with the teacher."""
    given = _parser().parse_intermixed_args(arguments)

    import shutil

    from kgrec.lm.agreement import agreement, encoder_of, shown
    from kgrec.lm.folder import (
        check_out,
        checkpoint_dir,
        find_lm,
        load_lm,
        new_step,
        weights_sha256,
        write_folder,
        write_pretrained,
    )
    from kgrec.pipeline import settings as plain
    from kgrec.reporting.environment import commit
    from kgrec.training.checkpoint import Checkpoint

    schedule, cfg = _schedule(given), _composed(given)
    settings: dict[str, Any] = {
        "teacher": given.teacher,
        "teacher_sha256": weights_sha256(find_lm(given.teacher)),
        "pooling": given.pooling,
        "schedule": asdict(schedule),
        "data": given.overrides,
        "objectives": plain(cfg)["objectives"],
    }
    step = new_step("distill", ["lm", "distill", *arguments], settings, given.student, commit())
    check_out(given.out, step)
    teacher, student = load_lm(given.teacher), load_lm(given.student)
    work = _distillation(given, cfg, teacher, student)
    print(f"{len(work.texts)} texts of warm items; one in {round(1 / schedule.held_out)} held out to stop by")
    checkpoint = Checkpoint(checkpoint_dir(given.out))
    of_run = {"parent": step.parent_sha256, **{name: str(value) for name, value in settings.items()}}
    figures = work.run(checkpoint, of_run)
    big = encoder_of(teacher.folder, teacher.max_length, given.pooling)
    done = write_folder(
        given.out,
        lambda folder: write_pretrained(folder, student.network.cpu(), student.tokenizer),
        [*student.lineage, replace(step, figures=figures)],
        lambda folder: agreement(big, encoder_of(folder, student.max_length, given.pooling), work.texts),
    )
    shutil.rmtree(checkpoint.folder, ignore_errors=True)
    print(f"{given.out}: {figures['epochs']:.0f} epochs, the best is {figures['best_epoch']:.0f}")
    for name in ("held_out_loss", "similarity_correlation", "neighbours@10"):
        print(f"{name:<23} {figures[f'{name}_before']:.4f} → {figures[name]:.4f}, on held-out texts")
    print(f"beside the teacher:\n{shown(done.figures)}")
    return 0


def _parser() -> CommandParser:
    parser = CommandParser(
        "lm distill",
        "Train a student until its vectors of item texts say what the teacher's say. Reads the texts of\n"
        "warm items alone, a part of them held out to stop by. Objectives are the files of conf/lm_distill,\n"
        "added up; objectives.NAME.KEY=VALUE changes one. The same command goes on where it was stopped.",
        "  kgrec lm prune minilm --out small --layers 1 data=ml-100k\n"
        "  kgrec lm distill minilm small data=ml-100k --out taught --objectives ranking,graph",
    )
    parser.add_argument("teacher", help=MODEL_HELP)
    parser.add_argument("student", help="as the teacher; it keeps its size and its tokenizer")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help=OUT_HELP)
    parser.add_argument(
        "--objectives", default=OBJECTIVES, metavar="A,B", help=f"of conf/lm_distill (default: {OBJECTIVES})"
    )
    parser.add_argument("--epochs", type=int, default=30, help="at most (default: 30)")
    parser.add_argument("--batch-size", type=int, default=64, help="texts a step (default: 64)")
    parser.add_argument("--lr", type=float, default=3e-4, help="highest learning rate (default: 3e-4)")
    parser.add_argument("--weight-decay", type=float, default=0.01, help="default: 0.01")
    parser.add_argument("--patience", type=int, default=4, help="epochs without gain (default: 4)")
    parser.add_argument("--held-out", type=float, default=0.1, help="share of the texts (default: 0.1)")
    parser.add_argument("--pooling", default="mean", help="mean | cls | max | last (default: mean)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of the training (default: 0)")
    add_corpus(parser)
    return parser


def _schedule(given: Namespace) -> Any:
    from kgrec.lm.distill import Schedule

    return Schedule(
        given.epochs,
        given.batch_size,
        given.lr,
        given.weight_decay,
        given.patience,
        given.held_out,
        given.seed,
    )


def _composed(given: Namespace) -> Any:
    """The dataset and the objectives.

    Raises:
        InputError: no such objective, or what :func:`kgrec.build.compose` refuses.
    """
    from kgrec.build import compose, options

    names = given.objectives.split(",")
    if unknown := sorted(set(names) - set(options("lm_distill"))):
        raise InputError(
            f"--objectives: found {unknown[0]!r}, expected some of {', '.join(options('lm_distill'))}"
        )
    chosen = [f"+lm_distill@objectives.{name}={name}" for name in dict.fromkeys(names)]
    return compose([*chosen, *given.overrides])


def _distillation(
    given: Namespace, cfg: Any, teacher: "LanguageModel", student: "LanguageModel"
) -> "Distillation":
    import torch

    from kgrec.build import build
    from kgrec.kg.fact_vectors import fact_vectors
    from kgrec.lm.distill import Distillation, sizes_of
    from kgrec.pipeline import load_dataset, load_facts, warm_corpus
    from kgrec.seed import stream_seed

    dataset = load_dataset(cfg)
    items = warm_corpus(cfg, dataset)
    sizes = sizes_of(teacher, student)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream_seed(given.seed, "lm", "maps"))
        objectives = {name: build(node)(sizes=sizes) for name, node in cfg.objectives.items()}
    facts = None
    if any(objective.needs_facts for objective in objectives.values()):
        facts = fact_vectors(*load_facts(cfg, dataset))[list(items.values())]
    return Distillation(teacher, student, list(items), objectives, facts, _schedule(given), given.pooling)
