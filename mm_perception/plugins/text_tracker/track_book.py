"""Who is tracked for which text: birth, confirmation, loss, return, death. No torch, no ROS."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

Mask = npt.NDArray[np.bool_]


@dataclass
class Track:
    """One object that answers a text, or a geometric prompt.

    Attributes:
        track_id: 1..65535, never used again.
        text: What it answers; empty for geometry.
        prompt_id: Of the prompt that asked for it.
        score: Of the newest detection that confirmed it.
        is_visible: In the newest picture.
        last_seen_ns: Stamp of the newest picture in which it was visible.
        misses: Detections in a row that did not find it although it was visible.
        mask: (H, W) bool in the newest picture; None before the first.
    """

    track_id: int
    text: str
    prompt_id: str
    score: float
    last_seen_ns: int
    is_visible: bool = True
    misses: int = 0
    mask: Mask | None = None


@dataclass(frozen=True)
class Sighting:
    """A detection: which text it answers, how surely, and where."""

    text: str
    score: float
    mask: Mask


@dataclass
class Decisions:
    """What follows from a round of detections.

    Attributes:
        births: New tracks with what showed them.
        returns: Tracks that were hidden, and where they came back.
        confirmed: Tracks that were found where they were thought to be.
        deaths: Tracks that are given up.
    """

    births: list[tuple[Track, Sighting]] = field(default_factory=list)
    returns: list[tuple[Track, Sighting]] = field(default_factory=list)
    confirmed: list[Track] = field(default_factory=list)
    deaths: list[Track] = field(default_factory=list)


@dataclass(frozen=True)
class Rules:
    """Thresholds.

    Attributes:
        birth_score: A new track needs at least this.
        match_iou: A detection that overlaps a track by this is that track.
        max_tracks: Most living tracks.
        max_misses: A visible track that detections miss so often is given up.
        death_after_s: A hidden track is given up after this long.
    """

    birth_score: float
    match_iou: float
    max_tracks: int
    max_misses: int
    death_after_s: float


class TrackBook:
    """The living tracks of one camera.

    Args:
        next_id: Makes ids, unique across cameras.
    """

    def __init__(self, next_id: Callable[[], int]) -> None:
        self._next_id = next_id
        self.tracks: dict[int, Track] = {}

    def add(self, text: str, prompt_id: str, score: float, stamp_ns: int) -> Track:
        """Begin a track."""
        track = Track(self._next_id(), text, prompt_id, score, stamp_ns)
        self.tracks[track.track_id] = track
        return track

    def observe(
        self,
        stamp_ns: int,
        masks: Mapping[int, Mask],
        visible: Mapping[int, bool],
        rules: Rules,
    ) -> list[Track]:
        """Take in a picture's masks; returns tracks that were hidden for too long, now removed."""
        dead = []
        for track_id, track in list(self.tracks.items()):
            if track_id not in masks:
                continue
            track.mask = masks[track_id]
            track.is_visible = visible[track_id] and bool(track.mask.any())
            if track.is_visible:
                track.last_seen_ns = stamp_ns
            elif stamp_ns - track.last_seen_ns > rules.death_after_s * 1e9:
                dead.append(self.tracks.pop(track_id))
        return dead

    def associate(
        self,
        sightings: Sequence[Sighting],
        texts: Mapping[str, str],
        stamp_ns: int,
        rules: Rules,
    ) -> Decisions:
        """Compare detections with living tracks, text by text.

        Args:
            sightings: All that the grounder found, of any text.
            texts: Text to prompt id, of all texts that were searched for.
            stamp_ns: Of the picture.
            rules: Thresholds.
        """
        decisions = Decisions()
        for text, prompt_id in texts.items():
            mine = [s for s in sightings if s.text == text]
            self._associate_text(text, prompt_id, mine, stamp_ns, rules, decisions)
        return decisions

    def _associate_text(
        self,
        text: str,
        prompt_id: str,
        sightings: list[Sighting],
        stamp_ns: int,
        rules: Rules,
        decisions: Decisions,
    ) -> None:
        visible = [t for t in self.tracks.values() if t.text == text and t.is_visible]
        hidden = [t for t in self.tracks.values() if t.text == text and not t.is_visible]
        pairs = match(
            [t.mask for t in visible], [s.mask for s in sightings], min_iou=rules.match_iou
        )
        for row, column in pairs:
            visible[row].score, visible[row].misses = sightings[column].score, 0
            decisions.confirmed.append(visible[row])
        matched = {row for row, _ in pairs}
        for row, track in enumerate(visible):
            if row not in matched:
                track.misses += 1
                if track.misses > rules.max_misses:
                    decisions.deaths.append(self.tracks.pop(track.track_id))
        taken = {column for _, column in pairs}
        free = [s for column, s in enumerate(sightings) if column not in taken]
        for sighting in sorted(free, key=lambda s: -s.score):
            if sighting.score < rules.birth_score or self._is_occupied(sighting, rules):
                continue
            if hidden:
                track = hidden.pop(0)
                track.score, track.last_seen_ns, track.misses = sighting.score, stamp_ns, 0
                track.mask, track.is_visible = sighting.mask, True
                decisions.returns.append((track, sighting))
            elif len(self.tracks) < rules.max_tracks:
                track = self.add(text, prompt_id, sighting.score, stamp_ns)
                track.mask = sighting.mask
                decisions.births.append((track, sighting))

    def _is_occupied(self, sighting: Sighting, rules: Rules) -> bool:
        """True where a visible track of any text already is."""
        return any(
            mask_iou(track.mask, sighting.mask) >= rules.match_iou
            for track in self.tracks.values()
            if track.is_visible and track.mask is not None
        )


def mask_iou(a: Mask, b: Mask) -> float:
    """Intersection over union of two masks of one size; 0 if both are empty."""
    union = int(np.count_nonzero(a | b))
    return int(np.count_nonzero(a & b)) / union if union else 0.0


def match(
    tracks: Sequence[Mask | None], sightings: Sequence[Mask], *, min_iou: float
) -> list[tuple[int, int]]:
    """One-to-one pairs (track, sighting) with the greatest sum of IoU, each at least `min_iou`."""
    if not tracks or not sightings:
        return []
    iou = np.array([[0.0 if t is None else mask_iou(t, s) for s in sightings] for t in tracks])
    rows, columns = linear_sum_assignment(-iou)
    return [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if iou[r, c] >= min_iou]
