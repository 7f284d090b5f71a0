"""What int8 and a cut vocabulary change about a language model: vectors, speed, bytes.

``python experiments/benchmarks/small_lm.py [--data ml-100k] [--lm minilm_l1 minilm_l6] [--json FILE]``

Every encoder reads the same texts, one after the other, round after round, on one thread. Ratios are formed
within a round and their median is told, so that a machine that slows down slows all of them. Seconds are CPU
seconds of this process. Cosines are to the same model in float32 with its full vocabulary: of warm items,
whose texts decide the cut vocabulary, and of cold items, whose texts do not. No interaction is evaluated.
"""

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from kgrec.build import compose
from kgrec.pipeline import item_texts, load_dataset, load_encoder

VARIANTS: dict[str, list[str]] = {
    "float32": [],
    "int8": ["lm.dtype=int8"],
    "float32 cut": ["lm.vocabulary=cut"],
    "int8 cut": ["lm.dtype=int8", "lm.vocabulary=cut"],
}


def measure(data: str, lm: str, num_texts: int, rounds: int) -> list[dict[str, Any]]:
    """One row for each variant of ``lm``."""
    dataset = load_dataset(compose([f"data={data}"]))
    texts = item_texts(compose([f"data={data}"]), dataset)
    encoders = {
        name: load_encoder(compose([f"data={data}", f"lm={lm}", *changes]), dataset)
        for name, changes in VARIANTS.items()
    }
    warm = torch.from_numpy(dataset.warm_items)
    has_text = torch.tensor([bool(text.strip()) for text in texts])
    rows = {name: encoder.encode(texts) for name, encoder in encoders.items()}
    sample = [text for text in texts if text.strip()]
    sample = sample[:: max(1, len(sample) // num_texts)]
    rates = _rates(encoders, sample, rounds)
    return [
        {
            "lm": lm,
            "variant": name,
            **{key: int(value) for key, value in encoders[name].cost().items()},
            "texts_per_s": median(rates[name]),
            "speed_ratio": median(a / b for a, b in zip(rates[name], rates["float32"], strict=True)),
            "warm": _cosines(rows[name], rows["float32"], warm & has_text),
            "cold": _cosines(rows[name], rows["float32"], ~warm & has_text),
        }
        for name in VARIANTS
    ]


def _rates(encoders: dict[str, Any], texts: list[str], rounds: int) -> dict[str, list[float]]:
    """Texts per CPU second of each encoder in each round; every other round runs backwards."""
    rates: dict[str, list[float]] = {name: [] for name in encoders}
    for turn in range(rounds):
        for name in list(encoders)[:: 1 if turn % 2 == 0 else -1]:
            start = time.process_time()
            encoders[name].encode(texts)
            rates[name].append(len(texts) / (time.process_time() - start))
    return rates


def _cosines(rows: Tensor, exact: Tensor, chosen: Tensor) -> dict[str, float]:
    """Mean and least cosine of the chosen items, and the share of them below .999."""
    cosines = F.cosine_similarity(rows[chosen], exact[chosen]).double()
    if not len(cosines):
        return {}
    return {
        "mean": cosines.mean().item(),
        "min": cosines.min().item(),
        "changed": (cosines < 0.999).double().mean().item(),
    }


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The rows as Markdown."""
    lines = [
        "| model | stored as | parameters | MB | texts/s | × float32 | cosine, warm (least) | cold (least) |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        cosines = [
            f"{row[part]['mean']:.4f} ({row[part]['min']:.4f})" if row[part] else ""
            for part in ("warm", "cold")
        ]
        cells = [
            row["lm"],
            row["variant"],
            f"{row['lm_params'] / 1e6:.2f} M",
            f"{row['lm_bytes'] / 1e6:.1f}",
            f"{row['texts_per_s']:.0f}",
            f"{row['speed_ratio']:.2f}",
        ]
        lines.append(f"| {' | '.join(cells + cosines)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", default="ml-100k")
    parser.add_argument("--lm", nargs="+", default=["minilm_l0", "minilm_l1", "minilm_l6"])
    parser.add_argument("--texts", type=int, default=512, help="texts in a round")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows = [row for lm in given.lm for row in measure(given.data, lm, given.texts, given.rounds)]
    print(table(rows))
    if given.json:
        given.json.write_text(json.dumps({"data": given.data, "threads": 1, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
