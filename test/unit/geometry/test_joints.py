"""Joints in space: what is near a keypoint, and which of it is the joint."""

from __future__ import annotations

import numpy as np

from mm_perception.geometry.joints import DepthRelief, ScanRelief, joints_in_space
from mm_perception.samples import CameraInfo
from mm_perception.samples.sample import Array

WRIST = 10


def info() -> CameraInfo:
    k = np.array([[100.0, 0, 100], [0, 100, 60], [0, 0, 1]])
    return CameraInfo(
        stamp_ns=0, frame_id='camera', width=201, height=121, d=np.zeros(5), k=k, r=np.eye(3),
        p=np.hstack([k, np.zeros((3, 1))]),
    )  # fmt: skip


def keypoints(wrist: tuple[float, float] = (150, 60)) -> Array:
    """Shoulders, elbow and wrist of the right arm in the picture; nothing else is known."""
    found = np.full((17, 2), np.nan)
    found[5], found[6], found[8], found[WRIST] = (120, 60), (100, 60), (125, 60), wrist
    return found


def test_convention_of_the_example() -> None:
    relief = DepthRelief(np.full((121, 201), 2.0), info())
    joints = joints_in_space(keypoints(), relief, info())
    np.testing.assert_allclose(joints[WRIST], (1.02, 0, 2.04), atol=0.002)
    assert np.isnan(joints[[0, 1, 9, 13]]).all()


def test_the_nearer_surface_is_the_joint_unless_it_is_out_of_reach() -> None:
    depth = np.full((121, 201), 2.0)
    depth[:, 150:] = 2.3  # the wrist is at the rim of the arm, before something
    joints = joints_in_space(keypoints(), DepthRelief(depth, info()), info())
    assert joints[WRIST, 2] < 2.1
    depth[:, 140:] = 0.8  # a pillar stands before it
    joints = joints_in_space(keypoints(), DepthRelief(depth, info()), info())
    assert np.isnan(joints[WRIST]).all()
    depth[:, 140:] = 4.0  # the wall, behind a hole in the depth of the arm
    joints = joints_in_space(keypoints(), DepthRelief(depth, info()), info())
    assert np.isnan(joints[WRIST]).all()


def test_nothing_is_known_without_a_torso_and_outside_of_the_picture() -> None:
    relief = DepthRelief(np.full((121, 201), 2.0), info())
    alone = keypoints()
    alone[[5, 6]] = np.nan
    assert np.isnan(joints_in_space(alone, relief, info())).all()
    joints = joints_in_space(keypoints((260, 60)), relief, info())
    assert np.isnan(joints[WRIST]).all()
    assert np.isfinite(joints[6]).all()


def test_a_scan_tells_where_its_points_are_near_enough() -> None:
    x, y = np.meshgrid(np.linspace(-1, 1, 41), np.linspace(-0.5, 0.5, 11))
    points = np.stack([x.ravel(), y.ravel(), np.full(x.size, 2.0)], 1)
    joints = joints_in_space(keypoints(), ScanRelief(points, info()), info())
    np.testing.assert_allclose(joints[WRIST], (1.02, 0, 2.04), atol=0.002)
    sparse = points[(points[:, 0] < 0.7)]
    joints = joints_in_space(keypoints(), ScanRelief(sparse, info()), info())
    assert np.isnan(joints[WRIST]).all()
