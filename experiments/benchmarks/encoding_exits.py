"""What early exit saves and costs: layers passed, texts per second, recall of validation-cold items."""

import time
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from kgrec.build import build, compose
from kgrec.models.base import ModelInputs
from kgrec.models.selection import ValidationRecall, some_of
from kgrec.pipeline import item_texts, load_dataset, load_encoder, load_graph
from kgrec.text.encoder import TextFeatures

THRESHOLDS = (0.0, 0.1, 0.15, 0.2, 0.25, 0.3)
_RIDGE = ["model=ridge", "model.kernel.facts=[0]", "model.kernel.fact_count=[0]", "model.kernel.text=[1]"]


def exits(data: str, thresholds: Sequence[float]) -> list[dict[str, Any]]:
    """One row for each threshold, and for each number of layers that all texts pass.

    Recall@20 of validation-cold items among themselves, by ridge regression from the vectors to item factors
    whose settings are chosen on the same items; test interactions are not read.
    """
    cfg = compose([f"data={data}", "lm=early_exit", *_RIDGE])
    dataset = load_dataset(cfg)
    graph, texts = load_graph(cfg, dataset), item_texts(cfg, dataset)
    recall_of = ValidationRecall(dataset, 20)

    def recall(vectors: Tensor) -> float:
        inputs = ModelInputs(dataset, graph, TextFeatures(vectors, vectors.any(dim=1), {}))
        model = build(cfg.model)(inputs=inputs)
        model.fit()
        return recall_of(some_of(model.score))

    encoder: Any = load_encoder(cfg, dataset)
    rows = []
    for threshold in thresholds:
        encoder.threshold = threshold
        start = time.process_time()
        vectors = encoder.encode(texts)
        rate = len(texts) / (time.process_time() - start)
        rows.append(
            {
                "way": f"early exit, threshold {threshold:g}",
                "layers": float(encoder.layers_used.mean()),
                "texts_per_cpu_s": rate,
                "recall@20": recall(vectors),
            }
        )
    for layer, vectors in list(encoder.base.layer_states(texts).items())[1:]:
        way = f"all texts, {layer} layers" if layer > 1 else "all texts, 1 layer"
        rows.append({"way": way, "layers": float(layer), "recall@20": recall(vectors)})
    return rows


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The rows as Markdown."""
    lines = ["| way | layers, mean | texts per CPU s | recall@20, validation |", "|---|--:|--:|--:|"]
    for row in rows:
        rate = f"{row['texts_per_cpu_s']:.0f}" if "texts_per_cpu_s" in row else ""
        lines.append(f"| {row['way']} | {row['layers']:.2f} | {rate} | {row['recall@20']:.4f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(table(exits("ml-100k", THRESHOLDS)))
