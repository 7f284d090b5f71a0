"""What a graph is worth to a model: kgrec reproduce kg-worth [data=…] [model=…].

Quality against the share of the facts that are missing, and that are wrong. Any dataset with texts and a
graph, and any model that can rank cold items: kgrec reproduce kg-worth data=lastfm-colakg model=ridge.
"""

from kgrec.study import Arm, Claim, Study, Suite

SHARES = (0.25, 0.5, 0.75)
DRAWS = tuple((f"kg.draw={draw}",) for draw in range(3))

ARMS = (
    Arm("full", ("kg=full",), place=0.0),
    *(
        Arm(
            f"{share:.0%} dropped",
            ("kg=dropped", f"kg.share={share}"),
            series="missing",
            draws=DRAWS,
            place=share,
        )
        for share in SHARES
    ),
    Arm("none", ("kg=none",), series="missing", place=1.0),
    *(
        Arm(
            f"{share:.0%} false",
            ("kg=falsified", f"kg.share={share}"),
            series="false",
            draws=DRAWS,
            place=share,
        )
        for share in SHARES
    ),
    Arm("rewired", ("kg=rewired",), series="false", draws=DRAWS, place=1.0),
)
WORTH = "worth: the share of quality that goes with the graph"


def worth(data: str) -> Study:
    """Cold items of one dataset."""
    return Study(
        name=f"kg-worth-{data}",
        question="How much of a model's quality is owed to the graph, and how many facts can it lose?",
        common=("experiment=parity", f"data={data}", "lm=minilm_l1"),
        arms=ARMS,
        claims=(
            Claim(WORTH, "share", "full", "none", 0.0),
            Claim("worth of the facts themselves, their number left", "share", "full", "rewired", 0.0),
            Claim(
                "half of the facts do as well as all", "ratio", "50% dropped", "full", 0.98, informative=True
            ),
            Claim(
                "half of the facts false are worse than half missing",
                "difference",
                "50% dropped",
                "50% false",
                0.0,
                informative=True,
            ),
        ),
        primary="test/cold/recall@20",
        metrics=("test/cold/recall@20", "test/cold/ndcg@20", "test/recall@20"),
        test_to_train=0.2 / 0.7,
        num_splits=5,
        min_splits=5,
        curve="share of the facts that are missing or false",
        notes=(
            "three draws of what is dropped or falsified on each split; intervals over splits, then users",
        ),
    )


SUITE = Suite(
    name="kg-worth",
    question="What is the graph worth to a model?",
    datasets=("ml-100k",),
    studies_of=lambda data: (worth(data),),
    notes=("settings behind the name hold for all arms: model=…, fusion=…, gnn=…, lm=…",),
)
