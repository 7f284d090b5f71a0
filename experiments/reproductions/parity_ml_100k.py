"""A small language model with a graph against a large one without: cold items of ML-100K."""

from kgrec.study import Arm, Claim, Study

LM_LAYERS = tuple((f"lm.num_layers={layer}",) for layer in range(1, 7))
"""The large model gets every advantage: each of its arms reads out the layer that validation likes best."""

LMS = {"l0": ("lm=minilm_l0", ((),)), "l1": ("lm=minilm_l1", ((),)), "l6": ("lm=minilm_l6", LM_LAYERS)}
"""Token embeddings alone; one layer; the whole model."""

GRAPHS = {"none": "text alone", "full": "+ graph", "rewired": "+ rewired graph"}


DRAWS = {"minilm_l0+rewired": tuple((f"kg.draw={draw}",) for draw in range(3))}
"""The control that claims hang on is drawn three times on each split."""


def lm_arm(name: str, lm: str, kg: str, *settings: str, series: str = "") -> Arm:
    """An arm that reads text."""
    overrides, choices = LMS[lm]
    label = f"MiniLM {lm}" if series else ""
    return Arm(name, (overrides, f"kg={kg}", *settings), choices, series, label, DRAWS.get(name, ((),)))


NETWORKS = tuple(
    lm_arm(f"minilm_{lm}+{kg}", lm, kg, series=series) for lm in LMS for kg, series in GRAPHS.items()
)
RIDGES = (
    *(lm_arm(f"ridge_text_{lm}", lm, "none", "model=ridge") for lm in LMS),
    *(lm_arm(f"ridge_text+graph_{lm}", lm, "full", "model=ridge") for lm in LMS),
    lm_arm("ridge_text+rewired_l0", "l0", "rewired", "model=ridge"),
)
BASELINES = (
    Arm("random", ("model=random", "lm=none", "kg=none")),
    Arm("popularity", ("model=popularity", "lm=none", "kg=none")),
    lm_arm("text_knn_l0", "l0", "none", "model=text_knn"),
    lm_arm("text_knn_l6", "l6", "none", "model=text_knn"),
    Arm("graph_knn", ("model=graph_knn", "lm=none", "kg=full")),
    Arm("graph_only", ("fusion=structured_only", "lm=none", "kg=full")),
    lm_arm("minilm_l6+facts_as_text", "l6", "none", "text.max_facts=12", "lm.max_length=128"),
)

SIZE_GAP = "size gap: the large model is better than the small one on text alone"
CLAIMS = (
    Claim(SIZE_GAP, "difference", "minilm_l6+none", "minilm_l0+none", 0.0),
    Claim("small + graph is 1.3 × large text-only", "ratio", "minilm_l0+full", "minilm_l6+none", 1.3),
    Claim(
        "parity: small + graph is 0.98 × large + graph",
        "ratio",
        "minilm_l0+full",
        "minilm_l6+full",
        0.98,
        needs=SIZE_GAP,
        otherwise="graph gain, no size gap here",
    ),
    Claim("it is the facts: full beats rewired", "difference", "minilm_l0+full", "minilm_l0+rewired", 0.0),
    Claim("a rewired graph costs at most 2 %", "ratio", "minilm_l0+rewired", "minilm_l0+none", 0.98),
    Claim(  # margin 0, the strictest reading: the whole interval of the difference must lie above 0
        "the network beats the ridge on the same features",
        "difference",
        "minilm_l0+full",
        "ridge_text+graph_l0",
        0.0,
    ),
    Claim(
        "small + graph beats the large model that reads the facts",
        "difference",
        "minilm_l0+full",
        "minilm_l6+facts_as_text",
        0.0,
        informative=True,
    ),
)

STUDY = Study(
    name="parity-ml-100k",
    question="Is a small language model with a graph as good as a large one, on items nobody has rated?",
    common=("experiment=parity_ml_100k",),
    arms=(*NETWORKS, *BASELINES, *RIDGES),
    claims=CLAIMS,
    primary="test/cold/recall@20",
    metrics=tuple(
        f"{candidates}/{metric}"
        for candidates in ("test/cold", "test")
        for metric in ("recall@10", "recall@20", "ndcg@10", "ndcg@20", "mrr@10")
    ),
    test_to_train=0.2 / 0.7,
    notes=(
        "the large model is all-MiniLM-L6-v2 with 22.7 M parameters: no parity with models of billions",
        "claims are tested on the interval from resampled splits and users; Nadeau and Bengio's interval, "
        "Wilcoxon's p and Holm's correction are in report.json",
        "minilm_l0+rewired, on which claims hang, is the mean of three rewired graphs on each split, user by "
        "user; the other rewired arms have one draw each",
    ),
)
