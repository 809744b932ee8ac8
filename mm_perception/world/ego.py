"""How the vehicle with the sensors drives: it keeps its lane, never quite straight or steady."""

from __future__ import annotations

from functools import partial

import numpy as np

from mm_perception.world.motion import turn_about
from mm_perception.world.scene import Array, Motion
from mm_perception.world.street import EGO_SPEED, LANE_M

#: Amplitude in metres and angular frequency in 1/s of each wave on top of a steady drive.
_SURGE = ((0.8, (0.3, 0.6)), (0.2, (0.8, 1.2)))
_WEAVE = ((0.15, (0.4, 0.7)), (0.05, (1.0, 1.5)))
_STREAM = 77

#: (K, 3) amplitude in metres, angular frequency in 1/s, phase in radians.
_Waves = Array


def ego_path(seed: int) -> Motion:
    """Pose of base_link (on the road, x ahead, y left) in the street for every moment.

    It starts at x = 0, stays within 0.2 m of the middle of its lane, within 2 m of where a steady
    EGO_SPEED would have it, within 0.75 m/s of that speed, and turns by less than 0.05 rad. Poses
    are smooth, also before time 0, so that they can be differentiated.

    Args:
        seed: Of the drive.
    """
    rng = np.random.default_rng((seed, _STREAM))
    surge, weave = (
        np.array([(a, rng.uniform(*w), rng.uniform(0, 2 * np.pi)) for a, w in waves])
        for waves in (_SURGE, _WEAVE)
    )
    return partial(_drive, surge, weave)


def _drive(surge: _Waves, weave: _Waves, time_s: float) -> tuple[Array, Array]:
    ahead, speed = _sum(surge, time_s)
    left, drift = _sum(weave, time_s)
    start, _ = _sum(surge, 0.0)
    at = np.array([EGO_SPEED * time_s + ahead - start, left - LANE_M / 2, 0.0])
    return at, turn_about(2, np.arctan2(drift, EGO_SPEED + speed))


def _sum(waves: _Waves, time_s: float) -> tuple[float, float]:
    """Sum of waves in metres and its rate of change in m/s."""
    amplitude, frequency, phase = waves.T
    angle = frequency * time_s + phase
    return float(amplitude @ np.sin(angle)), float(amplitude * frequency @ np.cos(angle))
