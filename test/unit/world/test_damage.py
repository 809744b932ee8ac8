"""Damage: none by default, of the stated size, and the same for the same numbers."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mm_perception.errors import ConfigError
from mm_perception.world.damage import Damage
from mm_perception.world.lidar import POINT
from mm_perception.world.motion import turn_about


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def picture() -> np.ndarray:
    """Dark to bright from left to right."""
    row = np.linspace(20, 200, 160).astype(np.uint8)
    return np.repeat(np.tile(row, (90, 1))[..., None], 3, axis=2)


def cloud(num: int = 4000) -> np.ndarray:
    points, generator = np.zeros(num, POINT), rng(5)
    direction = generator.standard_normal((num, 3))
    direction *= 20 / np.linalg.norm(direction, axis=1, keepdims=True)
    points['x'], points['y'], points['z'] = direction.T
    points['intensity'], points['instance'] = 100, 3
    points['time'] = np.linspace(0, 0.1, num)
    return points


def test_nothing_is_wrong_by_default() -> None:
    none = Damage()
    assert not any(none.drops(rng(seed)) for seed in range(100))
    assert none.stamp_ns(123, rng()) == 123
    np.testing.assert_array_equal(none.picture(picture(), 1.0, rng()), picture())
    assert none.cloud(cloud(), rng()).tobytes() == cloud().tobytes()
    np.testing.assert_array_equal(none.mount(turn_about(2, 0.3), rng()), turn_about(2, 0.3))


def test_the_stated_share_of_pictures_is_lost() -> None:
    generator = rng()
    lost = [Damage(dropped=0.2).drops(generator) for _ in range(3000)]
    assert np.mean(lost) == pytest.approx(0.2, abs=0.03)
    assert all(Damage(dropped=1.0).drops(generator) for _ in range(50))


def test_stamps_are_off_either_way_but_no_more_than_stated() -> None:
    generator = rng()
    off = (
        np.array([Damage(jitter_s=0.01).stamp_ns(10**18, generator) for _ in range(500)]) - 10**18
    )
    assert -0.01e9 <= off.min() < -0.008e9
    assert 0.008e9 < off.max() <= 0.01e9


@pytest.mark.parametrize(
    ('time_s', 'is_dark'), [(1.9, False), (2.0, True), (2.9, True), (3.0, False)]
)
def test_a_blackout_leaves_only_noise(time_s, is_dark) -> None:
    seen = Damage(blackout=(2.0, 3.0)).picture(picture(), time_s, rng())
    assert seen.dtype == np.uint8
    if is_dark:
        assert 0 < seen.mean() < 10
        assert seen.std() > 1
        assert abs(np.corrcoef(seen.ravel(), picture().ravel())[0, 1]) < 0.05
    else:
        np.testing.assert_array_equal(seen, picture())


def test_rain_takes_contrast_and_draws_streaks() -> None:
    seen = {rain: Damage(rain=rain).picture(picture(), 0.0, rng()) for rain in (0.2, 1.0)}

    def contrast(rgb: np.ndarray) -> float:
        columns = np.median(rgb, axis=(0, 2))
        return float(columns[-1] - columns[0])

    assert contrast(seen[0.2]) == pytest.approx((1 - 0.45 * 0.2) * 180, abs=4)
    assert contrast(seen[1.0]) == pytest.approx((1 - 0.45) * 180, abs=10)
    # A streak is a bright line, upright rather than across.
    streaks = seen[1.0][:, :, 0].astype(np.float32) - np.median(seen[1.0][:, :, 0], axis=0)
    assert 0.01 < (streaks > 15).mean() < 0.3
    down, across = (np.abs(cv2.Sobel(streaks, -1, *d)).mean() for d in ((0, 1), (1, 0)))
    assert across > 1.3 * down
    light = seen[0.2][:, :, 0].astype(np.float32) - np.median(seen[0.2][:, :, 0], axis=0)
    assert (light > 15).mean() < 0.5 * (streaks > 15).mean()


def test_rain_loses_points_and_returns_from_drops() -> None:
    before = cloud()
    after = Damage(rain=0.5).cloud(before, rng())
    assert len(after) == pytest.approx(4000 * 0.8, abs=120)
    by_time = {time: index for index, time in enumerate(before['time'].tolist())}
    source = before[[by_time[time] for time in after['time'].tolist()]]
    first, second = (np.stack([p[axis] for axis in 'xyz'], 1) for p in (source, after))
    distance = np.linalg.norm(second, axis=1)
    near = distance < 19.99
    assert near.mean() == pytest.approx(0.05, abs=0.015)
    np.testing.assert_allclose(second / distance[:, None], first / 20, atol=1e-5)
    assert distance[near].min() >= 0.5 - 1e-5
    assert (after['instance'][near] == 0).all()
    assert (after['intensity'][near] < 50).all()
    assert (after[~near] == source[~near]).all()


@pytest.mark.parametrize('angle', [0.03, 0.5, np.pi])
def test_mounts_are_off_by_the_angle(angle) -> None:
    true = turn_about(1, 0.4) @ turn_about(2, 1.0)
    off = Damage(miscalibration_rad=angle).mount(true, rng()) @ true.T
    np.testing.assert_allclose(off @ off.T, np.eye(3), atol=1e-12)
    assert np.arccos(np.clip((np.trace(off) - 1) / 2, -1, 1)) == pytest.approx(angle)


def test_equal_numbers_give_equal_damage() -> None:
    damage = Damage(rain=0.7, miscalibration_rad=0.1)
    for make in (
        lambda seed: damage.picture(picture(), 0.0, rng(seed)),
        lambda seed: damage.cloud(cloud(), rng(seed)),
        lambda seed: damage.mount(np.eye(3), rng(seed)),
    ):
        assert make(1).tobytes() == make(1).tobytes() != make(2).tobytes()


@pytest.mark.parametrize(
    'wrong',
    [
        {'dropped': 1.2}, {'jitter_s': -0.1}, {'rain': float('nan')}, {'blackout': (3.0, 2.0)},
        {'miscalibration_rad': 4.0}, {'silence': (-1.0, 2.0)},
    ],
)  # fmt: skip
def test_values_out_of_range_are_refused(wrong) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Damage(**wrong)
