"""What an IMU and the wheels say of a motion, with the errors that real ones have."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from mm_perception.world.scene import Array, Motion

GRAVITY = 9.80665  # m/s^2
#: Half step of numeric derivatives; on the path of a vehicle they are good to 1e-5.
_STEP_S = 5e-3
#: Variance of what is known; 0 would mean unknown to ROS.
_EXACT = 1e-9


@dataclass(frozen=True)
class ImuReadings:
    """N readings in the frame of the body (x ahead, y left, z up).

    Attributes:
        time_s: (N,) seconds.
        force: (N, 3) specific force, m/s^2: at rest it is gravity, upwards.
        rate: (N, 3) angular velocity, rad/s.
        turn: (N, 3, 3) rotation to the world by integrating the rates from the true one.
        turn_variance: (N,) of that about each axis, rad^2.
        force_variance: Of one reading, m^2/s^4.
        rate_variance: Of one reading, rad^2/s^2.
    """

    time_s: Array
    force: Array
    rate: Array
    turn: Array
    turn_variance: Array
    force_variance: float
    rate_variance: float


@dataclass(frozen=True)
class Imu:
    """White noise on a bias that walks from zero; defaults are of a good MEMS part.

    Attributes:
        name: Of its topic and frame.
        rate_hz: Readings per second.
        force_noise: Density of white noise, m/s^2 per sqrt(Hz).
        force_walk: Growth of the bias, m/s^2 per sqrt(s).
        rate_noise: Density of white noise, rad/s per sqrt(Hz).
        rate_walk: Growth of the bias, rad/s per sqrt(s).
        at: Place on the body, metres; its axes are those of the body.
    """

    name: str = 'imu'
    rate_hz: float = 100.0
    force_noise: float = 2e-3
    force_walk: float = 3e-4
    rate_noise: float = 2e-4
    rate_walk: float = 2e-5
    at: tuple[float, float, float] = (0.0, 0.0, 0.4)

    def measure(self, body: Motion, seconds: float, rng: np.random.Generator) -> ImuReadings:
        """Readings from time 0 to `seconds`, both included.

        Args:
            body: Smooth motion of what carries it, also a little before and after.
            seconds: Length.
            rng: For the noise.
        """
        times = _times(seconds, self.rate_hz)
        (before, turn_before), (at, turn), (after, turn_after) = (
            _poses(body, times + offset, self.at) for offset in (-_STEP_S, 0.0, _STEP_S)
        )
        pull = (after - 2 * at + before) / _STEP_S**2 + np.array([0, 0, GRAVITY])
        force = np.einsum('nji,nj->ni', turn, pull)
        rate = _rotation_between(turn_before, turn_after) / (2 * _STEP_S)
        force = force + self._error(self.force_noise, self.force_walk, len(times), rng)
        rate = rate + self._error(self.rate_noise, self.rate_walk, len(times), rng)
        variance = _EXACT + self.rate_noise**2 * times + self.rate_walk**2 * times**3 / 3
        return ImuReadings(
            times, force, rate, self._integrated(turn[0], rate), variance,
            _EXACT + self.force_noise**2 * self.rate_hz,
            _EXACT + self.rate_noise**2 * self.rate_hz,
        )  # fmt: skip

    def _error(self, noise: float, walk: float, num: int, rng: np.random.Generator) -> Array:
        white = rng.standard_normal((num, 3)) * (noise * self.rate_hz**0.5)
        steps = rng.standard_normal((num, 3)) * (walk / self.rate_hz**0.5)
        error: Array = white + np.cumsum(steps, axis=0) - steps[0]
        return error

    def _integrated(self, turn: Array, rate: Array) -> Array:
        middle = (rate[1:] + rate[:-1]) / 2
        steps = Rotation.from_rotvec(middle / self.rate_hz).as_matrix()
        turns = [turn]
        for step in steps:
            turns.append(turns[-1] @ step)
        return np.array(turns)


@dataclass(frozen=True)
class Odometry:
    """N poses of base_link in the frame odom, which begins as the world, and velocities.

    Attributes:
        time_s: (N,) seconds.
        at: (N, 3) metres.
        turn: (N, 3, 3) rotation to odom.
        velocity: (N, 3) in the frame of the body, m/s.
        rate: (N, 3) likewise, rad/s.
        pose_variance: (N, 6) of x, y, z (m^2) and rotation about each (rad^2).
        twist_variance: (N, 6) of velocity (m^2/s^2) and rate (rad^2/s^2).
    """

    time_s: Array
    at: Array
    turn: Array
    velocity: Array
    rate: Array
    pose_variance: Array
    twist_variance: Array


@dataclass(frozen=True)
class Wheels:
    """Odometry that drifts.

    After a distance d in metres and a time t in seconds its pose is off by at most
    `scale_error * d` along the path; across it the standard deviation is `yaw_noise * sqrt(t)` in
    radians, and d / sqrt(3) times that in metres.

    Attributes:
        rate_hz: Poses per second.
        scale_error: Largest relative error of distances; a drive has one within plus and minus.
        yaw_noise: Growth of the heading's error, rad per sqrt(s).
    """

    rate_hz: float = 50.0
    scale_error: float = 0.01
    yaw_noise: float = 2e-3

    def measure(self, body: Motion, seconds: float, rng: np.random.Generator) -> Odometry:
        """Poses from time 0 to `seconds`, both included; the first is the true one.

        Args:
            body: Motion of base_link.
            seconds: Length.
            rng: For the errors.
        """
        times = _times(seconds, self.rate_hz)
        at, turn = _poses(body, times, (0.0, 0.0, 0.0))
        step = np.einsum('nji,nj->ni', turn[:-1], np.diff(at, axis=0))
        step = step * (1 + rng.uniform(-1, 1) * self.scale_error)
        spin = _rotation_between(turn[:-1], turn[1:])
        spin[:, 2] += rng.standard_normal(len(spin)) * self.yaw_noise / np.sqrt(self.rate_hz)
        places, turns = [at[0]], [turn[0]]
        for move, swing in zip(step, Rotation.from_rotvec(spin).as_matrix(), strict=True):
            places.append(places[-1] + turns[-1] @ move)
            turns.append(turns[-1] @ swing)
        # A reading is of the time since the one before; the first has none, and takes the next.
        velocity, rate = (np.concatenate([v[:1], v]) * self.rate_hz for v in (step, spin))
        pose_variance, twist_variance = self._variances(times, step, velocity)
        return Odometry(
            times, np.array(places), np.array(turns), velocity, rate, pose_variance,
            twist_variance,
        )  # fmt: skip

    def _variances(self, times: Array, step: Array, velocity: Array) -> tuple[Array, Array]:
        """Of poses and twists, (N, 6) each."""
        scale = self.scale_error**2 / 3  # of a uniform error
        distance = np.concatenate([[0.0], np.cumsum(np.linalg.norm(step, axis=1))])
        yaw = self.yaw_noise**2 * times
        pose = np.full((len(times), 6), _EXACT)
        pose[:, :2] += (distance**2 * (scale + yaw / 3))[:, None]
        pose[:, 5] += yaw
        twist = np.full((len(times), 6), _EXACT)
        twist[:, :3] += scale * velocity**2
        twist[:, 5] += self.yaw_noise**2 * self.rate_hz
        return pose, twist


def _times(seconds: float, rate_hz: float) -> Array:
    return np.arange(round(seconds * rate_hz) + 1) / rate_hz


def _poses(
    body: Motion, times: Array, mounted_at: tuple[float, float, float]
) -> tuple[Array, Array]:
    """Places (N, 3) and rotations (N, 3, 3) of what is mounted on a body."""
    poses = [body(float(time_s)) for time_s in times]
    at, turn = (np.array(part) for part in zip(*poses, strict=True))
    return at + turn @ np.array(mounted_at), turn


def _rotation_between(first: Array, second: Array) -> Array:
    """Rotation vectors from first to second in the frame of the first, (N, 3) radians."""
    relative = np.einsum('nji,njk->nik', first, second)
    return np.asarray(Rotation.from_matrix(relative).as_rotvec(), np.float64)
