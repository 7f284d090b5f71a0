"""``kgrec lm export``: write ONNX or safetensors, read back and compared."""

from collections.abc import Sequence
from pathlib import Path

from kgrec.cli import CommandParser
from kgrec.commands.lm import MODEL_HELP

FORMATS = ("onnx", "safetensors")


def main(arguments: Sequence[str]) -> int:
    """Write, read back, compare."""
    parser = CommandParser(
        "lm export",
        "Write a model with its tokenizer as ONNX (read by lm=onnx) or as safetensors in float32 (read by\n"
        "lm=hf), then read it back and print the largest difference of a vector's number.",
        "  kgrec lm export minilm --out minilm-onnx --format onnx",
    )
    parser.add_argument("model", help=MODEL_HELP)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write")
    parser.add_argument("--format", choices=FORMATS, required=True, help="onnx | safetensors")
    parser.add_argument("--pooling", default="mean", help="mean | cls | max | last (default: mean)")
    given = parser.parse_args(arguments)

    from kgrec.lm.agreement import encoder_of
    from kgrec.lm.export import TEXTS, largest_difference, onnx_encoder, write_onnx
    from kgrec.lm.folder import check_out, load_lm, new_step, write_folder, write_pretrained
    from kgrec.reporting.environment import commit

    settings = {"format": given.format, "pooling": given.pooling}
    step = new_step("export", ["lm", "export", *arguments], settings, given.model, commit())
    check_out(given.out, step)
    model = load_lm(given.model)
    parent = encoder_of(model.folder, model.max_length, given.pooling)

    def fill(folder: Path) -> None:
        if given.format == "onnx":
            write_onnx(folder, model)
        else:
            write_pretrained(folder, model.network, model.tokenizer)

    def measure(folder: Path) -> dict[str, float]:
        read = onnx_encoder if given.format == "onnx" else encoder_of
        after = read(folder, model.max_length, given.pooling)
        return {
            "largest_difference": largest_difference(parent, after, TEXTS),
            "bytes": after.cost()["lm_bytes"],
        }

    done = write_folder(given.out, fill, [*model.lineage, step], measure)
    print(
        f"{given.out}: {done.figures['bytes']:,.0f} bytes, read back: largest difference "
        f"{done.figures['largest_difference']:.2g} over {len(TEXTS)} texts"
    )
    return 0
