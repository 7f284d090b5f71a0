"""Several workers of one sweep on this machine."""

import logging
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

import torch

from kgrec.errors import InputError
from kgrec.studies.processes import begin_worker, threads_of_children
from kgrec.sweep.plan import Plan
from kgrec.sweep.study import join
from kgrec.sweep.worker import work

log = logging.getLogger(__name__)

SECONDS_BETWEEN_LOOKS = 1.0

MAX_REPLACED = 5
"""Workers that are started anew, in one start of a sweep, because one has died."""

Worker = tuple[SpawnProcess, Connection]
"""A process, and where it says what stopped it."""


def run_workers(plan: Plan, num_workers: int, look: Callable[[], None]) -> None:
    """Run trials in processes of their own until none is left; the threads of the CPU are shared out.

    A worker that dies ends no other, and is replaced: its trial is begun again.

    Args:
        plan: of a sweep that has been begun.
        num_workers: processes, at least 2.
        look: called every second.

    Raises:
        InputError: what stopped a worker, such as defaults that cannot be run; or too many of them died.
    """
    threads = max(1, torch.get_num_threads() // num_workers)
    alive = [_started(plan, threads) for _ in range(num_workers)]
    num_replaced = 0
    try:
        while alive:
            wait([process.sentinel for process, _ in alive], SECONDS_BETWEEN_LOOKS)
            for worker in [worker for worker in alive if not worker[0].is_alive()]:
                alive.remove(worker)
                if _has_died(*worker):
                    num_replaced += 1
                    if num_replaced > MAX_REPLACED:
                        raise InputError(f"{num_replaced} workers died; start the command again to go on")
                    alive.append(_started(plan, threads))
            look()
    finally:
        for process, _ in alive:
            process.terminate()
            process.join()


def _started(plan: Plan, threads: int) -> Worker:
    context = get_context("spawn")  # fork and threads do not mix
    reader, writer = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(plan, threads, writer))
    with threads_of_children(threads):
        process.start()
    writer.close()
    return process, reader


def _has_died(process: SpawnProcess, reader: Connection) -> bool:
    """Whether an ended worker did not come to its end.

    Raises:
        InputError: what stopped it.
    """
    process.join()
    try:
        message = str(reader.recv())
    except EOFError:
        log.warning(
            "a worker died (exit code %s), perhaps for want of memory; its trial is begun again",
            process.exitcode,
        )
        return True
    if message:
        raise InputError(message)
    return False


def _work(plan: Plan, threads: int, end: Connection) -> None:
    """In the worker."""
    begin_worker(threads)
    message = ""
    try:
        work(plan, join(plan, None), look=lambda: None)
    except InputError as error:
        message = str(error)
    end.send(message)
