"""How much of a thing a camera sees: the rest is behind something or beyond the picture."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mm_perception.world.camera import Camera
from mm_perception.world.scene import Array, Stage

#: Rays along each side of the rectangle around an outline.
_SIDE = 24
#: Tangent of the angle to the middle of a thing beyond which corners are taken for this far off.
_WIDEST = 4.0
_NEAREST = 1e-3


def visible_share(stage: Stage, instance: int, camera: Camera, at: Array, turn: Array) -> float:
    """The share of a thing's outline that a picture shows, from 0 to 1.

    The outline is what an endless picture, on a plane that faces the thing, would show of it if it
    were alone. nuScenes calls the share visibility, and has it over all cameras (Caesar et al.,
    2020, section 3).

    Args:
        stage: The scene at the moment.
        instance: The number of the thing.
        camera: Which sees.
        at: (3,) of its body in the world, metres.
        turn: (3, 3) rotation of its body.

    Convention:
        0.5 for a wall of which a post hides a half, and for one that the picture cuts in half.
    """
    to_world, origin = turn @ camera.turn, at + turn @ camera.at
    directions = _towards(stage.corners_of(instance) - origin)
    outline = directions[stage.cast(origin, directions, only=instance).geom >= 0]
    if not len(outline):
        return 0.0
    seen = outline[_is_in_picture(camera, outline @ to_world)]
    if not len(seen):
        return 0.0
    geom = stage.cast(origin, seen).geom
    return float((stage.instances[geom] == instance).sum() / len(outline))


def _towards(corners: Array) -> Array:
    """Unit vectors (N, 3) over the rectangle, upright, that holds corners (M, 3)."""
    ahead = corners.mean(0)
    ahead = ahead / max(float(np.linalg.norm(ahead)), _NEAREST)
    aside = np.cross(ahead, (0.0, 0.0, 1.0) if abs(ahead[2]) < 0.99 else (1.0, 0.0, 0.0))
    aside /= np.linalg.norm(aside)
    axes = np.stack([aside, np.cross(aside, ahead)])
    away = np.maximum(corners @ ahead, _NEAREST)
    flat = np.clip(corners @ axes.T / away[:, None], -_WIDEST, _WIDEST)
    low, high = flat.min(0), flat.max(0)
    steps = (np.arange(_SIDE) + 0.5) / _SIDE
    grid = np.array(np.meshgrid(*(low + (high - low) * steps[:, None]).T)).reshape(2, -1)
    rays: Array = ahead + grid.T @ axes
    unit: Array = rays / np.linalg.norm(rays, axis=1, keepdims=True)
    return unit


def _is_in_picture(camera: Camera, optical: Array) -> npt.NDArray[np.bool_]:
    x, y = camera.project(optical).T
    with np.errstate(invalid='ignore'):
        inside = (x >= -0.5) & (x < camera.width - 0.5) & (y >= -0.5) & (y < camera.height - 0.5)
    return np.asarray(inside, np.bool_)
