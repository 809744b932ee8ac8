"""ROS parameters from config dataclasses: declared with type, range and description."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.node import Node
from rclpy.parameter import Parameter

from mm_perception.config import ParameterSpec
from mm_perception.errors import ConfigError, MmPerceptionError, UnknownKeyError

_TYPES = {
    (bool, False): Parameter.Type.BOOL,
    (int, False): Parameter.Type.INTEGER,
    (float, False): Parameter.Type.DOUBLE,
    (str, False): Parameter.Type.STRING,
    (bool, True): Parameter.Type.BOOL_ARRAY,
    (int, True): Parameter.Type.INTEGER_ARRAY,
    (float, True): Parameter.Type.DOUBLE_ARRAY,
    (str, True): Parameter.Type.STRING_ARRAY,
}
#: Declared by rclpy itself.
_BUILT_IN = ('use_sim_time', 'start_type_description_service', 'qos_overrides')
_HUGE_INT, _HUGE_FLOAT = 2**62, 1.0e300


def declare(
    node: Node, specs: Iterable[ParameterSpec], values: Mapping[str, object]
) -> dict[str, Any]:
    """Declare parameters and return their values, with ROS overrides applied.

    Args:
        node: The node; its overrides come from `--params-file`, `-p` and launch.
        specs: The parameters.
        values: Defaults that a stack file gives; others default as declared.

    Raises:
        UnknownKeyError: An override that nothing declares.
        ConfigError: A value of the wrong type or out of range.
    """
    specs = list(specs)
    known = {spec.name for spec in specs}
    overrides = node._parameter_overrides  # rclpy has no public way to ask
    for name in overrides:
        if name not in known and name.split('.')[0] not in _BUILT_IN:
            raise UnknownKeyError(name, known, f'parameters of node {node.get_name()}')
    result = {}
    for spec in specs:
        default = spec.check(values.get(spec.name, spec.default))
        value = default
        if spec.name in overrides and overrides[spec.name].type_ != Parameter.Type.NOT_SET:
            given = overrides[spec.name].value
            value = spec.check(list(given) if spec.is_list and given is not None else given)
        result[spec.name] = value
        if not node.has_parameter(spec.name):
            _declare_one(node, spec, value)
    return result


def _declare_one(node: Node, spec: ParameterSpec, value: Any) -> None:
    ros_value = list(value) if spec.is_list else value
    # rclpy takes [] for a list of bytes and would keep that type: declare it with an item.
    first = ros_value if not spec.is_list or ros_value else [spec.type()]
    node.declare_parameter(spec.name, first, descriptor(spec), ignore_override=True)
    if spec.is_list and not ros_value:
        node.set_parameters([Parameter(spec.name, _TYPES[spec.type, True], [])])


def descriptor(spec: ParameterSpec) -> ParameterDescriptor:
    """What `ros2 param describe` shows."""
    text = spec.description
    if spec.choices:
        text += f' One of: {", ".join(spec.choices)}.'
    if not spec.live:
        text += ' Fixed while the node is configured.'
    message = ParameterDescriptor(
        name=spec.name, description=text, type=_TYPES[spec.type, spec.is_list].value
    )
    has_range = spec.minimum is not None or spec.maximum is not None
    if has_range and spec.type is float:
        message.floating_point_range = [
            FloatingPointRange(
                from_value=_or(spec.minimum, -_HUGE_FLOAT), to_value=_or(spec.maximum, _HUGE_FLOAT)
            )
        ]
    elif has_range and spec.type is int:
        message.integer_range = [
            IntegerRange(
                from_value=int(_or(spec.minimum, -_HUGE_INT)),
                to_value=int(_or(spec.maximum, _HUGE_INT)),
            )
        ]
    return message


def _or(value: float | None, other: float) -> float:
    return other if value is None else float(value)


def plain(parameters: Iterable[Parameter]) -> dict[str, Any]:
    """Names and values of changed parameters, without rclpy's own."""
    return {p.name: p.value for p in parameters if p.name.split('.')[0] not in _BUILT_IN}


def refuse(error: MmPerceptionError | ConfigError) -> SetParametersResult:
    """The answer to a change that cannot be made."""
    return SetParametersResult(successful=False, reason=str(error))


def accept() -> SetParametersResult:
    """The answer to a change that was made."""
    return SetParametersResult(successful=True)
