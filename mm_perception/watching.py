"""How long work lets those who wait watch it: a bar, lines, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

#: Makes what shows progress, from the number of steps (0: nobody knows) and a title; within the
#: `with` it is called with the number of steps that are done.
Watch = Callable[[int, str], AbstractContextManager[Callable[[int], None]]]


@contextmanager
def unwatched(total: int, title: str) -> Iterator[Callable[[int], None]]:
    """A `Watch` that shows nothing."""
    yield lambda done: None
