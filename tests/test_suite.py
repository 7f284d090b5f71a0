"""A suite of two small studies, run to its report."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from kgrec.commands.reproduce import main
from kgrec.errors import InputError
from kgrec.evaluation.significance import holm
from kgrec.reporting.run_folder import RunFolder
from kgrec.studies.page import suite_parts
from kgrec.studies.pictures import curves_of
from kgrec.studies.suite import OF_A_PART, merge
from kgrec.study import Arm, Study, Suite

TINY = """
from kgrec.study import Arm, Claim, Study, Suite

ARMS = (
    Arm("graph", ("model=graph_knn", "lm=none")),
    Arm("random", ("model=random", "lm=none", "kg=none")),
)


def study(data, split, primary):
    return Study(
        name=f"tiny-{data}-{split}",
        question=f"Is a graph better than chance on {split} items?",
        common=(
            f"data={data}", f"data/split={split}", "data.source.num_users=60", "data.source.num_items=60",
            "data.source.num_attributes=4", "data.source.interactions_per_user=10", "logger=none",
        ),
        arms=ARMS,
        claims=(
            Claim("better than chance", "difference", "graph", "random", 0.0),
            Claim("much better", "ratio", "graph", "random", 50.0, informative=True),
        ),
        primary=primary,
        metrics=(primary,),
        test_to_train=0.25,
        groups={"core": ("graph",)},
    )


SUITE = Suite(
    name="tiny",
    question="Is a graph better than chance?",
    datasets=("planted",),
    studies_of=lambda data: (
        study(data, "cold_item", "test/cold/recall@10"), study(data, "random", "test/recall@10")
    ),
    notes=("planted data",),
)
"""


class Tiny:
    """The tiny suite, run once."""

    def __init__(self, root: Path) -> None:
        (root / "experiments" / "reproductions").mkdir(parents=True)
        (root / "experiments" / "reproductions" / "tiny.py").write_text(TINY)
        self.root = root
        self.arguments = ["tiny", "--experiments", str(root / "experiments"), "--seeds", "2"]
        self.arguments += ["--workers", "1", f"paths.runs={root / 'runs'}", f"paths.cache={root / 'cache'}"]
        self.code = main([*self.arguments, "--kept", str(root / "kept")])
        self.report: dict[str, Any] = json.loads((root / "runs" / "tiny" / "report.json").read_text())


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return Tiny(tmp_path_factory.mktemp("suite"))


def test_rows_say_what_they_are_of(tiny: Tiny) -> None:
    assert tiny.code == 0
    shown = [(row["study"], row["arm"], row["model"], row["kg"], row["lm"]) for row in tiny.report["rows"]]
    assert shown == [
        (study, arm, model, kg, "none")
        for study in ("tiny-planted-cold_item", "tiny-planted-random")
        for arm, model, kg in (("graph", "graph_knn", "full"), ("random", "random", "none"))
    ]
    assert {row["dataset"] for row in tiny.report["rows"]} == {"planted"}


def test_claims_of_all_studies_are_one_family(tiny: Tiny) -> None:
    family = [claim for claim in tiny.report["claims"] if not claim["informative"]]
    assert [claim["study"] for claim in family] == ["tiny-planted-cold_item", "tiny-planted-random"]
    adjusted = holm([claim["p"] for claim in family])
    assert [claim["holm_p"] for claim in family] == pytest.approx(adjusted.tolist())
    assert max(claim["holm_p"] / claim["p"] for claim in family) == pytest.approx(2)


def test_the_page_shows_claims_first_and_every_study(tiny: Tiny) -> None:
    page = (tiny.root / "runs" / "tiny" / "report.md").read_text()
    places = [
        page.index(text) for text in ("## Claims", "## tiny-planted-cold_item", "## tiny-planted-random")
    ]
    assert places == sorted(places)
    assert page.count("better than chance") >= 2
    assert "planted data" in page


def test_the_page_stands_alone(tiny: Tiny) -> None:
    page = (tiny.root / "runs" / "tiny" / "report.html").read_text()
    for address in re.findall(r"""(?:src|href)=["']?([^"' >]*)""", page):
        assert address.startswith("#")  # parts of the plots refer to each other
    assert "<link" not in page
    assert "@import" not in page
    for text in ("better than chance", "tiny-planted-cold_item", "tiny-planted-random", "planted data"):
        assert text in page
    # Claims, then for each of two studies its metrics and costs.
    assert page.count("<table>") == page.count("</table>") == 1 + 2 * 2


def test_finished_runs_are_kept_by_study(tiny: Tiny) -> None:
    folders = sorted(path.name for path in (tiny.root / "kept").iterdir())
    assert folders == ["tiny_planted_cold_item", "tiny_planted_random"]
    files = {path.name for folder in folders for path in (tiny.root / "kept" / folder).iterdir()}
    assert files == {"graph.parquet", "random.parquet"}


def test_a_group_of_arms_and_a_dataset_can_be_chosen(
    tiny: Tiny, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = tmp_path / "runs"
    assert main([*tiny.arguments[:-2], f"paths.runs={runs}", "data=planted", "--only", "core"]) == 0
    report = json.loads((runs / "tiny" / "report.json").read_text())
    assert {row["arm"] for row in report["rows"]} == {"graph"}
    assert {claim["status"] for claim in report["claims"]} == {"not_testable"}
    assert "Is a graph better than chance?" in capsys.readouterr().out
    assert len([run for run in runs.rglob("summary.json") if RunFolder(run.parent).is_finished]) == 4


def test_one_study_of_a_suite_can_be_run_by_itself(tiny: Tiny, tmp_path: Path) -> None:
    arguments = ["tiny-planted-random", *tiny.arguments[1:-2], f"paths.runs={tmp_path}", tiny.arguments[-1]]
    assert (
        main([*arguments, "--only", "core", "--kept", str(tiny.root / "kept" / "tiny_planted_random")]) == 0
    )
    report = json.loads((tmp_path / "tiny-planted-random" / "report.json").read_text())
    assert report["study"] == "tiny-planted-random"
    assert [row["arm"] for row in report["rows"]] == ["graph"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--only", "cores"], "suite tiny has no arm 'cores'; valid: core, graph, random"),
        (["data=planted", "data=lastfm"], "data: found planted, lastfm, expected one dataset"),
    ],
)
def test_bad_input_is_refused(tiny: Tiny, words: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        main([*tiny.arguments, *words])


def test_a_study_s_curve_is_kept_for_the_page() -> None:
    study = Study("s", "?", (), (Arm("a", (), series="x", place=0.5),), (), "m", ("m",), curve="share")
    metric = {"mean": 0.3, "low": 0.2, "high": 0.4}
    row = {"arm": "a", "series": "x", "place": 0.5, "metrics": {"m": metric}}
    report = {
        **dict.fromkeys(OF_A_PART),
        "study": "s",
        "primary": "m",
        "curve": "share",
        "rows": [row],
        "claims": [],
    }
    suite = Suite("suite", "?", ("d",), lambda data: (study,))
    (part,) = suite_parts(merge(suite, [study], [report], "kgrec"))
    assert list(curves_of(part)) == ["x"]
    assert part["curve"] == "share"
    without = {key: value for key, value in report.items() if key != "curve"}
    assert "curve" not in merge(suite, [study], [without], "kgrec")["parts"][0]
