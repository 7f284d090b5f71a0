"""``kgrec kg``: the knowledge graph; one file per action."""

from collections.abc import Sequence

from kgrec.cli import run_action

ACTIONS = {
    "stats": "size, shape and reach of the graph, as JSON",
    "show": "the facts of an item or entity",
    "export": "the graph as RDF, GraphML, PyG tensors, links; vectors of a run",
    "convert": "RDF and other graph files into one .npz, fast",
    "fetch": "triples from a SPARQL endpoint, page by page",
}
EXAMPLE = """\
  kgrec kg stats data=lastfm
  kgrec kg show "Toy Story" data=ml-100k
  kgrec kg export films.ttl data=ml-100k kg=rewired"""


def main(arguments: Sequence[str]) -> int:
    """Run one action."""
    return run_action("kg", ACTIONS, EXAMPLE, arguments)
