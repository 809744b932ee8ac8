"""A drive made by hand: a body that turns, one thing that stands and one that moves."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mm_perception.world.bev_clips import BevClip, TrueBoxes
from mm_perception.world.camera import OPTICAL

SIZE = (64, 48)  # width and height of pictures
STANDING_XY = np.array([9.0, 4.0])  # in the world
MOVING_MPS = np.array([2.0, -1.0])  # in the world
#: x, y, yaw of the body.
POSES = np.array([[0.0, 0.0, 0.0], [1.5, 0.2, 0.3], [2.5, 0.9, 0.7]])


def turn(angle: float) -> npt.NDArray[np.float64]:
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def a_clip(num_cameras: int = 2, seed: int = 0) -> BevClip:
    """Three moments, 0.5 s apart.

    Boxes: 0 a car that stands, seen by both; 1 a pedestrian that moves, seen by cameras alone;
    2 a cone that only the LiDAR meets; 3 a truck that nothing sees. The map's layer `drivable` is
    what is more than 3 m ahead, its layer `lane` what is left.
    """
    rng = np.random.default_rng(seed)
    times = np.array([0.0, 0.5, 1.0])
    rgb = rng.integers(0, 256, (3, num_cameras, SIZE[1], SIZE[0], 3)).astype(np.uint8)
    intrinsics = np.array([[50.0, 0, 30], [0, 50, 25], [0, 0, 1]])
    poses = np.tile(np.eye(4), (num_cameras, 1, 1))
    for index in range(num_cameras):
        around = np.eye(3)
        around[:2, :2] = turn(2 * np.pi * index / num_cameras)
        poses[index, :3, :3], poses[index, :3, 3] = around @ OPTICAL, (0.3, 0.1 * index, 1.5)
    boxes, points = [], []
    for pose, time_s in zip(POSES, times, strict=True):
        back = turn(-pose[2])
        places = [
            (STANDING_XY - pose[:2]) @ back.T,
            (np.array([5.0, -3.0]) + MOVING_MPS * time_s - pose[:2]) @ back.T,
            np.array([-6.0, 2.0]), np.array([15.0, -20.0]),
        ]  # fmt: skip
        speeds = np.zeros((4, 2))
        speeds[1] = back @ MOVING_MPS
        boxes.append(
            TrueBoxes(
                np.column_stack([places, [0.8, 0.9, 0.4, 1.5]]).astype(np.float32),
                np.array([[4.4, 1.8, 1.5], [0.6, 0.7, 1.8], [0.3, 0.3, 0.7], [9, 2.5, 3]],
                         np.float32),
                (np.array([0.4, 1.0, 0.0, 2.0]) - pose[2]).astype(np.float32),
                speeds.astype(np.float32), np.array([0, 2, 4, 1]), np.arange(1, 5),
                np.array([7, 0, 3, 0]), np.array([90, 40, 5, 3]),
            )
        )  # fmt: skip
        cloud = np.column_stack([rng.uniform(-30, 30, (50, 2)), rng.uniform(0, 2, 50),
                                 rng.uniform(0, 255, 50)])  # fmt: skip
        cloud[0] = [*places[0], 0.8, 255.0]
        points.append(cloud.astype(np.float32))
    along = (np.arange(128) + 0.5) * 0.5 - 32
    x, y = np.meshgrid(along, along)
    layers = np.stack([x > 3, y > 0, x * 0 > 1, x * 0 > 1, x * 0 > 1]).astype(np.uint8)
    return BevClip(
        rgb, np.stack([intrinsics] * num_cameras), poses, tuple(points), POSES, times,
        tuple(boxes), np.stack([layers] * 3),
    )  # fmt: skip
