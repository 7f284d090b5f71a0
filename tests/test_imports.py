"""Who may import whom, over the syntax tree; and what must not be loaded before it is needed."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import kgrec
from kgrec.cli import COMMANDS

PACKAGE = Path(kgrec.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

ENTRIES = {
    "train",
    "pipeline",
    "evaluate",
    "recommend",
    "explain",
    "rerun",
    "summary",
    "exhibits",
    "commands",
    "study",
    "studies",
    "launchers",
    "multirun",
    "sweep",
}
"""Parts that join the others; ``build`` and ``cli`` serve them."""

MAY_IMPORT = {
    "errors": set(),
    "shapes": set(),
    "seed": set(),
    "threads": set(),
    "progress": set(),
    "cli": set(),
    "build": set(),
    "__init__": set(),
    "__main__": {"cli"},
    "kg": set(),
    "text": {"kg"},
    "nn": {"kg"},
    "lm": {"text", "nn", "data", "models", "training"},
    "data": {"kg"},
    "models": {"data", "kg", "text", "nn"},
    "evaluation": {"data", "kg"},
    "training": {"data", "models"},
    "tasks": {"data", "models", "nn"},
    "reporting": {"evaluation"},
    **dict.fromkeys(
        ENTRIES,
        {"data", "kg", "text", "nn", "lm", "models", "tasks", "evaluation", "training", "reporting"}
        | {"build", "cli"}
        | ENTRIES,
    ),
}
"""Part → parts that it may import; errors, shapes, seed, threads and progress serve all."""

FOUNDATIONS = {"errors", "shapes", "seed", "threads", "progress"}

HOMES = {
    "hydra": {"build.py"},
    "omegaconf": {
        *("build.py", "train.py", "pipeline.py", "evaluate.py", "recommend.py", "multirun.py", "rerun.py"),
        *("launchers/", "commands/lm/"),
        *("studies/", "sweep/"),
    },
    "wandb": {"reporting/loggers/wandb.py", "reporting/wandb_read.py"},
    "rdflib": {"kg/shacl.py"},
    "pyoxigraph": {"kg/rdf.py", "kg/statements.py", "kg/sparql_client.py"},
    "networkx": {"kg/stats.py", "kg/graphml.py"},
    "pyshacl": {"kg/shacl.py"},
    "rapidfuzz": {"kg/linking/fuzzy.py"},
    "transformers": {
        *(
            "text/added.py",
            "text/backbone.py",
            "text/packing.py",
            "text/pretrained.py",
            "text/transformer.py",
        ),
        "lm/",
    },
    "huggingface_hub": {"text/pretrained.py"},
    "tokenizers": {"text/backbone.py", "lm/"},
    "joblib": {"launchers/joblib.py"},
    "submitit": {"launchers/submitit.py"},
    "ray": {"launchers/ray.py"},
    "peft": {"lm/"},
    "torch_geometric": {"nn/", "kg/graph.py", "kg/hetero.py"},
    "onnxruntime": {"text/onnx.py", "lm/quantize.py"},
    "accelerate": {"training/"},
    "matplotlib": {
        "reporting/plots.py",
        "reporting/cost_plot.py",
        "reporting/path_plot.py",
        "reporting/run_plots.py",
        "reporting/close_up_plot.py",
        "reporting/quality_curves.py",
    },
    "tqdm": {"progress.py"},
    "optuna": {"sweep/"},
    "filelock": {"sweep/"},
}
"""Heavy library → the only files or folders that may import it."""


def imports(path: Path) -> Iterator[str]:
    """Dotted names of all modules that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_point_down(path: Path) -> None:
    part = part_of(path)
    allowed = MAY_IMPORT[part] | FOUNDATIONS | {part}
    found = {name.split(".")[1] for name in imports(path) if name.startswith("kgrec.")}
    assert found <= allowed, f"{name_of(path)} may not import {sorted(found - allowed)}"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_heavy_libraries_stay_at_home(path: Path) -> None:
    own = name_of(path)
    for library in {name.split(".")[0] for name in imports(path)} & HOMES.keys():
        homes = HOMES[library]
        assert any(own == home or (home.endswith("/") and own.startswith(home)) for home in homes), (
            f"{own} imports {library}, whose home is {sorted(homes)}"
        )


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_the_package_knows_nothing_of_studies_and_tests(path: Path) -> None:
    roots = {name.split(".")[0] for name in imports(path)}
    assert not roots & {"experiments", "tests", "conf"}
    assert "kgrec.experiments" not in set(imports(path))


def test_nn_sees_the_graph_as_a_type_and_nothing_else_of_the_data() -> None:
    for path in (PACKAGE / "nn").rglob("*.py"):
        assert {name for name in imports(path) if name.startswith("kgrec.kg")} <= {"kgrec.kg.graph"}


def loaded_by(*arguments: str) -> set[str]:
    """Top-level modules in memory after a command."""
    program = (
        "import sys; from kgrec.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "print('\\n'.join(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.splitlines())


def test_help_loads_nothing_heavy() -> None:
    assert not loaded_by("--help") & {"torch", "hydra", "polars", "numpy", "wandb", "transformers"}


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "reproduce"])
def test_help_of_a_command_loads_no_torch(command: str) -> None:
    assert not loaded_by(command, "--help") & {"torch", "wandb", "transformers", "polars"}
