"""Read a Foxglove layout: which topics and fields its panels show.

foxglove_bridge subscribes with the QoS that is offered, and a file has none: QoS always matches.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mm_perception.diagnosis.displays import Display, Layout
from mm_perception.diagnosis.finding import Finding
from mm_perception.errors import ConfigError
from mm_perception.faults import Level

IMAGES = ('sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage')
_INFO = ('sensor_msgs/msg/CameraInfo',)
ANNOTATIONS = ('foxglove_msgs/msg/ImageAnnotations',)
_DIAGNOSTICS = ('diagnostic_msgs/msg/DiagnosticArray',)
#: What the 3D panel draws, of the messages that this package or a robot sends.
SPATIAL = (
    'geometry_msgs/msg/PoseStamped', 'nav_msgs/msg/OccupancyGrid', 'nav_msgs/msg/Odometry',
    'nav_msgs/msg/Path', 'sensor_msgs/msg/CameraInfo', 'sensor_msgs/msg/Image',
    'sensor_msgs/msg/LaserScan', 'sensor_msgs/msg/PointCloud2', 'visualization_msgs/msg/Marker',
    'visualization_msgs/msg/MarkerArray',
)  # fmt: skip
#: A message path: a topic, then fields, slices and filters.
_PATH = re.compile(r'^(/[\w/]+)((?:\.\w+|\[[^\]]*\]|\{[^}]*\})*)$')


def read_foxglove(path: Path) -> Layout:
    """The topics of a layout, panel by panel.

    Raises:
        ConfigError: It is no layout at all.
    """
    try:
        content = json.loads(path.read_text())
        panels: dict[str, Any] = content['configById']
        placed = list(panels_in(content['layout'], panels))
    except (OSError, ValueError, KeyError, TypeError) as error:
        expected = 'a layout with configById and layout, as Foxglove exports it'
        raise ConfigError('Foxglove layout', f'{path}: {error}', expected) from error
    displays: list[Display] = []
    problems = [_problem(p, 'is placed, but not configured') for p in placed if p not in panels]
    problems += [_problem(p, 'is configured, but not placed') for p in panels if p not in placed]
    frame = ''
    for panel, config in panels.items():
        kind = panel.split('!')[0]
        if kind not in _READERS:
            known = ', '.join(_READERS)
            fix = f'use a panel that is checked: {known}'
            text = f'{kind} is no panel that is known here'
            problems.append(Finding(Level.ERROR, 'display_class', panel, text, fix))
            continue
        name = str(config.get('foxglovePanelTitle') or panel)
        displays += _READERS[kind](name, kind, config)
        frame = frame or str(config.get('followTf', ''))
    for display in displays:
        if not display.topic:
            problems.append(_problem(display.name, f'cannot read the path {display.path!r}'))
    shown = tuple(d for d in displays if d.topic)
    return Layout(str(path), frame, shown, tuple(problems))


def _problem(panel: str, text: str) -> Finding:
    fix = 'export the layout from Foxglove again, or mend it by hand'
    return Finding(Level.ERROR, 'display_property', panel, text, fix)


def panels_in(tree: Any, panels: Mapping[str, Any]) -> Iterator[str]:
    """Panels in the tree of the layout, and in the tabs of its tab panels."""
    if isinstance(tree, str):
        yield tree
        for tab in panels.get(tree, {}).get('tabs', ()):
            yield from panels_in(tab['layout'], panels)
    elif tree:
        yield from panels_in(tree['first'], panels)
        yield from panels_in(tree['second'], panels)


def _space(name: str, kind: str, config: Mapping[str, Any]) -> list[Display]:
    return [
        Display(name, kind, topic, SPATIAL, is_spatial=True) for topic in config.get('topics', {})
    ]


def _image(name: str, kind: str, config: Mapping[str, Any]) -> list[Display]:
    mode = config.get('imageMode', {})
    found = [Display(name, kind, mode.get('imageTopic', ''), IMAGES)]
    if mode.get('calibrationTopic'):
        found.append(Display(name, kind, mode['calibrationTopic'], _INFO))
    found += [Display(name, kind, topic, ANNOTATIONS) for topic in mode.get('annotations', {})]
    return found


def _plot(name: str, kind: str, config: Mapping[str, Any]) -> list[Display]:
    return [_at(name, kind, series['value'], is_number=True) for series in config['paths']]


def _raw(name: str, kind: str, config: Mapping[str, Any]) -> list[Display]:
    return [_at(name, kind, config['topicPath'])]


def _diagnostics(name: str, kind: str, config: Mapping[str, Any]) -> list[Display]:
    return [Display(name, kind, config['topicToRender'], _DIAGNOSTICS)]


def _tabs(name: str, kind: str, config: Mapping[str, Any]) -> list[Display]:
    return []


def _at(name: str, kind: str, path: str, *, is_number: bool = False) -> Display:
    match = _PATH.match(path)
    if match is None:
        return Display(name, kind, '', (), path=path)
    return Display(name, kind, match[1], (), path=match[2], is_number=is_number)


_READERS: dict[str, Callable[[str, str, Mapping[str, Any]], list[Display]]] = {
    '3D': _space, 'DiagnosticStatusPanel': _diagnostics, 'DiagnosticSummary': _diagnostics,
    'Image': _image, 'Plot': _plot, 'RawMessages': _raw, 'Tab': _tabs, 'Table': _raw,
}  # fmt: skip
