"""Tracks in space and the way of the robot, from above."""

from __future__ import annotations

import zlib
from html import escape

import numpy as np
import numpy.typing as npt

from mm_perception.reporting.recording import Ego, Path3D, Recording

Floats = npt.NDArray[np.float64]
#: Of the view box; lines keep their width.
_WIDTH, _LEAST, _MOST = 720.0, 0.35, 1.1
_MARGIN_M, _LEAST_SPAN_M = 4.0, 12.0
#: Most tracks with a name beside them.
_NAMED = 24


def map_of(recording: Recording) -> str:
    """The map as HTML; empty where no track is in a frame in which the robot moves, or no robot.

    Boxes in the robot's own frame are carried to the frame of the odometry at their own moment.
    """
    for ego in recording.odometry.values():
        drawn = [
            (path, places)
            for path in recording.paths.values()
            if len(places := _in_frame_of(path, ego))
        ]
        # What a detector named in the robot's own frame, a tracker has taken over.
        fixed = [pair for pair in drawn if pair[0].frame_id == ego.frame_id]
        if drawn:
            return _drawn(fixed or drawn, ego)
    return ''


def _in_frame_of(path: Path3D, ego: Ego) -> Floats:
    """(N, 2) metres in the frame of the odometry; none where it is in another frame."""
    places = np.array([(x, y) for _, x, y in path.places], np.float64).reshape(-1, 2)
    if path.frame_id == ego.frame_id:
        return places
    if path.frame_id != ego.body_id or not ego.places:
        return np.zeros((0, 2))
    stamps = np.array([stamp_ns for stamp_ns, _, _ in path.places], np.int64)
    known = np.array([place[0] for place in ego.places], np.int64)
    poses = np.array([place[1:] for place in ego.places], np.float64)
    near = np.abs(known[None] - stamps[:, None]).argmin(axis=1)
    x, y, yaw = poses[near].T
    ahead, left = places.T
    return np.stack([
        x + np.cos(yaw) * ahead - np.sin(yaw) * left,
        y + np.sin(yaw) * ahead + np.cos(yaw) * left,
    ], axis=1)  # fmt: skip


def _drawn(drawn: list[tuple[Path3D, Floats]], ego: Ego) -> str:
    """What is ahead at the start is to the right, what is to the left is up."""
    own = np.array([(x, y) for _, x, y, _ in ego.places], np.float64)
    everything = np.concatenate([own, *(places for _, places in drawn)])
    low, high = everything.min(axis=0) - _MARGIN_M, everything.max(axis=0) + _MARGIN_M
    middle, span = (low + high) / 2, np.maximum(high - low, _LEAST_SPAN_M)
    shape = float(np.clip(span[1] / span[0], _LEAST, _MOST))
    span = np.array([max(span[0], span[1] / shape), max(span[1], span[0] * shape)])
    low = middle - span / 2

    def place(xy: Floats) -> Floats:
        share = (xy - low) / span
        return np.stack([share[:, 0], 1 - share[:, 1]], axis=1)

    size = np.array([_WIDTH, _WIDTH * shape])
    parts, names = [], []
    for path, places in sorted(drawn, key=lambda pair: len(pair[1])):
        colour = f'hsl({zlib.crc32(path.label.encode()) % 360} 62% 52%)'
        points = place(places) * size
        kind = 'track' if len(points) > 1 else 'track dot'
        parts.append(_line(kind, points if len(points) > 1 else points.repeat(2, axis=0), colour))
        x, y = place(places)[-1]
        names.append(
            f'<span style="left:{100 * x:.1f}%;top:{100 * y:.1f}%">'
            f'{escape(path.label)} #{escape(path.track_id)}</span>'
        )
    parts.append(_line('own', place(own) * size))
    x, y = place(own[:1])[0]
    names = [
        *names[-_NAMED:],
        f'<span style="left:{100 * x:.1f}%;top:{100 * y:.1f}%">start</span>',
    ]
    length_m = next(m for m in (1000, 500, 200, 100, 50, 20, 10, 5, 2) if m < span[0] / 3)
    scale = (
        f'<span class="scale" style="width:{100 * length_m / span[0]:.1f}%">{length_m} m</span>'
    )
    title = f'{len(drawn)} tracks and the way of the robot in {ego.frame_id}, from above'
    return (
        f'<div class="map"><svg viewBox="0 0 {size[0]:g} {size[1]:.0f}" role="img" '
        f'aria-label="{escape(title)}">{"".join(parts)}</svg>{"".join(names)}{scale}</div>\n'
        f'<p class="legend"><small>The dashed line is the way of the robot in '
        f'{escape(ego.frame_id)}; a name stands at the end of its track.</small></p>\n'
    )


def _line(kind: str, points: Floats, colour: str = '') -> str:
    text = ' '.join(f'{x:.1f},{y:.1f}' for x, y in points.tolist())
    style = f' style="stroke:{colour}"' if colour else ''
    return f'<polyline class="{kind}" points="{text}"{style}/>'
