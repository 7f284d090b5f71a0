"""Bad input through the real command line: one line on standard error, exit code 2, nothing left behind."""

import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from kgrec.cli import main

Command = Callable[..., str]

PLANTED = ["data=planted", "lm=hashing", "logger=none", "train.max_epochs=1"]
CUSTOM = [
    "data=custom",
    "lm=hashing",
    "logger=none",
    "train.max_epochs=1",
    "data.source.interactions=good.csv",
]

GOOD = "user,item,rating\n" + "".join(
    f"u{user},i{item},{1 + (user + item) % 5}\n" for user in range(12) for item in range(10) if user != item
)
TABLES = {
    "good.csv": GOOD,
    "no_user.csv": "usr,item\nu1,i1\n",
    "words.csv": "user,item,rating\nu1,i1,5\nu2,i2,good\n",
    "nothing.csv": "",
    "header.csv": "user,item,rating\n",
    "gap.csv": "user,item\nu1,i1\n,i2\n",
    "long.csv": "user,item\nu1,i1\nu2,i2,5\n",
    "facts.tsv": "i0\tlikes\ta\ni1\tlikes\ta\n",
    "two.tsv": "i0\tlikes\ta\ni1\tlikes\n",
    "links.csv": "item,entity\ni0,i0\ni1,nowhere\n",
    "strangers.csv": "item,entity\nx9,i0\n",
    "broken.ttl": "<http://x/a> <http://x/p> <http://x/b> .\n<http://x/a> <http://x/p <http://x/b> .\n",
    "broken.rdf": "<?xml version='1.0'?>\n<rdf:RDF>\n",
}


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in TABLES.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KGREC_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("KGREC_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("RANK", raising=False)
    return tmp_path


@pytest.fixture
def refused(workplace: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command that must be refused and returns its one line."""

    def run(*arguments: str) -> str:
        capsys.readouterr()
        code = main(arguments)
        captured = capsys.readouterr()
        assert code == 2, captured.err
        assert captured.out == ""
        assert captured.err.count("\n") == 1, captured.err
        assert captured.err.startswith(f"kgrec {arguments[0]}: ")
        return captured.err.rstrip("\n")

    return run


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (
            "interactions=no_user.csv",
            "no_user.csv: no column 'user' for 'user'; columns there are: usr, item",
        ),
        ("interactions=words.csv", "words.csv, line 3: rating is 'good', expected a number"),
        ("interactions=nothing.csv", "nothing.csv: the file is empty, expected a header and rows"),
        ("interactions=header.csv", "header.csv: no rows below the header user, item, rating"),
        ("interactions=gap.csv", "gap.csv, line 3: user is empty"),
        ("interactions=long.csv", "long.csv, line 3: 3 fields, the header has 2"),
        ("interactions=good.xls", "good.xls"),
        ("kg=two.tsv", "two.tsv, line 2: 2 names, expected three"),
        ("kg=broken.ttl", "broken.ttl, line 2: "),
        ("kg=broken.rdf", "broken.rdf, line "),
    ],
)
def test_a_bad_file_is_named_with_its_row(
    refused: Command, workplace: Path, setting: str, message: str
) -> None:
    if setting.endswith(".xls"):
        (workplace / "good.xls").write_text("user")
    assert message in refused("train", *CUSTOM, f"data.source.{setting}")
    assert not (workplace / "runs").exists()


@pytest.mark.parametrize(
    ("links", "message"),
    [
        ("links.csv", "links.csv, line 3: entity 'nowhere' is in no triple"),
        ("strangers.csv", "strangers.csv, line 2: item 'x9' is in neither the items nor the interactions"),
    ],
)
def test_a_link_into_nowhere_is_named(refused: Command, workplace: Path, links: str, message: str) -> None:
    line = refused("train", *CUSTOM, "data.source.kg=facts.tsv", f"data.source.links={links}")
    assert message in line
    assert not (workplace / "runs").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["kg=true"], "setting 'kg=true': kg has no option 'true'; valid: dropped, falsified, full, "),
        (["lm=huge"], "setting 'lm=huge': lm has no option 'huge'; valid: bert_base, "),
        (["model.colour=red"], "there is no key 'model.colour'; valid: "),
        (["colour=red"], "there is no key 'colour'; valid: data, "),
        (["lm=hashing", "lm.pooling=cls"], "there is no key 'lm.pooling'; valid: char_ngrams, dim, "),
        (["model=cke", "model.tripels.rules=a"], "there is no key 'model.tripels.rules'; valid: "),
        (["train.max_epochs=many"], "expected a whole number such as 200"),
        (["train.max_epochs=0"], "train.max_epochs: found 0, expected at least 1"),
        (["train.optimizer.lr=-1"], "train.optimizer: Invalid learning rate: -1"),
        (["model.embedding_dim=-3"], "model=hybrid: Trying to create tensor with negative dimension -3"),
        (["model.embedding_dim=null"], "model=hybrid: "),
        (["data.split.test_fraction=1.5"], "data.split (cold_item)"),
        (["data/split=given"], "this dataset comes without a split; use data/split=random"),
        (["lm=hf"], "setting 'lm.model' must be given: it has no default"),
        (["data=custom"], "setting 'data.source.interactions' must be given: it has no default"),
        (["data/split=random", "eval.selection_metric=test/recall@10"], "would select on test"),
        (["data/split=random", "eval.candidates=[cold]"], "eval.selection_metric"),
        (["paths.runs=good.csv/runs"], "cannot be written (Not a directory)"),
        (["paths.cache=good.csv/cache"], "set paths.cache to a writable folder"),
        (["data=lastfm", "paths.data=good.csv/data"], "good.csv/data"),
        (["model=ease,popularity"], "add --multirun"),
    ],
)
def test_a_bad_setting_is_named_and_nothing_begins(
    refused: Command, workplace: Path, monkeypatch: pytest.MonkeyPatch, settings: list[str], message: str
) -> None:
    def no_network(*arguments: object, **named: object) -> None:
        raise OSError("no network in tests")

    monkeypatch.setattr(socket, "create_connection", no_network)
    assert message in refused("train", *PLANTED, *settings)
    assert not (workplace / "runs").exists()


def test_an_evaluation_that_cannot_be_made_leaves_no_run(refused: Command, workplace: Path) -> None:
    settings = ["data/split=random", "eval.candidates=[cold]", "eval.selection_metric=valid/cold/recall@20"]
    capsys_line = refused("train", *PLANTED, "model=popularity", *settings)
    assert "the split holds none out for valid; set data/split=cold_item" in capsys_line
    assert not list((workplace / "runs").rglob("config.yaml"))


def test_a_hub_that_cannot_be_reached(
    refused: Command, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(workplace / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    line = refused("train", *PLANTED, "lm=hf", "lm.model=nobody/nothing")
    assert "nobody/nothing is neither a folder nor to be had from the hub" in line
    assert not (workplace / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bake"], "no such command; valid: train, evaluate"),
        (["train", "--loud"], "unrecognized arguments: --loud; see kgrec train --help"),
        (["evaluate"], "the following arguments are required: run"),
        (["evaluate", "nowhere"], "nowhere/config.yaml: found no such file, expected the folder of a run"),
        (["recommend", "nowhere", "--user", "g0"], "expected the folder of a run"),
        (["recommend", "nowhere"], "give --user, or a new item"),
        (["compare", "nowhere"], "found no such folder"),
        (["data", "mend"], "invalid choice: 'mend'"),
        (["data", "stats", "lm=huge"], "lm has no option 'huge'"),
        (["kg", "show"], "the following arguments are required: item"),
        (["kg", "paint"], "invalid choice: 'paint'"),
        (["kg", "show", "nobody", "data=planted"], "'nobody' is no item id, item title or entity of planted"),
        (["kg", "export", "out.doc", "data=planted"], "unknown ending"),
    ],
)
def test_bad_arguments_are_named(refused: Command, arguments: list[str], message: str) -> None:
    assert message in refused(*arguments)


def test_a_file_that_cannot_be_written(refused: Command) -> None:
    assert "good.csv" in refused("kg", "export", "good.csv/out.ttl", "data=planted")


@pytest.fixture
def trained(workplace: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Path]:
    """Folder of a run of each model."""
    runs = {}
    for model in ("bpr_mf", "lightgcn"):
        assert main(["train", *PLANTED, f"model={model}", f"group={model}", "test=false"]) == 0
        runs[model] = Path(capsys.readouterr().out.splitlines()[-1])
    return runs


def test_a_trained_run_refuses_what_it_does_not_know(refused: Command, trained: dict[str, Path]) -> None:
    run = str(trained["lightgcn"])
    assert "user 'g9999' is not in planted; nearest: 'g99" in refused("recommend", run, "--user", "g9999")
    assert "k: found 0, expected at least 1" in refused("recommend", run, "--user", "g1", "--k", "0")
    assert "LightGCN cannot score an item" in refused("recommend", run, "--item-text", "A tale.")
    assert "no relation 'maker'" in refused("recommend", run, "--triples", "maker=maker/1")
    assert "no entity 'maker/99'; nearest: 'maker/9'" in refused(
        "recommend", run, "--triples", "made_by=maker/99"
    )
    assert "expected relation=entity" in refused("recommend", run, "--triples", "made_by")
    assert "metric speed: found in no run" in refused("compare", run, "--metrics", "speed")


def test_a_checkpoint_of_another_model_is_refused(refused: Command, trained: dict[str, Path]) -> None:
    mine, other = trained["lightgcn"] / "checkpoint", trained["bpr_mf"] / "checkpoint"
    shutil.rmtree(mine)
    assert "no checkpoint here" in refused("evaluate", str(trained["lightgcn"]))
    shutil.copytree(other, mine)
    line = refused("evaluate", str(trained["lightgcn"]))
    assert "checkpoint of another model or run (model is BPRMF there and LightGCN here" in line


def test_a_user_without_training_items_gets_no_list(refused: Command, workplace: Path) -> None:
    rows = [f"u{user},i{item},train\n" for user in range(6) for item in range(8) if user != item]
    rows += [f"u{user},i{user},valid\nu{user},i{user + 8},test\n" for user in range(6)]
    table = "user,item,split\n" + "".join(rows) + "new,i0,test\n"
    (workplace / "split.csv").write_text(table)
    settings = ["data.source.interactions=split.csv", "data/split=given", "model=popularity", "test=false"]
    assert main(["train", *CUSTOM, *settings]) == 0
    (run,) = (workplace / "runs" / "default").iterdir()
    line = refused("recommend", str(run), "--user", "new")
    assert "user 'new' has no training interaction" in line


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk that is always full")
def test_a_full_disk_is_named(refused: Command, workplace: Path) -> None:
    tables = ["data=custom", "logger=none", "model=popularity", "data.source.interactions=good.csv"]
    line = refused("train", *tables, "paths.test_reads=/dev/full")
    assert "/dev/full: cannot log the test read (No space left on device); set paths.test_reads" in line
    (run,) = (workplace / "runs" / "default").iterdir()
    assert not (run / "summary.json").exists()  # so that the run is finished by the next try
