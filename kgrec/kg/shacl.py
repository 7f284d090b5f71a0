"""SHACL shapes: what a graph must look like, checked by pyshacl, an optional library."""

import tempfile
from pathlib import Path

import polars as pl

from kgrec.errors import InputError
from kgrec.kg.rdf import read_statements

SHACL = "http://www.w3.org/ns/shacl#"
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
        conforms, results, _ = pyshacl.validate(
            str(graph),
            shacl_graph=str(shapes),
            data_graph_format=FORMATS[graph.suffix.lower()],
            shacl_graph_format=FORMATS[shapes.suffix.lower()],
        )
    except (pyshacl.errors.ReportableRuntimeError, pyshacl.errors.ShapeLoadError) as error:
        raise InputError(f"{shapes}: {' '.join(str(error).split())}") from error
    if conforms:
        return []
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.nt"
        results.serialize(str(report), format="nt", encoding="utf-8")
        return _lines(read_statements(report))


def _lines(report: pl.DataFrame) -> list[str]:
    """Focus node, path and message of each validation result."""
    told = report.select("head", "tail", part=pl.col("relation").str.strip_prefix(SHACL))
    wide = told.group_by("head").agg(
        pl.col("tail").filter(pl.col("part") == part).first().alias(part)
        for part in ("focusNode", "resultPath", "resultMessage")
    )
    rows = wide.drop_nulls("focusNode").select("focusNode", "resultPath", "resultMessage").iter_rows()
    return sorted(
        f"{focus}{f', {path}' if path else ''}: {' '.join((message or 'violates a shape').split())}"
        for focus, path, message in rows
    )
