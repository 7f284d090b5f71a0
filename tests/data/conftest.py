"""Frames of a tiny dataset, and the real files where they are at hand."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from kgrec.data.dataset import DatasetCard, DatasetSource, RawDataset

CHECKOUT_DATA = Path(__file__).parents[2] / "data"


@pytest.fixture
def find_raw_files() -> Callable[[DatasetSource], Path]:
    """Finds a source's real files, under KGREC_DATA_DIR or fetched earlier; else the test is skipped."""

    def find(source: DatasetSource) -> Path:
        folders = [Path(os.environ["KGREC_DATA_DIR"])] if "KGREC_DATA_DIR" in os.environ else []
        for folder in [*folders, CHECKOUT_DATA]:
            for root in (folder / source.name, folder / source.name / "raw"):
                if source.is_present(root):
                    return root
        pytest.skip(f"the files of {source.name} are not there: set KGREC_DATA_DIR or run kgrec data fetch")

    return find


@pytest.fixture
def make_raw() -> Callable[..., RawDataset]:
    """Builds a dataset of four users and four items of which any frame can be replaced.

    i0 to i2 are linked; e9 is linked but in no triple; i3 is in the interactions only.
    """

    def make(**frames: pl.DataFrame) -> RawDataset:
        raw = RawDataset(
            name="tiny",
            interactions=pl.DataFrame(
                [
                    ("ann", "i0", 5.0, 1.0),
                    ("ann", "i1", 4.0, 2.0),
                    ("ann", "i2", 4.0, 3.0),
                    ("bob", "i0", 5.0, 1.0),
                    ("bob", "i3", 1.0, 4.0),
                    ("cat", "i1", 2.0, 5.0),
                    ("cat", "i2", 3.0, 6.0),
                    ("dan", "i3", 4.0, 7.0),
                ],
                schema=["user", "item", "rating", "timestamp"],
                orient="row",
            ),
            items=pl.DataFrame(
                {"item": ["i0", "i1", "i2"], "title": ["Zero", "One", None], "text": ["zero", None, "two"]}
            ),
            triples=pl.DataFrame(
                [("e0", "by", "p0"), ("e1", "by", "p0"), ("p0", "made", "e0"), ("p0", "made", "e1")],
                schema=["head", "relation", "tail"],
                orient="row",
            ),
            links=pl.DataFrame({"item": ["i0", "i1", "i2"], "entity": ["e0", "e1", "e9"]}),
            card=DatasetCard(origin="here", licence="none", version="1", citation="none"),
        )
        return replace(raw, **frames)

    return make
