"""Where things stand, in the units of the rules."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mm_perception.geometry.cameras import project, unproject
from mm_perception.plugins.surveillance.rules import Line, Rules, Zone
from mm_perception.samples import CameraInfo
from mm_perception.samples.sample import Array

#: Share of a mask's height, from below, that tells where it stands.
_FOOT = 0.1
_EDGE_PX = 2


def foot_of(mask: Array) -> Array:
    """Where a thing stands: the middle of the lowest part of its mask.

    Args:
        mask: (H, W) bool with at least one pixel.

    Returns:
        (2,) float64 x, y in pixels, y on the lower edge of the lowest pixel.

    Convention:
        A mask of rows 2 to 5 and columns 4 to 7 stands at 6, 6.
    """
    rows = np.flatnonzero(mask.any(axis=1))
    top = rows[-1] - int(_FOOT * (rows[-1] - rows[0]))
    columns = np.nonzero(mask[top : rows[-1] + 1])[1]
    return np.array([columns.mean() + 0.5, rows[-1] + 1.0])


def is_at_edge(box: Array, height: int, width: int) -> bool:
    """Whether a box (4,) xyxy touches the edge of a picture."""
    x0, y0, x1, y1 = box.tolist()
    far = x1 >= width - _EDGE_PX or y1 >= height - _EDGE_PX
    return bool(far or x0 <= _EDGE_PX or y0 <= _EDGE_PX)


@dataclass(frozen=True, eq=False)
class PictureUnits:
    """Rules in shares of a picture or in pixels; reckoned in heights of the picture.

    Attributes:
        height: Pixels.
        width: Pixels.
        is_relative: Shares of the picture, not pixels.
    """

    height: int
    width: int
    is_relative: bool

    def rules(self, rules: Rules) -> Rules:
        """The same rules in heights of the picture, y down."""
        scale = np.array([self.width, self.height]) if self.is_relative else np.ones(2)
        scale = scale / self.height
        return Rules(
            tuple(Zone(z.name, z.corners * scale) for z in rules.zones),
            tuple(Line(b.name, b.ends * scale) for b in rules.lines),
            rules.alerts,
        )

    def place(self, foot: Array) -> Array | None:
        """(2,) of a foot (2,) in pixels."""
        return foot / self.height

    def pixels(self, points: Array) -> Array:
        """(N, 2) pixels of points (N, 2)."""
        return points * self.height


@dataclass(frozen=True, eq=False)
class GroundUnits:
    """Rules in metres on the ground, the plane z = 0 of a frame.

    Attributes:
        info: Calibration of the camera.
        ground_from_camera: (4, 4).
    """

    info: CameraInfo
    ground_from_camera: Array

    def rules(self, rules: Rules) -> Rules:
        """The same rules with y to the right, as in pictures, so that left stays left."""
        flip = np.array([1.0, -1.0])
        return Rules(
            tuple(Zone(z.name, z.corners * flip) for z in rules.zones),
            tuple(Line(b.name, b.ends * flip) for b in rules.lines),
            rules.alerts,
        )

    def place(self, foot: Array) -> Array | None:
        """Where the ray through a foot (2,) in pixels meets the ground; None above the horizon.

        Convention:
            A camera 2 m above the ground that looks straight down sees the foot of its principal
            point at 0, 0 below itself.
        """
        ray = self.ground_from_camera[:3, :3] @ unproject(self.info, foot[None] - 0.5)[0]
        at = self.ground_from_camera[:3, 3]
        if ray[2] >= -1e-3:
            return None
        x, y, _ = at - ray * (at[2] / ray[2])
        return np.array([x, -y])

    def pixels(self, points: Array) -> Array:
        """(N, 2) pixels of points (N, 2); NaN for what is behind the camera."""
        ground = np.column_stack([points * [1.0, -1.0], np.zeros(len(points))])
        turn, at = self.ground_from_camera[:3, :3], self.ground_from_camera[:3, 3]
        return project(self.info, (ground - at) @ turn) + 0.5
