"""Permutations that the control graphs are made of."""

from collections import Counter

import numpy as np

from kgrec.shapes import IntArray


def positions_of_groups(groups: IntArray) -> list[IntArray]:
    """Positions of each group's members: one array for each distinct value, in order of value."""
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order])) + 1
    return np.split(order, starts) if len(order) else []


def swap_clashes_away(
    keys: IntArray, values: IntArray, generator: np.random.Generator, tries: int, allow_equal: bool
) -> IntArray:
    """Mend clashes that a permutation made, by swapping values between random positions.

    A clash is a repeated (key, value) pair or, unless ``allow_equal``, a pair with key = value. A swap is
    made only where neither new pair clashes, so each one lowers their number, and the values stay a
    permutation of what they were.

    Args:
        keys: ``[n]``, left in place.
        values: ``[n]``, swapped.
        generator: source of the partners.
        tries: partners tried for one clash before it is left as it is; some cannot be mended, such as
            those of a relation in which every head has every tail.
        allow_equal: whether a pair with key = value is welcome.

    Returns:
        The values ``[n]``.
    """
    key, value = keys.tolist(), values.tolist()
    count = Counter(zip(key, value, strict=True))

    def clashes(pair: tuple[int, int]) -> bool:
        return count[pair] > 1 or (pair[0] == pair[1] and not allow_equal)

    def fits(pair: tuple[int, int]) -> bool:
        return count[pair] == 0 and (pair[0] != pair[1] or allow_equal)

    for here in [i for i, pair in enumerate(zip(key, value, strict=True)) if clashes(pair)]:
        if not clashes((key[here], value[here])):  # mended meanwhile, when its twin moved
            continue
        for there in generator.integers(len(key), size=tries).tolist():
            new_pairs = (key[here], value[there]), (key[there], value[here])
            if fits(new_pairs[0]) and fits(new_pairs[1]):
                count.subtract(((key[here], value[here]), (key[there], value[there])))
                count.update(new_pairs)
                value[here], value[there] = value[there], value[here]
                break
    return np.array(value, dtype=np.int64)
