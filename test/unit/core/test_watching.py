"""What is counted ends at its total, also where nobody watches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from mm_perception.watching import counted, unwatched


def test_items_come_one_by_one_and_are_counted_when_they_are_done() -> None:
    told: list[object] = []

    @contextmanager
    def watch(total: int, title: str) -> Iterator[Callable[[int], None]]:
        told.append((title, total))
        yield told.append

    for item in counted('ab', watch, 'letters'):
        told.append(item)
    assert told == [('letters', 2), 0, 'a', 1, 'b', 2]
    assert list(counted([], watch, 'nothing')) == []
    assert list(counted('ab', unwatched, '')) == ['a', 'b']


def test_ctrl_c_between_two_items_ends_it() -> None:
    @contextmanager
    def watch(total: int, title: str) -> Iterator[Callable[[int], None]]:
        def progress(done: int) -> None:
            if done == 1:
                raise KeyboardInterrupt

        yield progress

    letters = counted('abc', watch, 'letters')
    assert next(letters) == 'a'
    with pytest.raises(KeyboardInterrupt):
        next(letters)
