"""A street as a camera on a post sees it for minutes: who comes when is planted, so it is known.

The street is one of the held-out worlds without its own traffic. People and vehicles come out of
nowhere only outside of the picture, go along a path, some stop on their way, and leave.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial

import numpy as np

from mm_perception.world.camera import OPTICAL, Camera
from mm_perception.world.drive import Drive
from mm_perception.world.motion import turn_about
from mm_perception.world.scene import Array, Motion, Stage, Thing
from mm_perception.world.street import BODY_COLOURS, CLOTHES, Amounts, make_street
from mm_perception.world.things import MAKERS
from mm_perception.world.things.people import walker
from mm_perception.world.variety import Dice, Split

#: Where nobody sees it, metres below the road.
_AWAY = np.array([0.0, 0.0, -50.0])
_STREAM = 41


@dataclass(frozen=True)
class Visit:
    """Somebody comes by.

    Attributes:
        kind: Class name.
        colour: Named colour.
        start_s: When it is at the first corner of its way.
        way: (x, y) corners on the ground, metres.
        speed: m/s.
        stop: Index of a corner where it stops, and for how many seconds.
    """

    kind: str
    colour: str
    start_s: float
    way: tuple[tuple[float, float], ...]
    speed: float
    stop: tuple[int, float] = (0, 0.0)

    def times(self) -> Array:
        """(N + 1,) seconds at each corner; where it stops there are two."""
        steps = np.linalg.norm(np.diff(np.array(self.way), axis=0), axis=1) / self.speed
        times = self.start_s + np.concatenate([[0.0], np.cumsum(steps)])
        at, seconds = self.stop
        late = np.where(np.arange(len(times)) >= at, seconds, 0.0)
        return np.sort(np.append(times + late, times[at]))

    def motion(self) -> Motion:
        """Its pose in the street for every moment; far below the road before and after."""
        at = self.stop[0]
        corners = np.insert(np.array(self.way), at, self.way[at], axis=0)
        return partial(_follow, self.times(), corners)

    def places(self, times_s: Array) -> Array:
        """Where it is at (N,) moments, (N, 2) metres in the street; far off when it is away."""
        poses = [at for at, _ in map(self.motion(), times_s.tolist())]
        return np.array([at[:2] if at[2] > _AWAY[2] else (1e3, 1e3) for at in poses])

    @property
    def name(self) -> str:
        """As masks call it."""
        return f'{self.colour} {self.kind}'


def _follow(times: Array, corners: Array, time_s: float) -> tuple[Array, Array]:
    if not times[0] <= time_s <= times[-1]:
        return _AWAY, np.eye(3)
    leg = int(np.clip(np.searchsorted(times, time_s, 'right') - 1, 0, len(times) - 2))
    ahead = leg if np.any(corners[leg + 1] != corners[leg]) else max(leg - 1, 0)
    along = corners[ahead + 1] - corners[ahead]
    x, y = (np.interp(time_s, times, corners[:, axis]) for axis in (0, 1))
    return np.array([x, y, 0.0]), turn_about(2, float(np.arctan2(along[1], along[0])))


@dataclass(frozen=True)
class Watched(Drive):
    """A camera on a post in a street; nothing that carries it moves.

    Attributes:
        visits: Who comes by.
    """

    visits: tuple[Visit, ...] = ()
    cameras: tuple[Camera, ...] = field(default_factory=lambda: (post_camera(),))
    split: Split = Split.HELD_OUT

    def ego(self, time_s: float) -> tuple[Array, Array]:
        """The foot of the post, at all times."""
        return np.array([0.0, -8.3, 0.0]), np.eye(3)

    @property
    def stage(self) -> Stage:
        """The street with its visitors; they have the last instances, in order."""
        return _stage(self.seed, self.split, self.visits)

    @property
    def instances(self) -> dict[int, Visit]:
        """Instance to visit."""
        things = self.stage.scene.things[-len(self.visits) :] if self.visits else []
        return {t.instance: v for t, v in zip(things, self.visits, strict=True)}


def post_camera(width: int = 480, height: int = 270) -> Camera:
    """4 m above the pavement, across the road and down it."""
    turn = turn_about(2, np.deg2rad(35)) @ turn_about(1, np.deg2rad(14))
    at = np.array([0.0, 0.0, 4.0])
    return Camera('camera_post', width, height, 0.62 * width, at=at, turn=turn @ OPTICAL)


@lru_cache(maxsize=2)
def _stage(seed: int, split: Split, visits: Sequence[Visit]) -> Stage:
    scene = make_street(seed, split, Amounts(0, 6, 0, 0, 0, 0))
    scene.things = [thing for thing in scene.things if not _hides(thing)]
    for number, visit in enumerate(visits):
        scene.things.append(_visitor(Dice((seed, number), split), visit))
    return Stage(scene)


def _hides(thing: Thing) -> bool:
    """Whether it stands between the post and the road."""
    solid = thing.parts[0].solids[0]
    return thing.kind in ('tree', 'traffic light') and solid.at[1] < 0


def _visitor(dice: Dice, visit: Visit) -> Thing:
    motion = visit.motion()
    if visit.kind == 'pedestrian':
        return walker(dice, visit.kind, visit.colour, motion, 0.7 * visit.speed)
    return MAKERS[visit.kind](dice, visit.colour, motion)


#: Ways of people and of vehicles through what the post sees.
_NEAR, _FAR, _ACROSS = -7.0, 7.3, 13.0


def planted_visits(seed: int, seconds: float, every_s: float = 6.0) -> tuple[Visit, ...]:
    """A schedule: about every so many seconds somebody comes.

    Args:
        seed: Decides everything.
        seconds: Nobody begins later than 8 s before this.
        every_s: Mean time between two.
    """
    dice = Dice((seed, _STREAM), Split.ANY)
    makers = (_crosses, _crosses, _stops, _walks, _drives, _drives, _cycles)
    visits, time_s = [], dice.uniform(1.0, 3.0)
    order: list[Callable[[Dice, float], Visit]] = []
    while time_s < seconds - 8:
        if not order:
            order = [makers[i] for i in dice.rng.permutation(len(makers))]
        visits.append(order.pop()(dice, time_s))
        time_s += dice.uniform(0.5, 1.5) * every_s
    return tuple(visits)


def _crosses(dice: Dice, start_s: float) -> Visit:
    """Along the pavement, over the road, and away."""
    x = _ACROSS + dice.uniform(-2, 2)
    way = ((-4.0, _NEAR), (x, _NEAR), (x, _FAR), (45.0 if dice.chance(0.5) else -4.0, _FAR))
    if dice.chance(0.5):
        way = ((-4.0, _FAR), (x, _FAR), (x, _NEAR), (-4.0, _NEAR))
    return Visit('pedestrian', dice.one_of(CLOTHES), start_s, way, dice.uniform(1.1, 1.7))


def _stops(dice: Dice, start_s: float) -> Visit:
    """Likewise, and stands in the middle of the road for a while."""
    x = _ACROSS + dice.uniform(-1.5, 1.5)
    way = ((-4.0, _NEAR), (x, _NEAR), (x, dice.uniform(-2, 2)), (x, _FAR), (-4.0, _FAR))
    stop = (2, dice.uniform(6, 10))
    return Visit('pedestrian', dice.one_of(CLOTHES), start_s, way, dice.uniform(1.3, 1.8), stop)


def _walks(dice: Dice, start_s: float) -> Visit:
    """Along the far pavement."""
    way = ((-4.0, _FAR), (45.0, _FAR))
    way = way if dice.chance(0.5) else (way[1], way[0])
    return Visit('pedestrian', dice.one_of(CLOTHES), start_s, way, dice.uniform(1.2, 1.8))


def _drives(dice: Dice, start_s: float) -> Visit:
    kind, side = dice.one_of(('car', 'car', 'van', 'truck')), dice.one_of((-1, 1))
    way = ((-15.0, -1.7), (75.0, -1.7)) if side > 0 else ((75.0, 1.7), (-15.0, 1.7))
    return Visit(kind, dice.one_of(BODY_COLOURS), start_s, way, dice.uniform(5, 9))


def _cycles(dice: Dice, start_s: float) -> Visit:
    side = dice.one_of((-1, 1))
    way = ((-15.0, -2.8), (60.0, -2.8)) if side > 0 else ((60.0, 2.8), (-15.0, 2.8))
    return Visit('cyclist', dice.one_of(CLOTHES), start_s, way, dice.uniform(3, 5))
