"""SHACL shapes: what a graph must look like, checked by pyshacl, an optional library."""

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from kgrec.errors import InputError
from kgrec.kg.rdf import read_statements
from kgrec.kg.statements import NAMESPACE

if TYPE_CHECKING:
    from rdflib import Graph

FORMATS = {".ttl": "turtle", ".nt": "nt", ".rdf": "xml", ".xml": "xml", ".owl": "xml"}
"""File ending → rdflib's name of the format; gzipped files must be unpacked."""


def violations(graph: Path, shapes: Path) -> list[str]:
    """Validate a graph.

    Args:
        graph: RDF, of :data:`FORMATS`.
        shapes: SHACL shapes, of the same.

    Returns:
        One line for each violation: focus node, path, message; sorted.

    Raises:
        InputError: pyshacl is not installed, a file is missing or of an unknown ending, or it is malformed.
    """
    try:
        import pyshacl
    except ModuleNotFoundError as error:
        raise InputError("--shapes needs pyshacl: pip install pyshacl") from error
    for path in (graph, shapes):
        if not path.is_file():
            raise InputError(f"{path}: no such file")
        if path.suffix.lower() not in FORMATS:
            raise InputError(f"{path}: unknown ending; SHACL reads {', '.join(FORMATS)}, not gzipped")
    read_statements(graph)  # a malformed file is told by its line
    read_statements(shapes)
    try:
        _, report, _ = pyshacl.validate(_parsed(graph), shacl_graph=_parsed(shapes))
    except (pyshacl.errors.ReportableRuntimeError, pyshacl.errors.ShapeLoadError) as error:
        raise InputError(f"{shapes}: {' '.join(str(error).split())}") from error
    return _lines(report)


def _parsed(path: Path) -> "Graph":
    from rdflib import Graph

    return Graph().parse(path, format=FORMATS[path.suffix.lower()])


def _lines(report: "Graph") -> list[str]:
    """Focus node, path and message of each validation result."""
    from rdflib.namespace import RDF, SH

    lines = []
    for result in report.subjects(RDF.type, SH.ValidationResult):
        focus, path, message = (
            _shown(report.value(result, part)) for part in (SH.focusNode, SH.resultPath, SH.resultMessage)
        )
        lines.append(f"{focus}{f', {path}' if path else ''}: {message or 'violates a shape'}")
    return sorted(lines)


def _shown(node: object) -> str:
    """A name as kgrec has it, or a message on one line; empty where there is none."""
    text = " ".join(str(node or "").split())
    return unquote(text.removeprefix(NAMESPACE)) if text.startswith(NAMESPACE) else text
