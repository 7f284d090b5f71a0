"""``kgrec lm quantize``: store weights in 8 bits."""

from collections.abc import Callable, Sequence
from pathlib import Path

from kgrec.cli import CommandParser
from kgrec.commands.lm import MODEL_HELP, add_corpus

METHODS = ("own", "dynamic", "static", "torchao", "torchao_dynamic")


def main(arguments: Sequence[str]) -> int:
    """Quantise, save, compare."""
    parser = CommandParser(
        "lm quantize",
        "Store weights in 8 bits. own: kgrec's, each token by its own scale; read by lm=hf lm.dtype=int8,\n"
        "or with lm.dtype=float32 as rounded weights alone. dynamic, static: ONNX, read by lm=onnx; static\n"
        "takes the ranges of activations from texts of warm items. torchao: linear layers alone, weights\n"
        "only, or (torchao_dynamic) products in whole numbers too; read by lm=hf. The cosine to the model\n"
        "before is shown.",
        "  kgrec lm quantize minilm --out minilm-int8 --method dynamic data=ml-100k",
    )
    parser.add_argument("model", help=MODEL_HELP)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write")
    parser.add_argument("--method", choices=METHODS, default="own", help="default: own")
    parser.add_argument("--pooling", default="mean", help="mean | cls | max | last (default: mean)")
    add_corpus(parser)
    given = parser.parse_intermixed_args(arguments)

    from functools import partial

    from kgrec.commands.lm import corpus
    from kgrec.lm.agreement import agreement, encoder_of, shown
    from kgrec.lm.export import onnx_encoder
    from kgrec.lm.folder import check_out, load_lm, new_step, write_folder
    from kgrec.lm.quantize import METHODS as WRITERS
    from kgrec.reporting.environment import commit
    from kgrec.text.encoder import TextEncoder

    readers: dict[str, Callable[..., TextEncoder]] = {
        "own": partial(encoder_of, dtype="int8"),
        "dynamic": onnx_encoder,
        "static": onnx_encoder,
    }
    settings = {name: getattr(given, name) for name in ("method", "pooling")}
    settings["data"] = given.overrides
    step = new_step("quantize", ["lm", "quantize", *arguments], settings, given.model, commit())
    check_out(given.out, step)
    model, texts = load_lm(given.model), corpus(given)
    parent = encoder_of(model.folder, model.max_length, given.pooling)

    def measure(folder: Path) -> dict[str, float]:
        read = readers.get(given.method, encoder_of)
        return agreement(parent, read(folder, model.max_length, given.pooling), texts)

    done = write_folder(
        given.out,
        lambda folder: WRITERS[given.method](folder, model, texts),
        [*model.lineage, step],
        measure,
    )
    print(f"{given.out}\n{shown(done.figures)}")
    return 0
