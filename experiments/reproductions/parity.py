"""A small language model with a graph against a large one: kgrec reproduce parity [data=…] [--only core].

Cold and warm items of three datasets, four texts. The large model is all-MiniLM-L6-v2, the small one its
first layer.
"""

from dataclasses import replace

from kgrec.study import Arm, Claim, Front, Study, Suite

THRESHOLDS = {"ml-100k": 1.40, "ml-1m-titles": 1.40, "ml-1m-llm-text": 1.15, "lastfm-colakg": 1.00}
"""What small + graph must reach of the best large text-only arm; 1.00 on any other dataset."""

LAYERS = tuple((f"lm.num_layers={layer}",) for layer in range(1, 7))
"""The large model gets every advantage: each of its arms reads out the layer that validation likes best."""

LMS = {"l0": ("lm=minilm_l0", ((),)), "l1": ("lm=minilm_l1", ((),)), "l6": ("lm=minilm_l6", LAYERS)}
GRAPHS = {"none": "text alone", "full": "+ graph", "rewired": "+ rewired graph"}
SMALL, LARGE = "l1", "l6"

NETWORK = ("model.embedding_dim=64", "model.start.targets.rank=[16,32,64]")
RIDGE = (
    "model=ridge",
    "model.targets.rank=[16,32,64]",
    "model.balanced_facts=true",
    "model.kernel.facts=[0.1,1.0]",
)
EASE = (
    "model=ease_graph",
    "model.operator.ridge=[30.0,300.0]",
    "model.operator.facts=[10.0,100.0]",
    "model.operator.text=[10.0,100.0]",
    "model.operator.max_relations=5",
    "model.operator.popularity=[0.0]",
    "model.operator.sweeps=1",
    "model.operator.selection_k=20",
)
ALL_WARM = ("model.hiding.items=0",)
"""No item plays cold in training where none is cold in use."""

LONG_TEXTS = ("ml-1m-llm-text", "lastfm-colakg")
"""Datasets whose items have descriptions of some 200 tokens: facts come after them."""

DRAWS = {f"{SMALL}+rewired": tuple((f"kg.draw={draw}",) for draw in range(3))}
"""The control that claims hang on is drawn three times on each split."""


def lm_arm(name: str, lm: str, kg: str, *settings: str, series: str = "") -> Arm:
    """An arm that reads text."""
    option, choices = LMS[lm]
    label = f"MiniLM {lm}" if series else ""
    return Arm(name, (option, f"kg={kg}", *settings), choices, series, label, DRAWS.get(name, ((),)))


def facts_as_text(data: str) -> tuple[str, ...]:
    """Twelve facts after the text, and tokens enough to read them: MiniLM's most where texts are long."""
    return ("text.max_facts=12", f"lm.max_length={512 if data in LONG_TEXTS else 128}")


def core(data: str) -> tuple[Arm, ...]:
    """Each language model with each graph, and two of them that read the facts as text."""
    facts = facts_as_text(data)
    return (
        *(
            lm_arm(f"{lm}+{kg}", lm, kg, *NETWORK, series=series)
            for lm in LMS
            for kg, series in GRAPHS.items()
        ),
        *(lm_arm(f"{lm}+facts_as_text", lm, "none", *NETWORK, *facts) for lm in (SMALL, LARGE)),
    )


COMPRESSED = {" int8": ("lm.dtype=int8",), " int8 cut": ("lm.dtype=int8", "lm.vocabulary=cut")}
"""Both sides may be compressed alike: int8, and the vocabulary cut to that of warm items' texts besides."""

DEPLOYED = tuple(
    lm_arm(f"{lm}+{kg}{suffix}", lm, kg, *NETWORK, *settings)
    for suffix, settings in COMPRESSED.items()
    for lm in (SMALL, LARGE)
    for kg in ("none", "full")
)
LARGE_TEXT = Arm(
    "large_text",
    ("lm=minilm_l6", "kg=none"),
    choices=tuple((*model, *layer) for model in (NETWORK, RIDGE) for layer in LAYERS),
)
"""The best large text-only arm: network or ridge, any layer, as validation likes it."""

FLOOR = (
    Arm("random", ("model=random", "lm=none", "kg=none")),
    Arm("popularity", ("model=popularity", "lm=none", "kg=none")),
    *(lm_arm(f"text_knn_{lm}", lm, "none", "model=text_knn") for lm in LMS),
    Arm("graph_knn", ("model=graph_knn", "lm=none", "kg=full")),
    Arm("graph_only", ("fusion=structured_only", "lm=none", "kg=full", *NETWORK)),
    *(lm_arm(f"ridge_{lm}+{kg}", lm, kg, *RIDGE) for lm in LMS for kg in ("none", "full")),
    lm_arm(f"ridge_{SMALL}+rewired", SMALL, "rewired", *RIDGE),
    lm_arm(f"ease_{SMALL}+full", SMALL, "full", *EASE),
)

HALF_LINKED = ("lastfm-colakg",)
"""Datasets whose linked items are measured by themselves too."""

COLD, ALL = "test/cold/recall@20", "test/recall@20"
SIZE_GAP = "size gap: the large model is better than the small one on text alone"
GAP = Claim(SIZE_GAP, "difference", "large_text", f"{SMALL}+none", 0.0)
PARITY = Claim(
    "parity: small + graph is 0.98 × large + graph",
    "ratio",
    f"{SMALL}+full",
    f"{LARGE}+full",
    0.98,
    needs=SIZE_GAP,
    otherwise="graph gain; no size gap here",
)


def claims(data: str) -> tuple[Claim, ...]:
    """The claims on cold items, listed before the runs."""
    threshold, small = THRESHOLDS.get(data, 1.0), f"{SMALL}+full"
    return (
        GAP,
        Claim(f"small + graph is {threshold:g} × large text-only", "ratio", small, "large_text", threshold),
        PARITY,
        Claim(
            "small + graph is as good as the large model that reads the facts as text",
            "ratio",
            small,
            f"{LARGE}+facts_as_text",
            1.0,
        ),
        Claim("it is the facts: full beats rewired", "difference", small, f"{SMALL}+rewired", 0.0),
        Claim("it is the facts, among all items", "difference", small, f"{SMALL}+rewired", 0.0, metric=ALL),
        Claim("a rewired graph costs at most 2 %", "ratio", f"{SMALL}+rewired", f"{SMALL}+none", 0.98),
        Claim(
            "the network beats the ridge on the same features",
            "difference",
            small,
            f"ridge_{SMALL}+full",
            0.0,
        ),
        Claim(
            "small + graph beats large text-only, among all items",
            "difference",
            small,
            "large_text",
            0.0,
            informative=True,
            metric=ALL,
        ),
        Claim(
            "share of the size gap that the graph closes",
            "closed",
            small,
            f"{SMALL}+none",
            1.0,
            needs=SIZE_GAP,
            informative=True,
            of="large_text",
        ),
        Claim(
            "what the large model still adds to the graph",
            "difference",
            f"{LARGE}+full",
            small,
            0.0,
            informative=True,
        ),
        Claim(
            f"compressed alike: small + graph is {threshold:g} × large text-only",
            "ratio",
            f"{small} int8",
            f"{LARGE}+none int8",
            threshold,
            informative=True,
        ),
    )


def fronts() -> tuple[Front, ...]:
    """The claims on cost: as published, and with both sides compressed alike."""
    published = tuple(f"{lm}+{kg}" for lm in LMS for kg in ("none", "full"))
    deployed = (*(arm.name for arm in DEPLOYED), f"{LARGE}+none")
    return tuple(
        Front(
            f"small + graph lies on the front of recall against {words}{how}",
            f"{SMALL}+full{suffix}",
            tuple(arm for arm in others if arm != f"{SMALL}+full{suffix}"),
            (f"{LARGE}+none", f"{LARGE}+none{suffix}") if suffix else (f"{LARGE}+none",),
            cost,
            more_is_better=cost == "new_items_per_s",
        )
        for suffix, others, how in (
            (" int8", deployed, ", in int8"),
            (" int8 cut", deployed, ", in int8 with the vocabulary cut"),
            ("", published, ", as published"),
        )
        for cost, words in (("deployed_bytes", "bytes"), ("new_items_per_s", "new items per second"))
    )


def cold(data: str) -> Study:
    """Items that nobody has touched."""
    return Study(
        name=f"parity-{data}-cold",
        question="Is a small language model with a graph as good as a large one, on items nobody has rated?",
        common=("experiment=parity", f"data={data}"),
        arms=(*core(data), LARGE_TEXT, *FLOOR, *DEPLOYED),
        claims=claims(data),
        primary=COLD,
        metrics=tuple(
            f"{ranked}/{metric}"
            for ranked in (
                "test/cold",
                "test",
                *(("test/cold/slice_linked_items",) if data in HALF_LINKED else ()),
            )
            for metric in ("recall@20", "ndcg@20")
        ),
        test_to_train=0.2 / 0.7,
        groups={"core": tuple(arm.name for arm in core(data)), "floor": tuple(arm.name for arm in FLOOR)},
        deployed=(*(f"{lm}+{kg}" for lm in LMS for kg in ("none", "full")), *(arm.name for arm in DEPLOYED)),
        fronts=fronts(),
        notes=(
            *(
                ("texts were written by a large language model and name the graph's facts",)
                if data == "ml-1m-llm-text"
                else ()
            ),
            "intervals resample splits, then users; Nadeau and Bengio's and Wilcoxon's p are in report.json",
        ),
    )


FEW = {"ml-100k": ("rare_items", "light_users"), "lastfm-colakg": ("rare_items", "light_users")}
"""Slices with at most five training interactions, where a dataset has any such items and users."""

WARM = "test/recall@20"
SOFTMAX = ("model=lightgcn", "loss=softmax", "loss.temperature=0.2", "loss.normalize=true")
WARM_FLOOR = (
    Arm("popularity", ("model=popularity", "lm=none", "kg=none")),
    Arm("item_knn", ("model=item_knn", "lm=none", "kg=none")),
    Arm("ease", ("model=ease", "lm=none", "kg=none")),
    Arm("bpr_mf", ("model=bpr_mf", "loss=bpr", "lm=none", "kg=none", "train.optimizer.lr=0.005")),
    Arm("lightgcn_softmax", (*SOFTMAX, "lm=none", "kg=none", "train.optimizer.lr=0.005")),
    lm_arm(f"ridge_{SMALL}+full", SMALL, "full", *RIDGE),
)
"""Models that know items by what users did stand beside those that know them by their features alone."""


def warm_claims(data: str) -> tuple[Claim, ...]:
    """The claims on warm items: parity with the large model, overall and where interactions are few."""
    small = f"{SMALL}+full"
    where = {
        "": WARM,
        **{f" ({name.replace('_', ' ')})": f"test/slice_{name}/recall@20" for name in FEW.get(data, ())},
    }
    return (
        GAP,
        *(
            Claim(
                f"small + graph is as good as large text-only{part}",
                "ratio",
                small,
                "large_text",
                1.0,
                metric=metric,
            )
            for part, metric in where.items()
        ),
        PARITY,
        Claim("it is the facts: full beats rewired", "difference", small, f"{SMALL}+rewired", 0.0),
    )


def warm(data: str) -> Study:
    """Items that others have touched, known by their features alone: a tenth of each user's interactions."""
    slices = FEW.get(data, ())
    return Study(
        name=f"parity-{data}-warm",
        question="The same where every item has been touched, and items are known by text and facts alone.",
        common=(
            "experiment=parity",
            f"data={data}",
            "data/split=random",
            f"eval.slices=[{','.join(slices)}]",
        ),
        arms=(
            *(replace(arm, overrides=(*arm.overrides, *ALL_WARM)) for arm in core(data)),
            replace(
                LARGE_TEXT,
                choices=tuple((*choice, *ALL_WARM) for choice in LARGE_TEXT.choices[: len(LAYERS)]),
            ),
            *WARM_FLOOR,
        ),
        claims=warm_claims(data),
        primary=WARM,
        metrics=tuple(
            f"{ranked}/{metric}"
            for ranked in ("test", *(f"test/slice_{name}" for name in slices))
            for metric in ("recall@20", "ndcg@20")
        ),
        test_to_train=0.1 / 0.8,
        groups={
            "core": tuple(arm.name for arm in core(data)),
            "floor": tuple(arm.name for arm in WARM_FLOOR),
        },
        num_splits=5,
        min_splits=5,
        notes=("splits draw the held-out interactions anew; intervals resample splits, then users",),
    )


SUITE = Suite(
    name="parity",
    question="How large must the language model be, with and without the graph?",
    datasets=tuple(THRESHOLDS),
    studies_of=lambda data: (cold(data), warm(data)),
    notes=("the large model is all-MiniLM-L6-v2 with 22.7 M parameters: no parity with models of billions",),
)
