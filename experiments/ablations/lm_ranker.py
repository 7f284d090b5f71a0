"""A language model as second stage, with the graph and without: kgrec reproduce lm-ranker [data=…].

The 50 best cold items of the hybrid are ordered anew for 300 users. The first stage and its graph are the
same for all arms; what differs is what the language model reads. Where it decides the order alone
(model.blend.weight=[1.0]), the figures say what it knows; where validation chooses its share, what it adds.
"""

from kgrec.study import Arm, Claim, Study, Suite

FIRST = "hybrid alone"
TEXT, FULL, REWIRED = "ranker, text", "ranker, soft tokens", "ranker, soft tokens, rewired"
ADAPTERS, POINTWISE = "ranker, conditioned LoRA", "ranker, soft tokens, pointwise"
JOINED = "hybrid and ranker, soft tokens"

ALONE = ("model.blend.weight=[1.0]",)
NO_TOKENS = ("model.scorer.soft_tokens=false",)
CONDITIONED = (
    "model.scorer.method=null",
    "model.scorer.adapters={_target_: kgrec.nn.conditioned_lora.ConditionedLoRA, _partial_: true, "
    "targets: [], rank: 8, alpha: 16}",
)
UNTRAINED = ("model.blend.weight=[0.0]", "model.holdout.max_pairs=1", "train.max_epochs=1")

ARMS = (
    Arm(FIRST, (*UNTRAINED, *NO_TOKENS)),
    Arm(TEXT, (*ALONE, *NO_TOKENS)),
    Arm(FULL, ALONE),
    Arm(REWIRED, (*ALONE, "kg=rewired")),
    Arm(ADAPTERS, (*ALONE, *NO_TOKENS, *CONDITIONED)),
    Arm(POINTWISE, (*ALONE, "loss=bce", "loss.num_negatives=5", "model.loss=${loss}")),
    Arm(JOINED, ()),
)


def second_stage(data: str) -> Study:
    """Cold items of one dataset."""
    return Study(
        name=f"lm-ranker-{data}",
        question="Does a language model that orders a list gain from the graph's features, and by its facts?",
        common=("experiment=lm_ranker", f"data={data}", "model=lm_ranker", "lm=minilm_l1"),
        arms=ARMS,
        claims=(
            Claim("soft tokens − text alone, as the order of the list", "difference", FULL, TEXT, 0.0),
            Claim("full − rewired, as the order of the list", "difference", FULL, REWIRED, 0.0),
            Claim("conditioned LoRA − text alone", "difference", ADAPTERS, TEXT, 0.0, informative=True),
            Claim("pointwise − listwise", "difference", POINTWISE, FULL, 0.0, informative=True),
            Claim("hybrid and ranker − hybrid alone", "difference", JOINED, FIRST, 0.0),
        ),
        primary="test/cold/ndcg@10",
        metrics=("test/cold/ndcg@10", "test/cold/recall@10", "test/ms_per_user"),
        test_to_train=0.2 / 0.7,
        num_splits=5,
        min_splits=5,
        notes=(
            "300 users for each split, drawn once; one draw of the rewired graph on each split",
            "test/ms_per_user: milliseconds for a user's list, on the machine and threads of the run",
        ),
    )


SUITE = Suite(
    name="lm-ranker",
    question="What does the graph give a language model that orders a list?",
    datasets=("ml-100k",),
    studies_of=lambda data: (second_stage(data),),
)
