"""Arms paired by user: differences with their tests, effects of settings; what differs between two runs."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml

from kgrec.errors import InputError
from kgrec.evaluation.significance import holm
from kgrec.reporting.arms import arms_of, check_same_protocol, reference_of
from kgrec.reporting.compare import Runs, collect, leading_metrics
from kgrec.reporting.curves import curve_figure, save_curves
from kgrec.reporting.differ import differ_sections
from kgrec.reporting.differences import difference_section, effect_section
from kgrec.reporting.document import render_document, write_document
from kgrec.reporting.html import Section
from kgrec.reporting.run_folder import RunFolder
from kgrec.reporting.tables import Interval, Table

METRIC = "test/recall@10"
USERS = 40
NOISE = np.random.default_rng(0).uniform(0.0, 0.2, size=(3, USERS))
"""What the arms share: each user's own ease on each seed."""


def make_run(folder: Path, seed: int, values: np.ndarray, digest: str = "same", **config: Any) -> RunFolder:
    run = RunFolder(folder)
    run.start(yaml.safe_dump({"seed": seed, "group": folder.parent.name, **config}, sort_keys=False), seed)
    run.append_metrics({"epoch": 1, "valid/recall@10": float(values.mean())})
    run.write_per_user(pl.DataFrame({"user": [f"u{user}" for user in range(len(values))], METRIC: values}))
    run.write_summary(
        {
            METRIC: float(values.mean()),
            "cost/train_s": 1.0,
            "protocol/data_sha256": digest,
            "protocol/selected_on": "valid/recall@10",
            "protocol/split": "given",
        }
    )
    return run


@pytest.fixture
def group(tmp_path: Path) -> Path:
    """lm × kg × three seeds: the large model adds .05, the graph .2, both alike for every user but one."""
    for lm, by_lm in (("small", 0.0), ("large", 0.05)):
        for kg, by_kg in (("none", 0.0), ("full", 0.2)):
            for seed in range(3):
                values = 0.1 + NOISE[seed] + by_lm + by_kg
                values[0] += 0.1 * (lm == "large") * (seed + 1)
                make_run(tmp_path / "g" / f"{lm}{kg}{seed}", seed, values, choices={"lm": lm, "kg": kg})
    return tmp_path / "g"


@pytest.fixture
def runs(group: Path) -> Runs:
    return collect([group])


def rows_of(section: Section) -> dict[str, list[Any]]:
    ((_, table),) = section.tables
    return {str(row[0].value): [cell.value for cell in row[1:]] for row in table.cells()}


def test_each_arm_against_a_named_reference(runs: Runs) -> None:
    section = difference_section(runs, [METRIC], "lm=small kg=none")
    assert section.text[0] == "Reference: lm=small kg=none."
    rows = rows_of(section)
    assert set(rows) == {"lm=small kg=full", "lm=large kg=none", "lm=large kg=full"}
    metric, seeds, graph, p, adjusted, wilcoxon, _ = rows["lm=small kg=full"]
    assert (metric, seeds) == (METRIC, 3)
    assert [graph.mean, graph.low, graph.high] == pytest.approx([0.2, 0.2, 0.2])  # what arms share cancels
    assert p == pytest.approx(2 / 10001)
    assert adjusted == pytest.approx(3 * p)  # Holm over the three rows, all as small
    assert wilcoxon < 1e-8  # every user gains
    lm = rows["lm=large kg=none"][2]
    assert lm.mean == pytest.approx(0.05 + 0.2 / USERS)
    assert lm.low < lm.mean < lm.high


def test_wilcoxon_is_corrected_as_one_family(runs: Runs) -> None:
    rows = list(rows_of(difference_section(runs, [METRIC], "lm=small kg=none")).values())
    assert [row[-1] for row in rows] == pytest.approx(list(holm([row[-2] for row in rows])))


def test_without_a_name_the_best_is_the_reference_and_the_reader_is_warned(runs: Runs) -> None:
    section = difference_section(runs, [METRIC], None)
    assert section.text[0] == "Reference: lm=large kg=full."
    assert any("chosen by these very figures" in line for line in section.text)
    assert all(row[2].mean < 0 for row in rows_of(section).values())


def test_of_several_that_fit_the_best_is_the_reference(runs: Runs) -> None:
    assert reference_of(arms_of(runs), METRIC, "lm=small").name == "lm=small kg=full"
    assert reference_of(arms_of(runs), "cost/train_s", "choices.kg=none").name == "lm=large kg=none"


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("lm=huge", "--reference lm=huge: found no such arm, expected settings of one of: lm=large kg=full"),
        ("large", "--reference: found 'large', expected settings such as"),
    ],
)
def test_a_reference_that_is_none_is_named(runs: Runs, wanted: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        reference_of(arms_of(runs), METRIC, wanted)


def test_seeds_that_both_have_are_compared(group: Path) -> None:
    for seed in (1, 2):
        (group / f"largenone{seed}" / "summary.json").unlink()
    make_run(group / "other", 9, NOISE[0], choices={"lm": "other", "kg": "full"})
    section = difference_section(collect([group]), [METRIC], "lm=small kg=none")
    rows = rows_of(section)
    assert {name: row[1] for name, row in rows.items()} == {
        "lm=large kg=full": 3, "lm=large kg=none": 1, "lm=small kg=full": 3,
    }  # fmt: skip
    assert rows["lm=large kg=none"][2].mean == pytest.approx(0.05 + 0.1 / USERS)
    assert section.text[-1] == "No seed in common with the reference: lm=other kg=full."


def test_users_of_one_split_are_no_new_people_with_each_seed(tmp_path: Path) -> None:
    widths = {}
    for digests in ("same", "each its own"):
        for seed in range(3):
            gain = np.random.default_rng(7).uniform(size=USERS)  # the same users gain on every seed
            digest = digests if digests == "same" else str(seed)
            folder = tmp_path / digests
            make_run(folder / f"a{seed}", seed, gain, digest, choices={"kg": "full"})
            make_run(folder / f"b{seed}", seed, np.zeros(USERS), digest, choices={"kg": "none"})
        interval = rows_of(difference_section(collect([tmp_path / digests]), [METRIC], "kg=none"))["kg=full"][
            2
        ]
        widths[digests] = interval.high - interval.low
    assert widths["same"] == pytest.approx(np.sqrt(3) * widths["each its own"], rel=0.05)


def test_other_users_cannot_be_paired(group: Path) -> None:
    make_run(group / "few", 0, NOISE[0][:5], choices={"lm": "few", "kg": "full"})
    with pytest.raises(InputError, match="evaluated for other users than the other arms"):
        difference_section(collect([group]), [METRIC], "lm=few")


def test_the_effect_of_each_setting_with_the_other_fixed(runs: Runs) -> None:
    rows = rows_of(effect_section(runs, METRIC))
    assert set(rows) == {"lm", "kg"}
    change, graph, p, _, pairs, seeds = rows["kg"]
    assert change == "full → none"
    assert [graph.mean, graph.low, graph.high] == pytest.approx([-0.2, -0.2, -0.2])
    assert (pairs, seeds) == (6, 3)
    change, lm, p, adjusted, pairs, _ = rows["lm"]
    assert change == "large → small"
    assert lm.mean == pytest.approx(-0.05 - 0.2 / USERS)
    assert pairs == 6
    assert adjusted >= p


def test_arms_without_a_partner_have_no_effect(group: Path, tmp_path: Path) -> None:
    make_run(group / "other", 0, NOISE[0], choices={"lm": "other", "kg": "relinked"})
    assert set(rows_of(effect_section(collect([group]), METRIC))) == {"lm", "kg"}
    only = collect([group / "other", group / "smallnone0"])
    assert effect_section(only, METRIC).text == ["No two runs of one seed differ in one setting alone."]


def test_an_effect_of_one_more_level_counts_its_own_pairs(group: Path) -> None:
    make_run(group / "third", 0, 0.4 + NOISE[0], choices={"lm": "small", "kg": "rewired"})
    ((_, table),) = effect_section(collect([group]), METRIC).tables
    found = {row[1].value: (row[2].value, row[5].value) for row in table.cells()}
    interval, pairs = found["none → rewired"]
    assert isinstance(interval, Interval)
    assert (interval.mean, pairs) == (pytest.approx(0.3), 1)
    assert found["full → none"][1] == 6


def test_unlike_protocols_are_told(group: Path) -> None:
    assert check_same_protocol(collect([group])) == []
    run = RunFolder(group / "smallnone0")
    run.write_summary({**run.read_summary(), "protocol/split": "random"})
    assert check_same_protocol(collect([group])) == ["Not like for like: split is given, random."]


def test_groups_without_a_common_metric_are_refused(group: Path, tmp_path: Path) -> None:
    other = RunFolder(tmp_path / "clicks" / "run")
    other.start("seed: 0", 0)
    other.write_summary({"test/auc": 0.8})
    with pytest.raises(InputError, match=r"all groups have.*: g has test/recall@10; clicks has test/auc"):
        leading_metrics(collect([group, tmp_path / "clicks"]))
    assert leading_metrics(collect([group])) == [METRIC]


def test_curves_of_the_metric_of_selection(runs: Runs, tmp_path: Path) -> None:
    save_curves(runs, tmp_path / "curves.svg")
    assert "<!-- lm=large kg=full -->" in (tmp_path / "curves.svg").read_text()
    (svg,) = curve_figure(runs)
    assert svg.count("<title>lm=small kg=none</title>") == 3


def test_what_differs_between_two_runs(group: Path) -> None:
    first, second = RunFolder(group / "smallnone0"), RunFolder(group / "largenone0")
    env = second.read_env()
    env["packages"]["torch"] = "1.0"
    env["data"] = {"graph": "1c0ffee"}
    second.write("env.json", json.dumps(env).encode())
    settings, surroundings, figures = differ_sections(first, second)
    assert rows_of(settings) == {"choices.lm": ["small", "large"]}
    assert rows_of(surroundings)["packages.torch"][1] == "1.0"
    assert rows_of(surroundings)["data.graph"] == ["–", "1c0ffee"]
    assert "data.dataset" not in rows_of(surroundings)  # that of the summary, the same in both
    assert rows_of(figures)[METRIC][2] == pytest.approx(0.05 + 0.1 / USERS)
    assert [section.text for section in differ_sections(first, first)][:2] == [["The same."], ["The same."]]
    with pytest.raises(InputError, match="expected the folder of a run"):
        differ_sections(first, RunFolder(group))


@pytest.mark.parametrize(
    ("ending", "expected"),
    [
        (".md", "## Means\n\nnote\n\n|      a |"),
        (".tex", "% Means"),
        (".txt", "Means\n\nnote"),
        (".html", "<h2>Means</h2>"),
    ],
)
def test_a_document_in_every_format(tmp_path: Path, ending: str, expected: str) -> None:
    path = tmp_path / f"new/table{ending}"
    sections = [Section("Means", text=["note"], tables=[("", Table(["a"], [[1.5]]))])]
    assert write_document(path, "title", sections) == [path]
    assert expected in path.read_text()


def test_several_tables_of_csv_are_several_files(tmp_path: Path) -> None:
    sections = [Section(name, tables=[("", Table([name], [[1.5]]))]) for name in ("Means", "Paired tests")]
    files = write_document(tmp_path / "t.csv", "title", sections)
    assert [path.name for path in files] == ["t.csv", "t-paired-tests.csv"]
    assert files[1].read_text() == "Paired tests\n1.5\n"
    assert render_document("title", sections, "csv") == "Means\n1.5\n\nPaired tests\n1.5\n"


def test_a_document_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"found ending '.doc', expected .md, .tex, .csv, .html, .txt"):
        write_document(tmp_path / "x.doc", "", [])
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        write_document(tmp_path / "file" / "x.md", "", [])
