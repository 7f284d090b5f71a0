"""``kgrec lm average``: one model from several that were tuned from one."""

from collections.abc import Sequence
from pathlib import Path

from kgrec.cli import CommandParser
from kgrec.commands.lm import MODEL_HELP, OUT_HELP


def main(arguments: Sequence[str]) -> int:
    """Average, save."""
    parser = CommandParser(
        "lm average",
        "Write the mean of the weights of models that were tuned from the same one, by other seeds or\n"
        "settings: a model soup, which costs no more than one of them. Whether it is better, validation\n"
        "tells: kgrec train lm=hf lm.model=DIR test=false. lm=ensemble joins models of any kind instead.",
        "  kgrec lm average tuned-0 tuned-1 tuned-2 --out soup",
    )
    parser.add_argument("models", nargs="+", metavar="model", help=MODEL_HELP)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help=OUT_HELP)
    given = parser.parse_args(arguments)

    from dataclasses import replace

    from kgrec.lm.average import VERB, average, parents
    from kgrec.lm.folder import check_out, new_step, save_lm
    from kgrec.reporting.environment import commit

    settings = {"parents": parents(given.models)}
    step = new_step(VERB, ["lm", VERB, *arguments], settings, given.models[0], commit())
    check_out(given.out, step)
    model, figures = average(given.models)
    save_lm(given.out, model.network, model.tokenizer, [*model.lineage, replace(step, figures=figures)])
    print(
        f"{given.out}: the mean of {len(given.models)} models, which lie "
        f"{100 * figures['distance']:.2g} % of its length away from it"
    )
    return 0
