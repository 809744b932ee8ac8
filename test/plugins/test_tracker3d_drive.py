"""The 3D tracker on a drive through a street: true boxes with noise, misses and false alarms."""

from __future__ import annotations

import pytest

from bench.bench_tracker3d import Seen, measure


@pytest.fixture(scope='module')
def seen() -> Seen:
    return Seen.of(seed=5, seconds=4.0)


def test_ids_are_stable_and_velocities_right(seen) -> None:
    scores = measure('ours', [seen])
    assert scores['amota'] > 0.85
    assert scores['switches'] <= 1
    assert scores['speed_error_mps'] < 0.6
    nearest = measure('nearest', [seen])
    assert scores['amota'] > nearest['amota'] + 0.1
    assert nearest['switches'] > 5 * max(scores['switches'], 1), 'the street is no challenge'


def test_measured_velocities_help(seen) -> None:
    with_them = measure('with velocities', [seen])
    assert with_them['speed_error_mps'] < 0.75 * measure('ours', [seen])['speed_error_mps']


def test_late_frames_are_worth_taking(seen) -> None:
    late, refused = measure('late', [seen]), measure('late refused', [seen])
    assert late['moments'] == refused['moments'] < len(seen.plain)
    assert late['amota'] > 0.85
    assert late['amotp'] < refused['amotp']
    assert late['speed_error_mps'] < refused['speed_error_mps']


def test_motion_of_the_vehicle_has_to_be_compensated(seen) -> None:
    assert measure('in base_link', [seen])['speed_error_mps'] > 3
