"""``kgrec data``: bring a dataset, count it, look for its faults."""

from collections.abc import Sequence

from kgrec.cli import OVERRIDES_HELP, CommandParser

ACTIONS = ("fetch", "stats", "doctor")


def main(arguments: Sequence[str]) -> int:
    """Run one action; 1 where the doctor found a problem."""
    parser = CommandParser(
        "data",
        "fetch: bring the raw files to the data folder, checksums checked.\n"
        "stats: what the files hold, and what each preparation step leaves of it.\n"
        "doctor: counts against the published ones, broken rows, links, texts, leaks; 1 where it finds some.",
        "  kgrec data doctor data=ml-100k data.source.repair_links=false\n"
        "  kgrec data stats data=custom data.source.interactions=ratings.csv",
    )
    parser.add_argument("action", choices=ACTIONS, help="see above")
    parser.add_argument("overrides", nargs="*", metavar="setting", help=OVERRIDES_HELP)
    given = parser.parse_args(arguments)

    from kgrec.build import compose
    from kgrec.data.doctor import diagnose
    from kgrec.pipeline import load_raw, locate_raw, prepare_dataset

    cfg = compose(given.overrides)
    if given.action == "fetch":
        print(locate_raw(cfg))
        return 0
    raw = load_raw(cfg)
    dataset = prepare_dataset(cfg, raw)
    if given.action == "stats":
        print(
            "\n".join(
                [f"{raw.name} ({raw.card.origin}; licence: {raw.card.licence})", *dataset.preparation_log]
            )
        )
        return 0
    report = diagnose(raw, dataset)
    print(report.to_text())
    return int(report.problems > 0)
