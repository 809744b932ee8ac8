"""Config dataclasses: declared once, checked always.

A plugin's settings are a frozen dataclass whose fields are made with `parameter(...)`. The same
declaration fills ROS parameter descriptors, checks YAML files and appears in the documentation.
"""

from __future__ import annotations

import dataclasses
import math
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from mm_perception.errors import ConfigError, UnknownKeyError

C = TypeVar('C')
_KEY = 'mm_perception.parameter'
_SCALARS: dict[type, str] = {bool: 'bool', int: 'int', float: 'float', str: 'str'}


@dataclass(frozen=True)
class ParameterSpec:
    """What is known of one parameter: enough to declare it, check it and document it."""

    name: str
    type: type
    is_list: bool
    default: Any
    description: str
    minimum: float | None
    maximum: float | None
    choices: tuple[str, ...]
    live: bool

    @property
    def type_name(self) -> str:
        """For people: `float`, `str[]`."""
        return _SCALARS[self.type] + ('[]' if self.is_list else '')

    def check(self, value: object, where: str = '') -> Any:
        """Return `value` in this parameter's type, or raise ConfigError with the value in it."""
        label = f'{where}{self.name}'
        if self.is_list:
            if isinstance(value, str) or not isinstance(value, Sequence):
                raise ConfigError(label, value, f'a list of {_SCALARS[self.type]}')
            return tuple(self._check_scalar(item, f'{label}[{i}]') for i, item in enumerate(value))
        return self._check_scalar(value, label)

    def _check_scalar(self, value: object, label: str) -> Any:
        if self.type is float and type(value) is int:
            value = float(value)
        if type(value) is not self.type:
            raise ConfigError(label, value, f'a value of type {_SCALARS[self.type]}')
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(label, value, 'a finite number')
        if self.choices and value not in self.choices:
            raise ConfigError(label, value, f'one of {", ".join(self.choices)}')
        if isinstance(value, int | float):
            if self.minimum is not None and value < self.minimum:
                raise ConfigError(label, value, f'at least {self.minimum}')
            if self.maximum is not None and value > self.maximum:
                raise ConfigError(label, value, f'at most {self.maximum}')
        return value


def parameter(
    default: Any,
    description: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: Sequence[str] = (),
    live: bool = False,
) -> Any:
    """Declare one field of a config dataclass.

    Args:
        default: The only default there is; a tuple for list parameters.
        description: One sentence with the unit, shown by `ros2 param describe` and in the docs.
        minimum: Smallest legal value of a number, inclusive.
        maximum: Largest legal value of a number, inclusive.
        choices: Legal values of a string; empty means any.
        live: True if the value may change while the node is active.
    """
    extras = {
        'description': description,
        'minimum': minimum,
        'maximum': maximum,
        'choices': tuple(choices),
        'live': live,
    }
    return dataclasses.field(default=default, metadata={_KEY: extras})


def parameter_specs(config_class: type) -> dict[str, ParameterSpec]:
    """List the parameters of a config dataclass, in order of declaration.

    Raises:
        ConfigError: A field was not made with `parameter`, or has a type that ROS cannot carry.
    """
    hints = typing.get_type_hints(config_class)
    specs = {}
    for field in dataclasses.fields(config_class):
        if _KEY not in field.metadata:
            raise ConfigError(field.name, field, 'a field made with parameter(...)')
        item, is_list = _parameter_type(field.name, hints[field.name])
        specs[field.name] = ParameterSpec(
            name=field.name,
            type=item,
            is_list=is_list,
            default=field.default,
            **field.metadata[_KEY],
        )
    return specs


def _parameter_type(name: str, hint: Any) -> tuple[type, bool]:
    if hint in _SCALARS:
        return hint, False
    arguments = typing.get_args(hint)
    is_tuple = (
        typing.get_origin(hint) is tuple and len(arguments) == 2 and arguments[1] is Ellipsis
    )
    if is_tuple and arguments[0] in _SCALARS:
        return arguments[0], True
    raise ConfigError(name, hint, 'bool, int, float, str or tuple[one of them, ...]')


def build_config(config_class: type[C], values: Mapping[str, object], where: str = '') -> C:
    """Make a config from a mapping; every key must be declared and every value legal.

    Args:
        config_class: A dataclass whose fields were made with `parameter`.
        values: Key to value; keys that are absent keep their default.
        where: Prefix for messages, such as the file and node.

    Raises:
        UnknownKeyError: A key that no field declares.
        ConfigError: A value of the wrong type or out of range, or refused by `__post_init__`.
    """
    specs = parameter_specs(config_class)
    for key in values:
        if key not in specs:
            raise UnknownKeyError(str(key), specs, where or config_class.__qualname__)
    prefix = f'{where}: ' if where else ''
    checked = {key: specs[key].check(value, prefix) for key, value in values.items()}
    return config_class(**checked)


def config_values(config: Any) -> dict[str, Any]:
    """The fields of a config as plain values (lists for tuples)."""
    values = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
    return {key: list(v) if isinstance(v, tuple) else v for key, v in values.items()}


def replace_live(config: C, changes: Mapping[str, object]) -> C:
    """A copy of `config` with live parameters changed.

    Raises:
        UnknownKeyError: A key that no field declares.
        ConfigError: The value is illegal, or the parameter is fixed while the node is configured.
    """
    specs = parameter_specs(type(config))
    for key, value in changes.items():
        if key not in specs:
            raise UnknownKeyError(key, specs, type(config).__qualname__)
        if not specs[key].live:
            raise ConfigError(key, value, 'no change while configured: clean the node up first')
    checked = {key: specs[key].check(value) for key, value in changes.items()}
    return typing.cast(C, dataclasses.replace(typing.cast(Any, config), **checked))
