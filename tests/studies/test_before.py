from dataclasses import replace
from pathlib import Path

import pytest

from kgrec.errors import InputError
from kgrec.studies.before import make_ready
from kgrec.studies.plan import Trial, plan
from kgrec.study import Arm, Study

ARM = Arm("x", ("model=popularity",), before=("kg convert {folder}/s{seed}.nt {folder}/s{seed}.npz",))
STUDY = Study("s", "?", ("data=planted", "lm=none"), (ARM,), (), "test/recall@20", ("test/recall@20",))


def trials_of(arm: Arm, runs: Path) -> list[Trial]:
    for seed in range(2):
        (runs / "s").mkdir(exist_ok=True)
        (runs / f"s/s{seed}.nt").write_text(f"<urn:a{seed}> <urn:p> <urn:b> .\n")
    return plan(replace(STUDY, arms=(arm,)), [arm], range(2), [f"paths.runs={runs}"])


def test_each_split_gets_what_its_arm_reads_once(tmp_path: Path) -> None:
    twice = replace(ARM, draws=(("kg.draw=0",), ("kg.draw=1",)), overrides=(*ARM.overrides, "kg=rewired"))
    make_ready(trials_of(twice, tmp_path), 2)
    assert sorted(path.name for path in tmp_path.glob("s/*.npz")) == ["s0.npz", "s1.npz"]


def test_finished_trials_need_nothing(tmp_path: Path) -> None:
    trials = trials_of(ARM, tmp_path)
    trials[0].result.write_summary({})
    make_ready(trials, 1)
    assert [path.name for path in tmp_path.glob("s/*.npz")] == ["s1.npz"]


def test_a_command_that_fails_ends_the_study_with_its_message(tmp_path: Path) -> None:
    arm = replace(ARM, before=("kg convert {folder}/nothing.nt {folder}/x.npz",))
    with pytest.raises(InputError, match=r"kgrec kg convert .*nothing\.nt"):
        make_ready(trials_of(arm, tmp_path), 1)
