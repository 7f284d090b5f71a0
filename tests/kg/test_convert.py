import random
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from kgrec.cli import main
from kgrec.errors import InputError
from kgrec.kg import convert as convert_module
from kgrec.kg.convert import convert
from kgrec.kg.rdf import read_statements
from kgrec.kg.statements import Statements
from kgrec.kg.store import GraphStore, content_hash, load_store, save_store
from tests_kg_files import FILES

TURTLE = """@prefix f: <http://f/> .
f:heat f:by f:mann ; f:name "Heat"@en , "Hitze"@de ; f:year 1995 .
f:ali f:by f:mann ; f:made [ f:year 2001 ] .
"""


def rows(store: GraphStore) -> list[tuple[str | None, ...]]:
    """The statements of a store, triples first."""
    entities, relations = list(store.entities), list(store.relations)
    datatypes, languages = list(store.datatypes), [*store.languages, None]
    return [
        *((entities[h], relations[r], entities[t], None, None) for h, r, t in store.triples.tolist()),
        *(
            (entities[h], relations[r], text, datatypes[d], languages[tag])
            for (h, r, d, tag), text in zip(store.literal_facts.tolist(), store.literals, strict=True)
        ),
    ]
