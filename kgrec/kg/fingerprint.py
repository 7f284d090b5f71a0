"""One short name for the content of a graph."""

import hashlib
from collections.abc import Sequence

from kgrec.shapes import IntArray, Triples


def graph_fingerprint(
    triples: Triples, item_to_entity: IntArray, entity_names: Sequence[str], relation_names: Sequence[str]
) -> str:
    """Sixteen hexadecimal digits that change with any triple, link or name, and with their order.

    Args:
        triples: ``[T, 3]``.
        item_to_entity: ``[I]``, -1 where unlinked.
        entity_names: E names.
        relation_names: R names.
    """
    digest = hashlib.sha256()
    for names in (entity_names, relation_names):
        digest.update(f"{len(names)}\n".encode())
        digest.update("\0".join(names).encode())
    for ids in (triples, item_to_entity):
        digest.update(f"{ids.shape}".encode())
        digest.update(ids.astype("<i8").tobytes())
    return digest.hexdigest()[:16]
