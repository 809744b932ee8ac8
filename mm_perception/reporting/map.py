"""Tracks in space and the way of the robot, from above."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from html import escape

import numpy as np
import numpy.typing as npt

from mm_perception.errors import TransformUnavailableError
from mm_perception.reporting.recording import Ego, Path3D, Recording
from mm_perception.ros.tf import TransformBuffer

Floats = npt.NDArray[np.float64]
_Placed = list[tuple[Path3D, Floats]]
#: Of the view box; lines keep their width.
_WIDTH, _LEAST, _MOST = 720.0, 0.35, 1.1
#: Of a map that is wider than high, it takes the page: pixels of height.
_HEIGHT = 420.0
#: Hues of labels are a golden angle apart, degrees: neighbours differ much.
_FIRST_HUE, _HUE_STEP, _MOST_KINDS = 215.0, 137.5, 12
_MARGIN_M, _LEAST_SPAN_M = 4.0, 12.0
#: Frames that stay where they are (REP-105).
_FIXED = ('odom', 'map', 'earth')
#: Names of what is farther to the right stand to the left of it.
_FAR = 0.85
#: Extent of a name on the map of a narrow screen, in shares of its width.
_NAME_SHARES = (0.22, 0.045)


def map_of(recording: Recording, truth: Iterable[Path3D] = ()) -> str:
    """The map as HTML; empty where no track can be brought to a frame in which the robot moves.

    Boxes in the robot's own frame are carried to the frame of the odometry by odometry, those in
    any other frame by TF, at their own moment.

    Args:
        recording: With tracks, odometry and TF.
        truth: Where things truly were, drawn below the tracks.
    """
    for ego in recording.odometry.values():
        drawn = _placed(recording.paths.values(), ego, recording.transforms)
        # What a detector named in a frame that moves along, a tracker has taken over.
        fixed = [pair for pair in drawn if pair[0].frame_id in (ego.frame_id, *_FIXED)]
        if drawn:
            return _drawn(fixed or drawn, _placed(truth, ego, recording.transforms), ego)
    return ''


def _placed(paths: Iterable[Path3D], ego: Ego, transforms: TransformBuffer) -> _Placed:
    """Each with its (N, 2) metres in the frame of the odometry; none where there is no way."""
    placed = ((path, _in_frame_of(path, ego, transforms)) for path in paths)
    return [(path, places) for path, places in placed if len(places)]


def _in_frame_of(path: Path3D, ego: Ego, transforms: TransformBuffer) -> Floats:
    places = np.array([place[1:] for place in path.places], np.float64).reshape(-1, 3)
    if path.frame_id == ego.frame_id:
        return places[:, :2]
    stamps = [place[0] for place in path.places]
    if path.frame_id != ego.body_id or not ego.places:
        return _by_transforms(places, stamps, path.frame_id, ego.frame_id, transforms)
    known = np.array([place[0] for place in ego.places], np.int64)
    poses = np.array([place[1:] for place in ego.places], np.float64)
    near = np.abs(known[None] - np.array(stamps)[:, None]).argmin(axis=1)
    x, y, yaw = poses[near].T
    ahead, left, _ = places.T
    return np.stack([
        x + np.cos(yaw) * ahead - np.sin(yaw) * left,
        y + np.sin(yaw) * ahead + np.cos(yaw) * left,
    ], axis=1)  # fmt: skip


def _by_transforms(
    places: Floats, stamps_ns: Sequence[int], source: str, target: str, transforms: TransformBuffer
) -> Floats:
    """Without the moments that TF does not know."""
    carried = []
    for place, stamp_ns in zip(places, stamps_ns, strict=True):
        with suppress(TransformUnavailableError):
            change = transforms.lookup(target, source, stamp_ns)
            carried.append((change @ [*place, 1.0])[:2])
    return np.array(carried, np.float64).reshape(-1, 2)


def _drawn(drawn: _Placed, truth: _Placed, ego: Ego) -> str:
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
    parts = [_trace('true', place(places) * size) for _, places in truth]
    names = [('start', *place(own[:1])[0].tolist())]
    hues = _hues(path.label for path, _ in drawn)
    for path, places in sorted(drawn, key=lambda pair: -len(pair[1])):
        name = f'{path.label} #{path.track_id}'
        parts.append(_trace('track', place(places) * size, hues[path.label], name))
        names.append((name, *place(places)[-1].tolist()))
    parts.append(_line('own', place(own) * size))
    said = ''.join(_name(*name) for name in _apart(names, shape))
    length_m = next(m for m in (1000, 500, 200, 100, 50, 20, 10, 5, 2) if m < span[0] / 3)
    scale = (
        f'<span class="scale" style="width:{100 * length_m / span[0]:.1f}%">{length_m} m</span>'
    )
    true = ' Grey is where things truly were, while they were in reach.' if truth else ''
    title = f'{len(drawn)} tracks and the way of the robot in {ego.frame_id}, from above'
    return (
        f'<div class="map" style="max-width:{max(_WIDTH, _HEIGHT / shape):.0f}px">'
        f'<svg viewBox="0 0 {size[0]:g} {size[1]:.0f}" role="img" '
        f'aria-label="{escape(title)}">{"".join(parts)}</svg>{said}{scale}</div>\n'
        f'{_kinds(hues)}<p class="legend"><small>The dashed line is the way of the robot in '
        f'{escape(ego.frame_id)}; a name stands at the end of its track, where there is '
        f'room for it.{true}</small></p>\n'
    )


def _hues(labels: Iterable[str]) -> dict[str, float]:
    """A colour for each label, the same for the same labels."""
    return {
        label: (_FIRST_HUE + _HUE_STEP * index) % 360
        for index, label in enumerate(sorted(set(labels)))
    }


def _kinds(hues: Mapping[str, float]) -> str:
    """Which colour is which label."""
    keys = ''.join(
        f'<span><i class="key hue" style="--hue:{hue:.0f}"></i>{escape(label)}</span>'
        for label, hue in list(hues.items())[:_MOST_KINDS]
    )
    return f'<p class="legend"><small>{keys}</small></p>\n'


def _apart(
    names: Sequence[tuple[str, float, float]], shape: float
) -> list[tuple[str, float, float]]:
    """Those that do not lie upon one before them, given height by width of the map."""
    width, height = _NAME_SHARES
    kept: list[tuple[str, float, float]] = []
    for name, x, y in names:
        if all(abs(x - a) >= width or abs(y - b) * shape >= height for _, a, b in kept):
            kept.append((name, x, y))
    return kept


def _name(text: str, x: float, y: float) -> str:
    """Words beside a place, given as shares of width and height; within the map."""
    side = f'left:{100 * x:.1f}%' if x < _FAR else f'right:{100 - 100 * x:.1f}%'
    kind = '' if x < _FAR else ' class="west"'
    return f'<span{kind} style="{side};top:{100 * y:.1f}%">{escape(text)}</span>'


def _trace(kind: str, points: Floats, hue: float | None = None, name: str = '') -> str:
    """A line; a dot for what was seen once."""
    if len(points) > 1:
        return _line(kind, points, hue, name)
    return _line(f'{kind} dot', points.repeat(2, axis=0), hue, name)


def _line(kind: str, points: Floats, hue: float | None = None, name: str = '') -> str:
    """A line; its name is shown where the mouse is over it."""
    text = ' '.join(f'{x:.1f},{y:.1f}' for x, y in points.tolist())
    style = '' if hue is None else f' style="--hue:{hue:.0f}"'
    attributes = f'class="{kind}" points="{text}"{style}'
    if not name:
        return f'<polyline {attributes}/>'
    return f'<polyline {attributes}><title>{escape(name)}</title></polyline>'
