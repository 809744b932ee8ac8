"""Rectangles before a wall, seen by a camera at the origin, and rays at them."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from mm_perception.samples import CameraInfo, Image, Masks, Pose
from mm_perception.samples.sample import Array
from test.unit.selecting.things import Box, masks_of

FOCAL, MIDDLE = 100.0, (99.5, 49.5)  # of pictures of 200 x 100
WALL_M, THING_M = 4.0, 2.0
ROOM: dict[str, Box] = {
    'red lamp#1': (20, 30, 40, 70), 'green lamp#2': (90, 30, 110, 70),
    'sofa#3': (140, 40, 190, 90),
}  # fmt: skip


def info(stamp_ns: int) -> CameraInfo:
    """The calibration."""
    k = np.array([[FOCAL, 0, MIDDLE[0]], [0, FOCAL, MIDDLE[1]], [0, 0, 1]])
    return CameraInfo(
        stamp_ns=stamp_ns, frame_id='camera', width=200, height=100, d=np.zeros(5), k=k,
        r=np.eye(3), p=np.hstack([k, np.zeros((3, 1))]),
    )  # fmt: skip


def point_at(pixel: tuple[float, float], depth_m: float) -> Array:
    """(3,) the point at that depth behind a pixel."""
    x, y = (np.array(pixel) - MIDDLE) / FOCAL * depth_m
    return np.array([x, y, depth_m])


def ray_at(pixel: tuple[float, float], stamp_ns: int, origin: Array | None = None) -> Pose:
    """A pose whose z axis points from the origin at what is behind a pixel at `THING_M`."""
    start = np.zeros(3) if origin is None else origin
    towards = point_at(pixel, THING_M) - start
    turn, _ = Rotation.align_vectors(towards[None] / np.linalg.norm(towards), [[0.0, 0, 1]])
    return Pose(stamp_ns=stamp_ns, frame_id='camera', position=start, quat_xyzw=turn.as_quat())


def depth_of(masks: Masks) -> Image:
    """Things at 2 m before a wall at 4 m."""
    data = np.where(masks.id_map > 0, THING_M, WALL_M).astype(np.float32)
    return Image(stamp_ns=masks.stamp_ns, frame_id=masks.frame_id, data=data, encoding='32FC1')


def samples_of(
    stamp_ns: int, boxes: dict[str, Box], ray: Pose | None, *, has_depth: bool = True
) -> dict[str, Any]:
    """What the ports take, without commands and pictures."""
    masks = masks_of(boxes, stamp_ns=stamp_ns)
    return {
        'masks': masks, 'camera_info': info(stamp_ns), 'ray': ray, 'cloud': None, 'image': None,
        'depth': depth_of(masks) if has_depth else None, 'command': (),
    }  # fmt: skip
