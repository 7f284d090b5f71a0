"""The links that the linker finds again on the real files; the wanted precision and recall."""

import os
from pathlib import Path

import pytest

from kgrec.build import build, component
from kgrec.kg.linking.base import LinkTask
from kgrec.kg.linking.linker import link_items, quality

FILES = ("ml-1m/imdb5000.csv", "ml-1m/links.csv", "ml-1m/movies.dat", "ml-100k/ml-100k.kg")


@pytest.fixture
def data() -> Path:
    folder = Path(os.environ.get("KGREC_DATA_DIR", "data"))
    if not all((folder / name).is_file() for name in FILES):
        pytest.skip(f"needs {', '.join(FILES)} under KGREC_DATA_DIR")
    return folder


def test_titles_years_and_facts_find_nearly_all_links(data: Path) -> None:
    from linking import cases

    for case in cases(data):
        task = LinkTask(case.items, case.graph)
        linking = link_items(
            task, [build(component("linking", "title_year"))], margin=0.02, min_agreement=0.01
        )
        found = quality(linking.links, case.truth)
        assert found.known > 400
        assert found.precision >= 0.97
        assert found.recall >= 0.95
