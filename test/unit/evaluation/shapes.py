"""Small maps of ids and truths whose scores can be worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from mm_perception.samples import Masks

HEIGHT, WIDTH = 40, 60


def square(number: int, left: int, *, top: int = 10, side: int = 12, ids: Any = None) -> Any:
    """(40, 60) uint16 with a square of an id, added to `ids` if given."""
    painted = np.zeros((HEIGHT, WIDTH), np.uint16) if ids is None else ids.copy()
    painted[top : top + side, left : left + side] = number
    return painted


def nothing() -> Any:
    """(40, 60) uint16 without any instance."""
    return np.zeros((HEIGHT, WIDTH), np.uint16)


def truth_of(id_map: Any, labels: dict[int, str], stamp_ns: int = 0) -> Masks:
    """A truth that names the instances of a map."""
    ids = tuple(int(n) for n in np.unique(id_map) if n)
    return Masks(
        stamp_ns=stamp_ns, id_map=id_map, ids=ids, labels=tuple(labels[i] for i in ids),
        scores=np.ones(len(ids), np.float32),
    )  # fmt: skip
