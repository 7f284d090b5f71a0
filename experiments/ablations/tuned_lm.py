"""The core of the parity study with language models tuned on each split: kgrec reproduce tuned-lm [data=…].

Both sizes are tuned alike, by ``kgrec lm tune`` on the training interactions of the split, and every arm has
the model as published to choose from too: a large model that tuning makes worse is not held to it. Beside
them stands what a small model comes to that is tuned, or taught by the large one, and then put into int8:
against the large one as it was published.
"""

from kgrec.study import Arm, Claim, Study, Suite

NETWORK = ("model.embedding_dim=64", "model.start.targets.rank=[16,32,64]")
RIDGE = (
    "model=ridge",
    "model.targets.rank=[16,32,64]",
    "model.balanced_facts=true",
    "model.kernel.facts=[0.1,1.0]",
)
FACTS_AS_TEXT = ("text.max_facts=12", "lm.max_length=128")
DRAWS = tuple((f"kg.draw={draw}",) for draw in range(3))

METHOD, EPOCHS = "lora", 8
LAYERS = {"l1": 1, "l6": 6}
"""Layers of the language model."""

SMALL = ("lm.dtype=int8", "lm.vocabulary=reachable")
"""What is done to the small model besides: neither needs any data."""
PUBLISHED, LARGE = "l6+none, as published", "the large text-only model as published"
"""An arm, and how claims call it."""

COLD, ALL = "test/cold/recall@20", "test/recall@20"
GAP = "size gap: the large model, tuned, is better than the small one on text alone"


def tuning(data: str, lm: str) -> str:
    """The command that tunes a language model on one split."""
    return (
        f"lm tune minilm_{lm} --method {METHOD} --out {{folder}}/{lm}-s{{seed}} data={data} "
        f"data/split=cold_item seed={{seed}} train.max_epochs={EPOCHS}"
    )


def teaching(data: str) -> tuple[str, str]:
    """The commands that distil the large model, tuned on a split, into its first layer."""
    return (
        "lm prune minilm --layers 1 --out {folder}/first-layer",
        f"lm distill {{folder}}/l6-s{{seed}} {{folder}}/first-layer --out {{folder}}/taught-s{{seed}} "
        f"data={data} data/split=cold_item seed={{seed}}",
    )


def read_outs(data: str, lm: str) -> tuple[tuple[str, ...], ...]:
    """The choices of an arm: tuned, or as published with any layer read out."""
    tuned = f"lm.model=${{paths.runs}}/{name(data)}/{lm}-s${{seed}}"
    return (
        ("lm=hf", tuned),
        *((f"lm=minilm_{lm}", f"lm.num_layers={layer}") for layer in range(1, LAYERS[lm] + 1)),
    )


def name(data: str) -> str:
    """Of the study, and of the folder in which its tuned models lie."""
    return f"tuned-lm-{data}"


def arm(data: str, lm: str, label: str, *settings: str, draws: tuple[tuple[str, ...], ...] = ((),)) -> Arm:
    """A network on a tuned language model."""
    return Arm(
        f"{lm}+{label}",
        (*settings, *NETWORK),
        read_outs(data, lm),
        series={"none": "text alone", "full": "+ graph", "rewired": "+ rewired graph"}.get(label, ""),
        label=f"MiniLM {lm}, tuned",
        draws=draws,
        before=(tuning(data, lm),),
    )


def small_arm(data: str, kg: str) -> Arm:
    """The small model in int8: as published, tuned, or taught by the tuned large one."""
    taught = ("lm=hf", f"lm.model=${{paths.runs}}/{name(data)}/taught-s${{seed}}")
    return Arm(
        f"l1+{kg} int8",
        (f"kg={kg}", *NETWORK, *SMALL),
        (*read_outs(data, "l1"), taught),
        before=(tuning(data, "l1"), tuning(data, "l6"), *teaching(data)),
    )


def claims(alone: Arm, with_graph: Arm) -> tuple[Claim, ...]:
    """Listed before the runs; the small model in int8 is held to the large one as published."""
    return (
        Claim(GAP, "difference", "large_text", "l1+none", 0.0),
        Claim("small + graph is 1.4 × large text-only", "ratio", "l1+full", "large_text", 1.4),
        Claim(
            "parity: small + graph is 0.98 × large + graph",
            "ratio",
            "l1+full",
            "l6+full",
            0.98,
            needs=GAP,
            otherwise="graph gain; no size gap here",
        ),
        Claim(
            "small + graph is as good as the large model that reads the facts as text",
            "ratio",
            "l1+full",
            "l6+facts_as_text",
            1.0,
        ),
        Claim("it is the facts: full beats rewired", "difference", "l1+full", "l1+rewired", 0.0),
        Claim("a rewired graph costs at most 2 %", "ratio", "l1+rewired", "l1+none", 0.98),
        Claim(f"{alone.name} is 0.97 × {LARGE}", "ratio", alone.name, PUBLISHED, 0.97),
        Claim(f"{with_graph.name} is 1.0 × {LARGE}", "ratio", with_graph.name, PUBLISHED, 1.0),
    )


def study(data: str) -> Study:
    """Cold items of one dataset."""
    published = Arm(
        PUBLISHED,
        ("lm=minilm_l6", "kg=none", *NETWORK),
        tuple((f"lm.num_layers={layer}",) for layer in range(1, LAYERS["l6"] + 1)),
    )
    small = tuple(small_arm(data, kg) for kg in ("none", "full"))
    large_text = Arm(
        "large_text",
        ("kg=none",),
        tuple((*model, *choice) for model in (NETWORK, RIDGE) for choice in read_outs(data, "l6")),
        before=(tuning(data, "l6"),),
    )
    return Study(
        name=name(data),
        question="Is a small language model with a graph as good as a large one where both are tuned?",
        common=("experiment=parity", f"data={data}"),
        arms=(
            *(arm(data, lm, "none", "kg=none") for lm in LAYERS),
            *(arm(data, lm, "full", "kg=full") for lm in LAYERS),
            *(arm(data, lm, "rewired", "kg=rewired", draws=DRAWS) for lm in LAYERS),
            *(arm(data, lm, "facts_as_text", "kg=none", *FACTS_AS_TEXT) for lm in LAYERS),
            large_text,
            published,
            *small,
        ),
        claims=claims(*small),
        primary=COLD,
        metrics=(COLD, "test/cold/ndcg@20", ALL),
        test_to_train=0.2 / 0.7,
        num_splits=5,
        min_splits=5,
        deployed=(PUBLISHED, *(arm.name for arm in small)),
        notes=("the facts are read by models that were tuned on texts without them",),
    )


SUITE = Suite(
    name="tuned-lm",
    question="How large must the language model be, with and without the graph, where both are tuned?",
    datasets=("ml-100k",),
    studies_of=lambda data: (study(data),),
    notes=("the large model is all-MiniLM-L6-v2 with 22.7 M parameters: no parity with models of billions",),
)
