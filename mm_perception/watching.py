"""How long work lets those who wait watch it: a bar, lines, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TypeVar

T = TypeVar('T')

#: Makes what shows progress, from the number of steps (0: nobody knows) and a title; within the
#: `with` it is called with the number of steps that are done.
Watch = Callable[[int, str], AbstractContextManager[Callable[[int], None]]]


@contextmanager
def unwatched(total: int, title: str) -> Iterator[Callable[[int], None]]:
    """A `Watch` that shows nothing."""
    yield lambda done: None


def counted(items: Sequence[T], watch: Watch, title: str) -> Iterator[T]:
    """Items one by one, while their number is watched."""
    with watch(len(items), title) as progress:
        progress(0)
        for done, item in enumerate(items, 1):
            yield item
            progress(done)
