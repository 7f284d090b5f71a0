"""``kgrec kg doctor``: what is wrong with the graph."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kgrec.cli import OVERRIDES_HELP, CommandParser
from kgrec.errors import InputError

if TYPE_CHECKING:
    from kgrec.data.doctor import Report, Section

MAX_VIOLATIONS = 20


def main(arguments: Sequence[str]) -> int:
    """Print the report; 1 where there is a problem."""
    parser = CommandParser(
        "kg doctor",
        "Broken rows, undeclared prefixes, relations used in both ways or once, hubs, dangling links,\n"
        "unlinked items, leaks, cyclic owl:sameAs, counts against the published ones; 1 where it finds some.",
        "  kgrec kg doctor data=ml-100k\n"
        "  kgrec kg doctor data=custom data.source.interactions=ratings.csv data.source.kg=films.ttl \\\n"
        "    --shapes shapes.ttl",
    )
    parser.add_argument("overrides", nargs="*", metavar="setting", help=OVERRIDES_HELP)
    parser.add_argument("--shapes", type=Path, help="SHACL shapes that the graph must fit; needs pyshacl")
    given = parser.parse_intermixed_args(arguments)

    from kgrec.build import compose
    from kgrec.data.doctor import Report

    cfg = compose(given.overrides)
    report = _examine(cfg)
    if given.shapes is not None:
        report = Report(report.name, (*report.sections, _shapes(cfg, given.shapes)))
    print(report.to_text())
    return int(report.problems > 0)


def _examine(cfg: Any) -> "Report":
    """The whole report, or of data that cannot be read or prepared what can be said of the graph alone."""
    from kgrec.build import build
    from kgrec.data.doctor import Report, Section
    from kgrec.data.graph_doctor import diagnose_graph, graph_sections
    from kgrec.data.linkable import linkable
    from kgrec.pipeline import load_raw, locate_raw, prepare_dataset

    root = locate_raw(cfg)
    try:
        raw = load_raw(cfg)
        return diagnose_graph(raw, prepare_dataset(cfg, raw))
    except InputError as error:
        reading = Section("Reading")
        reading.problem_if(True, str(error))
    source = build(cfg.data.source)
    try:
        found = linkable(source, root)
    except InputError:  # the same fault, told above
        return Report(source.name, (reading,))
    return Report(source.name, (reading, *graph_sections(found.facts, found.links)))


def _shapes(cfg: Any, shapes: Path) -> "Section":
    """Violations of the shapes: of the graph's own file where it is RDF, else of its triples as RDF."""
    import tempfile

    from kgrec.build import build
    from kgrec.data.custom import Custom
    from kgrec.data.doctor import Section
    from kgrec.kg.rdf import write_rdf
    from kgrec.kg.shacl import violations
    from kgrec.pipeline import load_raw, locate_raw

    source = build(cfg.data.source)
    own = source.rdf_file(locate_raw(cfg)) if isinstance(source, Custom) else None
    with tempfile.TemporaryDirectory() as folder:
        if own is None:
            own = Path(folder) / "graph.nt"
            write_rdf(load_raw(cfg).triples, own)
        found = violations(own, shapes)
    section = Section(f"Shapes of {shapes}")
    section.problem_if(len(found) > 0, f"{len(found):,} violations")
    for line in found[:MAX_VIOLATIONS]:
        section.note(line)
    return section
