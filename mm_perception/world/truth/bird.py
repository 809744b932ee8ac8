"""A map of the ground and of what stands on it, seen from above (bird's eye view, BEV)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mm_perception.world.motion import turn_about
from mm_perception.world.scene import Array, Stage
from mm_perception.world.truth.boxes import box_around, half_extent

#: What a cell can be. Ground comes first, each class above those before it; then what stands.
CLASSES = (
    'unknown', 'terrain', 'road', 'marking', 'crossing', 'pavement', 'floor', 'rug', 'building',
    'wall', 'object', 'person', 'cyclist', 'vehicle',
)  # fmt: skip
_GROUND = CLASSES[: CLASSES.index('object')]
_SOLID = ('building', 'wall')
_GROUPS = {
    'car': 'vehicle', 'van': 'vehicle', 'truck': 'vehicle', 'bus': 'vehicle',
    'cyclist': 'cyclist', 'pedestrian': 'person', 'person': 'person',
}  # fmt: skip
#: One can pass below what is higher.
_HEADROOM_M = 2.0
UNKNOWN, FREE, OCCUPIED = -1, 0, 100


@dataclass(frozen=True)
class Grid:
    """Cells around a body, in its frame (REP 103: x ahead, y left).

    Attributes:
        resolution: Side of a cell, metres.
        ahead: Reach along x, metres.
        behind: Reach against x.
        aside: Reach to either side.
    """

    resolution: float = 0.25
    ahead: float = 40.0
    behind: float = 20.0
    aside: float = 20.0

    @property
    def shape(self) -> tuple[int, int]:
        """Rows (along y) and columns (along x)."""
        wide, long = 2 * self.aside, self.ahead + self.behind
        return round(wide / self.resolution), round(long / self.resolution)

    @property
    def origin(self) -> tuple[float, float]:
        """Of the outer corner of the first cell, x and y in metres: behind and to the right."""
        return -self.behind, -self.aside

    def centres(self) -> Array:
        """(H, W, 2) x and y of the cells' centres, metres.

        Convention:
            As nav_msgs/OccupancyGrid has it, rows run along y and columns along x. With the
            default grid, cell [0, 0] is at (-19.875, -19.875), and [80, 81] at (0.375, 0.125).
        """
        rows, columns = self.shape
        x = self.origin[0] + (np.arange(columns) + 0.5) * self.resolution
        y = self.origin[1] + (np.arange(rows) + 0.5) * self.resolution
        return np.stack(np.meshgrid(x, y), axis=-1)


@dataclass(frozen=True, eq=False)
class Bird:
    """What is where.

    Attributes:
        grid: The cells.
        classes: (H, W) uint8, index in `CLASSES`.
        instances: (H, W) uint16, instance that stands there, 0 for none.
    """

    grid: Grid
    classes: npt.NDArray[np.uint8]
    instances: npt.NDArray[np.uint16]

    def occupancy(self) -> npt.NDArray[np.int8]:
        """(H, W) as nav_msgs/OccupancyGrid has it: -1 unknown, 0 free, 100 occupied."""
        blocked = np.isin(self.classes, [CLASSES.index(kind) for kind in _SOLID])
        out = np.where(blocked | (self.instances > 0), OCCUPIED, FREE).astype(np.int8)
        out[(self.classes == 0) & (self.instances == 0)] = UNKNOWN
        return out


def bird_of(stage: Stage, time_s: float, at: Array, yaw: float, grid: Grid) -> Bird:
    """The map around a body.

    A thing is the rectangle around what one meets of it below 2 m. What is narrower than a cell
    is as wide as a cell, so that nothing slips through between the centres.

    Args:
        stage: It is left at that time.
        time_s: When.
        at: (3,) of the body in the world, metres.
        yaw: Its heading, radians.
        grid: The cells.
    """
    stage.set_time(time_s)
    places = grid.centres() @ turn_about(2, yaw)[:2, :2].T + at[:2]
    classes = np.zeros(grid.shape, np.uint8)
    instances = np.zeros(grid.shape, np.uint16)
    for kind, centre, half in _ground_of(stage):
        classes[_inside(places, centre, half, 0.0, grid)] = CLASSES.index(kind)
    for thing in stage.scene.things:
        box = box_around(stage, thing, time_s, below=_HEADROOM_M)
        own = _inside(places, box.centre, box.size / 2, box.yaw, grid)
        classes[own] = CLASSES.index(_GROUPS.get(thing.kind, 'object'))
        instances[own] = thing.instance
    return Bird(grid, classes, instances)


def class_below(stage: Stage, xy: Array) -> str:
    """One of `CLASSES`: what the ground is at a place (2,) in the world, metres."""
    below = [
        kind
        for kind, centre, half in _ground_of(stage)
        if (np.abs(xy - centre[:2]) <= half[:2]).all()
    ]
    return below[-1] if below else 'unknown'


def _ground_of(stage: Stage) -> list[tuple[str, Array, Array]]:
    """Class, centre and half extent of what the ground is made of, the uppermost last."""
    flat = [
        (kind, np.array(solid.at), half_extent(solid, np.eye(3)))
        for kind, solid in stage.scene.ground
        if kind in _GROUND and solid.turn is None
    ]
    return sorted(flat, key=lambda item: _GROUND.index(item[0]))


def _inside(
    places: Array, centre: Array, half: Array, yaw: float, grid: Grid
) -> npt.NDArray[np.bool_]:
    cosine, sine = np.cos(yaw), np.sin(yaw)
    x, y = places[..., 0] - centre[0], places[..., 1] - centre[1]
    long, wide = np.maximum(half[:2], grid.resolution / 2)
    is_along, is_across = (
        np.abs(cosine * x + sine * y) <= long,
        np.abs(cosine * y - sine * x) <= wide,
    )
    return np.asarray(is_along & is_across, np.bool_)
