"""``kgrec kg convert``: graph files into one store of ids, names and literals."""

from collections.abc import Sequence
from pathlib import Path

from kgrec.cli import CommandParser


def main(arguments: Sequence[str]) -> int:
    """Read graph files, write one ``.npz``."""
    parser = CommandParser(
        "kg convert",
        "Graph files in, one .npz of ids, names and literals out. Read are Turtle (.ttl), N-Triples (.nt),\n"
        "N-Quads (.nq), TriG (.trig), RDF/XML (.rdf .xml .owl), JSON-LD (.jsonld), lines of\n"
        "head<TAB>relation<TAB>tail (.tsv), RecBole's .kg, KGAT's kg_final.txt; each also gzipped (.gz).",
        "  kgrec kg convert films.ttl films.npz\n"
        "  kgrec kg convert a.nt.gz b.nq all.npz --graph http://example.org/facts --graph default\n"
        "  kgrec train data=custom data.source.interactions=ratings.csv data.source.kg=films.npz",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="IN", help="graph files")
    parser.add_argument("out", type=Path, metavar="OUT.npz", help="file to write")
    parser.add_argument(
        "--graph",
        action="append",
        metavar="IRI",
        help="read this named graph (again for more; `default` is the one without a name); else all",
    )
    given = parser.parse_args(arguments)

    from kgrec.kg.convert import convert
    from kgrec.kg.store import check_ending, save_store

    check_ending(given.out)
    converted = convert(given.files, given.graph)
    store = converted.store
    digest = save_store(store, given.out)
    print(
        f"{given.out}: {converted.statements:,} statements: {len(store.triples):,} triples over "
        f"{len(store.entities):,} entities and {len(store.relations):,} relations, {len(store.literals):,} "
        f"literals; hash {digest}"
    )
    if converted.left_out:
        print(
            f"{converted.left_out.total():,} statements left out, of graphs not asked for: "
            f"{', '.join(sorted(converted.left_out)[:5])}"
        )
    return 0
