"""Who is tracked for which text: birth, confirmation, loss, return, death. No torch, no ROS."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from mm_perception.prompt_desk import Scope
from mm_perception.samples import mask_box

Mask = npt.NDArray[np.bool_]
Box = tuple[float, float, float, float]
#: A track that was missed may be found again within so many times the size of what is found.
_REACH = 3.0
#: One that was hidden, likewise: what is further away is another object that answers its text.
#: Where SAM 2 itself sees it again, and a search finds it there, no distance counts.
_RETURN_REACH = 1.5


@dataclass
class Track:
    """One object that answers a text, or a geometric prompt.

    Attributes:
        track_id: 1..65535.
        text: What it answers; empty for geometry.
        prompt_id: Of the prompt that asked for it.
        label: For people.
        score: Of the newest detection that confirmed it.
        is_visible: In the newest picture.
        is_doubted: In the newest picture there is a mask again after a time without; no search
            has found it there yet, so it does not count as visible.
        last_seen_ns: Stamp of the newest picture in which it was visible.
        misses: Detections in a row that did not find it although it was visible.
        mask: (H, W) bool in the newest picture; None before the first.
        last_box: Its box when it was last visible, xyxy in pixels.
        found_box: Its box when a detection last showed it, likewise.
        scope: Of its prompt, where that is no text.
    """

    track_id: int
    text: str
    prompt_id: str
    label: str
    score: float
    last_seen_ns: int
    is_visible: bool = True
    is_doubted: bool = False
    misses: int = 0
    mask: Mask | None = None
    last_box: Box | None = None
    found_box: Box | None = None
    scope: Scope = field(default_factory=Scope)

    def see(self, mask: Mask, stamp_ns: int) -> None:
        """It is visible in this picture."""
        self.mask, self.is_visible, self.is_doubted = mask, True, False
        self.last_seen_ns = stamp_ns
        self.last_box = mask_box(mask) or self.last_box


@dataclass(frozen=True)
class Sighting:
    """A detection.

    Attributes:
        text: What it answers.
        score: How surely, 0..1.
        box: Where, xyxy in pixels.
        mask: (H, W) bool, from a detector that makes masks.
    """

    text: str
    score: float
    box: Box
    mask: Mask | None = None

    @property
    def centre(self) -> tuple[float, float]:
        """Middle of the box, pixels."""
        return (self.box[0] + self.box[2]) / 2, (self.box[1] + self.box[3]) / 2

    @property
    def size(self) -> float:
        """Longer side of the box, pixels."""
        return max(self.box[2] - self.box[0], self.box[3] - self.box[1])


@dataclass
class Decisions:
    """What follows from a round of detections.

    Attributes:
        births: New tracks with what showed them.
        returns: Tracks that were hidden, and where they came back.
        confirmed: Tracks that were found where they were thought to be.
        moved: Tracks that drifted away from what was found, and where they begin anew.
        deaths: Tracks that are given up.
        others: Per text, tracks of other texts or of geometry on which it was found too.
    """

    births: list[tuple[Track, Sighting]] = field(default_factory=list)
    returns: list[tuple[Track, Sighting]] = field(default_factory=list)
    confirmed: list[Track] = field(default_factory=list)
    moved: list[tuple[Track, Sighting]] = field(default_factory=list)
    deaths: list[Track] = field(default_factory=list)
    others: dict[str, list[Track]] = field(default_factory=dict)


@dataclass(frozen=True)
class Rules:
    """Thresholds.

    Attributes:
        birth_score: A new track needs at least this.
        match_iou: A detection that overlaps a track by this is that track.
        max_tracks: Most living tracks.
        max_misses: A visible track that detections miss so often is given up.
        death_after_s: A hidden track is given up after this long.
        renew_iou: A track that overlaps its detection by less has drifted.
        confirms_births: A new track has to be found in two searches in a row.
        doubt_after_s: A track that was hidden for longer than this has to be found by a search
            before it is shown again: what leaves the picture is easily taken for what comes next.
    """

    birth_score: float
    match_iou: float
    max_tracks: int
    max_misses: int
    death_after_s: float
    renew_iou: float = 0.0
    confirms_births: bool = False
    doubt_after_s: float = float('inf')


class TrackBook:
    """The living tracks of one camera.

    Args:
        next_id: Makes ids, unique across cameras.

    Attributes:
        tracks: By id.
        pending: Per text, what the last search found that is no track until the next one confirms.
    """

    def __init__(self, next_id: Callable[[], int]) -> None:
        self._next_id = next_id
        self.tracks: dict[int, Track] = {}
        self.pending: dict[str, list[Sighting]] = {}
        self._before: dict[str, list[Sighting]] = {}

    def add(
        self, prompt_id: str, score: float, stamp_ns: int, *, text: str = '', label: str = ''
    ) -> Track:
        """Begin a track."""
        track = Track(self._next_id(), text, prompt_id, label or text, score, stamp_ns)
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
            mask = masks[track_id]
            is_there = visible[track_id] and bool(mask.any())
            hidden_ns = 0 if track.is_visible or not track.text else stamp_ns - track.last_seen_ns
            if is_there and hidden_ns <= rules.doubt_after_s * 1e9:
                track.see(mask, stamp_ns)
                continue
            track.mask, track.is_visible, track.is_doubted = mask, False, is_there
            if stamp_ns - track.last_seen_ns > rules.death_after_s * 1e9:
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
        self._before, self.pending = self.pending, {}
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
        placed = [
            t for t in self.tracks.values() if t.text == text and (t.is_visible or t.is_doubted)
        ]
        pairs = match(placed, sightings, min_iou=rules.match_iou)
        for row, column in pairs:
            placed[row].score, placed[row].misses = sightings[column].score, 0
            placed[row].found_box = sightings[column].box
            placed[row].is_visible, placed[row].is_doubted = True, False
            decisions.confirmed.append(placed[row])
            if overlap(placed[row], sightings[column]) < rules.renew_iou:
                self._move(placed[row], sightings[column], stamp_ns, decisions)
        matched = {row for row, _ in pairs}
        for row, track in enumerate(placed):
            if row not in matched and not track.is_doubted:
                track.misses += 1
                if track.misses > rules.max_misses:
                    decisions.deaths.append(self.tracks.pop(track.track_id))
        taken = {column for _, column in pairs}
        free = [s for column, s in enumerate(sightings) if column not in taken]
        for sighting in sorted(free, key=lambda s: -s.score):
            if sighting.score >= rules.birth_score:
                self._place(text, prompt_id, sighting, stamp_ns, rules, decisions)

    def would_be_first(self, sighting: Sighting, rules: Rules) -> bool:
        """Whether a detection would begin a track of a text that has none."""
        return (
            sighting.score >= rules.birth_score
            and all(track.text != sighting.text for track in self.tracks.values())
            and self._occupant(sighting, rules) is None
        )

    def _place(
        self,
        text: str,
        prompt_id: str,
        sighting: Sighting,
        stamp_ns: int,
        rules: Rules,
        decisions: Decisions,
    ) -> None:
        """What a sure detection means that is no visible track of its text."""
        occupant = self._occupant(sighting, rules)
        if occupant is not None:
            if occupant.text != text:
                decisions.others.setdefault(text, []).append(occupant)
            return
        track = self._nearest_hidden(text, sighting)
        lost = self._nearest_missed(text, sighting) if rules.renew_iou else None
        if track is not None:
            decisions.returns.append((track, sighting))
        elif lost is not None:
            self._move(lost, sighting, stamp_ns, decisions)
            return
        elif rules.confirms_births and not self._was_seen(text, sighting):
            self.pending.setdefault(text, []).append(sighting)
            return
        elif len(self.tracks) < rules.max_tracks:
            track = self.add(prompt_id, sighting.score, stamp_ns, text=text)
            decisions.births.append((track, sighting))
        else:
            return
        track.score, track.misses = sighting.score, 0
        track.last_seen_ns, track.is_visible, track.is_doubted = stamp_ns, True, False
        track.mask, track.last_box, track.found_box = sighting.mask, sighting.box, sighting.box

    def _was_seen(self, text: str, sighting: Sighting) -> bool:
        """Whether the search before found it too, about there."""
        return any(_distance(s.box, sighting) < sighting.size for s in self._before.get(text, ()))

    @staticmethod
    def _move(track: Track, sighting: Sighting, stamp_ns: int, decisions: Decisions) -> None:
        """Begin a track anew where it was found."""
        decisions.moved.append((track, sighting))
        track.score, track.misses, track.last_seen_ns = sighting.score, 0, stamp_ns
        track.mask, track.last_box, track.found_box = sighting.mask, sighting.box, sighting.box

    def _nearest_missed(self, text: str, sighting: Sighting) -> Track | None:
        """The visible track that this search did not find, and that was last found closest by."""
        missed = [t for t in self.tracks.values() if t.text == text and t.is_visible and t.misses]
        return _nearest([(t, t.found_box) for t in missed], sighting, _REACH)

    def _occupant(self, sighting: Sighting, rules: Rules) -> Track | None:
        """The visible track of any text that is where the detection is."""
        visible = [t for t in self.tracks.values() if t.is_visible]
        best = max(visible, key=lambda t: overlap(t, sighting), default=None)
        return best if best and overlap(best, sighting) >= rules.match_iou else None

    def _nearest_hidden(self, text: str, sighting: Sighting) -> Track | None:
        """The hidden track of a text that was last seen closest to a detection, if close by."""
        hidden = [t for t in self.tracks.values() if t.text == text and not t.is_visible]
        return _nearest([(t, t.last_box) for t in hidden], sighting, _RETURN_REACH)


def _nearest(
    places: Sequence[tuple[Track, Box | None]], sighting: Sighting, reach: float
) -> Track | None:
    """The track whose box is closest to a detection, within so many times its size."""
    known = [(_distance(box, sighting), track) for track, box in places if box is not None]
    away, track = min(known, key=lambda item: item[0], default=(0.0, None))
    return track if away < reach * sighting.size else None


def as_box(corners: npt.NDArray[np.float32]) -> Box:
    """Of (4,) xyxy in pixels."""
    x0, y0, x1, y1 = (float(v) for v in corners)
    return x0, y0, x1, y1


def _distance(box: Box, sighting: Sighting) -> float:
    """Between the middles of a box and of a detection, pixels."""
    x = (box[0] + box[2]) / 2 - sighting.centre[0]
    y = (box[1] + box[3]) / 2 - sighting.centre[1]
    return float(np.hypot(x, y))


def overlap(track: Track, sighting: Sighting) -> float:
    """IoU of masks where both have one, else of boxes; 0 for a track that was never seen."""
    if track.mask is not None and sighting.mask is not None:
        return mask_iou(track.mask, sighting.mask)
    return 0.0 if track.last_box is None else box_iou(track.last_box, sighting.box)


def mask_iou(a: Mask, b: Mask) -> float:
    """Intersection over union of two masks of one size; 0 if both are empty."""
    union = int(np.count_nonzero(a | b))
    return int(np.count_nonzero(a & b)) / union if union else 0.0


def box_iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes, xyxy.

    Convention:
        (0, 0, 2, 2) and (1, 0, 3, 2) share 2 of 6: 1/3.
    """
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0.0) * max(height, 0.0)
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return shared / union if union > 0 else 0.0


def match(
    tracks: Sequence[Track], sightings: Sequence[Sighting], *, min_iou: float
) -> list[tuple[int, int]]:
    """One-to-one pairs (track, sighting) with the greatest sum of IoU, each at least `min_iou`."""
    if not tracks or not sightings:
        return []
    iou = np.array([[overlap(t, s) for s in sightings] for t in tracks])
    iou[iou < min_iou] = 0.0  # else a pair that is none could keep apart two that are
    rows, columns = linear_sum_assignment(-iou)
    return [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if iou[r, c] > 0]
