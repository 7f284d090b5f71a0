import subprocess
import sys
from pathlib import Path

import pytest

from kgrec.cli import main
from kgrec.errors import InputError
from kgrec.kg import convert as convert_module
from kgrec.kg.convert import convert
from kgrec.kg.store import GraphStore, content_hash, load_store

TURTLE = """@prefix f: <http://f/> .
f:heat f:by f:mann ; f:name "Heat"@en , "Hitze"@de ; f:year 1995 .
f:ali f:by f:mann ; f:made [ f:year 2001 ] .
"""


def rows(store: GraphStore) -> list[tuple[str | None, ...]]:
    """The statements of a store without their addresses, triples first."""
    entities, relations = list(store.entities), list(store.relations)
    tags = [*store.languages, None]
    found = [
        *((entities[h], relations[r], entities[t], None) for h, r, t in store.triples.tolist()),
        *(
            (entities[h], relations[r], text, tags[tag])
            for (h, r, _, tag), text in zip(store.literal_facts.tolist(), store.literals, strict=True)
        ),
    ]
    return [tuple(name and name.removeprefix("http://f/") for name in row) for row in found]


def test_a_file_becomes_ids_names_and_literals(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "f.ttl").write_text(TURTLE)
    assert main(["kg", "convert", str(tmp_path / "f.ttl"), str(tmp_path / "new" / "f.npz")]) == 0
    store = load_store(tmp_path / "new" / "f.npz")
    assert rows(store) == [
        ("heat", "by", "mann", None),
        ("ali", "by", "mann", None),
        ("ali", "made", "_:[1]", None),
        ("heat", "name", "Heat", "en"),
        ("heat", "name", "Hitze", "de"),
        ("heat", "year", "1995", None),
        ("_:[1]", "year", "2001", None),
    ]
    assert [name.rpartition("#")[2] for name in store.datatypes] == ["langString", "integer"]
    assert store.triples.dtype == store.literal_facts.dtype == "int32"
    said = capsys.readouterr().out
    assert "7 statements: 3 triples over 4 entities and 4 relations, 4 literals" in said
    assert said.rstrip().endswith(content_hash(store))
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["f.npz"]


def test_chunks_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "f.ttl"
    path.write_text(TURTLE)
    whole = content_hash(convert([path]).store)
    for size in (1, 2, 3, 7):
        monkeypatch.setattr(convert_module, "_CHUNK", size)
        assert content_hash(convert([path]).store) == whole


def test_blank_nodes_of_two_files_are_two_nodes(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.nt").write_text("_:x <http://f/p> <http://f/y> .\n")
    store = convert([tmp_path / "a.nt", tmp_path / "b.nt"]).store
    assert rows(store) == [("_:x", "p", "y", None), ("_:[2]x", "p", "y", None)]


def test_graphs_not_asked_for_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = tmp_path / "f.nq", tmp_path / "f.npz"
    path.write_text(
        "<http://f/a> <http://f/p> <http://f/b> <http://g/1> .\n<http://f/a> <http://f/p> <http://f/c> .\n"
    )
    assert main(["kg", "convert", str(path), str(out), "--graph", "default"]) == 0
    said = capsys.readouterr().out
    assert "1 statements: 1 triples" in said
    assert "1 statements left out, of graphs not asked for: http://g/1" in said
    assert rows(load_store(out)) == [("a", "p", "c", None)]
    with pytest.raises(InputError, match="no statement in the graphs http://g/2; graphs there are: default"):
        convert([path], ["http://g/2"])


@pytest.mark.parametrize(
    ("name", "content", "out", "message"),
    [
        ("f.ttl", TURTLE + "oops", "f.npz", "f.ttl, line 4: "),
        ("f.nt", "", "f.npz", "f.nt: the file holds no statement"),
        ("f.nt", "", "f.csv", "f.csv: unknown ending; a graph's store is written to .npz"),
        ("f.doc", "", "f.npz", "f.doc: unknown ending; a graph is read from"),
    ],
)
def test_bad_input_leaves_the_old_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: str, out: str, message: str
) -> None:
    (tmp_path / name).write_text(content)
    (tmp_path / out).write_text("old")
    assert main(["kg", "convert", str(tmp_path / name), str(tmp_path / out)]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert (tmp_path / out).read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 2


def test_converting_loads_no_torch(tmp_path: Path) -> None:
    (tmp_path / "f.ttl").write_text(TURTLE)
    program = (
        "import sys; from kgrec.cli import main; code = main(sys.argv[1:])\n"
        "heavy = {'torch', 'polars', 'rdflib', 'hydra', 'scipy', 'pyoxigraph'}\n"
        "print(code, sorted(heavy & {name.split('.')[0] for name in sys.modules}))"
    )
    files = [str(tmp_path / "f.ttl"), str(tmp_path / "f.npz")]
    done = subprocess.run(
        [sys.executable, "-c", program, "kg", "convert", *files],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.splitlines()[-1] == "0 ['pyoxigraph']"
