"""Parts of one computation on several threads of the CPU."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch

from kgrec.threads import one_thread


def side_by_side(work: Callable[[int], None], parts: Sequence[int], device: torch.device) -> None:
    """Do ``work`` for every part: on the CPU with as many parts at a time as torch has threads.

    Each part runs on one thread: short operations that share several spend much of their time on waiting for
    one another. The first part is done by itself, on all threads, so that what the others share, such as
    propagated embeddings, is computed once and stands before they begin. Parts on a GPU are done in turn.

    Args:
        work: called once with each part; parts may be done in any order and must not write to the same place.
        parts: what ``work`` is given.
        device: where it computes.
    """
    threads = min(torch.get_num_threads(), len(parts) - 1)
    if threads < 2 or device.type != "cpu":
        for part in parts:
            work(part)
        return
    work(parts[0])
    with one_thread(), ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(work, part) for part in parts[1:]]:
            done.result()
