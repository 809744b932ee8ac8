"""Every error class has a row in the one table, and a message with value and fix."""

from __future__ import annotations

import inspect

import pytest

from mm_perception import errors
from mm_perception.faults import FAULTS, Level, Outcome, fault_of

CLASSES = [
    c
    for _, c in inspect.getmembers(errors, inspect.isclass)
    if issubclass(c, errors.MmPerceptionError) and c is not errors.MmPerceptionError
]


@pytest.mark.parametrize('cause', CLASSES)
def test_every_cause_is_in_the_table(cause) -> None:
    assert any(base in FAULTS for base in cause.__mro__[:2])


def test_subclass_inherits_its_row() -> None:
    error = errors.UnknownKeyError('a', ['b'], 'c')
    assert fault_of(error) is FAULTS[errors.ConfigError]


def test_unknown_exception_is_loud_and_survived() -> None:
    assert fault_of(ZeroDivisionError()).level is Level.ERROR
    assert fault_of(ZeroDivisionError()).outcome is Outcome.CONTINUE


@pytest.mark.parametrize(
    ('error', 'parts'),
    [
        (errors.ConfigError('rate', -1, 'at least 0'), ['rate', '-1', 'at least 0']),
        (errors.WeightsError('a/b', 'not there', 'run: mmp fetch a/b'), ['a/b', 'mmp fetch']),
        (errors.DeviceError('cuda:9', 'there are 0'), ['cuda:9', 'cpu']),
        (errors.LateInputError('boxes', 0.75, 0.5), ['boxes', '0.75', '0.50', 'raise late_s']),
        (errors.StaleInputError('image', 2.5, 1.0), ['image', '2.50', '1.00', 'use_sim_time']),
        (
            errors.TransformUnavailableError('map', 'lidar', 1_500_000_000, 'unknown frame'),
            ['map <- lidar', '1.500', 'unknown frame', '/tf'],
        ),
        (errors.InferenceError('clip', 2_000_000_000, ValueError('bad')), ['ValueError', 'bad']),
    ],
)
def test_messages_name_the_value_and_the_fix(error, parts) -> None:
    for part in parts:
        assert part in str(error)
