"""``kgrec lm pretrain``: a BERT that learns the words of a corpus."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kgrec.cli import OVERRIDES_HELP, CommandParser
from kgrec.commands.lm.training import start_run, trained_step
from kgrec.errors import InputError

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from kgrec.lm.folder import Step
    from kgrec.reporting.run_folder import RunFolder

DECISIVE = ("data", "text", "lm_size", "lm_corpus", "lm_pretrain", "train", "seed")
"""Parts of the configuration that decide what comes out."""


def main(arguments: Sequence[str]) -> int:
    """Pretrain from scratch, or go on with a checkpoint."""
    parser = CommandParser(
        "lm pretrain",
        "Masked words and next sentences, on the texts of a dataset's warm items or on its facts. MODEL is\n"
        "a size (conf/lm_size: a new BERT with a tokenizer trained on the corpus) or a BERT to go on with.\n"
        "Perplexity of masked words on held-out documents stops it. The same command goes on where it\n"
        "was stopped.",
        "  kgrec lm pretrain bert_tiny data=ml-100k --out tiny train.optimizer.lr=0.0005\n"
        "  kgrec lm pretrain minilm_l6 data=ml-100k --corpus facts --out knows-films",
    )
    parser.add_argument("model", help="a size in conf/lm_size, an option of lm=…, a folder, or a hub name")
    parser.add_argument("overrides", nargs="*", metavar="setting", help=OVERRIDES_HELP)
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument(
        "--corpus", default="items", help="conf/lm_corpus/CORPUS.yaml: items | facts (default: items)"
    )
    given = parser.parse_intermixed_args(arguments)

    step = _pretrain(given.model, given.corpus, given.overrides, given.out, ["lm", "pretrain", *arguments])
    print(_told(step.figures))
    print(given.out)
    return 0


def compose_pretraining(model: str, corpus: str, overrides: Sequence[str]) -> "DictConfig":
    """The configuration of one pretraining; ``lm_size`` is part of it where it begins from scratch.

    Raises:
        InputError: no such corpus, or what :func:`kgrec.build.compose` refuses.
    """
    from kgrec.build import compose, options
    from kgrec.studies.plan import last_of_each

    if corpus not in options("lm_corpus"):
        raise InputError(f"--corpus: found {corpus!r}, expected one of {', '.join(options('lm_corpus'))}")
    if model in options("lm_size"):
        named = [f"+lm_size={model}", "lm=none"]
    else:
        named = [f"lm={model}"] if model in options("lm") else ["lm=hf", f"lm.model={model}"]
    chosen = [*named, f"+lm_corpus={corpus}", "+lm_pretrain=default", "train=lm_pretrain"]
    cfg = compose(last_of_each([*chosen, *overrides]))
    if "lm_size" not in cfg and "model" not in cfg.lm:
        raise InputError(f"lm={model}: found no language model to go on with")
    return cfg


def _pretrain(model: str, corpus: str, overrides: Sequence[str], out: Path, command: list[str]) -> "Step":
    """The step, measured now or earlier."""
    cfg = compose_pretraining(model, corpus, overrides)
    parent = None if "lm_size" in cfg else cfg.lm.model
    return trained_step("pretrain", cfg, DECISIVE, parent, out, command, _train)


def _told(figures: dict[str, float]) -> str:
    """What came of it, in one line."""
    follows = ""
    if "valid/next_sentence/after" in figures:
        before, after = (100 * figures[f"valid/next_sentence/{when}"] for when in ("before", "after"))
        follows = f"next sentence told rightly {before:.1f} -> {after:.1f} %, "
    return (
        f"{figures['params']:,.0f} parameters, {figures['pairs']:,.0f} pairs, perplexity of masked words "
        f"{figures['valid/perplexity/before']:.4g} -> {figures['valid/perplexity/after']:.4g} "
        f"(epoch {figures['best_epoch']:.0f} of {figures['epochs']:.0f}), {follows}"
        f"{figures['train_s']:.0f} s, peak {figures['peak_memory_mb']:.0f} MB"
    )


def _train(cfg: "DictConfig", run: "RunFolder") -> tuple[Any, Any, dict[str, float]]:
    """Network, tokenizer, figures."""
    from kgrec.build import build
    from kgrec.lm.folder import find_lm
    from kgrec.lm.pretraining.corpus import examples, split_documents
    from kgrec.lm.pretraining.masked_model import MaskedModel
    from kgrec.lm.pretraining.pretrain import pretrain
    from kgrec.lm.pretraining.start import continued
    from kgrec.pipeline import item_texts, load_dataset, load_trainer
    from kgrec.reporting.loggers.none import NoLogger
    from kgrec.seed import numpy_generator, seed_everything

    trainer = load_trainer(cfg)
    dataset = load_dataset(cfg)
    documents = build(cfg.lm_corpus).documents(dataset, item_texts(cfg, dataset))
    own = cfg.lm_pretrain
    learned, held_out = (
        examples(part, own.next_sentence, numpy_generator(cfg.seed, "pretraining", "pairs", name))
        for name, part in zip(
            ("train", "valid"), split_documents(documents, own.held_out, cfg.seed), strict=True
        )
    )
    seed_everything(cfg.seed)
    if "lm_size" in cfg:
        network, tokenizer = build(cfg.lm_size).start(learned.texts())
    else:
        network, tokenizer = continued(find_lm(cfg.lm.model))
    masking, size = build(own.masking), cfg.train.batch_size
    model = MaskedModel(network, tokenizer, learned, held_out, masking, own.max_length, size, cfg.seed)
    start_run(cfg, run)
    figures = pretrain(model, learned.rows, trainer, run, NoLogger(), cfg.seed)
    return model.cpu().network, tokenizer, figures
