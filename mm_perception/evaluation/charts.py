"""Curves as SVG text, to stand in an HTML page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

_LEFT, _RIGHT, _TOP, _BOTTOM = 34.0, 14.0, 10.0, 20.0
_Point = tuple[float, float]


@dataclass(frozen=True)
class _Plane:
    """Where a time and a value from 0 to 1 lie in the drawing."""

    start: float
    end: float
    width: int
    height: int

    def place(self, time_s: float, value: float) -> _Point:
        across = (time_s - self.start) / (self.end - self.start)
        return (
            _LEFT + across * (self.width - _LEFT - _RIGHT),
            _TOP + (1 - value) * (self.height - _TOP - _BOTTOM),
        )


def curves(
    times_s: Sequence[float],
    series: Mapping[str, Sequence[float]],
    *,
    areas: Mapping[str, Sequence[float]] | None = None,
    size: tuple[int, int] = (480, 120),
    mark_s: float | None = None,
) -> str:
    """Curves of values from 0 to 1 over time.

    Args:
        times_s: (T) seconds, ascending.
        series: By CSS class of the line, (T) values; NaN leaves a gap. The last is drawn on top.
        areas: Likewise, but filled down to 0, below all curves and without gaps.
        size: Width and height in units of the view box.
        mark_s: A moment to mark with an upright line.
    """
    plane = _Plane(times_s[0], max(times_s[-1], times_s[0] + 1e-3), *size)
    parts = [_area(name, plane, times_s, values) for name, values in (areas or {}).items()]
    parts.append(_axes(plane))
    if mark_s is not None:
        parts.append(_line('mark', [plane.place(mark_s, 0.0), plane.place(mark_s, 1.0)]))
    for name, values in series.items():
        for run in _runs(times_s, values):
            points = [plane.place(time_s, value) for time_s, value in run]
            parts.append(_line(name, points) if len(points) > 1 else _dot(name, points[0]))
    box = f'0 0 {plane.width} {plane.height}'
    return f'<svg class="curves" viewBox="{box}" role="img">{"".join(parts)}</svg>'


def sparkline(values: Sequence[float], *, size: tuple[int, int] = (120, 22)) -> str:
    """A small curve of values from 0 to 1 without axes; NaN leaves a gap."""
    width, height = size
    step = (width - 4) / max(len(values) - 1, 1)
    places = [2 + step * index for index in range(len(values))]
    parts = [f'<line class="floor" x1="0" x2="{width}" y1="{height - 1}" y2="{height - 1}"/>']
    for run in _runs(places, values):
        points = [(x, 2 + (1 - value) * (height - 4)) for x, value in run]
        parts.append(_line('stack', points) if len(points) > 1 else _dot('stack', points[0]))
    return f'<svg class="spark" viewBox="0 0 {width} {height}">{"".join(parts)}</svg>'


def _runs(places: Sequence[float], values: Sequence[float]) -> list[list[_Point]]:
    """Neighbouring points without a gap between them."""
    runs: list[list[_Point]] = [[]]
    for place, value in zip(places, values, strict=True):
        if value != value:  # NaN
            runs.append([])
        else:
            runs[-1].append((place, min(max(value, 0.0), 1.0)))
    return [run for run in runs if run]


def _axes(plane: _Plane) -> str:
    lines = []
    for value in (0.0, 0.5, 1.0):
        left, y = plane.place(plane.start, value)
        lines.append(
            f'<path class="grid" d="M{left:.1f} {y:.1f}H{plane.width - _RIGHT:.1f}"/>'
            f'<text class="tick" x="{left - 6:.1f}" y="{y + 3.5:.1f}" text-anchor="end">'
            f'{value:g}</text>'
        )
    step = _step(plane.end - plane.start)
    for index in range(int((plane.end - plane.start) / step + 1e-6) + 1):
        time_s = plane.start + index * step
        x, y = plane.place(time_s, 0.0)
        lines.append(
            f'<text class="tick" x="{x:.1f}" y="{y + 15:.1f}" text-anchor="middle">'
            f'{time_s:g}{"" if index else " s"}</text>'
        )
    return ''.join(lines)


def _step(span: float) -> float:
    """A round distance of ticks that gives two to eight of them."""
    steps = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
    return next((step for step in steps if span / step <= 7), span)


def _line(name: str, points: Sequence[_Point]) -> str:
    text = ' '.join(f'{x:.1f},{y:.1f}' for x, y in points)
    return f'<polyline class="{escape(name)}" points="{text}"/>'


def _area(name: str, plane: _Plane, times_s: Sequence[float], values: Sequence[float]) -> str:
    points = [plane.place(t, min(max(v, 0.0), 1.0)) for t, v in zip(times_s, values, strict=True)]
    ends = plane.place(times_s[-1], 0.0), plane.place(times_s[0], 0.0)
    text = ' '.join(f'{x:.1f},{y:.1f}' for x, y in (*points, *ends))
    return f'<polygon class="{escape(name)}" points="{text}"/>'


def _dot(name: str, point: _Point) -> str:
    return f'<circle class="{escape(name)}" cx="{point[0]:.1f}" cy="{point[1]:.1f}" r="1.8"/>'
