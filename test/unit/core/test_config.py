"""Config dataclasses refuse what they do not declare, with the value in the message."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from mm_perception.config import (
    build_config,
    config_values,
    parameter,
    parameter_specs,
    replace_live,
)
from mm_perception.errors import ConfigError, UnknownKeyError
from test.fakes import FakeConfig


def test_specs_carry_what_ros_needs() -> None:
    spec = parameter_specs(FakeConfig)['threshold']
    assert (spec.type_name, spec.minimum, spec.maximum, spec.live) == ('float', 0.0, 1.0, True)
    assert parameter_specs(FakeConfig)['names'].type_name == 'str[]'


def test_values_override_defaults() -> None:
    config = build_config(FakeConfig, {'threshold': 1, 'names': ['x', 'y']})
    assert config_values(config) == {
        'threshold': 1.0, 'mode': 'ok', 'size': 3, 'names': ['x', 'y'],
    }  # fmt: skip


@pytest.mark.parametrize(
    ('values', 'message'),
    [
        ({'threshold': 2.0}, r'threshold is 2\.0; expected at most 1'),
        ({'threshold': -1.0}, 'at least 0'),
        ({'threshold': float('nan')}, 'finite'),
        ({'threshold': 'high'}, "threshold is 'high'; expected a value of type float"),
        ({'threshold': True}, 'type float'),
        ({'size': 1.5}, 'type int'),
        ({'size': True}, 'type int'),
        ({'names': 'a'}, 'a list of str'),
        ({'names': ['a', 3]}, r'names\[1\] is 3'),
    ],
)
def test_illegal_values_are_named(values, message) -> None:
    with pytest.raises(ConfigError, match=message):
        build_config(FakeConfig, values)


def test_unknown_key_suggests_the_near_one() -> None:
    with pytest.raises(UnknownKeyError, match="no key 'treshold'; did you mean 'threshold'"):
        build_config(FakeConfig, {'treshold': 0.1}, 'stack.yaml')


def test_live_changes_are_checked_and_fixed_ones_refused() -> None:
    config = replace_live(FakeConfig(), {'threshold': 0.9})
    assert config.threshold == 0.9
    with pytest.raises(ConfigError, match='clean the node up first'):
        replace_live(config, {'size': 4})
    with pytest.raises(ConfigError, match='at most 1'):
        replace_live(config, {'threshold': 3.0})
    with pytest.raises(UnknownKeyError):
        replace_live(config, {'nope': 1})


def test_undeclared_field_is_refused() -> None:
    @dataclass(frozen=True)
    class Plain:
        value: int = 3

    with pytest.raises(ConfigError, match='parameter'):
        parameter_specs(Plain)


def test_unsupported_type_is_refused() -> None:
    @dataclass(frozen=True)
    class Odd:
        value: dict = parameter((), 'No ROS parameter can be a mapping.')  # noqa: RUF009

    with pytest.raises(ConfigError, match='tuple'):
        parameter_specs(Odd)
