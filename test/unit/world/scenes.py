"""The least that there is to look at."""

from __future__ import annotations

import numpy as np

from mm_perception.world.camera import Camera
from mm_perception.world.materials import Material
from mm_perception.world.motion import standing
from mm_perception.world.render import Optics, View, look
from mm_perception.world.scene import Light, Motion, Part, Scene, Solid, Stage, Thing

GREY = Material((0.4, 0.4, 0.4))
#: Neither noise nor blur; the exposure does not depend on the picture.
IDEAL = Optics(exposure=1.0, noise=0.0, blur=0.0)


def thing(kind: str, solid: Solid, motion: Motion | None = None) -> Thing:
    return Thing(kind, 'grey', (1, 1, 1), [Part([solid], motion or standing(0, 0))])


def wall(x: float, half_width: float = 15.0) -> Solid:
    """Across the x axis; its face is at x."""
    return Solid('box', (0.5, half_width, 5.0), (x + 0.5, 0, 0), GREY)


def stage_of(*things: Thing, ground: tuple[Solid, ...] = ()) -> Stage:
    """Under a sun straight above."""
    sun = Light(np.array([0.0, 0.0, 900.0]), np.ones(3), is_sun=True)
    return Stage(Scene(list(things), [('ground', solid) for solid in ground], [sun]))


def see(stage: Stage, camera: Camera) -> View:
    """What a camera sees whose body is the world."""
    return look(stage, camera, np.zeros(3), np.eye(3), IDEAL, np.random.default_rng(0))
