"""What a graph arm is."""

from typing import Protocol

from kgrec.errors import InputError
from kgrec.shapes import IntArray, Triples


class GraphArm(Protocol):
    """One version of the knowledge graph: itself, nothing, or a control that breaks one property of it.

    Arms see ids before items become nodes and before inverses are made, so that inverse edges agree with
    the forward ones, and items whose entity was made for them alone are treated as all others.
    """

    def __call__(self, triples: Triples, item_to_entity: IntArray, seed: int) -> tuple[Triples, IntArray]:
        """Make the arm's graph.

        Args:
            triples: ``[T, 3]`` head, relation, tail.
            item_to_entity: ``[I]``, -1 where unlinked.
            seed: the run's seed; with another seed, or another ``draw`` of its own, a control is drawn anew.

        Returns:
            Triples ``[T', 3]`` and links ``[I]``; the arguments are left as they are.
        """
        ...


def checked_draw(draw: int) -> int:
    """``draw``, the setting by which one seed gives several draws of a control.

    Raises:
        InputError: it is negative.
    """
    if draw < 0:
        raise InputError(f"setting kg.draw: found {draw}, expected 0 or more")
    return draw


def checked_share(share: float) -> float:
    """``share``, the setting that says how many of the triples an arm touches.

    Raises:
        InputError: it is no share.
    """
    if not 0 <= share <= 1:
        raise InputError(f"setting kg.share: found {share:g}, expected 0 to 1")
    return share
