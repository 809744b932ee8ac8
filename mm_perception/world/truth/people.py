"""What people do, and where their joints are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mm_perception.samples.skeletons import KEYPOINTS
from mm_perception.world.camera import Camera
from mm_perception.world.render import View
from mm_perception.world.scene import Array, Scene, Thing

ACTIONS = ('walking', 'standing', 'waving', 'cycling')
#: A joint lies inside of its limb; what is no deeper behind a surface of its own body is seen.
_DEEPEST_M = 0.16

OUTSIDE, HIDDEN, VISIBLE = 0, 1, 2


@dataclass(frozen=True, eq=False)
class Skeleton:
    """The joints of one person at a moment.

    Attributes:
        instance: Its number, as in the masks.
        points: (17, 3) `KEYPOINTS` in the world, metres.
    """

    instance: int
    points: Array


@dataclass(frozen=True, eq=False)
class Keypoints:
    """The joints of one person as a camera sees them.

    Attributes:
        instance: Its number, as in the masks.
        pixels: (17, 2) x and y of `KEYPOINTS`; NaN where it is not in the picture.
        visible: (17,) as COCO has it: 0 not in the picture, 1 hidden, 2 visible.
    """

    instance: int
    pixels: Array
    visible: npt.NDArray[np.uint8]


def action_of(thing: Thing) -> str:
    """One of `ACTIONS`, or '' of what is not alive."""
    return next((word for word in thing.words if word in ACTIONS), '')


def skeletons_of(scene: Scene, time_s: float) -> list[Skeleton]:
    """Everybody's joints at a moment."""
    return [
        Skeleton(thing.instance, np.array([thing.joints[name](time_s)[0] for name in KEYPOINTS]))
        for thing in scene.things
        if thing.joints
    ]


def keypoints_of(
    skeleton: Skeleton, camera: Camera, at: Array, turn: Array, view: View
) -> Keypoints:
    """A person's joints in a picture.

    Visible is what lies at most 0.16 m behind what the camera sees there of the same person.

    Args:
        skeleton: The person.
        camera: The camera.
        at: (3,) of the camera's body in the world, metres.
        turn: (3, 3) rotation of that body.
        view: What the camera sees at that moment.
    """
    optical = ((skeleton.points - at) @ turn - camera.at) @ camera.turn
    pixels = camera.project(optical)
    cells = np.round(np.nan_to_num(pixels, nan=-1.0)).astype(np.int64)
    inside = np.all((cells >= 0) & (cells < (camera.width, camera.height)), axis=1)
    columns, rows = np.where(inside[:, None], cells, 0).T
    own = view.ids[rows, columns] == skeleton.instance
    near = optical[:, 2] <= view.depth[rows, columns] + _DEEPEST_M
    visible = np.where(inside, np.where(own & near, VISIBLE, HIDDEN), OUTSIDE).astype(np.uint8)
    return Keypoints(skeleton.instance, np.where(inside[:, None], pixels, np.nan), visible)
