"""What of clips CLIP learns from: an index of scenes, and of things by colour and class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import find_objects

from mm_perception.training.data import LARGEST_SHARE, Pixels
from mm_perception.training.sam2_batches import KINDS
from mm_perception.world.clips import Clip, ThingTruth
from mm_perception.world.language import Scenery
from mm_perception.world.materials import COLOURS

SMALLEST_CROP_PX = 250
#: Share of a thing that is shown to learn from: what is there has to tell what it is.
_LEAST_VISIBLE = 0.2
#: Index 0 says: none.
NUM_KINDS, NUM_COLOURS = 1 + len(KINDS), 1 + len(COLOURS)
_COARSE = 2  # every second pixel of every second row is enough to find and measure things


@dataclass(frozen=True)
class Sight:
    """A thing that can be asked for in a picture.

    Attributes:
        picture: Number over all pictures of all clips.
        thing: What it is.
        box: x0, y0, x1, y1 in px, tight, to the even pixel.
        size: Width and height of the picture in px.
    """

    picture: int
    thing: ThingTruth
    box: tuple[int, int, int, int]
    size: tuple[int, int]


@dataclass(frozen=True)
class View:
    """A whole picture that shows at least two things.

    Attributes:
        picture: Number over all pictures of all clips.
        scenery: What can be said of it.
        size: Width and height in px.
    """

    picture: int
    scenery: Scenery
    size: tuple[int, int]

    def mirrored(self) -> View:
        """The same with left for right."""
        centres = self.scenery.centres * (-1, 1) + (self.size[0] - 1, 0)
        there = self.scenery
        scenery = Scenery(there.things, centres, there.depth, there.place)
        return View(self.picture, scenery, self.size)


@dataclass(frozen=True)
class Index:
    """All that can be shown.

    Attributes:
        pairs: Sights that have the same class and colour, for each such pair.
        views: Scenes.
        shown: Class and colour of all things, as `number_of` has them.
    """

    pairs: tuple[tuple[Sight, ...], ...]
    views: tuple[View, ...]
    shown: frozenset[tuple[int, int]]


def number_of(thing: ThingTruth) -> tuple[int, int]:
    """Class and colour of a thing as numbers from 1; colour 0 if it has none."""
    colour = 1 + list(COLOURS).index(thing.colour) if thing.colour else 0
    return 1 + KINDS.index(thing.kind), colour


def pairs_of(clips: Sequence[Clip]) -> npt.NDArray[np.bool_]:
    """Which classes are seen in which colours, (1 + classes, 1 + colours); none goes with all."""
    seen = np.zeros((NUM_KINDS, NUM_COLOURS), bool)
    seen[0], seen[:, 0] = True, True
    for clip in clips:
        for thing in clip.things:
            seen[number_of(thing)] = True
    return seen


def is_main(ids: Pixels, instance: int) -> bool:
    """Whether no other thing covers more of the box around a thing than the thing itself."""
    rows, columns = np.nonzero(ids == instance)
    inside = ids[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    return _covers_most(inside, instance)


def _covers_most(inside: Pixels, instance: int) -> bool:
    areas = np.bincount(inside.ravel(), minlength=instance + 1)
    return int(areas[1:].argmax()) + 1 == instance


def index_of(clips: Sequence[Clip]) -> Index:
    """Find things and scenes.

    Args:
        clips: Their pictures are numbered in order.
    """
    pairs: dict[tuple[int, int], list[Sight]] = {}
    views: list[View] = []
    picture = 0
    for clip in clips:
        for frame in range(len(clip.rgb)):
            sights, view = _look(clip, frame, picture)
            for sight in sights:
                pairs.setdefault(number_of(sight.thing), []).append(sight)
            if view is not None:
                views.append(view)
            picture += 1
    shown = frozenset(number_of(thing) for clip in clips for thing in clip.things)
    return Index(tuple(tuple(pairs[pair]) for pair in sorted(pairs)), tuple(views), shown)


def _look(clip: Clip, frame: int, picture: int) -> tuple[list[Sight], View | None]:
    """As `scenery_of` and `is_main` say, but in a twentieth of the time; crops of clear things."""
    ids = np.ascontiguousarray(clip.ids[frame, ::_COARSE, ::_COARSE])
    height, width = clip.ids.shape[1:]
    flat, boxes = ids.ravel(), find_objects(ids)
    areas = np.bincount(flat, minlength=256)
    row, column = (
        np.broadcast_to(i, ids.shape).ravel() for i in np.ogrid[: len(ids), : ids[0].size]
    )
    across, down = (np.bincount(flat, weights=at, minlength=256) for at in (column, row))
    found, sights = [], []
    for number, thing in enumerate(clip.things):
        area = int(areas[thing.instance])
        if not thing.colour or area * _COARSE**2 < SMALLEST_CROP_PX:
            continue
        centre = (
            across[thing.instance] / area * _COARSE, down[thing.instance] / area * _COARSE,
        )  # fmt: skip
        found.append((area, thing, centre, float(clip.depth[frame, number])))
        place = boxes[thing.instance - 1]
        is_clear = clip.visible[frame, number] >= _LEAST_VISIBLE
        is_fit = is_clear and area <= LARGEST_SHARE * ids.size
        if is_fit and _covers_most(ids[place], thing.instance):
            rows, columns = place
            box = (
                columns.start * _COARSE, rows.start * _COARSE,
                min(width, columns.stop * _COARSE), min(height, rows.stop * _COARSE),
            )  # fmt: skip
            sights.append(Sight(picture, thing, box, (width, height)))
    if len(found) < 2:
        return sights, None
    found.sort(key=lambda item: -item[0])
    scenery = Scenery(
        tuple(item[1] for item in found), np.array([item[2] for item in found]),
        np.array([item[3] for item in found]), clip.place,
    )  # fmt: skip
    return sights, View(picture, scenery, (width, height))
