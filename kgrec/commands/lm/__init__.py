"""``kgrec lm``: what is done to a language model; one file per verb."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

from kgrec.cli import OVERRIDES_HELP, run_action
from kgrec.errors import InputError

ACTIONS = {
    "prune": "drop layers, attention heads, inner width and unused words",
    "quantize": "store weights in 8 bits",
    "distill": "teach a small model what a large one says of the items",
    "export": "write ONNX or safetensors, read back and compared",
}
EXAMPLE = """\
  kgrec lm prune minilm --out smaller --layers 1 --data ml-100k
  kgrec lm quantize smaller --out smaller-int8 --data ml-100k"""

MODEL_HELP = "minilm (packaged), packaged:<python package>, a folder, or a hub name"
OUT_HELP = "folder to write: any lm config reads it, lm=hf lm.model=DIR"


def main(arguments: Sequence[str]) -> int:
    """Run one verb."""
    return run_action("lm", ACTIONS, EXAMPLE, arguments)


def add_corpus(parser: ArgumentParser) -> None:
    """Arguments that name the texts of a dataset's items."""
    parser.add_argument("--data", required=True, metavar="NAME", help="dataset whose item texts are read")
    parser.add_argument("overrides", nargs="*", metavar="setting", help=f"of the dataset: {OVERRIDES_HELP}")


def corpus(given: Namespace) -> list[str]:
    """The non-empty texts of warm items, each once: cold items decide nothing about a model.

    Args:
        given: what :func:`add_corpus` reads.

    Raises:
        InputError: there is none.
    """
    from kgrec.build import compose
    from kgrec.pipeline import load_dataset, warm_texts

    cfg = compose([f"data={given.data}", *given.overrides])
    dataset = load_dataset(cfg)
    texts = list(dict.fromkeys(text for text in warm_texts(cfg, dataset) if text.strip()))
    if not texts:
        raise InputError(f"--data: {given.data} has no item text, expected a dataset with texts")
    return texts
