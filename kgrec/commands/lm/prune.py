"""``kgrec lm prune``: drop layers, attention heads, inner width and unused words."""

from collections.abc import Sequence
from pathlib import Path

from kgrec.cli import CommandParser
from kgrec.commands.lm import MODEL_HELP, OUT_HELP, add_corpus
from kgrec.errors import InputError


def main(arguments: Sequence[str]) -> int:
    """Prune, save, compare."""
    parser = CommandParser(
        "lm prune",
        "Leave out layers, attention heads, neurons of the feed-forward parts and rows of the vocabulary;\n"
        "the matrices get smaller. Heads and neurons go by their importance for the vectors of the item\n"
        "texts of warm items. What is left is saved as a model folder with its lineage, and compared.",
        "  kgrec lm prune minilm --out smaller --layers 1-3 --heads 8 --width 1024 data=ml-100k",
    )
    parser.add_argument("model", help=MODEL_HELP)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help=OUT_HELP)
    parser.add_argument("--layers", metavar="N,…", help="layers kept, numbered from 1: 1,3,6 or 1-3")
    parser.add_argument("--heads", type=int, metavar="N", help="attention heads kept in each layer")
    parser.add_argument("--width", type=int, metavar="N", help="neurons kept in each feed-forward part")
    parser.add_argument(
        "--cut-vocabulary", action="store_true", help="keep only the pieces that the item texts use"
    )
    parser.add_argument("--pooling", default="mean", help="mean | cls | max | last (default: mean)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of the estimate (default: 0)")
    add_corpus(parser)
    given = parser.parse_intermixed_args(arguments)
    layers = None if given.layers is None else layer_numbers(given.layers)
    if (layers, given.heads, given.width, given.cut_vocabulary) == (None, None, None, False):
        raise InputError("found nothing to prune, expected --layers, --heads, --width or --cut-vocabulary")

    from dataclasses import asdict
    from functools import partial

    from kgrec.commands.lm import corpus
    from kgrec.lm.agreement import agreement, encoder_of, shown
    from kgrec.lm.folder import check_out, load_lm, new_step, write_folder
    from kgrec.lm.prune import Pruning, save_pruned
    from kgrec.reporting.environment import commit

    pruning = Pruning(layers, given.heads, given.width, given.cut_vocabulary, given.pooling, given.seed)
    settings = {
        **asdict(pruning),
        "layers": list(layers or []) or None,
        "corpus": given.overrides,
    }
    step = new_step("prune", ["lm", "prune", *arguments], settings, given.model, commit())
    check_out(given.out, step)
    model, texts = load_lm(given.model), corpus(given)
    kept = pruning.apply(model, texts)
    parent = encoder_of(model.folder, model.max_length, given.pooling)
    done = write_folder(
        given.out,
        partial(save_pruned, network=model.network, tokenizer=model.tokenizer, kept=kept),
        [*model.lineage, step],
        lambda folder: agreement(parent, encoder_of(folder, model.max_length, given.pooling), texts),
    )
    print(f"{given.out}\n{shown(done.figures)}")
    return 0


def layer_numbers(text: str) -> tuple[int, ...]:
    """``1,3,6`` or ``1-3`` or a mixture → numbers.

    Raises:
        InputError: it is written otherwise.
    """
    numbers: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise InputError(f"--layers: found {text!r}, expected numbers such as 1,3,6 or 1-3")
        numbers += range(int(first), int(last or first) + 1)
    return tuple(numbers)
