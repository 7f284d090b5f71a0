"""Ways of tuning a language model beside each other: kgrec reproduce tuning-methods [data=…].

MiniLM-L6 is tuned on each split by ``kgrec lm tune``, by all weights or by few, for as many epochs each, and
then read by a network without any graph. Costs are those of the tuning, from the folder that it left.
"""

from kgrec.study import Arm, Claim, Study, Suite

METHODS = ("full", "last_layer", "lora", "adalora", "dora", "ia3", "prefix", "prompt", "adapter")
TRAINING = "train.max_epochs=8"
LARGER = {"ml-1m-llm-text": "train.max_epochs=3 train.batch_size=4096"}
"""Data with ten times the interactions → its training."""
LONG_TEXTS = {"ml-1m-llm-text": ("lm.max_length=64",)}
"""Data with long texts → how much of them every arm reads."""
AS_PUBLISHED = "as published"
METRIC = "test/cold/recall@20"


def tuning(data: str, method: str) -> str:
    """The command that tunes the model on one split."""
    settings = " ".join([LARGER.get(data, TRAINING), *LONG_TEXTS.get(data, ())])
    return (
        f"lm tune minilm_l6 --method {method} --out {{folder}}/{method}-s{{seed}} data={data} "
        f"data/split=cold_item seed={{seed}} lm.batch_size=1024 {settings}"
    )


def by_the_way(method: str) -> Claim:
    """How near another method comes."""
    return Claim(f"{method} is 0.99 of all weights", "ratio", method, "full", 0.99, informative=True)


def study(data: str) -> Study:
    """Cold items of one dataset, on text alone."""
    folder = f"${{paths.runs}}/tuning-methods-{data}"
    return Study(
        name=f"tuning-methods-{data}",
        question="How much of full tuning do the parameter-efficient methods reach?",
        common=(
            "experiment=parity",
            f"data={data}",
            "kg=none",
            "model.embedding_dim=64",
            "model.start.targets.rank=[16,32,64]",
            *LONG_TEXTS.get(data, ()),
        ),
        arms=(
            Arm(AS_PUBLISHED, (), tuple(("lm=minilm_l6", f"lm.num_layers={n}") for n in range(1, 7))),
            *(
                Arm(
                    method,
                    ("lm=hf", f"lm.model={folder}/{method}-s${{seed}}"),
                    before=(tuning(data, method),),
                )
                for method in METHODS
            ),
        ),
        claims=(
            Claim("tuning: all weights − as published", "difference", "full", AS_PUBLISHED, 0.0),
            Claim("LoRA is 0.99 of tuning all weights", "ratio", "lora", "full", 0.99),
            *(by_the_way(method) for method in METHODS if method not in ("full", "lora")),
        ),
        primary=METRIC,
        metrics=(METRIC, "test/cold/ndcg@20", "test/recall@20"),
        test_to_train=0.2 / 0.7,
        num_splits=5,
        min_splits=5,
        notes=(
            "as many epochs at most for each, with its own step size (conf/lm_tune), not searched for; "
            "validation keeps the best one",
        ),
    )


SUITE = Suite(
    name="tuning-methods",
    question="Full or parameter-efficient: which way of tuning a language model is worth what?",
    datasets=("ml-100k",),
    studies_of=lambda data: (study(data),),
)
