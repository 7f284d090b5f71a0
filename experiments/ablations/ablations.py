"""One factor at a time around the small model with the full graph and a gate: kgrec reproduce ablations.

Each study is one multirun, e.g. the fusions by hand: kgrec train -m experiment=parity lm=minilm_l1 kg=full
model.embedding_dim=64 'model.start.targets.rank=[16,32,64]' fusion=gate,sum,concat 'seed=range(3)'.
"""

from collections.abc import Mapping

from kgrec.study import Arm, Claim, Study, Suite

Settings = tuple[str, ...]

BASE = "base"
"""MiniLM's first layer, the full graph, one layer of R-GCN, a gate."""

DRAWS = tuple((f"kg.draw={draw}",) for draw in range(3))

NO_START: Settings = ("model.start=null", "train.optimizer.lr=0.01", "train.early_stopping.patience=5")
"""Networks that scale their rows to length 1 cannot begin at zero: they begin at random and are trained."""

ITEMS_TRAINED: Settings = ("model.start.hold_items=false",)

FUSIONS: Mapping[str, Settings] = {
    "structured_only": ("fusion=structured_only",),
    "text_only": ("fusion=text_only",),
    "concat": ("fusion=concat",),
    "sum": ("fusion=sum",),
    "residual": ("fusion=residual",),
    "gate at +5": ("fusion.initial_bias=5", "model.start.lean=[]"),
    "gate at -5": ("fusion.initial_bias=-5", "model.start.lean=[]"),
    "gate, items trained": ITEMS_TRAINED,
    "attention": ("fusion=attention",),
    "film": ("fusion=film",),
    "softmax_gate": ("fusion=softmax_gate",),
    "contrastive_alignment": ("fusion=contrastive_alignment", *ITEMS_TRAINED),
    "masked_reconstruction": ("fusion=masked_reconstruction", *ITEMS_TRAINED),
    "cross_attention": ("fusion=cross_attention", *ITEMS_TRAINED),
}
GNNS: Mapping[str, Settings] = {
    "rgcn, two linear layers": ("gnn.num_layers=2", "gnn.activation._target_=torch.nn.Identity"),
    "rgcn, mean per relation": ("gnn.normalization._target_=kgrec.nn.sparse.relation_norm",),
    "rgcn, no start": NO_START,
    "compgcn": ("gnn=compgcn", "~gnn.normalization", "gnn.num_layers=1"),
    "lightgcn": ("gnn=lightgcn", "~gnn.normalization"),
    "lightkg": ("gnn=lightkg", "~gnn.normalization"),
    "hgt": ("gnn=hgt", "~gnn.normalization"),
    "kgat, no start": ("gnn=kgat", "~gnn.normalization", *NO_START),
    "kgin, no start": ("gnn=kgin", "~gnn.normalization", *NO_START),
}
GRAPHS: Mapping[str, Settings] = {
    "none": ("kg=none",),
    "rewired": ("kg=rewired",),
    "relinked": ("kg=relinked",),
    "relation_shuffled": ("kg=relation_shuffled",),
    "facts as text": ("kg=none", "text.max_facts=12", "lm.max_length=128"),
}
LMS: Mapping[str, Settings] = {
    "l0": ("lm=minilm_l0",),
    "l2": ("lm=minilm_l2",),
    "l3": ("lm=minilm_l3",),
    "l6": ("lm=minilm_l6",),
    "l1, int8": ("lm.dtype=int8",),
    "l1, vocabulary cut": ("lm.vocabulary=cut",),
}
FACTORS = {"fusion": FUSIONS, "gnn": GNNS, "graph": GRAPHS, "lm": LMS}
DRAWN = ("rewired", "relinked", "relation_shuffled")


def ablation(data: str, factor: str, variants: Mapping[str, Settings]) -> Study:
    """The base and what becomes of it when one factor changes."""
    arms = [
        Arm(name, settings, draws=DRAWS if name in DRAWN else ((),)) for name, settings in variants.items()
    ]
    return Study(
        name=f"ablation-{data}-{factor}",
        question=f"What becomes of the small model with the graph when its {factor} changes?",
        common=(
            "experiment=parity",
            f"data={data}",
            "lm=minilm_l1",
            "kg=full",
            "model.embedding_dim=64",
            "model.start.targets.rank=[16,32,64]",
        ),
        arms=(Arm(BASE, ()), *arms),
        claims=tuple(
            Claim(f"{arm.name} against {BASE}", "difference", arm.name, BASE, 0.0, informative=True)
            for arm in arms
        ),
        primary="test/cold/recall@20",
        metrics=("test/cold/recall@20", "test/cold/ndcg@20", "test/recall@20"),
        test_to_train=0.2 / 0.7,
        num_splits=3,
    )


SUITE = Suite(
    name="ablations",
    question="Which part of the small model with the graph matters?",
    datasets=("ml-100k",),
    studies_of=lambda data: tuple(ablation(data, factor, FACTORS[factor]) for factor in FACTORS),
    notes=(
        "three splits: differences are looks, not verdicts; no arm but the base was searched",
        "rewired, relinked and relation_shuffled are drawn three times on each split",
    ),
)
