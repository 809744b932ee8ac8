"""IMU and odometry: right without errors, wrong by as much as they say with them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mm_perception.world.ego import ego_path
from mm_perception.world.inertial import GRAVITY, Imu, Wheels
from mm_perception.world.motion import standing, turn_about
from mm_perception.world.scene import Array
from mm_perception.world.street import EGO_SPEED, LANE_M

QUIET_IMU = Imu(force_noise=0, force_walk=0, rate_noise=0, rate_walk=0)
QUIET_WHEELS = Wheels(scale_error=0, yaw_noise=0)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def circle(time_s: float) -> tuple[Array, Array]:
    """5 m/s on a radius of 10 m, to the left."""
    angle = 0.5 * time_s
    return 10 * np.array([np.cos(angle), np.sin(angle), 0.0]), turn_about(2, angle + np.pi / 2)


@pytest.mark.parametrize(
    ('turn', 'force'),
    [
        (np.eye(3), (0, 0, GRAVITY)),
        (turn_about(1, -np.pi / 2), (GRAVITY, 0, 0)),  # its nose to the sky
        (turn_about(0, np.pi), (0, 0, -GRAVITY)),
    ],
)
def test_at_rest_it_feels_gravity_upwards(turn, force) -> None:
    said = QUIET_IMU.measure(lambda time_s: (np.zeros(3), turn), 1.0, rng())
    assert said.time_s[-1] == 1.0
    assert said.force.shape == said.rate.shape == (101, 3)
    np.testing.assert_allclose(said.force, np.tile(force, (101, 1)), atol=1e-6)
    np.testing.assert_allclose(said.rate, 0, atol=1e-9)


def test_in_a_left_turn_it_is_pulled_left_and_turns_left() -> None:
    said = QUIET_IMU.measure(circle, 2.0, rng())
    np.testing.assert_allclose(said.force, np.tile([0, 2.5, GRAVITY], (201, 1)), atol=1e-4)
    np.testing.assert_allclose(said.rate, np.tile([0, 0, 0.5], (201, 1)), atol=1e-6)
    truth = np.array([circle(t)[1] for t in said.time_s])
    np.testing.assert_allclose(said.turn, truth, atol=1e-6)


def test_an_arm_adds_its_own_pull() -> None:
    said = replace(QUIET_IMU, at=(2.0, 0.0, 0.0)).measure(circle, 0.2, rng())
    np.testing.assert_allclose(said.force[:, 0], -2.0 * 0.5**2, atol=1e-4)


def test_noise_and_bias_are_of_the_stated_size() -> None:
    white = replace(QUIET_IMU, force_noise=2e-3, rate_noise=2e-4)
    said = white.measure(standing(0, 0), 20.0, rng())
    assert (said.force - [0, 0, GRAVITY]).std() == pytest.approx(2e-3 * 10, rel=0.05)
    assert said.rate.std() == pytest.approx(2e-4 * 10, rel=0.05)
    assert said.force_variance == pytest.approx(4e-4, rel=1e-3)
    assert said.rate_variance == pytest.approx(4e-6, rel=1e-3)
    walk = replace(QUIET_IMU, force_walk=3e-4, rate_walk=2e-5)
    ends = [walk.measure(standing(0, 0), 4.0, rng(seed)) for seed in range(60)]
    late = np.array([end.force[-1] - [0, 0, GRAVITY] for end in ends])
    assert late.std() == pytest.approx(3e-4 * np.sqrt(4.0), rel=0.2)
    assert np.abs([end.force[0] - [0, 0, GRAVITY] for end in ends]).max() < 1e-6
    assert np.array([end.rate[-1] for end in ends]).std() == pytest.approx(4e-5, rel=0.2)


@pytest.mark.parametrize('path', [ego_path(3), circle])
def test_odometry_without_errors_is_the_truth(path) -> None:
    said = QUIET_WHEELS.measure(path, 10.0, rng())
    truth = [path(t) for t in said.time_s]
    np.testing.assert_allclose(said.at, [at for at, _ in truth], atol=1e-9)
    np.testing.assert_allclose(said.turn, [turn for _, turn in truth], atol=1e-9)


def test_its_velocities_are_of_the_body() -> None:
    said = QUIET_WHEELS.measure(circle, 1.0, rng())
    np.testing.assert_allclose(said.velocity, np.tile([5, 0, 0], (51, 1)), atol=0.03)
    np.testing.assert_allclose(said.rate, np.tile([0, 0, 0.5], (51, 1)), atol=1e-9)


def test_odometry_drifts_as_far_as_it_says_and_no_further() -> None:
    wheels, path, seconds = Wheels(scale_error=0.01, yaw_noise=4e-3), ego_path(2), 20.0
    truth, turn = (np.array(p) for p in zip(*map(path, np.arange(1001) / 50), strict=True))
    runs = [wheels.measure(path, seconds, rng(seed)) for seed in range(40)]
    error = np.array([np.linalg.norm(run.at - truth, axis=1) for run in runs])
    ahead = np.array([run.at[-1, 0] - truth[-1, 0] for run in runs])
    aside = np.array([run.at[-1, 1] - truth[-1, 1] for run in runs])
    distance = truth[-1, 0]
    assert distance == pytest.approx(100, abs=3)
    assert error[:, 0].max() == 0
    assert error[:, 250].mean() < 0.5 * error[:, 500].mean() < 0.3 * error[:, 1000].mean()
    assert 0.8 * 0.01 * distance < np.abs(ahead).max() < 0.01 * distance + 0.1
    lateral_m = distance / np.sqrt(3) * 4e-3 * np.sqrt(seconds)
    assert aside.std() == pytest.approx(lateral_m, rel=0.25)
    assert np.abs(aside).max() < 4 * lateral_m
    yaw = np.array([np.arctan2(*(turn[-1].T @ run.turn[-1])[1::-1, 0]) for run in runs])
    assert yaw.std() == pytest.approx(4e-3 * np.sqrt(seconds), rel=0.25)
    assert runs[0].pose_variance[-1, 5] == pytest.approx(16e-6 * seconds, rel=1e-3)
    assert runs[0].pose_variance[-1, 1] == pytest.approx(
        lateral_m**2 + (0.01 * distance) ** 2 / 3, rel=0.05
    )
    assert (np.diff([run.pose_variance[:, 0] for run in runs]) > 0).all()


def test_equal_seeds_drift_equally() -> None:
    runs = [Wheels().measure(circle, 1.0, rng(seed)).at for seed in (1, 1, 2)]
    np.testing.assert_array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])


@pytest.mark.parametrize('seed', [1, 2, 3])
def test_the_vehicle_keeps_its_lane_and_about_its_speed(seed) -> None:
    path, times = ego_path(seed), np.arange(-1, 60, 0.01)
    at, turn = (np.array(part) for part in zip(*map(path, times), strict=True))
    velocity = np.gradient(at, times, axis=0)[1:-1]
    assert path(0.0)[0][0] == 0
    assert np.abs(at[:, 1] + LANE_M / 2).max() <= 0.2
    assert np.abs(at[:, 0] - EGO_SPEED * times).max() <= 2.0
    speed = np.linalg.norm(velocity, axis=1)
    assert np.ptp(speed) > 0.2
    assert np.abs(speed - EGO_SPEED).max() <= 0.75
    assert np.abs(np.arctan2(turn[:, 1, 0], turn[:, 0, 0])).max() < 0.05
    sideways = np.einsum('nji,nj->ni', turn[1:-1], velocity)[:, 1]
    np.testing.assert_allclose(sideways, 0, atol=1e-4)  # it goes where it points


def test_other_seeds_drive_otherwise() -> None:
    assert not np.allclose(ego_path(1)(3.0)[0], ego_path(2)(3.0)[0])
