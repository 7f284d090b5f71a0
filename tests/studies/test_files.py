"""Studies and reproductions as files: those of the checkout compose; others are found, loaded, refused."""

import json
from pathlib import Path

import pytest

from kgrec.commands.reproduce import main
from kgrec.errors import InputError
from kgrec.studies.files import experiments_dir, find_studies, load_reproductions, load_study
from kgrec.studies.plan import plan
from kgrec.study import Study, Suite

FOLDER = experiments_dir(None)

REPRODUCTION = """
from kgrec.studies.published import Published, Source
from kgrec.study import Arm

REPRODUCTION = Arm(
    "mine",
    ("data=planted", "model=popularity"),
    seeds=2,
    published=Published("Me, 2020", "here", Source("a page", "there", "mine"), {"test/mrr@10": 0.5}),
)
"""


def studies(name: str) -> tuple[Study, ...]:
    """The study of this name, or those of the suite."""
    found = load_study(name, FOLDER)
    assert found.name == name
    return found.studies(None) if isinstance(found, Suite) else (found,)


@pytest.mark.parametrize("name", find_studies(FOLDER))
def test_a_study_of_the_checkout_is_composed(name: str) -> None:
    first, *others = studies(name)
    trials = plan(first, first.arms, [0], [])
    assert len(trials) == sum(len(arm.draws) for arm in first.arms)
    for study in others:  # they differ in the dataset alone
        assert plan(study, study.arms[:1], [0], [])


@pytest.mark.parametrize("name", find_studies(FOLDER))
def test_a_tuned_arm_has_the_best_settings_of_its_search(name: str) -> None:
    for arm in (arm for study in studies(name) for arm in study.arms):
        if arm.tuning:
            best = json.loads((FOLDER / "results" / "tuning" / arm.tuning).read_text())["best"]
            assert set(best["params"]) <= set(arm.overrides), f"{arm.name}: other settings than {arm.tuning}"


def test_all_are_listed_and_those_with_results_are_in_the_readme(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    listed = capsys.readouterr().out
    readme = (FOLDER / "README.md").read_text()
    for name in find_studies(FOLDER):
        assert f"{name} " in listed
        if (FOLDER / "results" / name.replace("-", "_")).is_dir():
            assert name in readme


def folder_with(tmp_path: Path, text: str) -> Path:
    (tmp_path / "reproductions").mkdir()
    (tmp_path / "reproductions" / "me2020_mine_planted.py").write_text(text)
    return tmp_path


def test_a_reproduction_is_a_study_of_its_own(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, REPRODUCTION)
    study = load_study("me2020-mine-planted", folder)
    assert isinstance(study, Study)
    assert [arm.name for arm in study.arms] == ["mine"]
    assert (study.primary, study.sample, study.num_splits) == ("test/mrr@10", "seeds", 2)
    assert study.question == "Does mine reach its figures in a page?"
    assert len(plan(study, study.arms, range(5), [])) == 2
    (arm,) = load_reproductions(folder / "reproductions", ["me2020_mine_planted"])
    assert arm.published == study.arms[0].published


def test_files_that_define_nothing_are_refused(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "REPRODUCTION = 3")
    with pytest.raises(InputError, match=r"expected a module attribute STUDY .* or REPRODUCTION"):
        load_study("me2020-mine-planted", folder)
    with pytest.raises(InputError, match="not a Python file"):
        load_reproductions(folder / "reproductions", ["missing"])
    (folder / "reproductions" / "empty.py").write_text("")
    with pytest.raises(InputError, match="expected a module attribute REPRODUCTION"):
        load_reproductions(folder / "reproductions", ["empty"])
