"""The shipped RViz configuration is written in words that RViz reads: it passes over others.

Names and choices are those of the sources of rviz (Jazzy, and rolling of October 2024, of which
Kilted came) and of vision_msgs_rviz_plugins 4.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

PATH = Path(__file__).parents[3] / 'config' / 'rviz' / 'perception.rviz'
QOS = 'Depth|Durability Policy|History Policy|Reliability Policy|Value'
PLUGINS = 'rviz_default_plugins/'
#: By class, the properties beside Class, Enabled, Name and Value.
PROPERTIES = {
    f'{PLUGINS}Grid': 'Alpha|Cell Size|Color|Line Style|Normal Cell Count|Offset|Plane|'
                      'Plane Cell Count|Reference Frame',
    f'{PLUGINS}TF': 'Filter (blacklist)|Filter (whitelist)|Frame Timeout|Frames|Marker Scale|'
                    'Show Arrows|Show Axes|Show Names|Tree|Update Interval',
    f'{PLUGINS}Odometry': 'Angle Tolerance|Covariance|Keep|Position Tolerance|Shape|Topic',
    f'{PLUGINS}PointCloud2': 'Alpha|Autocompute Intensity Bounds|Autocompute Value Bounds|Axis|'
                             'Channel Name|Color|Color Transformer|Decay Time|Invert Rainbow|'
                             'Max Color|Max Intensity|Min Color|Min Intensity|'
                             'Position Transformer|Selectable|Size (Pixels)|Size (m)|Style|'
                             'Topic|Use Fixed Frame|Use rainbow',
    f'{PLUGINS}Image': 'Max Value|Median window|Min Value|Normalize Range|Topic',
    f'{PLUGINS}MarkerArray': 'Namespaces|Topic',
    f'{PLUGINS}Map': 'Alpha|Binary representation|Binary threshold|Color Scheme|Draw Behind|'
                     'Topic|Update Topic|Use Timestamp',
    'vision_msgs_rviz_plugins/Detection3DArray': 'Alpha|ConfigPath|Line Width|Only Edge|'
                                                 'Show Score|Topic',
    'rviz_common/Group': 'Displays',
}  # fmt: skip
CHOICES = {
    'Plane': ('XY', 'XZ', 'YZ'), 'Color Scheme': ('map', 'costmap', 'raw'),
    'Style': ('Points', 'Squares', 'Flat Squares', 'Spheres', 'Boxes', 'Tiles'),
    'Axis': ('X', 'Y', 'Z'), 'Color Transformer': ('AxisColor', 'FlatColor', 'Intensity', 'RGB8'),
    'Position Transformer': ('XYZ',),
}  # fmt: skip
TOOLS = ('Interact', 'MoveCamera', 'Select', 'FocusCamera', 'Measure', 'PublishPoint')
PANELS = ('Displays', 'Selection', 'Tool Properties', 'Views', 'Time', 'Help', 'Transformation')
VIEW = {
    'Class', 'Distance', 'Enable Stereo Rendering', 'Focal Point', 'Focal Shape Fixed Size',
    'Focal Shape Size', 'Invert Z Axis', 'Name', 'Near Clip Distance', 'Pitch', 'Target Frame',
    'Value', 'Yaw',
}  # fmt: skip


def displays(entries: Any) -> Iterator[dict[str, Any]]:
    for entry in entries:
        yield entry
        yield from displays(entry.get('Displays', ()))


CONFIG = yaml.safe_load(PATH.read_text())
MANAGER = CONFIG['Visualization Manager']
DISPLAYS = list(displays(MANAGER['Displays']))


@pytest.mark.parametrize('entry', DISPLAYS, ids=lambda entry: str(entry.get('Name')))
def test_every_property_of_a_display_is_one_that_rviz_reads(entry: dict[str, Any]) -> None:
    known = {*PROPERTIES[entry['Class']].split('|'), 'Class', 'Enabled', 'Name', 'Value'}
    assert entry.keys() <= known
    for key, choices in CHOICES.items():
        assert entry.get(key, choices[0]) in choices
    for key in ('Topic', 'Update Topic'):
        assert set(entry.get(key, ())) <= {*QOS.split('|'), 'Filter size'}


def test_panels_tools_and_view_are_those_that_rviz_ships() -> None:
    assert all(panel['Class'].removeprefix('rviz_common/') in PANELS for panel in CONFIG['Panels'])
    assert all(tool['Class'].removeprefix(PLUGINS) in TOOLS for tool in MANAGER['Tools'])
    view = MANAGER['Views']['Current']
    assert view['Class'] == f'{PLUGINS}ThirdPersonFollower'
    assert view.keys() <= VIEW
    assert MANAGER['Transformation']['Current']['Class'] == f'{PLUGINS}TF'
