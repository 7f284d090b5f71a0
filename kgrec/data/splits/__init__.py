from kgrec.data.splits.base import Interactions, Split, SplitResult
from kgrec.data.splits.cold_item import ColdItemSplit
from kgrec.data.splits.given import GivenSplit
from kgrec.data.splits.given_test import GivenTestSplit
from kgrec.data.splits.labelled import LabelledSplit
from kgrec.data.splits.leave_one_out import LeaveOneOutSplit
from kgrec.data.splits.next_item import NextItemSplit
from kgrec.data.splits.random import RandomSplit
from kgrec.data.splits.temporal import TemporalSplit

__all__ = [
    "ColdItemSplit",
    "GivenSplit",
    "GivenTestSplit",
    "Interactions",
    "LabelledSplit",
    "LeaveOneOutSplit",
    "NextItemSplit",
    "RandomSplit",
    "Split",
    "SplitResult",
    "TemporalSplit",
]
