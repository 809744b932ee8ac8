"""How a robot with the sensors looks around in a room."""

from __future__ import annotations

from functools import partial

import numpy as np

from mm_perception.world.motion import turn_about
from mm_perception.world.scene import Array, Motion, Scene, Thing

#: Amplitude and angular frequency in 1/s of each wave: of the heading in radians, of x and y in m.
_SWING = ((0.7, (0.2, 0.3)), (0.15, (0.5, 0.7)))
_SWAY = ((0.12, (0.3, 0.5)),)
_STREAM = 78
_TRIES = 300
_FROM_WALLS_M = 0.7
#: Who walks to and fro has been everywhere by then.
_WATCHED_S = np.arange(0.0, 30.0, 0.5)


def robot_path(scene: Scene, seed: int) -> Motion:
    """Pose of base_link (on the floor, x ahead, y left) in a room for every moment.

    It stays within 0.2 m of where there is most space, turns by less than 0.9 rad to either side
    of where most things are, at less than 0.35 rad/s. Poses are smooth, also before time 0, so
    that they can be differentiated.

    Args:
        scene: Made by `make_room`.
        seed: Of the path.
    """
    rng = np.random.default_rng((seed, _STREAM))
    reach = np.array(scene.ground[0][1].size[:2]) - _FROM_WALLS_M
    places = rng.uniform(-1, 1, (_TRIES, 2)) * reach
    space = np.full(_TRIES, np.inf)
    for thing in scene.things:
        space = np.minimum(space, _clearance(thing, places))
    start = places[space.argmax()]
    seen = [thing.pose(0.0)[0][:2] for thing in scene.things]
    towards = np.mean(seen, axis=0) - start if seen else -start
    waves = [
        np.array([(a, rng.uniform(*w), rng.uniform(0, 2 * np.pi)) for a, w in kinds])
        for kinds in (_SWING, _SWAY, _SWAY)
    ]
    return partial(_look_around, start, float(np.arctan2(towards[1], towards[0])), waves)


def _clearance(thing: Thing, places: Array) -> Array:
    """(N,) metres between places (N, 2) and a thing, wherever it goes."""
    way = np.array([thing.pose(float(time_s))[0][:2] for time_s in _WATCHED_S])
    away = np.linalg.norm(places[:, None] - way[None], axis=2).min(1)
    return np.asarray(away - np.hypot(*thing.size[:2]) / 2, np.float64)


def _look_around(
    start: Array, heading: float, waves: list[Array], time_s: float
) -> tuple[Array, Array]:
    swing, x, y = (
        float(amplitude @ np.sin(frequency * time_s + phase))
        for amplitude, frequency, phase in (wave.T for wave in waves)
    )
    return np.array([start[0] + x, start[1] + y, 0.0]), turn_about(2, heading + swing)
