"""What truly happens before a camera on a post, and how alerts are compared with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from mm_perception.evaluation.watched import Watched
from mm_perception.samples import Masks
from mm_perception.world.camera import Camera
from mm_perception.world.scene import Array

#: On the ground, metres: a zone on the road, and a line across it; +x is to its right.
ZONE = np.array([[8.0, -5.5], [19.0, -5.5], [19.0, 5.5], [8.0, 5.5]])
GATE = np.array([[18.0, -5.5], [18.0, 5.5]])
VEHICLES = ('car', 'van', 'truck', 'cyclist')
_STEP_S, _DWELL_S, _LOST_S, _SMALLEST_PX = 0.05, 5.0, 2.0, 30
_TOLERANCE_S = {'appeared': 5.0, 'gone': 5.0}
_POST = np.array([0.0, -8.3])


@dataclass(frozen=True)
class Happening:
    """Something happens.

    Attributes:
        kind: Kind of event; for crossed with left or right.
        time_s: When.
        told_s: When it was told.
    """

    kind: str
    time_s: float
    told_s: float = 0.0


def in_picture(camera: Camera, ground: Array) -> Array:
    """Shares (N, 2) of the picture of points (N, 2) on the ground, metres."""
    body = np.column_stack([ground - _POST, np.zeros(len(ground))])
    pixels = camera.project((body - camera.at) @ camera.turn) + 0.5
    return np.clip(pixels / [camera.width, camera.height], 0, 1)


def visible_pixels(drive: Watched, masks: Sequence[Masks]) -> dict[int, Array]:
    """Per visitor its pixels in every picture."""
    counts = np.array([np.bincount(m.id_map.reshape(-1), minlength=65536)[:500] for m in masks])
    return {number: counts[:, number] for number in drive.instances}


def happenings(drive: Watched, pixels: dict[int, Array], named: str) -> list[Happening]:
    """All that the rules should tell, in order.

    Args:
        drive: The world.
        pixels: Visible pixels of every visitor in every picture.
        named: The vehicle that is watched by name; empty for none.
    """
    times = np.arange(0, drive.seconds, _STEP_S)
    found: list[Happening] = []
    inside_now = np.zeros(len(times), int)
    for number, visit in drive.instances.items():
        seen = np.flatnonzero(pixels[number] >= _SMALLEST_PX) / drive.rate_hz

        def is_seen(time_s: float, seen: Array = seen) -> bool:
            return bool((np.abs(seen - time_s) <= 1.0).any())

        places = visit.places(times)
        if visit.kind == 'pedestrian':
            inside = np.all((places >= ZONE.min(0)) & (places <= ZONE.max(0)), axis=1)
            found += [h for h in _stays(times, inside) if is_seen(h.time_s)]
            inside_now += inside & np.array([is_seen(t) for t in times])
        else:
            found += [h for h in _passes(times, places) if is_seen(h.time_s)]
        if visit.name == named and len(seen):
            found += _sights(seen, drive.seconds)
    crowds = np.flatnonzero(np.diff((inside_now >= 2).astype(int)) == 1)
    found += [Happening('crowded', float(times[i + 1])) for i in crowds]
    return sorted(found, key=lambda h: h.time_s)


def _stays(times: Array, inside: Array) -> list[Happening]:
    found, changes = [], np.flatnonzero(np.diff(inside.astype(int)))
    for change in changes:
        found.append(Happening('left' if inside[change] else 'entered', float(times[change + 1])))
    ends = [*(changes + 1), len(times)]
    for first, last in pairwise(ends):
        if inside[first] and (last - first) * _STEP_S >= _DWELL_S:
            found.append(Happening('dwelt', float(times[first]) + _DWELL_S))
    return found


def _passes(times: Array, places: Array) -> list[Happening]:
    right = places[:, 0] > GATE[0, 0]
    is_near = np.abs(places).max(1) < 200
    return [
        Happening(f'crossed {"left" if right[i] else "right"}', float(times[i + 1]))
        for i in np.flatnonzero(np.diff(right.astype(int)))
        if is_near[i] and is_near[i + 1]
    ]


def _sights(seen: Array, seconds: float) -> list[Happening]:
    """Appeared and gone, with short absences left out."""
    breaks = np.flatnonzero(np.diff(seen) > _LOST_S)
    starts = [seen[0], *seen[breaks + 1]]
    ends = [*seen[breaks], seen[-1]]
    gone = [Happening('gone', float(t)) for t in ends if t < seconds - _LOST_S - 1]
    return [Happening('appeared', float(t)) for t in starts] + gone


def matched(
    truth: Sequence[Happening], told: Sequence[Happening], delays: list[float]
) -> dict[str, tuple[int, int, int]]:
    """Per kind how many alerts are right, how many wrong, and how many happenings were missed.

    Args:
        truth: What happened.
        told: What was told.
        delays: Gets the seconds from each happening to its alert.
    """
    scores = {}
    for kind in sorted({h.kind for h in (*truth, *told)}):
        left = [h for h in truth if h.kind == kind]
        alarms, right = sorted((h for h in told if h.kind == kind), key=lambda h: h.time_s), 0
        for alarm in alarms:
            near = min(left, key=lambda h, a=alarm: abs(h.time_s - a.time_s), default=None)
            limit_s = _TOLERANCE_S.get(kind, 2.0)
            if near is not None and abs(near.time_s - alarm.time_s) <= limit_s:
                left.remove(near)
                right += 1
                delays.append(max(alarm.told_s, alarm.time_s) - near.time_s)
        scores[kind] = (right, len(alarms) - right, len(left))
    return scores
