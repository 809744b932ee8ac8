"""Rigs: the standard one, those for training, and those that training never sees."""

from __future__ import annotations

import numpy as np
import pytest

from mm_perception.world.rigs import SIZE, Rig, RigSplit, make_rig

SEEDS = range(60)


def looks(rig: Rig) -> np.ndarray:
    """(N, 3) directions of the optical axes on the body."""
    return np.array([camera.turn[:, 2] for camera in rig.cameras])


def test_convention_standard_front_camera() -> None:
    front = make_rig(5, RigSplit.STANDARD).cameras[0]
    ahead = np.array([10.0, 0.0, front.at[2]])
    pixel = front.project(((ahead - front.at) @ front.turn)[None])[0]
    np.testing.assert_allclose(pixel, (159.5, 89.5), atol=1e-6)
    left = front.project(((ahead + np.array([0, 1, 0]) - front.at) @ front.turn)[None])[0]
    assert left[0] < pixel[0]


def test_the_standard_rig_has_no_seed() -> None:
    one, two = (make_rig(seed, RigSplit.STANDARD) for seed in (1, 2))
    np.testing.assert_array_equal(looks(one), looks(two))
    assert len(one.cameras) == 6
    assert one.lidar.channels == 32


@pytest.mark.parametrize('split', [RigSplit.TRAIN, RigSplit.HELD_OUT])
def test_a_seed_gives_the_same_rig(split: RigSplit) -> None:
    one, same, other = (make_rig(seed, split) for seed in (1, 1, 2))
    np.testing.assert_array_equal(looks(one), looks(same))
    np.testing.assert_array_equal(one.lidar.at, same.lidar.at)
    assert one.lidar.lowest == same.lidar.lowest != other.lidar.lowest


@pytest.mark.parametrize('split', RigSplit)
def test_cameras_look_around_from_near_the_middle(split: RigSplit) -> None:
    for seed in SEEDS:
        rig = make_rig(seed, split)
        for camera in rig.cameras:
            assert (camera.width, camera.height) == SIZE
            assert not any(camera.distortion)
            assert np.hypot(*camera.at[:2]) <= 1 + 1e-9
        yaws = np.unwrap(np.arctan2(looks(rig)[:, 1], looks(rig)[:, 0]))
        steps = np.diff([*yaws, yaws[0] + 2 * np.pi])
        assert np.abs(steps - 2 * np.pi / len(yaws)).max() < 0.45
        assert np.abs(looks(rig)[:, 2]).max() < 0.11


def test_training_rigs() -> None:
    rigs = [make_rig(seed, RigSplit.TRAIN) for seed in SEEDS]
    nums = np.array([len(rig.cameras) for rig in rigs])
    assert set(nums) == {4, 5, 6, 7}
    assert (nums == 6).mean() > 0.45
    cameras = [camera for rig in rigs for camera in rig.cameras]
    assert all(1.2 <= camera.at[2] <= 2.2 for camera in cameras)
    assert all(0.5 <= camera.focal / camera.width <= 0.8 for camera in cameras)
    assert {(rig.lidar.channels, rig.lidar.columns) for rig in rigs} == {(32, 900)}
    assert all(1.6 <= rig.lidar.at[2] <= 2.2 for rig in rigs)


def test_held_out_rigs_are_of_no_kind_that_training_sees() -> None:
    rigs = [make_rig(seed, RigSplit.HELD_OUT) for seed in SEEDS]
    assert {len(rig.cameras) for rig in rigs} == {3, 5, 8}
    assert {rig.lidar.channels for rig in rigs} == {16, 64}
    for camera in (camera for rig in rigs for camera in rig.cameras):
        assert not 1.1 < camera.at[2] < 2.3
        assert not 0.48 < camera.focal / camera.width < 0.85
