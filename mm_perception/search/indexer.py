"""Sights become entries: embedded together, and what looks the same for a while is one entry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from mm_perception.imaging.compressed import encode_jpeg
from mm_perception.samples.sample import Array
from mm_perception.search.entry import Entry
from mm_perception.search.sights import Sight
from mm_perception.search.store import Store

if TYPE_CHECKING:
    from mm_perception.nets.clip import ClipEngine

_BATCH = 32
_JPEG_QUALITY = 80


@dataclass(frozen=True)
class Sameness:
    """When a picture is not stored again.

    Attributes:
        cosine: It is as like as this to the first one of its span.
        gap_s: And it came within so many seconds after the last one.
        longest_s: And the span is not longer than this, so that it can be found by time.
    """

    cosine: float = 0.97
    gap_s: float = 2.0
    longest_s: float = 10.0


@dataclass(frozen=True)
class Origin:
    """Which recording; empty for a running camera."""

    source: str = ''
    bag: str = ''


class Indexer:
    """Embeds sights and keeps them in a store.

    Args:
        engine: What embeds.
        store: What keeps.
        sameness: When a picture is not stored again.
        thumbnail_px: Longer side of the pictures that are kept.
        origin: Where the sights are from.

    Attributes:
        seen: Sights embedded.
        stored: Entries begun.
    """

    def __init__(
        self, engine: ClipEngine, store: Store, sameness: Sameness, thumbnail_px: int,
        origin: Origin = Origin(),
    ) -> None:  # fmt: skip
        self._engine, self._store, self._sameness = engine, store, sameness
        self._thumbnail_px, self._origin = thumbnail_px, origin
        self.space = space_of(engine)
        self._open: dict[tuple[str, str], Entry] = {}
        self._closed: list[Entry] = []
        self._changed: set[tuple[str, str]] = set()
        self.seen = self.stored = 0

    @property
    def waiting(self) -> int:
        """Entries that `flush` would write."""
        return len(self._closed) + len(self._changed)

    def add(self, sights: Sequence[Sight]) -> list[Array]:
        """Embed and remember; returns a (D,) float32 unit vector for each."""
        found: list[Array] = []
        for i in range(0, len(sights), _BATCH):
            part = sights[i : i + _BATCH]
            vectors = self._engine.embed_images([sight.rgb for sight in part])
            for sight, vector in zip(part, vectors, strict=True):
                self._take(sight, vector)
                found.append(vector)
        return found

    def flush(self) -> None:
        """Write to the store, spans that are not over included."""
        changed = [self._open[subject] for subject in sorted(self._changed)]
        if self._closed or changed:
            self._store.add([*self._closed, *changed])
        self._closed.clear()
        self._changed.clear()

    def forget(self, stream: str) -> None:
        """Time of a camera was set back: its spans are over."""
        for subject in [s for s in self._open if s[0] == stream]:
            self._close(subject)

    def clear(self) -> None:
        """Forget what is not written yet."""
        self._open.clear()
        self._closed.clear()
        self._changed.clear()

    def _take(self, sight: Sight, vector: Array) -> None:
        self.seen += 1
        known = self._open.get(sight.subject)
        if known is not None and self._continues(known, sight, vector):
            self._open[sight.subject] = replace(known, end_ns=sight.stamp_ns)
        else:
            if known is not None:
                self._close(sight.subject)
            self._open[sight.subject] = self._entry(sight, vector)
            self.stored += 1
        self._changed.add(sight.subject)
        self._close_old(sight)

    def _continues(self, known: Entry, sight: Sight, vector: Array) -> bool:
        return (
            0 <= sight.stamp_ns - known.end_ns <= self._sameness.gap_s * 1e9
            and sight.stamp_ns - known.stamp_ns <= self._sameness.longest_s * 1e9
            and float(known.vector @ vector) >= self._sameness.cosine
        )

    def _close_old(self, sight: Sight) -> None:
        """Tracks that are gone do not stay open for ever."""
        oldest_ns = sight.stamp_ns - self._sameness.gap_s * 1e9
        for subject in [s for s, e in self._open.items() if e.end_ns < oldest_ns]:
            if subject[0] == sight.stream:
                self._close(subject)

    def _close(self, subject: tuple[str, str]) -> None:
        entry = self._open.pop(subject)
        if subject in self._changed:
            self._changed.discard(subject)
            self._closed.append(entry)

    def _entry(self, sight: Sight, vector: Array) -> Entry:
        return Entry(
            space=self.space, vector=vector, stamp_ns=sight.stamp_ns, end_ns=sight.stamp_ns,
            frame_id=sight.frame_id, source=self._origin.source, bag=self._origin.bag,
            topic=sight.topic, stream=sight.stream, track_id=sight.track_id, label=sight.label,
            box=sight.box, jpeg=thumbnail(sight.rgb, self._thumbnail_px),
        )  # fmt: skip


def space_of(engine: ClipEngine) -> str:
    """Whose vectors they are: other weights of the same name are another space, on any machine."""
    return f'{Path(engine.name).name}@{engine.sha256[:12]}'


def thumbnail(rgb: Array, longest_px: int) -> bytes:
    """A JPEG of a picture whose longer side is at most `longest_px`."""
    scale = longest_px / max(rgb.shape[:2])
    if scale < 1:
        size = (max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale)))
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    return encode_jpeg(np.ascontiguousarray(rgb), _JPEG_QUALITY).tobytes()
