"""Read an RViz configuration: the displays that RViz ships, and those of vision_msgs.

Classes, their message types and the spelling of properties are those that RViz of ROS 2 Jazzy
writes into a .rviz file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from mm_perception.diagnosis.displays import Display, Layout
from mm_perception.diagnosis.finding import Finding
from mm_perception.diagnosis.snapshot import Qos
from mm_perception.errors import ConfigError
from mm_perception.faults import Level

GROUP = 'rviz_common/Group'
#: Displays that subscribe, and to what.
_TAKES = {
    'rviz_default_plugins/Camera': 'sensor_msgs/msg/Image',
    'rviz_default_plugins/Image': 'sensor_msgs/msg/Image',
    'rviz_default_plugins/Map': 'nav_msgs/msg/OccupancyGrid',
    'rviz_default_plugins/Marker': 'visualization_msgs/msg/Marker',
    'rviz_default_plugins/MarkerArray': 'visualization_msgs/msg/MarkerArray',
    'rviz_default_plugins/Odometry': 'nav_msgs/msg/Odometry',
    'rviz_default_plugins/Path': 'nav_msgs/msg/Path',
    'rviz_default_plugins/PointCloud2': 'sensor_msgs/msg/PointCloud2',
    'rviz_default_plugins/PointStamped': 'geometry_msgs/msg/PointStamped',
    'rviz_default_plugins/Pose': 'geometry_msgs/msg/PoseStamped',
    'vision_msgs_rviz_plugins/BoundingBox3DArray': 'vision_msgs/msg/BoundingBox3DArray',
    'vision_msgs_rviz_plugins/Detection3DArray': 'vision_msgs/msg/Detection3DArray',
}
#: Displays without a topic of their own.
_TOPICLESS = (
    GROUP,
    'rviz_default_plugins/Axes',
    'rviz_default_plugins/Grid',
    'rviz_default_plugins/TF',
)
#: Displays that subscribe through image_transport, which knows how to by the name of the topic.
_TRANSPORTED = ('rviz_default_plugins/Camera', 'rviz_default_plugins/Image')
#: A picture is shown in a window of its own, whatever its frame.
_FLAT = ('rviz_default_plugins/Image',)
_RELIABILITY = {
    'Reliable': 'reliable', 'Best Effort': 'best_effort', 'System Default': 'reliable',
}  # fmt: skip
_DURABILITY = {
    'Volatile': 'volatile', 'Transient Local': 'transient_local', 'System Default': 'volatile',
}  # fmt: skip
_HISTORY = ('Keep Last', 'Keep All', 'System Default')
_TOPIC_KEYS = {
    'Depth', 'Durability Policy', 'Filter size', 'History Policy', 'Reliability Policy', 'Value',
}  # fmt: skip


def read_rviz(path: Path) -> Layout:
    """The displays of a .rviz file, those in groups and those that are switched off too.

    Raises:
        ConfigError: It is no RViz configuration at all.
    """
    try:
        content = yaml.safe_load(path.read_text())
        manager = content['Visualization Manager']
        frame = str(manager['Global Options']['Fixed Frame']).lstrip('/')
        entries = list(_entries(manager['Displays'], ''))
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        expected = 'a file with Visualization Manager, Global Options, Fixed Frame and Displays'
        raise ConfigError('RViz configuration', f'{path}: {error}', expected) from error
    displays: list[Display] = []
    problems: list[Finding] = []
    for name, entry in entries:
        found = _problems(name, entry)
        problems += found
        if not found and entry['Class'] in _TAKES:
            displays.append(_display(name, entry))
    return Layout(str(path), frame, tuple(displays), tuple(problems))


def taken_types(kind: str, topic: str) -> tuple[str, ...]:
    """Message types that a display takes on a topic; none if it is no display with a topic."""
    if kind in _TRANSPORTED and topic.endswith('/compressed'):
        return ('sensor_msgs/msg/CompressedImage',)
    return (_TAKES[kind],) if kind in _TAKES else ()


def is_spatial(kind: str) -> bool:
    """Whether a display draws in the fixed frame."""
    return kind not in _FLAT


def _entries(displays: Any, prefix: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for entry in displays:
        name = prefix + str(entry.get('Name', '?'))
        yield name, entry
        if entry.get('Class') == GROUP:
            yield from _entries(entry['Displays'], f'{name} / ')


def _problems(name: str, entry: Mapping[str, Any]) -> list[Finding]:
    kind = str(entry.get('Class', ''))
    known = [*_TAKES, *_TOPICLESS]
    if kind not in known:
        close = get_close_matches(kind, known, n=1)
        near = f'meant is perhaps {close[0]}' if close else 'it is none that is known here'
        fix = 'use a display of rviz_default_plugins or vision_msgs_rviz_plugins'
        return [Finding(Level.ERROR, 'display_class', name, f'{kind or "no class"}: {near}', fix)]
    if not isinstance(entry.get('Enabled'), bool) or entry.get('Enabled') != entry.get(
        'Value', entry.get('Enabled')
    ):
        evidence = f'Enabled is {entry.get("Enabled")}, Value is {entry.get("Value")}'
        return [_badly_written(name, evidence, 'write true or false into both')]
    return _topic_problems(name, entry) if kind in _TAKES else []


def _topic_problems(name: str, entry: Mapping[str, Any]) -> list[Finding]:
    topic = entry.get('Topic')
    if not isinstance(topic, dict) or not str(topic.get('Value', '')).startswith('/'):
        fix = 'write Topic with Value, a full name, and the four policies'
        return [_badly_written(name, f'Topic is {topic!r}', fix)]
    checks = (
        ('Reliability Policy', _RELIABILITY), ('Durability Policy', _DURABILITY),
        ('History Policy', _HISTORY),
    )  # fmt: skip
    found = [
        _badly_written(name, f'{key} is {topic.get(key)!r}', f'write {" or ".join(allowed)}')
        for key, allowed in checks
        if topic.get(key) not in allowed
    ]
    odd = sorted(topic.keys() - _TOPIC_KEYS)
    if odd:
        known = ', '.join(sorted(_TOPIC_KEYS))
        found.append(_badly_written(name, f'Topic has {", ".join(odd)}', f'RViz knows {known}'))
    if not isinstance(topic.get('Depth'), int):
        found.append(_badly_written(name, f'Depth is {topic.get("Depth")!r}', 'write a number'))
    return found


def _badly_written(name: str, evidence: str, fix: str) -> Finding:
    return Finding(Level.ERROR, 'display_property', name, evidence, fix)


def _display(name: str, entry: Mapping[str, Any]) -> Display:
    topic, kind = entry['Topic'], entry['Class']
    qos = Qos(
        _RELIABILITY[topic['Reliability Policy']], _DURABILITY[topic['Durability Policy']],
        topic['Depth'],
    )  # fmt: skip
    taken = taken_types(kind, topic['Value'])
    return Display(name, kind, topic['Value'], taken, qos, is_spatial(kind))
