"""Vectors as the rows of one array, in memory or mapped from a file; exact search over them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mm_perception.samples.sample import Array

_FIRST_ROWS = 1024
_CHUNK = 65_536


class Rows:
    """A growing (N, D) float32 array.

    Several processes may map the same file: one writes, the others see what it has written.

    Args:
        path: File; None for memory.
        dimension: D.
    """

    def __init__(self, path: Path | None, dimension: int) -> None:
        self._path, self._dimension = path, dimension
        self._array: Array = np.zeros((0, dimension), np.float32)
        if path is not None:
            path.touch()
            self._map(path)

    def write(self, slots: Array, vectors: Array) -> None:
        """Put (K, D) vectors into K rows."""
        if len(slots):
            self._reach(int(slots.max()) + 1)
            self._array[slots] = vectors

    def read(self, slots: Array) -> Array:
        """(K, D) float32 of K rows."""
        if len(slots):
            self._reach(int(slots.max()) + 1)
        return np.asarray(self._array[slots], np.float32)

    def scores(self, vector: Array, slots: Array | None, size: int) -> Array:
        """Dot products with a vector.

        Args:
            vector: (D,) float32.
            slots: (K,) rows; None for the first `size`.
            size: Rows in use.

        Returns:
            (K,) or (size,) float32.
        """
        self._reach(size)
        if slots is None:
            parts = [
                self._array[i : min(i + _CHUNK, size)] @ vector for i in range(0, size, _CHUNK)
            ]
        else:
            parts = [
                self._array[slots[i : i + _CHUNK]] @ vector for i in range(0, len(slots), _CHUNK)
            ]
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)

    def flush(self) -> None:
        """Hand what was written to the disk."""
        if isinstance(self._array, np.memmap):
            self._array.flush()

    def _reach(self, size: int) -> None:
        """Have at least `size` rows."""
        if size <= len(self._array):
            return
        if self._path is None:
            larger = np.zeros((self._capacity(size), self._dimension), np.float32)
            larger[: len(self._array)] = self._array
            self._array = larger
            return
        self._map(self._path)  # another process may have made the file larger
        if size > len(self._array):
            with self._path.open('r+b') as file:
                file.truncate(self._capacity(size) * self._dimension * 4)
            self._map(self._path)

    def _capacity(self, size: int) -> int:
        return max(size, _FIRST_ROWS, len(self._array) * 3 // 2)

    def _map(self, path: Path) -> None:
        size = path.stat().st_size
        if size:
            shape = (size // (self._dimension * 4), self._dimension)
            self._array = np.memmap(path, np.float32, 'r+', shape=shape)
