"""Processes that render, and that end with the one that started them, however it ends."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

Plan = TypeVar('Plan')
Made = TypeVar('Made')
_LOOK_S = 1.0


def render_pool(workers: int) -> ProcessPoolExecutor:
    """A pool of fresh processes.

    Without a watch a worker whose parent was killed would wait for its next job for ever.
    """
    context = multiprocessing.get_context('spawn')
    return ProcessPoolExecutor(
        workers, mp_context=context, initializer=_watch, initargs=(os.getpid(),)
    )


def make_all(
    make: Callable[[Plan], Made], plans: Sequence[Plan], workers: int, chunk: int = 1
) -> Iterator[Made]:
    """What a function makes of plans, in their order.

    Args:
        make: Can be pickled.
        plans: Which.
        workers: Processes; 1 means this one.
        chunk: Plans that a process gets at once.
    """
    if workers <= 1:
        yield from map(make, plans)
        return
    with render_pool(workers) as pool:
        yield from pool.map(make, plans, chunksize=chunk)


def _watch(parent: int) -> None:
    # A terminal sends Ctrl-C to all; the one that started us decides when to end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_S)
    os._exit(1)
