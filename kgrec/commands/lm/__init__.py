"""``kgrec lm``: what is done to a language model; one file per verb."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

from kgrec.cli import OVERRIDES_HELP, run_action

ACTIONS = {
    "pretrain": "teach a BERT the words of a corpus, from scratch or further",
    "tune": "train an encoder for recommendation, whole or by a few weights",
    "average": "one model from several that were tuned from one",
    "prune": "drop layers, attention heads, inner width and unused words",
    "quantize": "store weights in 8 bits",
    "distill": "teach a small model what a large one says of the items",
    "export": "write ONNX or safetensors, read back and compared",
}
EXAMPLE = """\
  kgrec lm pretrain bert_tiny data=ml-100k --out tiny
  kgrec lm tune minilm_l1 data=ml-100k --out tuned
  kgrec lm prune minilm --out smaller --layers 1 data=ml-100k
  kgrec lm quantize smaller --out smaller-int8 data=ml-100k"""

MODEL_HELP = "minilm (packaged), packaged:<python package>, a folder, or a hub name"
OUT_HELP = "folder to write: any lm config reads it, lm=hf lm.model=DIR"


def main(arguments: Sequence[str]) -> int:
    """Run one verb."""
    return run_action("lm", ACTIONS, EXAMPLE, arguments)


def add_corpus(parser: ArgumentParser) -> None:
    """The settings that name a dataset, whose item texts are read."""
    parser.add_argument("overrides", nargs="*", metavar="setting", help=OVERRIDES_HELP)


def corpus(given: Namespace) -> list[str]:
    """The texts that the arguments of :func:`add_corpus` name; see :func:`kgrec.pipeline.warm_corpus`."""
    from kgrec.build import compose
    from kgrec.pipeline import load_dataset, warm_corpus

    cfg = compose(given.overrides)
    return list(warm_corpus(cfg, load_dataset(cfg)))
