"""Curves as SVG text, to stand in an HTML page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

_Point = tuple[float, float]
_STEPS = (
    0.1,
    0.2,
    0.5,
    1.0,
    2.0,
    5.0,
    10.0,
    20.0,
    30.0,
    60.0,
    120.0,
    300.0,
    600.0,
    1800.0,
    3600.0,
)
_MOST_TICKS = 7
#: Of a chart, in units of its view box: it is stretched to whatever room there is.
_SIDE = 100.0


@dataclass(frozen=True)
class _Plane:
    """Where a time and a value from 0 to 1 lie in the drawing."""

    start: float
    end: float

    def place(self, time_s: float, value: float) -> _Point:
        across = (time_s - self.start) / (self.end - self.start)
        return _SIDE * across, _SIDE * (1 - value)


def curves(
    times_s: Sequence[float],
    series: Mapping[str, Sequence[float]],
    *,
    areas: Mapping[str, Sequence[float]] | None = None,
    mark_s: float | None = None,
    title: str = 'curves over time',
) -> str:
    """Curves of values from 0 to 1 over time, as wide as the page; letters keep their size.

    Args:
        times_s: (T) seconds, ascending.
        series: By CSS class of the line, (T) values; NaN leaves a gap. The last is drawn on top.
        areas: Likewise, but filled down to 0, below all curves and without gaps.
        mark_s: A moment to mark with an upright line.
        title: For those who cannot see it.
    """
    plane = _Plane(times_s[0], max(times_s[-1], times_s[0] + 1e-3))
    parts = [_area(name, plane, times_s, values) for name, values in (areas or {}).items()]
    parts += [_level(plane, value) for value in (0.0, 0.5, 1.0)]
    if mark_s is not None:
        parts.append(_line('mark', [plane.place(mark_s, 0.0), plane.place(mark_s, 1.0)]))
    for name, values in series.items():
        for run in _runs(times_s, values):
            points = [plane.place(time_s, value) for time_s, value in run]
            # A line of no length with round ends is a dot that no stretching makes an ellipse.
            parts.append(
                _line(name, points) if len(points) > 1 else _line(f'{name} dot', points * 2)
            )
    box = f'viewBox="0 0 {_SIDE:g} {_SIDE:g}" preserveAspectRatio="none"'
    svg = f'<svg {box} role="img" aria-label="{escape(title)}">{"".join(parts)}</svg>'
    return f'<div class="chart">{svg}{_names(plane)}</div>'


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


def _level(plane: _Plane, value: float) -> str:
    _, y = plane.place(plane.start, value)
    return f'<path class="grid" d="M0 {y:.1f}H{_SIDE:g}"/>'


def _names(plane: _Plane) -> str:
    """What stands at the axes."""
    texts = [
        f'<span class="up" style="top:{100 * (1 - value):g}%">{value:g}</span>'
        for value in (0.0, 0.5, 1.0)
    ]
    span_s = plane.end - plane.start
    texts += [
        f'<span class="across" style="left:{100 * time_s / span_s:.1f}%">'
        f'{plane.start + time_s:g}{"" if time_s else " s"}</span>'
        for time_s in ticks(span_s)
    ]
    return ''.join(texts)


def ticks(span_s: float) -> list[float]:
    """Round moments from 0 to the end of a span, three to eight of them where it can be."""
    step = next((step for step in _STEPS if span_s / step <= _MOST_TICKS), span_s)
    return [round(step * index, 6) for index in range(int(span_s / step + 1e-6) + 1)]


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
