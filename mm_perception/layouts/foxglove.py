"""Write a Foxglove layout: the shipped one with the panels that a scene feeds."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from mm_perception.diagnosis.foxglove import ANNOTATIONS, IMAGES, SPATIAL, panels_in
from mm_perception.layouts.scene import CAMERA, TIMING, Feed, Scene, grid_rows

Panel = dict[str, Any]
#: A name of a panel, or two halves.
Tree = Any
_TITLES = ('foxglovePanelTitle', 'lichtblickPanelTitle')


def foxglove_layout(template: str, scene: Scene) -> str:
    """The text of a layout.

    Args:
        template: Of the shipped one.
        scene: What there is to show.
    """
    content = json.loads(template)
    panels: dict[str, Panel] = {}
    #: Panels of the template to those that take their place.
    heirs: dict[str, list[str]] = {}
    for old, panel in content['configById'].items():
        made = [] if old.startswith('Tab!') else _MAKERS[old.split('!')[0]](panel, scene)
        names = [f'{old}_{i}' if i else old for i in range(len(made))]
        heirs[old] = names
        panels |= dict(zip(names, made, strict=True))
    for old, panel in content['configById'].items():
        if old.startswith('Tab!'):
            tabs = [{**tab, 'layout': _tree(tab['layout'], heirs)} for tab in panel['tabs']]
            tabs = [tab for tab in tabs if tab['layout'] is not None]
            heirs[old] = [old] if tabs else []
            panels |= {old: {**panel, 'tabs': tabs}} if tabs else {}
    content['configById'] = panels
    content['layout'] = _tree(content['layout'], heirs)
    return json.dumps(content, indent=2) + '\n'


def _space(panel: Panel, scene: Scene) -> list[Panel]:
    topics = {
        feed.topic: {**look, 'visible': look['visible'] or feed.matters}
        for topic, look in panel['topics'].items()
        for feed in scene.feeds(topic, SPATIAL, is_spatial=True)
    }
    return [{**panel, 'topics': topics, 'followTf': scene.follow_frame}] if topics else []


def _pictures(panel: Panel, scene: Scene) -> list[Panel]:
    mode = panel['imageMode']
    found = []
    for feed in scene.feeds(mode['imageTopic'], IMAGES):
        drawn = _annotations(mode['annotations'], feed, scene)
        own = {**mode, 'imageTopic': feed.topic, 'annotations': drawn}
        own.pop('calibrationTopic', None)
        calibration = scene.calibration(feed.camera) if feed.camera else ''
        if calibration:
            own['calibrationTopic'] = calibration
        if not drawn:  # there is nothing to wait for
            own.pop('synchronize', None)
        is_bare = mode['imageTopic'] == CAMERA and not drawn
        title = 'Camera' if is_bare else panel[_TITLES[0]]
        found.append(_titled({**panel, 'imageMode': own}, title, feed.label))
    return found


def _annotations(template: Panel, picture: Feed, scene: Scene) -> Panel:
    """What is drawn over a picture; the panel waits for what is visible, so that is not much."""
    found: Panel = {}
    for topic, look in template.items():
        found |= {
            feed.topic: {**look, 'visible': look['visible'] and feed.is_first}
            for feed in scene.feeds(topic, ANNOTATIONS)
            if feed.camera == picture.camera
        }
    return found


def _plot(panel: Panel, scene: Scene) -> list[Panel]:
    """A line for each node where the template has one for each of its nodes; colours in order."""
    by_field: dict[str, list[Panel]] = {}
    for line in panel['paths']:
        by_field.setdefault(TIMING.sub('', line['value']), []).append(line)
    paths = [
        {
            **(look := lines[index % len(lines)]),
            'value': topic + field,
            'label': look['label'].replace(_node_of(look['value']), node),
        }
        for field, lines in by_field.items()
        for index, (node, topic) in enumerate(scene.timings.items())
    ]
    return [{**panel, 'paths': paths}] if paths else []


def _node_of(path: str) -> str:
    match = TIMING.match(path)
    return match[1] if match else path


def _raw(panel: Panel, scene: Scene) -> list[Panel]:
    match = re.fullmatch(r'([/\w]+)(.*)', panel['topicPath'])
    topic, field = (match[1], match[2]) if match else (panel['topicPath'], '')
    return [
        _titled({**panel, 'topicPath': feed.topic + field}, panel[_TITLES[0]], feed.label)
        for feed in scene.feeds(topic)
    ]


def _diagnostics(panel: Panel, scene: Scene) -> list[Panel]:
    return [{**panel, 'topicToRender': f.topic} for f in scene.feeds(panel['topicToRender'])]


_MAKERS: dict[str, Callable[[Panel, Scene], list[Panel]]] = {
    '3D': _space, 'DiagnosticSummary': _diagnostics, 'Image': _pictures, 'Plot': _plot,
    'RawMessages': _raw,
}  # fmt: skip


def _titled(panel: Panel, title: str, label: str) -> Panel:
    title += f' ({label})' if label else ''
    return {**copy.deepcopy(panel), **dict.fromkeys(_TITLES, title)}


def _tree(tree: Tree, heirs: dict[str, list[str]]) -> Tree:
    """The template's tree with what takes the place of each panel; None if nothing does."""
    if isinstance(tree, str):
        return _grid(heirs[tree]) if heirs[tree] else None
    halves = {side: _tree(tree[side], heirs) for side in ('first', 'second')}
    if None in halves.values():
        return halves['first'] or halves['second']
    share = tree['splitPercentage']
    weight = max(_weight(p, tree, heirs) for p in panels_in(tree['first'], {}))
    share = round(100 * share * weight / (share * weight + 100 - share))
    return {**tree, **halves, 'splitPercentage': share}


def _weight(panel: str, split: Tree, heirs: dict[str, list[str]]) -> int:
    """How many panels stand in the place of one, in the direction of a split."""
    rows = grid_rows(heirs[panel])
    if split['direction'] == 'row':
        return max(1, *map(len, rows)) if rows else 1
    # Rows make higher what is beside them only, not what is below all.
    return len(rows) if rows and split['first'] == panel else 1


def _grid(names: Sequence[str]) -> Tree:
    return _evenly([_evenly(row, 'row') for row in grid_rows(names)], 'column')


def _evenly(parts: Sequence[Tree], direction: str) -> Tree:
    if len(parts) == 1:
        return parts[0]
    return {
        'first': parts[0], 'second': _evenly(parts[1:], direction), 'direction': direction,
        'splitPercentage': round(100 / len(parts)),
    }  # fmt: skip
