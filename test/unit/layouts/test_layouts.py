"""Layouts for a stack and a rig: what is there is shown, by its real name, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from mm_perception.diagnosis.snapshot import Endpoint, Snapshot, Topic, Traffic
from mm_perception.errors import ConfigError
from mm_perception.graph import load_stack, parse_stack, stack_names
from mm_perception.graph_overrides import apply_overrides
from mm_perception.layouts.scene import TIMING
from test.unit.layouts.rigs import FOXGLOVE, RVIZ, displays_of, rig, write

NAMES = ('front_left', 'front', 'front_right', 'back_left', 'back', 'back_right')
SIX = {f'/camera/{name}/image_raw/compressed': f'{name}_optical' for name in NAMES}
INFOS = {f'/camera/{name}/camera_info': f'{name}_optical' for name in NAMES}
TREE = (
    ('base_link', 'velodyne'), ('odom', 'base_link'),
    *(('base_link', f'{name}_optical') for name in NAMES),
)  # fmt: skip
CAR = rig({**SIX, **INFOS, '/velodyne/points': 'velodyne', '/odometry/filtered': 'odom'}, *TREE)
ROBOT = rig({'/eye/image_raw': 'eye'}, ('base_link', 'eye'))
#: Hears, finds its way, has no eyes.
BLIND = rig({'/ear/audio': 'ear', '/scan/points': 'laser'}, ('base_link', 'laser'))


def test_every_camera_has_its_picture_its_masks_and_its_calibration(tmp_path: Path) -> None:
    made = write(tmp_path, 'people', CAR)
    rviz, _ = made.shown
    pictures = made.pictures()
    assert list(pictures) == list(SIX)
    for name, topic in zip(NAMES, SIX, strict=True):
        assert pictures[topic]['calibrationTopic'] == f'/camera/{name}/camera_info'
        assert pictures[topic]['annotations'] == {
            f'/text_tracker/output/masks/{name}/annotations': {'visible': True},
            f'/pose/output/skeletons/{name}/annotations': {'visible': True},
        }
        assert rviz[f'/text_tracker/debug/overlay/{name}'].endswith(f'({name})')
        assert made.display(f'/text_tracker/debug/overlay/{name}')['Enabled']
        assert not made.display(topic)['Enabled'], 'the same picture is under the masks'
    assert made.faults() == []


def test_without_masks_the_pictures_themselves_are_shown(tmp_path: Path) -> None:
    made = write(tmp_path, 'bev', CAR)
    assert all(made.display(topic)['Enabled'] for topic in SIX)
    for topic, mode in made.pictures().items():
        assert mode['annotations'] == {}
        assert 'synchronize' not in mode, f'{topic} would wait for nothing'
    titles = [p.get('foxglovePanelTitle') for p in made.foxglove['configById'].values()]
    assert 'Camera (front_left)' in titles
    assert made.faults() == []


def test_only_what_the_stack_feeds_is_shown(tmp_path: Path) -> None:
    for stack, nodes in (('track', {'text_tracker'}), ('bev', {'bevformer', 'tracker3d',
                                                                'drive_advisor'})):  # fmt: skip
        for shown in write(tmp_path, stack, CAR).shown:
            firsts = {topic.split('/')[1] for topic in shown}
            assert firsts - {'camera', 'velodyne', 'odometry', 'diagnostics'} == nodes


def test_sensors_have_the_names_of_the_rig(tmp_path: Path) -> None:
    for shown in write(tmp_path, 'bev', CAR).shown:
        assert {'/velodyne/points', '/odometry/filtered'} <= shown.keys()
        assert not {'/lidar/points', '/odom', '/camera_front/image_raw'} & shown.keys()


@pytest.mark.parametrize('stack', sorted(set(stack_names()) - {'advise'}))
def test_the_doctor_finds_nothing_wrong(stack: str, tmp_path: Path) -> None:
    seen = rig({**dict.fromkeys(CAR.topics, ''), '/mic/audio': 'mic'}, *TREE)
    made = write(tmp_path, stack, seen)
    assert made.faults() == []
    names = [d['Name'] for d in displays_of(made.rviz)]
    assert len(set(names)) == len(names), 'RViz calls windows by these names'


def test_one_camera_looks_as_in_the_shipped_layouts(tmp_path: Path) -> None:
    made = write(tmp_path, 'track', ROBOT)
    (mode,) = made.pictures().values()
    assert mode['imageTopic'] == '/eye/image_raw'
    assert list(mode['annotations']) == ['/text_tracker/output/masks/annotations']
    assert 'calibrationTopic' not in mode, 'there is none'
    assert made.display('/text_tracker/debug/overlay')['Name'] == 'Masks over the picture'
    assert 'QMainWindow State' not in made.rviz['Window Geometry']
    assert made.foxglove['layout']['first']['splitPercentage'] == 32
    assert made.faults() == []


def test_a_stack_without_a_camera_has_no_panel_for_one(tmp_path: Path) -> None:
    made = write(tmp_path, 'hear', BLIND)
    assert made.pictures() == {}
    assert not any(d['Class'].endswith('/Image') for d in displays_of(made.rviz))
    rviz, foxglove = made.shown
    assert {'/speech/output/transcript/markers', '/scan/points'} == set(rviz)
    assert '/speech/output/transcript' in foxglove
    tabs = made.foxglove['configById']['Tab!below']['tabs']
    assert [tab['title'] for tab in tabs] == ['Time', 'Words', 'Diagnostics']
    assert made.foxglove['layout']['first'] == '3D!space'
    assert made.faults() == []


def test_colours_sizes_and_qos_are_those_of_the_shipped_layouts(tmp_path: Path) -> None:
    made = write(tmp_path, 'ask', CAR)
    rviz, foxglove = yaml.safe_load(RVIZ.read_text()), json.loads(FOXGLOVE.read_text())
    own = {'Name', 'Enabled', 'Value', 'Topic'}
    shipped = {d['Name']: d for d in displays_of(rviz)}
    for display in displays_of(made.rviz):
        twin = shipped[display['Name'].split(' (f')[0].split(' (b')[0]]
        assert {k: v for k, v in display.items() if k not in own} == {
            k: v for k, v in twin.items() if k not in own
        }
        if 'Topic' in twin:
            assert {**display['Topic'], 'Value': ''} == {**twin['Topic'], 'Value': ''}
    looks = foxglove['configById']['3D!map']['topics']
    for topic, look in made.foxglove['configById']['3D!map']['topics'].items():
        assert look == looks[topic]


def test_a_plugin_that_is_not_in_the_shipped_layouts_looks_like_its_kin(tmp_path: Path) -> None:
    made = write(tmp_path, 'colour', CAR)
    rviz, foxglove = made.shown
    assert rviz['/colour_tracker/debug/overlay/back'].endswith('Masks over the picture (back)')
    assert '/colour_tracker/output/masks/back/annotations' in foxglove
    assert '/colour_tracker/debug/timing' in foxglove
    lines = made.foxglove['configById']['Plot!drops']['paths']
    assert [line['label'] for line in lines] == ['colour_tracker drops', 'colour_tracker failures']
    assert len({line['color'] for line in lines}) == 2


def test_of_two_masks_over_one_picture_one_is_on(tmp_path: Path) -> None:
    """A panel of Foxglove waits for all that is on, and one overlay hides the other."""
    made = write(tmp_path, 'gesture', CAR)
    drawn = made.pictures()['/camera/back/image_raw/compressed']['annotations']
    assert drawn['/text_tracker/output/masks/back/annotations'] == {'visible': True}
    assert drawn['/sam2/output/masks/back/annotations'] == {'visible': False}
    first, second = (made.display(f'/{n}/debug/overlay/back') for n in ('text_tracker', 'sam2'))
    assert (first['Enabled'], second['Enabled']) == (True, False)
    assert first['Name'] == 'Masks over the picture (text_tracker, back)'


def test_boxes_are_on_where_nothing_tracks_them(tmp_path: Path) -> None:
    boxes = '/bevformer/output/boxes/markers'
    tracked, alone = write(tmp_path, 'bev', CAR), write(tmp_path, 'ask', CAR)
    space = [m.foxglove['configById']['3D!space']['topics'] for m in (tracked, alone)]
    assert [m.display(boxes)['Enabled'] for m in (tracked, alone)] == [False, True]
    assert [topics[boxes]['visible'] for topics in space] == [False, True]


def test_nodes_of_other_names_in_a_namespace_are_found(tmp_path: Path) -> None:
    node = {'plugin': 'text_tracker', 'inputs': {'image': {'left': '/eye/image_raw'}},
            'outputs': {'masks': {'left': '/left/masks'}}}  # fmt: skip
    made = write(tmp_path, parse_stack('mine', {'nodes': {'finder': node}}), ROBOT, 'robot')
    rviz, foxglove = made.shown
    assert {'/robot/finder/debug/overlay/left', '/robot/finder/output/status/markers'} <= set(rviz)
    assert {'/left/masks/annotations', '/robot/finder/debug/timing'} <= set(foxglove)
    assert made.faults() == []


@pytest.mark.parametrize(
    ('frames', 'edges', 'fixed', 'follows'),
    [
        ({'/velodyne/points': 'velodyne', '/odom': 'odom'}, TREE[:2], 'odom', 'base_link'),
        ({'/velodyne/points': 'velodyne', '/odom': 'map'}, (('map', 'odom'), *TREE[:2]), 'odom',
         'base_link'),
        ({'/velodyne/points': 'velodyne', '/odom': 'world'},
         (('world', 'base_link'), TREE[0]), 'world', 'base_link'),
        ({'/velodyne/points': 'velodyne'}, (('map', 'base_link'), TREE[0]), 'base_link',
         'base_link'),
        ({'/velodyne/points': 'velodyne'}, (('car', 'velodyne'),), 'velodyne', 'velodyne'),
        ({'/velodyne/points': 'velodyne'}, (), 'velodyne', 'velodyne'),
        ({}, (), 'base_link', 'base_link'),
    ],
    ids=['odom', 'odometry in the map', 'odom by another name', 'no odom', 'no base_link', 'no TF',
         'no TF, no LiDAR'],
)  # fmt: skip
def test_the_fixed_frame_is_one_in_which_things_stand_still(
    tmp_path: Path, frames: dict[str, str], edges: tuple[tuple[str, str], ...], fixed: str,
    follows: str,
) -> None:  # fmt: skip
    made = write(tmp_path, 'track', rig({'/eye/image_raw': 'eye', **frames}, *edges))
    manager = made.rviz['Visualization Manager']
    assert manager['Global Options']['Fixed Frame'] == fixed
    assert manager['Views']['Current']['Target Frame'] == follows
    spaces = [p for n, p in made.foxglove['configById'].items() if n.startswith('3D!')]
    assert {panel['followTf'] for panel in spaces} == {follows}
    assert made.faults() == []


def test_what_tf_does_not_connect_is_left_out_and_told(tmp_path: Path) -> None:
    seen = rig({'/eye/image_raw': 'eye', '/velodyne/points': 'velodyne'}, ('base_link', 'eye'))
    made = write(tmp_path, 'track', seen)
    assert made.scene.lost() == {'/velodyne/points': ['velodyne']}
    assert all('/velodyne/points' not in shown for shown in made.shown)


def test_the_grid_looks_like_the_rig(tmp_path: Path) -> None:
    made = write(tmp_path, 'track', CAR)
    assert tuple(made.scene.cameras) == NAMES
    beside = made.foxglove['layout']['first']
    grid = beside['first']
    assert (grid['direction'], grid['splitPercentage']) == ('column', 50)
    titles = [p.get('foxglovePanelTitle') for p in made.foxglove['configById'].values()]
    assert 'Camera with masks (back_right)' in titles
    assert [half['direction'] for half in (grid['first'], grid['second'])] == ['row', 'row']
    assert beside['splitPercentage'] > 50, 'three columns need more than one'


def test_the_camera_that_is_given_is_the_one_that_is_shown(tmp_path: Path) -> None:
    given = ['text_tracker.image=/camera/back/image_raw/compressed']
    made = write(tmp_path, apply_overrides(load_stack('track'), (), given), CAR)
    assert list(made.pictures()) == ['/camera/back/image_raw/compressed']
    assert '/text_tracker/debug/overlay' in made.shown[0]
    with pytest.raises(ConfigError, match=r"'/eye'; expected pictures that are there: /camera"):
        write(tmp_path, apply_overrides(load_stack('track'), (), ['image=/eye']), CAR)


def test_pictures_that_rviz_cannot_decode_are_for_foxglove_alone(tmp_path: Path) -> None:
    """image_transport knows what to do by the name of the topic."""
    jpeg = Endpoint('/driver', 'sensor_msgs/msg/CompressedImage')
    topic = Topic('/eye/jpeg', (jpeg,), (), Traffic(count=1, frame_ids=('eye',)))
    made = write(tmp_path, 'track', Snapshot(source='bag', topics={topic.name: topic}))
    rviz, foxglove = made.shown
    assert topic.name in foxglove
    assert topic.name not in rviz
    assert made.faults() == []


def test_lines_of_the_plots_are_for_nodes_of_the_shipped_layout() -> None:
    """`Plot` panels of the template are understood: a line for each node, and nothing else."""
    panels = json.loads(FOXGLOVE.read_text())['configById'].items()
    plots = [panel for name, panel in panels if name.startswith('Plot!')]
    for panel in plots:
        for line in panel['paths']:
            match = TIMING.match(line['value'])
            assert match
            assert match[1] in line['label']
