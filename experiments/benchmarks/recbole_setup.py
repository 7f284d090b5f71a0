"""What the comparison needs before a clock starts: RecBole's environment, and the data in its format."""

import subprocess
import sys
import venv
from importlib.metadata import version
from pathlib import Path

import numpy as np

from kgrec.data.dataset import RecDataset
from kgrec.errors import InputError
from kgrec.shapes import Pairs

RECBOLE = "recbole==1.2.1"
BESIDE_RECBOLE = ("numpy==1.26.4", "scipy==1.11.4", "pandas==2.0.3")
"""The newest that RecBole 1.2.1 runs with."""

PYTHON_WANTED = (3, 11)
"""pandas 2.0 has no build for a newer one."""

OWN_RELATION = "kgrec:none"
"""Relation of the one triple that an item without an entity of its own is given."""


def requirements() -> list[str]:
    """What pip is asked for: RecBole, and the very torch that kgrec runs with."""
    return [RECBOLE, f"torch=={version('torch').partition('+')[0]}", *BESIDE_RECBOLE]


def ensure_environment(folder: Path) -> Path:
    """Make RecBole's virtual environment in ``folder`` where there is none, and return its Python.

    A file of requirements, written last, says that it is complete; one made for others is made anew.

    Raises:
        InputError: Python is not the version needed, or pip failed.
    """
    python, stamp = folder / "bin" / "python", folder / "requirements.txt"
    wanted = "\n".join(requirements()) + "\n"
    if stamp.is_file() and stamp.read_text() == wanted and python.exists():
        return python
    if sys.version_info[:2] != PYTHON_WANTED:
        found = ".".join(str(part) for part in sys.version_info[:2])
        raise InputError(f"RecBole's environment: found Python {found}, expected 3.11")
    print(f"making RecBole's environment in {folder} (about a minute)", flush=True)
    venv.create(folder, clear=True, with_pip=True)
    done = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", *requirements()], capture_output=True, text=True
    )
    if done.returncode:
        raise InputError(f"RecBole's environment: pip failed: {done.stderr.strip()[-500:]}")
    stamp.write_text(wanted)
    return python


def export(dataset: RecDataset, name: str, folder: Path) -> None:
    """Write a prepared dataset as RecBole's files ``folder/name/name.*``: same pairs, same triples.

    RecBole's graph models drop items that have no entity in a triple, and mix up items that share one.
    Each such item (none on lastfm, 182 of 1,682 on ml-100k with Freebase's triples only) gets an entity of
    its own, with one triple to itself, so that both sides train on the same pairs and rank the same items.
    """
    target = folder / name
    target.mkdir(parents=True, exist_ok=True)
    parts = {"train": dataset.train, "valid": dataset.valid, "test": dataset.test}
    for part, pairs in parts.items():
        _write(target / f"{name}.{part}.inter", "user_id:token\titem_id:token", _named_pairs(dataset, pairs))
    entities = own_entities(dataset)
    used = set(np.unique(dataset.triples[:, [0, 2]]).tolist())
    triples = [(f"e{head}", f"r{relation}", f"e{tail}") for head, relation, tail in dataset.triples.tolist()]
    triples += [(f"e{e}", OWN_RELATION, f"e{e}") for e in entities if e not in used]
    links = [(f"i{item}", f"e{entity}") for item, entity in enumerate(entities)]
    _write(target / f"{name}.kg", "head_id:token\trelation_id:token\ttail_id:token", triples)
    _write(target / f"{name}.link", "item_id:token\tentity_id:token", links)


def own_entities(dataset: RecDataset) -> list[int]:
    """``[I]`` a distinct entity for each item: the linked one, or a new one where there is none to have."""
    taken: set[int] = set()
    entities, next_new = [], dataset.num_entities
    for entity in dataset.item_to_entity.tolist():
        if entity < 0 or entity in taken:
            entity, next_new = next_new, next_new + 1
        taken.add(entity)
        entities.append(entity)
    return entities


def _named_pairs(dataset: RecDataset, pairs: Pairs) -> list[tuple[str, str]]:
    return [(f"u{user}", f"i{item}") for user, item in pairs.tolist()]


def _write(path: Path, header: str, rows: list[tuple[str, ...]]) -> None:
    path.write_text("\n".join([header, *("\t".join(row) for row in rows)]) + "\n")
