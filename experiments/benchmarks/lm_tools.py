"""Every ``kgrec lm`` verb on real text: what came out, and what it cost.

``python experiments/benchmarks/lm_tools.py``

Commands run as a user gives them, one after the other, each in a process of its own that begins with the
libraries already loaded. CPU seconds and the largest resident memory are those of the process, libraries
included in the memory. What came out is what each folder's lineage says. Trainings are cut short, to show
that they work, not how far they get. Nothing is evaluated on test interactions.
"""

import argparse
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from graph_tools import Step, load_libraries, run

from kgrec.lm.folder import read_lineage
from kgrec.reporting.environment import commit

RESULT = Path(__file__).parents[1] / "results" / "benchmarks" / "lm_tools.md"
ON = "data=ml-100k"
COMMANDS = (
    ("tiny", f"pretrain bert_tiny {ON} train.max_epochs=2 train.optimizer.lr=0.0005"),
    ("facts", f"pretrain minilm_l1 --corpus facts {ON} train.max_epochs=1"),
    ("tuned", f"tune minilm_l1 --method lora {ON} data/split=cold_item train.max_epochs=2"),
    ("again", f"tune minilm_l1 --method lora {ON} data/split=cold_item train.max_epochs=2 lm_tune.lr=0.002"),
    ("soup", "average tuned again"),
    ("first", "prune minilm --layers 1"),
    ("pruned", f"prune minilm --layers 1-3 --heads 8 --width 1024 --cut-vocabulary {ON}"),
    ("taught", f"distill minilm first --epochs 3 {ON}"),
    ("guided", f"distill minilm first --epochs 3 --objectives ranking,graph {ON}"),
    ("own", f"quantize minilm --method own {ON}"),
    ("dynamic", f"quantize minilm --method dynamic {ON}"),
    ("static", f"quantize minilm --method static {ON}"),
    ("ao", f"quantize minilm --method torchao {ON}"),
    ("ao_dynamic", f"quantize minilm --method torchao_dynamic {ON}"),
    ("onnx", "export minilm --format onnx"),
    ("plain", "export tuned --format safetensors"),
)
"""Folder that is written → the command without it; later ones read what earlier ones left."""


def steps(folder: Path) -> Iterator[Step]:
    """All commands."""
    for out, command in COMMANDS:
        yield Step(f"lm {command} --out {out}", lambda _, out=out: figures(folder / out))


def figures(out: Path) -> str:
    """What the last step in a folder's lineage measured."""
    found = read_lineage(out)[-1].figures
    return ", ".join(f"{name.replace('_', ' ')} {_short(value)}" for name, value in found.items())


def _short(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 1000 else f"{value:.3g}"


def main() -> None:
    argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0]).parse_args()
    code = commit() or "unknown"  # of the code that is loaded now
    load_libraries()
    lines = []
    with tempfile.TemporaryDirectory() as name:
        for step in steps(Path(name)):
            row = run(step, Path(name))
            lines.append(f"| `{row.command}` | {row.told} | {row.cpu_s:.1f} | {row.peak_mb:.0f} |")
            print(lines[-1], flush=True)
    made = f"`python experiments/benchmarks/lm_tools.py`, commit `{code[:7]}`, {datetime.now(UTC):%Y-%m-%d}."
    about = " ".join((__doc__ or "").split("``")[4].split())
    head = [
        "# The language model's workshop on real text\n",
        f"{made} {about}\n",
        "| kgrec … | what came out | CPU s | MB |",
        "|---|---|--:|--:|",
    ]
    RESULT.write_text("\n".join([*head, *lines]) + "\n")


if __name__ == "__main__":
    main()
