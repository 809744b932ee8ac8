"""Tracks through time: birth and death, and detections that come late.

Every step is a pure function of the state before and the detections. So a late detection is put in
its place by going back to the state before it, and doing the steps after it again.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from mm_perception.errors import LateInputError, ShapeError
from mm_perception.plugins.tracker3d.matching import matches
from mm_perception.plugins.tracker3d.tracks import Noise, Tracks, newborn, predicted, updated
from mm_perception.samples import Boxes3D, quats_of_yaws
from mm_perception.samples.sample import Array

#: A track that is not seen is half as sure after this share of its time to live.
_HALF_LIFE = 0.5
#: Detections that come less often than this make no tracks, seconds.
_SLOWEST_S = 2.0
#: No rig has so many detectors; each moment is kept until time goes on.
_MOST_OF_ONE_STAMP = 64
#: Boxes stand upright, give or take; variance of roll and pitch, rad^2.
_UPRIGHT = 0.01


@dataclass(frozen=True)
class Rules:
    """Thresholds of the tracker; `Tracker3DConfig` explains each."""

    noise: Noise
    min_score: float
    birth_score: float
    birth_hits: int
    birth_within_s: float
    death_after_s: float
    gate_sigmas: float
    gate_m: float
    groups: Mapping[str, int]
    max_tracks: int
    late_s: float
    jump_back_s: float


@dataclass
class _Moment:
    """Detections of one moment, and what was known once they were taken in."""

    serial: int
    boxes: Boxes3D
    after: Tracks | None = None


@dataclass
class Tracker:
    """Keeps tracks of detections that are all in one fixed frame.

    Attributes:
        rules: The thresholds.
    """

    rules: Rules
    _past: list[_Moment] = field(default_factory=list)
    _num_moments: int = 0
    _num_ids: int = 0
    #: Serial and number of the detection that began a track, to its id: who goes back in time and
    #: begins the same track again shall give it the same name.
    _births: dict[tuple[int, int], int] = field(default_factory=dict)

    def take(self, boxes: Boxes3D, port: str = 'detections') -> None:
        """Take in detections, also such as are older than others before.

        Raises:
            LateInputError: They are older than the newest by more than `late_s`; the tracks stay
                as they are. By more than `jump_back_s` they mean that time was set back: all
                tracks are forgotten. Where they go on from the newest but one, the newest alone
                had a wrong stamp, and is forgotten.
            ShapeError: Time stands still: nobody stamps them.
        """
        if self._past:
            late_s = (self._past[-1].boxes.stamp_ns - boxes.stamp_ns) / 1e9
            if late_s > self.rules.jump_back_s:
                self._go_back(boxes.stamp_ns)
            elif late_s > self.rules.late_s:
                raise LateInputError(port, late_s, self.rules.late_s)
        stamps = [moment.boxes.stamp_ns for moment in self._past]
        place = bisect_right(stamps, boxes.stamp_ns)
        if place - bisect_left(stamps, boxes.stamp_ns) >= _MOST_OF_ONE_STAMP:
            raise ShapeError(
                f'stamps of {port}', 'a time that goes on: let the detector stamp its messages',
                f'more than {_MOST_OF_ONE_STAMP} messages of {boxes.stamp_ns / 1e9:.3f} s',
            )  # fmt: skip
        new = _Moment(self._num_moments, boxes)
        self._num_moments += 1
        state = self._past[place - 1].after if place else None
        states = []
        for moment in (new, *self._past[place:]):
            state = self._step(state, moment)
            states.append(state)
        self._past.insert(place, new)  # now that no step has failed
        for moment, after in zip(self._past[place:], states, strict=True):
            moment.after = after
        self._trim()

    def _go_back(self, stamp_ns: int) -> None:
        if len(self._past) > 1 and self._past[-2].boxes.stamp_ns < stamp_ns:
            self._drop(-1)
        else:
            self.forget()

    def forget(self) -> None:
        """Drop all tracks; ids go on."""
        self._past.clear()
        self._births.clear()

    def found(self) -> Boxes3D | None:
        """The tracks that are sure enough, at the moment of the newest detections."""
        if not self._past:
            return None
        newest = self._past[-1]
        if newest.after is None:
            return None
        tracks = newest.after.chosen(newest.after.hits >= self.rules.birth_hits)
        tracks = tracks.chosen(np.argsort(tracks.ids))
        covariances = np.zeros((len(tracks), 6, 6))
        covariances[:, :3, :3] = tracks.covariances[:, :3, :3]
        covariances[:, 3, 3] = covariances[:, 4, 4] = _UPRIGHT
        covariances[:, 5, 5] = tracks.yaw_variances
        fading = 0.5 ** (tracks.unseen_s() / max(self.rules.death_after_s * _HALF_LIFE, 1e-9))
        return Boxes3D(
            stamp_ns=tracks.stamp_ns,
            frame_id=newest.boxes.frame_id,
            centres=tracks.means[:, :3],
            sizes=tracks.sizes,
            quats_xyzw=quats_of_yaws(tracks.yaws),
            scores=(tracks.scores * fading).astype(np.float32),
            labels=tracks.labels(),
            track_ids=tuple(map(str, tracks.ids.tolist())),
            velocities=tracks.means[:, 3:],
            covariances=covariances,
            velocity_covariances=tracks.covariances[:, 3:, 3:],
        )

    def _step(self, before: Tracks | None, moment: _Moment) -> Tracks:
        rules, boxes = self.rules, moment.boxes
        numbers = np.flatnonzero(boxes.scores >= rules.min_score)
        boxes = _chosen(boxes, numbers)
        if before is None:
            return self._born(boxes, numbers, moment.serial, rules.max_tracks)
        tracks = predicted(before, boxes.stamp_ns, rules.noise)
        is_sure = tracks.hits >= rules.birth_hits
        patience = np.where(is_sure, rules.death_after_s, rules.birth_within_s)
        # A detector may be slower than that: what it saw last it has had no chance to see again.
        patience = np.maximum(patience, min((boxes.stamp_ns - before.stamp_ns) / 1e9, _SLOWEST_S))
        tracks = tracks.chosen(tracks.unseen_s() <= patience)
        pairs = matches(
            tracks, boxes, rules.noise, gate_sigmas=rules.gate_sigmas, gate_m=rules.gate_m,
            groups=rules.groups,
        )  # fmt: skip
        own = np.array([track for track, _ in pairs], np.intp)
        theirs = np.array([detection for _, detection in pairs], np.intp)
        seen = updated(tracks.chosen(own), _chosen(boxes, theirs), rules.noise)
        seen = replace(seen, ids=self._older_names(seen.ids, moment.serial, numbers[theirs]))
        unseen = tracks.chosen(np.setdiff1d(np.arange(len(tracks)), own))
        rest = np.setdiff1d(np.arange(len(boxes)), theirs)
        room = rules.max_tracks - len(tracks)
        born = self._born(_chosen(boxes, rest), numbers[rest], moment.serial, room)
        return seen.joined(unseen).joined(born)

    def _born(self, boxes: Boxes3D, numbers: Array, serial: int, room: int) -> Tracks:
        """Tracks of detections that are sure enough, the surest first if there is little room."""
        order = np.argsort(-boxes.scores, kind='stable')[: max(room, 0)]
        order = np.sort(order[boxes.scores[order] >= self.rules.birth_score])
        ids = [self._name(serial, number) for number in numbers[order].tolist()]
        return newborn(_chosen(boxes, order), np.array(ids, np.int64), self.rules.noise)

    def _name(self, serial: int, number: int) -> int:
        if (serial, number) not in self._births:
            self._num_ids += 1
            self._births[serial, number] = self._num_ids
        return self._births[serial, number]

    def _older_names(self, ids: Array, serial: int, numbers: Array) -> Array:
        """A late detection may begin a track earlier than it was begun before: keep its name."""
        named = [
            min(own, self._births.get((serial, number), own))
            for own, number in zip(ids.tolist(), numbers.tolist(), strict=True)
        ]
        return np.array(named, np.int64)

    def _trim(self) -> None:
        """Keep what late detections need, and the moment before."""
        oldest_ns = self._past[-1].boxes.stamp_ns - int(self.rules.late_s * 1e9)
        while len(self._past) > 1 and self._past[1].boxes.stamp_ns <= oldest_ns:
            self._drop(0)

    def _drop(self, place: int) -> None:
        gone = self._past.pop(place).serial
        self._births = {key: i for key, i in self._births.items() if key[0] != gone}


def _chosen(boxes: Boxes3D, numbers: Array) -> Boxes3D:
    """Some of the boxes, without their track ids."""
    pick: Callable[[Array | None], Array | None] = lambda a: None if a is None else a[numbers]  # noqa: E731
    return replace(
        boxes, centres=boxes.centres[numbers], sizes=boxes.sizes[numbers],
        quats_xyzw=boxes.quats_xyzw[numbers], scores=boxes.scores[numbers],
        labels=tuple(boxes.labels[i] for i in numbers.tolist()), track_ids=(),
        velocities=pick(boxes.velocities), covariances=pick(boxes.covariances),
        velocity_covariances=pick(boxes.velocity_covariances),
    )  # fmt: skip
