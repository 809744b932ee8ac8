"""Zones, lines and alerts, and the short sentences in which they are written.

zones:  'yard: 0.1,0.6 0.9,0.6 0.9,1.0 0.1,1.0'      a name and at least three corners
lines:  'gate: 0.5,1.0 0.5,0.4'                      a name and two ends
alerts: 'entered yard: person, car'                  or 'left yard'; no labels mean anything
        'dwelt yard 10 s: person'
        'crowded yard 3: person'
        'crossed gate to the right'                  or to the left, or just 'crossed gate'
        'appeared: red car'                          or 'gone: red car'
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from mm_perception.errors import ConfigError
from mm_perception.samples.sample import Array

_NAME = r'(?P<place>[\w-]+)'
#: Kind of alert to the pattern of what follows it, and how it is written.
_FORMS = {
    'entered': (_NAME, 'entered ZONE'),
    'left': (_NAME, 'left ZONE'),
    'dwelt': (_NAME + r' (?P<number>\d+(\.\d+)?) ?s', 'dwelt ZONE SECONDS s'),
    'crowded': (_NAME + r' (?P<number>[1-9]\d*)', 'crowded ZONE NUMBER'),
    'crossed': (_NAME + r'( to the (?P<side>left|right))?', 'crossed LINE [to the left|right]'),
    'appeared': ('', 'appeared'),
    'gone': ('', 'gone'),
}
KINDS = tuple(_FORMS)
_ARTICLES = frozenset({'a', 'an', 'the'})


@dataclass(frozen=True, eq=False)
class Zone:
    """A polygon.

    Attributes:
        name: One word.
        corners: (N, 2) float64, N at least 3, in the units of the rules.
    """

    name: str
    corners: Array

    def depth(self, place: Array) -> float:
        """How far inside a place (2,) is, in the units of the rules; negative outside.

        Convention:
            In the square from 0,0 to 4,4 the place 1,2 is 1 deep and the place 6,2 is -2 deep.
        """
        outline = self.corners.astype(np.float32).reshape(-1, 1, 2)
        return float(cv2.pointPolygonTest(outline, place.tolist(), measureDist=True))


@dataclass(frozen=True, eq=False)
class Line:
    """A line between two ends.

    Attributes:
        name: One word.
        ends: (2, 2) float64 in the units of the rules; left and right are those of somebody who
            goes from the first end to the second.
    """

    name: str
    ends: Array

    def right_of(self, place: Array) -> float:
        """How far to the right of the endless line a place (2,) is; negative to the left.

        Convention:
            y points down, as in pictures. From 0,4 up to 0,0 the place 3,1 is 3 to the right.
        """
        along = self.ends[1] - self.ends[0]
        off = place - self.ends[0]
        return float((along[0] * off[1] - along[1] * off[0]) / np.hypot(*along))

    def is_met(self, start: Array, end: Array) -> bool:
        """Whether the way from one place (2,) to another on the other side meets the line."""
        before, after = self.right_of(start), self.right_of(end)
        if before == after:
            return False
        at = start + (end - start) * (before / (before - after))
        along = self.ends[1] - self.ends[0]
        share = float((at - self.ends[0]) @ along / (along @ along))
        return 0.0 <= share <= 1.0


@dataclass(frozen=True)
class Alert:
    """What shall be told.

    Attributes:
        text: As it was written.
        kind: One of `KINDS`.
        place: Zone or line; empty for appeared and gone.
        number: Seconds of dwelt, things of crowded.
        side: left or right; empty for both.
        labels: Words of each label, any of which may fit; empty for everything.
    """

    text: str
    kind: str
    place: str = ''
    number: float = 0.0
    side: str = ''
    labels: tuple[frozenset[str], ...] = ()

    def fits(self, label: str) -> bool:
        """Whether it is about a thing of that label.

        Convention:
            'red car' fits 'the red car' and 'big red car', not 'car'.
        """
        return not self.labels or any(words <= _words(label) for words in self.labels)


@dataclass(frozen=True)
class Rules:
    """All of them; names are unique, and every alert has its place."""

    zones: tuple[Zone, ...] = ()
    lines: tuple[Line, ...] = ()
    alerts: tuple[Alert, ...] = ()


def parse_rules(
    zones: Sequence[str], lines: Sequence[str], alerts: Sequence[str], *, is_relative: bool
) -> Rules:
    """Read rules.

    Args:
        zones: Each a name and corners.
        lines: Each a name and two ends.
        alerts: Each a sentence.
        is_relative: Coordinates are shares of the picture, so they lie in 0 to 1.

    Raises:
        ConfigError: With what cannot be used, and how it is written.
    """
    areas = [Zone(*_shape('zones', text, is_relative)) for text in zones]
    borders = [Line(*_shape('lines', text, is_relative)) for text in lines]
    for zone, text in zip(areas, zones, strict=True):
        _check_polygon(zone, text)
    for line, text in zip(borders, lines, strict=True):
        if len(line.ends) != 2 or np.array_equal(*line.ends):
            raise ConfigError('lines', text, 'two different ends, such as "gate: 0.5,1 0.5,0.4"')
    for field, names in (('zones', [z.name for z in areas]), ('lines', [b.name for b in borders])):
        for name in names:
            if names.count(name) > 1:
                raise ConfigError(field, name, 'a name of its own for each')
    known = {'zone': [z.name for z in areas], 'line': [b.name for b in borders]}
    return Rules(tuple(areas), tuple(borders), tuple(_alert(text, known) for text in alerts))


def _shape(field: str, text: str, is_relative: bool) -> tuple[str, Array]:
    name, colon, rest = text.partition(':')
    name = name.strip()
    if not colon or not re.fullmatch(r'[\w-]+', name):
        raise ConfigError(field, text, 'NAME: X,Y X,Y ..., the name in one word')
    try:
        pairs = [[float(v) for v in pair.split(',')] for pair in rest.split()]
    except ValueError:
        pairs = []
    if not pairs or any(len(p) != 2 or not np.isfinite(p).all() for p in pairs):
        raise ConfigError(field, text, 'points as X,Y with a space between them')
    points = np.array(pairs)
    if is_relative and not ((points >= 0) & (points <= 1)).all():
        expected = 'shares of the picture from 0 to 1; for pixels set units: px'
        raise ConfigError(field, text, expected)
    return name, points


def _check_polygon(zone: Zone, text: str) -> None:
    corners = zone.corners
    if len(corners) < 3:
        raise ConfigError('zones', text, f'at least three corners, not {len(corners)}')
    num = len(corners)
    sides = [Line('', np.array([corners[i], corners[(i + 1) % num]])) for i in range(num)]
    if any(np.array_equal(*side.ends) for side in sides):
        raise ConfigError('zones', text, 'corners that differ from their neighbours')
    for i in range(num):
        for j in range(i + 2, num - (i == 0)):
            if _cross(sides[i], sides[j]):
                raise ConfigError('zones', text, 'corners in order around it: its sides cross')
    if abs(_area(corners)) < 1e-12:
        raise ConfigError('zones', text, 'corners that are not all on one line')


def _cross(one: Line, other: Line) -> bool:
    """Whether the ends of each lie on both sides of the other."""
    return all(
        a.right_of(b.ends[0]) * a.right_of(b.ends[1]) < 0 for a, b in ((one, other), (other, one))
    )


def _area(corners: Array) -> float:
    x, y = corners.T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def _alert(text: str, known: dict[str, list[str]]) -> Alert:
    head, colon, tail = text.partition(':')
    kind, _, rest = ' '.join(head.split()).partition(' ')
    if kind not in _FORMS:
        raise ConfigError('alerts', text, f'one of {", ".join(KINDS)} as first word')
    pattern, form = _FORMS[kind]
    match = re.fullmatch(pattern, rest)
    if match is None:
        raise ConfigError('alerts', text, f'{form}[: LABEL, LABEL ...]')
    found = match.groupdict()
    labels = tuple(_words(label) for label in tail.split(','))
    if colon and not all(labels):
        raise ConfigError('alerts', text, 'labels behind the colon, or no colon')
    place = found.get('place') or ''
    what = 'line' if kind == 'crossed' else 'zone'
    if place and place not in known[what]:
        there = ', '.join(known[what]) or f'none yet; add it to {what}s'
        raise ConfigError('alerts', text, f'a {what} that there is: {there}')
    return Alert(
        text, kind, place, float(found.get('number') or 0), found.get('side') or '',
        labels if colon else (),
    )  # fmt: skip


def _words(label: str) -> frozenset[str]:
    return frozenset(label.lower().split()) - _ARTICLES
