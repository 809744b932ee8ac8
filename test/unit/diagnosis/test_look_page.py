"""docs/look.md names what the configurations show, and nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path

from mm_perception.diagnosis.foxglove import read_foxglove
from mm_perception.diagnosis.rviz import read_rviz
from mm_perception.graph import stack_names

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / 'docs' / 'look.md').read_text()


def table_rows() -> list[list[str]]:
    lines = [line for line in PAGE.splitlines() if line.startswith('| ') and '---' not in line]
    return [[cell.strip() for cell in line.strip('|').split('|')] for line in lines[1:]]


def test_every_topic_of_the_table_is_shown_and_every_one_shown_is_in_it() -> None:
    layouts = (
        read_rviz(ROOT / 'config' / 'rviz' / 'perception.rviz'),
        read_foxglove(ROOT / 'config' / 'foxglove' / 'perception.json'),
    )
    shown = {display.topic for layout in layouts for display in layout.displays}
    told = {t for row in table_rows() for t in re.findall(r'`(/[\w/]+)`', row[1])}
    assert told <= shown
    # Not repeated for each layer and node, and the raw message is beside its line of markers.
    implied = {t for t in shown if '/debug/timing' in t or t.startswith('/bevformer/output/map/')}
    implied |= {t.removesuffix('/markers') for t in told} | {'/camera_front/camera_info'}
    assert shown - told - implied == set()


def test_a_viewer_that_was_seen_to_open_the_layout_finds_its_words_and_colours() -> None:
    """Titles have another key in Lichtblick; a costmap of shares is a riot of violet."""
    panels = json.loads((ROOT / 'config' / 'foxglove' / 'perception.json').read_text())
    for name, panel in panels['configById'].items():
        assert panel.get('lichtblickPanelTitle') == panel.get('foxglovePanelTitle'), name
        assert panel.get('legendDisplay', 'left') == 'left', f'{name}: covers the curves'
        for topic, layer in panel.get('topics', {}).items():
            if 'frameLocked' in layer:
                keys = {'colorMode', 'minColor', 'maxColor', 'unknownColor', 'invalidColor'}
                assert keys <= layer.keys(), topic
                assert layer['minColor'].endswith('00'), 'what is not there is not painted'


def test_every_stack_of_the_table_exists() -> None:
    named = {name for row in table_rows() for name in re.findall(r'`(\w+)`', row[4])}
    assert named
    assert named <= set(stack_names())
