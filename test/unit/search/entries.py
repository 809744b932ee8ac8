"""Entries with vectors that are easy to tell apart."""

from __future__ import annotations

from typing import Any

import numpy as np

from mm_perception.search.entry import Entry

SPACE = 'net@1'
SECOND_NS = 1_000_000_000


def entry(angle: float, second: float = 0.0, **changes: Any) -> Entry:
    """A vector in a plane of four dimensions; the cosine of two is that of their angles."""
    vector = np.array([np.cos(angle), np.sin(angle), 0, 0], np.float32)
    stamp_ns = round(second * SECOND_NS)
    values: dict[str, Any] = {'space': SPACE, 'vector': vector, 'stamp_ns': stamp_ns}
    values |= {'end_ns': stamp_ns, 'stream': 'front', 'jpeg': b'jpeg'}
    return Entry(**{**values, **changes})
