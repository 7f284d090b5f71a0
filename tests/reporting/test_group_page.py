"""The page of a group: what stands in it, and whether a browser shows it."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from kgrec.build import compose
from kgrec.cli import main
from kgrec.train import train

SETTINGS = ["data=planted", "lm=hashing", "logger=none", "test=false", "train.max_epochs=2", "group=g"]
ARMS = (["model=popularity"], ["model=lightgcn"], ["model=bpr_mf"])


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("page")
    folders = [f"paths.{name}={root / name}" for name in ("runs", "cache", "data")]
    for arm in ARMS:
        for seed in (0, 1):
            train(compose([*SETTINGS, *folders, *arm, f"seed={seed}"]))
    assert main(["report", str(root / "runs" / "g"), "--reference", "model=popularity"]) == 0
    return root / "runs" / "g" / "report.html"


def test_everything_has_its_section(page: Path) -> None:
    document = page.read_text()
    assert re.findall("<h2>(.*?)</h2>", document) == [
        "Figures", "Differences", "Effects", "Learning curves", "What it costs", "Protocol", "Environment",
        "Settings that all runs share", "How to run it again",
    ]  # fmt: skip
    assert "Reference: model=popularity." in document
    assert "6 finished runs of 3 settings. To make this page again: kgrec report " in document
    assert document.count("kgrec rerun ") == 6
    for fact in ("split_test_fraction", "packages.torch", "git.commit", "data.dataset", "train.max_epochs"):
        assert f">{fact}<" in document


def test_it_needs_no_network_and_no_other_file(page: Path) -> None:
    document = page.read_text()
    links = re.findall(r'(?:src|href)="([^"]*)"', document)
    assert not [link for link in links if not link.startswith("#")]
    assert "@import" not in document
    assert [entry.name for entry in page.parent.iterdir() if entry.is_file()] == ["report.html"]


def test_runs_that_cannot_be_paired_still_have_a_page(page: Path, tmp_path: Path) -> None:
    folders = [f"paths.{name}={tmp_path / name}" for name in ("runs", "cache", "data")]
    for users in (100, 60):
        train(compose([*SETTINGS, *folders, "model=popularity", f"data.source.num_users={users}"]))
    out = tmp_path / "other.html"
    assert main(["report", str(tmp_path / "runs"), "--out", str(out)]) == 0
    assert "so they cannot be paired" in out.read_text()
    assert "How to run it again" in out.read_text()


def test_a_reference_that_is_none_is_refused(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(page.parent), "--reference", "model=huge"]) == 2
    assert "--reference model=huge: found no such arm" in capsys.readouterr().err


def test_it_sorts_and_shows_curves_in_a_real_browser(page: Path, tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        pytest.skip("no chromium on this machine: apt-get install chromium")
    script = """<script>
    const heads = [...document.querySelectorAll("table")[0].querySelectorAll("th")];
    const head = heads.find(head => head.textContent === "recall@20");
    head.click();
    head.click();  // the worst first
    const seen = document.createElement("p");
    seen.id = "seen";
    const curve = document.querySelector(".curve path").getBoundingClientRect();
    seen.textContent = [document.querySelectorAll(".curve title").length, curve.width > 100].join(" ");
    document.body.append(seen);
    </script></body>"""
    (tmp_path / "page.html").write_text(page.read_text().replace("</body>", script))
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    done = subprocess.run(
        [*command, f"file://{tmp_path}/page.html"], capture_output=True, text=True, timeout=120, check=True
    )
    rows = done.stdout[done.stdout.index("<tbody>") : done.stdout.index("</tbody>")]
    values = [float(value) for value in re.findall(r'<td class="number" data-value="([^"]*)">', rows)]
    columns = len(values) // 3
    figures = values[1::columns]  # behind the number of runs
    assert figures == sorted(figures)
    assert figures[0] < figures[-1]
    assert '<p id="seen">6 true</p>' in done.stdout
