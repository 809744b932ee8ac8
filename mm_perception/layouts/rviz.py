"""Write an RViz configuration: the shipped one with the displays that a scene feeds."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import yaml

from mm_perception.diagnosis.rviz import GROUP, is_spatial, taken_types
from mm_perception.layouts.docks import window_state
from mm_perception.layouts.scene import CAMERA, Feed, Scene, grid_rows

#: Height of a row of pictures, and how much of the window they may take in all.
_ROW_PX, _SHARE = 230, 0.6


def rviz_config(template: str, scene: Scene) -> str:
    """The text of a .rviz file.

    Args:
        template: Of the shipped one.
        scene: What there is to show.
    """
    content = yaml.safe_load(template)
    manager = content['Visualization Manager']
    windows: list[tuple[str, str]] = []
    manager['Displays'] = list(_fed(manager['Displays'], scene, windows))
    manager['Global Options']['Fixed Frame'] = scene.fixed_frame
    manager['Views']['Current']['Target Frame'] = scene.follow_frame
    _arrange(content['Window Geometry'], windows)
    return str(yaml.safe_dump(content, sort_keys=False))


def _fed(
    displays: list[dict[str, Any]], scene: Scene, windows: list[tuple[str, str]]
) -> Iterator[dict[str, Any]]:
    """Displays with what they show; pictures that are on are added to the windows."""
    for display in displays:
        if display['Class'] == GROUP:
            inner = list(_fed(display['Displays'], scene, windows))
            if inner:
                yield {**display, 'Displays': inner}
        elif 'Topic' not in display:
            yield display
        else:
            kind, topic = display['Class'], display['Topic']['Value']
            for feed in scene.feeds(topic, is_spatial=is_spatial(kind)):
                if not scene.types(feed.topic) <= set(taken_types(kind, feed.topic)):
                    continue
                made = _display(display, feed)
                if topic == CAMERA and feed.camera not in (camera for _, camera in windows):
                    made['Enabled'] = made['Value'] = True  # nothing is drawn over it
                if made['Enabled'] and not is_spatial(kind):
                    windows.append((made['Name'], feed.camera))
                yield made


def _display(template: dict[str, Any], feed: Feed) -> dict[str, Any]:
    display = copy.deepcopy(template)
    display['Name'] += f' ({feed.label})' if feed.label else ''
    is_on = template['Enabled'] and (feed.is_first or is_spatial(template['Class']))
    display['Enabled'] = display['Value'] = is_on or feed.matters
    display['Topic']['Value'] = feed.topic
    if 'Update Topic' in display:
        display['Update Topic']['Value'] = f'{feed.topic}_updates'
    return display


def _arrange(geometry: dict[str, Any], windows: list[tuple[str, str]]) -> None:
    """A grid of several cameras; the picture of one finds its place by itself."""
    pictures = [name for name, camera in windows if camera]
    if len(pictures) < 2:
        return
    rows = grid_rows(pictures)
    height_px = int(min(len(rows) * _ROW_PX, geometry['Height'] * _SHARE))
    beside = [name for name, camera in windows if not camera]
    geometry['QMainWindow State'] = window_state(rows, beside, geometry['Width'], height_px)
