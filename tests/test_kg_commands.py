"""``kgrec kg link``, ``doctor`` and ``stats`` from files to output and exit code."""

import importlib.util
import json
from pathlib import Path

import polars as pl
import pytest

from kgrec.cli import main

PREFIXES = """\
@prefix x: <http://x.org/> . @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
"""
FILMS = """\
x:f1 rdfs:label "The Heat" ; x:year "1995" ; x:director x:mann ; x:imdb "tt0000001" .
x:f2 rdfs:label "Ali" ; x:year "2001" ; x:director x:mann .
x:f3 rdfs:label "Fargo" ; x:year "1996" ; x:director x:coen .
x:f4 rdfs:label "Barton Fink" ; x:year "1991" ; x:director x:coen .
"""
CUSTOM = ["data=custom", "data.source.interactions=ratings.csv", "data.source.kg=films.ttl"]
ITEMS = ["data.source.items=films.csv"]


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KGREC_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("KGREC_CACHE_DIR", str(tmp_path / "cache"))
    Path("films.ttl").write_text(PREFIXES + FILMS)
    Path("films.csv").write_text(
        'item,title,year,imdb,people\n1,"Heat, The",1995,1,\n2,Ali (2001),,,Mann|Smith\n'
        "3,Fragment,1996,,\n4,Barton Fnik,1991,,coen\n"
    )
    rows = [f"u{user},{item}" for user in range(6) for item in (1, 2, 3, 4) if (user + item) % 3]
    Path("ratings.csv").write_text("\n".join(["user,item", *rows]) + "\n")
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    capsys.readouterr()
    assert main(arguments) == code
    shown = capsys.readouterr()
    return shown.out if code != 2 else shown.err


def test_own_files_are_linked_and_the_links_are_read(capsys: pytest.CaptureFixture[str]) -> None:
    told = run(capsys, "kg", "link", "links.csv", *CUSTOM, *ITEMS, "--id", "imdb", "--attribute", "people")
    assert pl.read_csv("links.csv", infer_schema=False).select("item", "entity", "method").rows() == [
        ("1", "http://x.org/f1", "shared_id"),
        ("2", "http://x.org/f2", "title_year"),
        ("4", "http://x.org/f4", "fuzzy"),
    ]
    assert "3 of 4 items linked (75.0%)" in told
    assert "links.csv: 3 links" in told
    stats = run(capsys, "kg", "stats", *CUSTOM, *ITEMS, "data.source.links=links.csv")
    assert json.loads(stats)["linked_items"] == 3


def test_hidden_links_are_found_again(capsys: pytest.CaptureFixture[str]) -> None:
    settings = ["data=planted", "--hide", "--set", "title_year.needs_year=false"]
    told = run(capsys, "kg", "link", "again.csv", *settings)
    assert "  title_year  precision 1.000 (300 of 300), recall 1.000 (of 300)" in told
    assert "one side knows no year" in told


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--methods", "magic"], "linking has no option 'magic'; valid: embedding, fuzzy, given"),
        (["--set", "fuzzy.limit=1"], "linking fuzzy has no setting 'limit'; valid: threshold"),
        (["--set", "magic.limit=1"], "--set magic.limit=1: expected METHOD.KEY=VALUE"),
        (["--set", "fuzzy.threshold=7"], "threshold is 7, expected a share"),
        (["--id", "isbn"], "id 'isbn': the item table has no such column"),
        (["--margin", "-1"], "--margin and --sample are 0 or more"),
        (["--hide"], "--hide measures by the known links, and there is none"),
    ],
)
def test_bad_arguments_of_link_are_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    error = run(capsys, "kg", "link", "links.csv", *CUSTOM, *ITEMS, *arguments, code=2)
    assert message in error
    assert error.count("\n") == 1
    assert not Path("links.csv").exists()


def test_link_needs_items_and_a_graph(capsys: pytest.CaptureFixture[str]) -> None:
    assert "give data.source.items" in run(capsys, "kg", "link", "links.csv", *CUSTOM, code=2)
    error = run(capsys, "kg", "link", "links.csv", *CUSTOM[:2], *ITEMS, code=2)
    assert "give data.source.kg" in error


def test_the_doctor_finds_nothing_wrong_with_planted(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "kg", "doctor", "data=planted").startswith("planted: 0 problems found")


def test_the_doctor_goes_on_where_links_lead_nowhere(capsys: pytest.CaptureFixture[str]) -> None:
    Path("links.csv").write_text("item,entity\n1,http://x.org/f1\n2,http://x.org/f9\n")
    Path("films.ttl").write_text(PREFIXES + FILMS + "x:a owl:sameAs x:b . x:b owl:sameAs x:a .")
    told = run(capsys, "kg", "doctor", *CUSTOM, "data.source.links=links.csv", code=1)
    assert "! links.csv, line 3: entity 'http://x.org/f9' is in no triple" in told
    assert "! 1 times it leads back to where it began" in told


def test_the_doctor_tells_of_a_broken_file(capsys: pytest.CaptureFixture[str]) -> None:
    Path("films.ttl").write_text(PREFIXES + FILMS + "y:f5 x:director x:mann .\n")
    told = run(capsys, "kg", "doctor", *CUSTOM, code=1)
    assert "custom: 1 problem found" in told
    assert "! films.ttl, line 7: " in told


@pytest.mark.skipif(importlib.util.find_spec("pyshacl") is None, reason="pyshacl is not installed")
def test_the_doctor_checks_shapes(capsys: pytest.CaptureFixture[str]) -> None:
    Path("shapes.ttl").write_text(
        PREFIXES + "@prefix sh: <http://www.w3.org/ns/shacl#> .\n"
        "x:S a sh:NodeShape ; sh:targetSubjectsOf x:director ;"
        " sh:property [ sh:path x:imdb ; sh:minCount 1 ] ."
    )
    told = run(capsys, "kg", "doctor", *CUSTOM, "--shapes", "shapes.ttl", code=1)
    assert "! 3 violations" in told
    assert "http://x.org/f2, http://x.org/imdb: " in told


def test_stats_tell_the_hash_and_the_taste(capsys: pytest.CaptureFixture[str]) -> None:
    settings = ["data=planted", "--taste-items", "100"]
    stats = json.loads(run(capsys, "kg", "stats", *settings))
    assert stats["taste"]["answer"] == "yes"
    shaped = json.loads(
        run(capsys, "kg", "stats", *settings, "shape=relations", "shape.steps.0.allow=[trait_1]")
    )
    assert shaped["triples"] == 300
    assert shaped["taste"]["answer"] == "no"
    assert shaped["hash"] != stats["hash"]
    assert [step.split(":")[0] for step in shaped["shape"]] == ["shape relations"]
    assert "shape" not in stats
    assert "taste" not in json.loads(run(capsys, "kg", "stats", "data=planted", "--taste-items", "0"))
    assert "expected 0 or more" in run(capsys, "kg", "stats", "--taste-items", "-1", code=2)


def test_rules_about_constants_are_told_where_asked(capsys: pytest.CaptureFixture[str]) -> None:
    settings = [*CUSTOM, "--min-support", "2"]
    plain = run(capsys, "kg", "rules", *settings)
    assert '"' not in plain
    told = run(capsys, "kg", "rules", *settings, "--constants", "--out", "rules.csv")
    assert 'director(x, "http://x.org/coen")' not in plain
    written = pl.read_csv("rules.csv")
    assert told.splitlines()[-2].endswith(f"of {len(written)} rules")
    assert told.splitlines()[-1] == "rules.csv: all of them"
    assert written.columns == ["rule", "support", "head coverage", "confidence", "PCA confidence"]
    confidences = written["PCA confidence"].to_list()
    assert confidences == sorted(confidences, reverse=True)


def test_an_item_is_shown_and_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    settings = ["kg", "show", "thing/3", "data=planted"]
    plain = run(capsys, *settings)
    assert run(capsys, *settings, "--picture", "thing.svg") == plain
    assert "<svg" in Path("thing.svg").read_text()
    assert "found file type 'txt'" in run(capsys, *settings, "--picture", "thing.txt", code=2)
