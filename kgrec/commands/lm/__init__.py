"""``kgrec lm``: what is done to a language model; one file per verb."""

from collections.abc import Sequence

from kgrec.cli import run_action

ACTIONS = {
    "pretrain": "teach a BERT the words of a corpus, from scratch or further",
    "tune": "train an encoder for recommendation, whole or by a few weights",
    "prune": "drop layers, attention heads, inner width and unused words",
    "quantize": "store weights in 8 bits",
    "distill": "teach a small model what a large one says of the items",
    "export": "write ONNX or safetensors, read back and compared",
}
EXAMPLE = """\
  kgrec lm pretrain bert_tiny data=ml-100k --out tiny
  kgrec lm tune minilm_l1 data=ml-100k --out tuned
  kgrec lm prune minilm --out smaller --layers 1 --data ml-100k
  kgrec lm quantize smaller --out smaller-int8"""


def main(arguments: Sequence[str]) -> int:
    """Run one verb."""
    return run_action("lm", ACTIONS, EXAMPLE, arguments)
