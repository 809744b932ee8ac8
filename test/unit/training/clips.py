"""A clip made by hand."""

from __future__ import annotations

import numpy as np

from mm_perception.world.clips import Clip, ThingTruth


def moving_square(num_frames: int = 8) -> Clip:
    """A red car, which is a square that moves to the right before noise, and a blue van."""
    rng = np.random.default_rng(0)
    rgb = rng.integers(90, 130, (num_frames, 96, 128, 3)).astype(np.uint8)
    ids = np.zeros((num_frames, 96, 128), np.uint8)
    for t in range(num_frames):
        ids[t, 20:50, 10 + 6 * t : 40 + 6 * t] = 1
        ids[t, 60:90, 80:120] = 2
    rgb[ids == 1], rgb[ids == 2] = (220, 30, 30), (30, 30, 220)
    things = (ThingTruth(1, 'car', 'red'), ThingTruth(2, 'van', 'blue'))
    ones = np.ones((num_frames, 2), np.float32)
    return Clip(rgb, ids, ones, ones, things, 'street')
