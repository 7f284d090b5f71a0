"""``kgrec kg``: the knowledge graph; one file per action."""

from collections.abc import Sequence

from kgrec.cli import run_action

ACTIONS = {
    "stats": "size, shape and reach of the graph, as JSON",
    "show": "the facts of an item or entity",
    "convert": "RDF and other graph files into one .npz, fast",
    "fetch": "triples from a SPARQL endpoint, page by page",
    "link": "which entity of the graph each item is, with a report",
    "doctor": "what is wrong with the graph; 1 where something is",
    "rules": "rules that hold in the graph, with their confidence",
    "export": "the graph as RDF, GraphML, PyG tensors, links; vectors of a run",
}
EXAMPLE = """\
  kgrec kg stats data=lastfm
  kgrec kg show "Toy Story" data=ml-100k
  kgrec kg rules data=ml-100k --min-support 20 --out rules.csv
  kgrec kg export films.ttl data=ml-100k kg=rewired"""


def main(arguments: Sequence[str]) -> int:
    """Run one action."""
    return run_action("kg", ACTIONS, EXAMPLE, arguments)
