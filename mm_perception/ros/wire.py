"""Message classes and their CDR bytes: the one door to generated ROS code, live and for bags."""

from __future__ import annotations

import importlib
import json
import os
import re
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

from mm_perception.errors import ConfigError, MalformedMessageError, MissingDependencyError

_TYPE = re.compile(r'^([a-z][a-z0-9_]*)/(msg|srv|action)/([A-Z][A-Za-z0-9_]*)$')


@lru_cache(maxsize=256)
def message_class(type_name: str) -> Any:
    """The Python class of a ROS type such as `sensor_msgs/msg/Image`.

    Raises:
        ConfigError: That is no name of a type, or its package has no such type.
        MissingDependencyError: The package is not installed.
    """
    match = _TYPE.match(type_name)
    if match is None:
        raise ConfigError('ROS type', type_name, 'package/msg/Name')
    package, kind, name = match.groups()
    try:
        module = importlib.import_module(f'{package}.{kind}')
    except ImportError as error:
        install = f'sudo apt-get install ros-$ROS_DISTRO-{package.replace("_", "-")}'
        raise MissingDependencyError(package, f'type {type_name}', install) from error
    try:
        return getattr(module, name)
    except AttributeError as error:
        raise ConfigError('ROS type', type_name, f'a type that {package} defines') from error


def fields_of(type_name: str) -> dict[str, str]:
    """Fields of a message type with their types as rosidl writes them; none of a primitive."""
    if type_name.count('/') != 2:
        return {}
    return dict(message_class(type_name).get_fields_and_field_types())


def type_name_of(message: Any) -> str:
    """The ROS type name of a message or message class."""
    cls = message if isinstance(message, type) else type(message)
    package, kind = cls.__module__.split('.')[:2]
    return f'{package}/{kind}/{cls.__name__}'


def serialize(message: Any) -> bytes:
    """CDR bytes of a message, with the 4-byte header of rosbag2 and DDS."""
    from rclpy.serialization import serialize_message

    return bytes(serialize_message(message))


def deserialize(data: bytes, type_name: str) -> Any:
    """The message in CDR bytes.

    Raises:
        MalformedMessageError: The bytes are truncated or claim lengths that they do not have.
    """
    from rclpy.serialization import deserialize_message

    from mm_perception.ros.cdr_lengths import check_lengths

    cls = message_class(type_name)
    if len(data) < 4 or data[0] != 0 or data[1] > 1:
        raise MalformedMessageError(
            type_name, f'{len(data)} bytes do not begin with a CDR header', 'check the bag'
        )
    check_lengths(data, cls, type_name)
    try:
        return deserialize_message(bytes(data), cls)
    except (RuntimeError, ValueError, UnicodeDecodeError, MemoryError, SystemError) as error:
        raise MalformedMessageError(
            type_name, f'{len(data)} bytes cannot be read: {error}', 'check the bag or publisher'
        ) from error


@lru_cache(maxsize=256)
def type_hash(type_name: str) -> str:
    """RIHS01 hash of the definition that is installed here.

    Raises:
        MissingDependencyError: The package is not installed, or without its type descriptions.
    """
    message_class(type_name)
    package, kind, name = type_name.split('/')
    prefixes = [*os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep), sys.prefix]
    for prefix in prefixes:
        path = Path(prefix, 'share', package, kind, f'{name}.json')
        if path.is_file():
            hashes = json.loads(path.read_text())['type_hashes']
            return next(str(h['hash_string']) for h in hashes if h['type_name'] == type_name)
    raise MissingDependencyError(
        f'the type description of {type_name}', 'comparing definitions', f'reinstall {package}'
    )
