"""LLaRA's protocol with one sequence per user: kgrec reproduce liao2024-llara-ml-100k-last."""

from kgrec.studies.published import Published, Source
from kgrec.study import Arm, Claim, Study

LLARA = Source(
    "Table 2 of the paper, MovieLens",
    "https://arxiv.org/abs/2312.02445",
    "sequences in the order of time, split 8:1:1, histories of 10 items; HR@1 among the target and 19 items "
    "drawn from outside the history; a language model's answer counts only where it names one candidate",
)
HYBRID = ("model=sequence_hybrid", "fusion=sum")

STUDY = Study(
    name="liao2024-llara-ml-100k-last",
    question="The same with one sequence per user: what can 95 of them tell?",
    common=("experiment=llara_ml_100k_last",),
    arms=(
        Arm("popularity", ("model=popularity",), seeds=1),
        Arm("transition", ("model=transition",), seeds=1),
        Arm("hybrid-text", (*HYBRID, "kg=none")),
        Arm("hybrid", HYBRID),
        Arm("hybrid-rewired", (*HYBRID, "kg=rewired")),
    ),
    claims=(
        Claim("the hybrid is past LLaRA's .4737", "mean", "hybrid", "", 0.4737),
        Claim("the hybrid is past SASRec's .3444", "mean", "hybrid", "", 0.3444),
    ),
    primary="test/hit@1",
    metrics=("test/hit@1", "test/hit@3", "test/hit@5", "test/mrr@20", "test/unseen/hit@1"),
    sample="seeds",
    num_splits=5,
    min_splits=5,
    references={
        name: Published(paper=paper, address=LLARA.address, source=LLARA, figures={"test/hit@1": figure})
        for name, paper, figure in (
            (
                "LLaRA (Llama-2-7B)",
                "Liao et al., LLaRA: Large Language-Recommendation Assistant, SIGIR 2024",
                0.4737,
            ),
            (
                "SASRec",
                "Kang and McAuley, Self-Attentive Sequential Recommendation, ICDM 2018, as tabled by LLaRA",
                0.3444,
            ),
            ("GPT-4", "GPT-4, prompted, as tabled by LLaRA", 0.2000),
        )
    },
    notes=(
        "users are shared out in the order of their last rating, which alone is the target of those held "
        "out; each value is a mean over 100 lists of 20 items; that the published target is the last one is "
        "not told",
        "models are trained on every sequence of the 754 training users, where the published ones may have "
        "had one each (data.split.trained_on=last)",
        "a standard error of .05 on 95 sequences: only large differences mean anything",
    ),
)
