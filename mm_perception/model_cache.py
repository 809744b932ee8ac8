"""One loaded model per process, however many nodes and cameras use it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar, cast

M = TypeVar('M')


class _Entry:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.model: Any = None
        self.users = 0


_entries: dict[Hashable, _Entry] = {}
_lock = threading.Lock()


class Shared(Generic[M]):
    """A hold on a shared model; `release` gives it back, the last one frees it.

    Args:
        key: What makes two models equal: kind, weights, device, dtype.
        make: Loads it; called by the first holder only.
    """

    def __init__(self, key: Hashable, make: Callable[[], M]) -> None:
        self._key: Hashable | None = key
        with _lock:
            entry = _entries.setdefault(key, _Entry())
            entry.users += 1
        try:
            with entry.lock:
                if entry.model is None:
                    entry.model = make()
        except BaseException:
            self.release()
            raise
        self.model = cast(M, entry.model)

    def release(self) -> None:
        """Give the model back; releasing twice is fine."""
        with _lock:
            key, self._key = self._key, None
            if key is None:
                return
            entry = _entries[key]
            entry.users -= 1
            if entry.users == 0:
                del _entries[key]
