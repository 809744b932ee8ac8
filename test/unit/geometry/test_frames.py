from __future__ import annotations

import numpy as np
import pytest

from mm_perception.geometry import moved, pose_matrix
from mm_perception.samples import quats_of_yaws
from test.unit.ros_convert.test_boxes3d import boxes


def test_convention_of_moved_boxes() -> None:
    """A frame at (10, 0, 0) turned left by 90 degrees: its x axis points along y."""
    target_from_source = pose_matrix(np.array([10.0, 0, 0]), quats_of_yaws(np.array(np.pi / 2)))
    errors = np.stack([np.diag([1.0, 4, 9, 0, 0, 2])] * 2)
    before = boxes(
        covariances=errors, velocity_covariances=errors[:, :3, :3],
        velocities=np.array([[1.0, 0, 0], [0, 0, 0]]), quats_xyzw=quats_of_yaws(np.zeros(2)),
    )  # fmt: skip
    after = moved(before, target_from_source, 'map')
    np.testing.assert_allclose(after.centres[0], [8, 10, 1], atol=1e-12)
    np.testing.assert_allclose(after.yaws(), np.pi / 2)
    np.testing.assert_allclose(after.velocities[0], [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(np.diag(after.covariances[0]), [4, 1, 9, 0, 0, 2], atol=1e-12)
    np.testing.assert_allclose(np.diag(after.velocity_covariances[0]), [4, 1, 9], atol=1e-12)
    assert (after.frame_id, after.stamp_ns) == ('map', before.stamp_ns)
    back = moved(after, np.linalg.inv(target_from_source), 'odom')
    np.testing.assert_allclose(back.centres, before.centres, atol=1e-12)


def test_nothing_is_moved_too() -> None:
    none = boxes(
        centres=np.zeros((0, 3)), sizes=np.zeros((0, 3)), quats_xyzw=np.zeros((0, 4)),
        scores=np.zeros(0, np.float32), labels=(), track_ids=(), velocities=None,
        covariances=None, velocity_covariances=None,
    )  # fmt: skip
    assert moved(none, np.eye(4), 'map').frame_id == 'map'


def test_pose_matrix_is_parent_from_child() -> None:
    matrix = pose_matrix(np.array([1.0, 2, 3]), quats_of_yaws(np.array(np.pi / 2)))
    assert matrix @ [1, 0, 0, 1] == pytest.approx([1, 3, 3, 1])
