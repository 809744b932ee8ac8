"""The text of a message definition with all it refers to, as MCAP schemas want it."""

from __future__ import annotations

import os
import re
import sys
from functools import lru_cache
from pathlib import Path

from mm_perception.bag.reader import Topic
from mm_perception.errors import ConfigError, MissingDependencyError
from mm_perception.ros.wire import message_class, type_hash

_FIELD = re.compile(r'^\s*([A-Za-z][A-Za-z0-9_/]*)(<=\d+)?(\[[^\]]*\])?\s+[a-z]')
_PRIMITIVES = {
    'bool', 'byte', 'char', 'float32', 'float64', 'int8', 'uint8', 'int16', 'uint16', 'int32',
    'uint32', 'int64', 'uint64', 'string', 'wstring',
}  # fmt: skip


@lru_cache(maxsize=256)
def message_definition(type_name: str) -> str:
    """Definition of a type followed by those of all types in it, in ros2msg form.

    Raises:
        MissingDependencyError: The package's .msg files are not installed.
    """
    parts = [_own_text(type_name)]
    seen = {type_name}
    queue = _referred(type_name, parts[0])
    while queue:
        name = queue.pop(0)
        if name in seen:
            continue
        seen.add(name)
        text = _own_text(name)
        package, _, kind = name.split('/')
        parts.append(f'{"=" * 80}\nMSG: {package}/{kind}\n{text}')
        queue += _referred(name, text)
    return '\n'.join(parts)


def definition_problem(topic: Topic) -> str:
    """Why messages of a recorded topic cannot be understood here; empty if they can."""
    try:
        message_class(topic.type_name)
        ours = type_hash(topic.type_name)
    except (ConfigError, MissingDependencyError) as error:
        return str(error)
    if topic.type_hash and topic.type_hash != ours:
        return (
            f'{topic.type_name} was recorded with another definition ({topic.type_hash[:15]}..., '
            f'here {ours[:15]}...): install the package version that recorded it'
        )
    return ''


def _own_text(type_name: str) -> str:
    package, kind, name = type_name.split('/')
    for prefix in [*os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep), sys.prefix]:
        path = Path(prefix, 'share', package, kind, f'{name}.msg')
        if path.is_file():
            return path.read_text()
    raise MissingDependencyError(
        f'{name}.msg of {package}', 'writing a bag', f'reinstall {package}'
    )


def _referred(type_name: str, text: str) -> list[str]:
    package = type_name.split('/')[0]
    names = []
    for line in text.splitlines():
        field = _FIELD.match(line.split('#')[0])
        if field is None or field[1] in _PRIMITIVES:
            continue
        parts = field[1].split('/')
        owner = parts[0] if len(parts) > 1 else package
        if parts == ['Header']:
            owner = 'std_msgs'
        names.append(f'{owner}/msg/{parts[-1]}')
    return names
