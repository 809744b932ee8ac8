"""RViz and Foxglove: the shipped files are sound, what is wrong on purpose is found."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from mm_perception.diagnosis.displays import Display, Layout, check_layout, follow
from mm_perception.diagnosis.finding import Finding
from mm_perception.diagnosis.foxglove import read_foxglove
from mm_perception.diagnosis.rviz import read_rviz
from mm_perception.diagnosis.snapshot import Endpoint, Snapshot, Topic, Traffic
from mm_perception.errors import ConfigError
from mm_perception.faults import Level
from mm_perception.ros.wire import fields_of
from test.offered import offered_by

CONFIG = Path(__file__).parents[3] / 'config'
RVIZ, FOXGLOVE = CONFIG / 'rviz' / 'perception.rviz', CONFIG / 'foxglove' / 'perception.json'
#: Which stacks fill the displays, as docs/look.md says.
STACKS = ('track', 'bev', 'voice', 'track3d', 'ask', 'watch', 'people')
MARKS = '/text_tracker/output/status/markers'


@pytest.fixture(scope='module')
def graph() -> Snapshot:
    return offered_by(STACKS)


def faults(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(f.cause, f.subject) for f in findings if f.level is not Level.OK]


@pytest.mark.parametrize(('read', 'path'), [(read_rviz, RVIZ), (read_foxglove, FOXGLOVE)])
def test_the_shipped_file_shows_what_the_shipped_stacks_publish(
    read: Callable[[Path], Layout], path: Path, graph: Snapshot
) -> None:
    layout = read(path)
    findings = check_layout(layout, graph, fields_of)
    assert faults(findings) == []
    assert len(findings) == len(layout.displays) + 1  # each, and the fixed frame


def test_both_show_everything_that_people_judge_by() -> None:
    needed = {
        'mask': '/text_tracker/', 'LiDAR': '/lidar/points', 'map': '/bevformer/output/map',
        'boxes': '/tracker3d/output/tracks/markers', 'answers': '/bev_text/output/about/markers',
        'prompts': '/command/output/prompt/markers', 'advice': '/drive_advisor/output/advice',
        'transcript': '/speech/output/transcript', 'status': '/text_tracker/output/status',
        'people': '/pose/',
    }  # fmt: skip
    for layout in (read_rviz(RVIZ), read_foxglove(FOXGLOVE)):
        shown = ' '.join(display.topic for display in layout.displays)
        assert [what for what, topic in needed.items() if topic not in shown] == []
    foxglove = {display.topic for display in read_foxglove(FOXGLOVE).displays}
    assert {'/diagnostics', '/text_tracker/debug/timing'} <= foxglove
    assert '/text_tracker/output/masks/annotations' in foxglove


def test_what_vision_msgs_displays_show_is_also_there_as_markers() -> None:
    displays = read_rviz(RVIZ).displays
    shown = {display.topic for display in displays}
    special = [d for d in displays if d.kind.startswith('vision_msgs_rviz_plugins/')]
    assert special
    assert {f'{display.topic}/markers' for display in special} <= shown


def changed_rviz(tmp_path: Path, name: str, change: Callable[[dict[str, Any]], None]) -> Layout:
    """The shipped file with one display changed."""
    content = yaml.safe_load(RVIZ.read_text())

    def entries(displays: list[Any]) -> list[Any]:
        return [e for d in displays for e in (d, *entries(d.get('Displays', [])))]

    (entry,) = [
        e for e in entries(content['Visualization Manager']['Displays']) if e['Name'] == name
    ]
    change(entry)
    path = tmp_path / 'changed.rviz'
    path.write_text(yaml.safe_dump(content))
    return read_rviz(path)


def set_in_topic(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda entry: entry['Topic'].update({k.replace('_', ' '): v for k, v in values.items()})


@pytest.mark.parametrize(
    ('name', 'change', 'cause', 'says'),
    [
        ('LiDAR', lambda e: e.update(Class='rviz_default_plugins/PointCloud'), 'display_class',
         'rviz_default_plugins/PointCloud2'),
        ('LiDAR', lambda e: e.update(Class='rviz/PointCloud2'), 'display_class', 'PointCloud2'),
        ('LiDAR', lambda e: e.update(Class='rviz_default_plugins/MarkerArray'), 'display_type',
         'takes visualization_msgs/msg/MarkerArray'),
        ('LiDAR', set_in_topic(Value='/lidar/point'), 'display_topic', '/lidar/points'),
        ('LiDAR', lambda e: e.update(Topic='/lidar/points'), 'display_property', 'Topic is'),
        ('LiDAR', lambda e: e.update(Enabled=False), 'display_property', 'Value is True'),
        ('LiDAR', set_in_topic(Reliability_Policy='reliable'), 'display_property', "'reliable'"),
        ('LiDAR', set_in_topic(QoS=1), 'display_property', 'Topic has QoS'),
        ('Masks over the picture', set_in_topic(Reliability_Policy='Reliable'), 'display_qos',
         'reliability best_effort'),
        ('Drivable', set_in_topic(Durability_Policy='Transient Local'), 'display_qos',
         'durability volatile'),
    ],
)  # fmt: skip
def test_a_display_that_is_wrong_is_found(
    tmp_path: Path, graph: Snapshot, name: str, change: Any, cause: str, says: str
) -> None:
    layout = changed_rviz(tmp_path, name, change)
    (finding,) = [f for f in check_layout(layout, graph) if f.level is Level.ERROR]
    assert finding.cause == cause
    assert finding.subject.endswith(name)
    assert says in finding.evidence
    assert finding.fix


def test_a_fixed_frame_that_nobody_publishes_is_found(graph: Snapshot) -> None:
    layout = replace(read_rviz(RVIZ), fixed_frame='world')
    findings = [f for f in check_layout(layout, graph) if f.level is Level.ERROR]
    assert findings[0].subject == 'fixed frame'
    assert {f.cause for f in findings} == {'display_frame'}
    assert 'odom' in findings[0].evidence


def test_what_is_in_the_fixed_frame_needs_no_tf(graph: Snapshot) -> None:
    cloud = replace(graph.topics['/lidar/points'], traffic=Traffic(count=3, frame_ids=('laser',)))
    seen = replace(graph, topics={cloud.name: cloud}, edges=())
    layout = read_rviz(RVIZ)
    lidar = tuple(d for d in layout.displays if d.topic == cloud.name)
    assert faults(check_layout(Layout('', 'laser', lidar), seen)) == []
    assert ('display_frame', 'fixed frame') in faults(
        check_layout(Layout('', 'base', lidar), seen)
    )


@pytest.mark.parametrize(('topic', 'is_taken'), [('/eye/compressed', True), ('/eye/jpeg', False)])
def test_rviz_takes_compressed_pictures_by_the_name_of_the_topic(
    tmp_path: Path, topic: str, is_taken: bool
) -> None:
    layout = changed_rviz(tmp_path, 'Camera', set_in_topic(Value=topic))
    pictures = Topic(topic, (Endpoint('/driver', 'sensor_msgs/msg/CompressedImage'),))
    found = check_layout(layout, Snapshot(topics={topic: pictures}))
    causes = {f.cause for f in found if f.subject.endswith('/ Camera') and f.level is not Level.OK}
    assert causes == (set() if is_taken else {'display_type'})


def test_messages_in_a_frame_that_tf_does_not_connect_are_found(graph: Snapshot) -> None:
    topics = dict(graph.topics)
    traffic = Traffic(count=3, frame_ids=('velodyne',))
    topics['/lidar/points'] = replace(topics['/lidar/points'], traffic=traffic)
    seen = replace(graph, topics=topics)
    assert faults(check_layout(read_rviz(RVIZ), seen)) == [('display_frame', 'LiDAR')]
    picture = replace(topics['/camera_front/image_raw'], traffic=traffic)
    flat = replace(graph, topics={**graph.topics, picture.name: picture})
    assert faults(check_layout(read_rviz(RVIZ), flat)) == []  # a window has no frame


def changed_foxglove(tmp_path: Path, change: Callable[[dict[str, Any]], None]) -> Layout:
    content = json.loads(FOXGLOVE.read_text())
    change(content)
    path = tmp_path / 'changed.json'
    path.write_text(json.dumps(content))
    return read_foxglove(path)


def first_path(value: str) -> Callable[[dict[str, Any]], None]:
    return lambda c: c['configById']['Plot!latency']['paths'][0].update(value=value)


@pytest.mark.parametrize(
    ('change', 'cause', 'says'),
    [
        (first_path('/text_tracker/debug/timings.data[2]'), 'display_topic', 'debug/timing'),
        (first_path('/text_tracker/debug/timing.date[2]'), 'display_field', 'data'),
        (first_path('/text_tracker/debug/timing.layout'), 'display_field', 'cannot be plotted'),
        (first_path('/diagnostics.status[:].values[:].value'), 'display_field', 'is a string'),
        (first_path('text_tracker'), 'display_property', 'cannot read the path'),
        (lambda c: c['configById']['3D!space']['topics'].update({'/diagnostics': {}}),
         'display_type', 'DiagnosticArray'),
        (lambda c: c['configById']['Image!masks']['imageMode'].update(imageTopic='/lidar/points'),
         'display_type', 'PointCloud2'),
        (lambda c: c['configById']['Image!masks']['imageMode']['annotations'].update(
            {'/text_tracker/output/masks/detections': {}}), 'display_type', 'Detection2DArray'),
        (lambda c: c['configById'].pop('3D!map'), 'display_property', 'not configured'),
        (lambda c: c['configById'].update({'Image!more': {'imageMode': {
            'imageTopic': '/camera_front/image_raw'}}}), 'display_property', 'not placed'),
    ],
)  # fmt: skip
def test_a_panel_that_is_wrong_is_found(
    tmp_path: Path, graph: Snapshot, change: Any, cause: str, says: str
) -> None:
    layout = changed_foxglove(tmp_path, change)
    errors = [f for f in check_layout(layout, graph, fields_of) if f.level is Level.ERROR]
    assert [f.cause for f in errors] == [cause]
    assert says in errors[0].evidence
    assert errors[0].fix


def test_an_unknown_panel_is_found(tmp_path: Path, graph: Snapshot) -> None:
    def change(content: dict[str, Any]) -> None:
        panels = content['configById']
        panels['Map!space'] = copy.deepcopy(panels['3D!space'])
        content['layout']['first']['second']['first'] = 'Map!space'
        del panels['3D!space']

    layout = changed_foxglove(tmp_path, change)
    assert faults(list(layout.problems)) == [('display_class', 'Map!space')]


@pytest.mark.parametrize('read', [read_rviz, read_foxglove])
def test_what_is_no_configuration_is_refused(read: Any, tmp_path: Path) -> None:
    (tmp_path / 'other').write_text('{"a": 1}')
    with pytest.raises(ConfigError, match='other'):
        read(tmp_path / 'other')


@pytest.mark.parametrize(
    ('path', 'end', 'problem'),
    [
        ('.status[:].level', 'octet', ''),
        ('.header.stamp.sec', 'int32', ''),
        ('.status[:]{name=="a"}.values[0].value', 'string', ''),
        ('.status.level', 'sequence<diagnostic_msgs/DiagnosticStatus>', 'has no field'),
        ('.header[0]', 'std_msgs/msg/Header', 'has no list'),
        ('!', 'diagnostic_msgs/msg/DiagnosticArray', 'cannot be read'),
    ],
)
def test_convention_a_message_path_is_followed_to_its_type(
    path: str, end: str, problem: str
) -> None:
    found, said = follow('diagnostic_msgs/msg/DiagnosticArray', path, fields_of)
    assert found == end
    assert problem in said
    assert bool(problem) == bool(said)


def test_a_display_that_takes_any_type_does() -> None:
    graph = offered_by(['colour'])
    shown = Display('a', 'Raw', '/colour_tracker/output/status', ())
    assert faults(check_layout(Layout('', '', (shown,)), graph)) == []
