"""RViz and Foxglove against running nodes: every display finds a publisher that it can hear."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs rclpy: a ROS installation or the wheels of PyPI')

import yaml
from geometry_msgs.msg import TransformStamped
from rclpy.qos import DurabilityPolicy, QoSProfile
from tf2_msgs.msg import TFMessage

from mm_perception.diagnosis.displays import Layout, check_layout
from mm_perception.diagnosis.finding import Finding
from mm_perception.diagnosis.foxglove import read_foxglove
from mm_perception.diagnosis.frames import components
from mm_perception.diagnosis.layouts import SHIPPED, check_layouts, read_layouts
from mm_perception.diagnosis.rviz import read_rviz
from mm_perception.diagnosis.snapshot import Snapshot
from mm_perception.faults import Level
from mm_perception.ros.observer import observe
from mm_perception.ros.wire import fields_of, message_class
from test.offered import DRIVE
from test.ros.rig import ROOT, Rig

pytestmark = pytest.mark.ros
CONFIG = ROOT / 'config'
#: The nodes of these stacks run in one container; a node of several of them runs once.
STACKS = ('voice', 'bev', 'track3d', 'ask', 'people')
#: Random weights load fast, and no picture is ever looked at.
RANDOM = ('bevformer', 'pose')
FRAMES = (('map', 'odom'), ('odom', 'base_link'), ('base_link', 'camera_front_optical'))


def nodes_of(stacks: tuple[str, ...]) -> dict[str, Any]:
    """One stack of several: where they share a node, the first says how it is wired."""
    found: dict[str, Any] = {}
    for name in stacks:
        for node, spec in yaml.safe_load((CONFIG / 'stacks' / f'{name}.yaml').read_text())[
            'nodes'
        ].items():
            found.setdefault(node, spec)
    for node in RANDOM:
        found[node].setdefault('parameters', {})['weights'] = 'random'
    return found


def play(rig: Rig) -> None:
    """A robot that offers what a drive of the demo offers; nothing comes but transforms."""
    for topic, (type_name, _) in DRIVE.items():
        rig.node.create_publisher(message_class(type_name), topic, 10)
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    tree = TFMessage()
    for parent, child in FRAMES:
        edge = TransformStamped(child_frame_id=child)
        edge.header.frame_id, edge.transform.rotation.w = parent, 1.0
        tree.transforms.append(edge)
    rig.node.create_publisher(TFMessage, '/tf_static', latched).publish(tree)


@pytest.fixture
def graph(rig: Rig) -> Snapshot:
    """All nodes are active, and were looked at as `mmp doctor` does."""
    play(rig)
    nodes = nodes_of(STACKS)
    rig.start(nodes)
    for node in nodes:
        rig.until(lambda node=node: rig.value(node, 'state') == 'active', f'{node} active', 200)
    seen = observe(3.0)
    for _ in range(4):
        before, seen = seen, observe(4.0)  # a busy machine takes longer to meet everybody
        is_all = components(seen) and all(t in seen.topics for t in DRIVE)
        if is_all and seen.topics.keys() == before.topics.keys():
            break
    return seen


def errors(findings: list[Finding]) -> list[Finding]:
    return [f for f in findings if f.level is not Level.OK]


@pytest.mark.slow
@pytest.mark.timeout(260)
def test_every_display_is_fed_by_the_running_nodes(graph: Snapshot) -> None:
    """Class, topic, type, QoS, frame and field of both files; then what is made wrong is found."""
    readers: tuple[tuple[Callable[[Path], Layout], Path], ...] = (
        (read_rviz, CONFIG / 'rviz' / 'perception.rviz'),
        (read_foxglove, CONFIG / 'foxglove' / 'perception.json'),
    )
    for read, path in readers:
        layout = read(path)
        found = errors(check_layout(layout, graph, fields_of))
        absent = {d.name for d in layout.displays if d.topic.startswith('/surveillance/')}
        assert [f for f in found if f.subject not in absent] == []
        assert {f.cause for f in found} <= {'display_topic'}  # stack watch does not run
    # As `mmp doctor --layout` says it.
    told = check_layouts(read_layouts(SHIPPED), graph, fields_of)
    assert errors(told) == []
    waits = {f.subject: f.evidence for f in told}
    assert 'wait for nodes that do not run: surveillance' in waits['perception.rviz']
    layout = read_rviz(CONFIG / 'rviz' / 'perception.rviz')
    overlay = next(d for d in layout.displays if d.topic == '/text_tracker/debug/overlay')
    deaf = replace(overlay, qos=replace(overlay.qos, reliability='reliable'))
    (finding,) = errors(check_layout(Layout('', 'odom', (deaf,)), graph))
    assert finding.cause == 'display_qos'
    (finding,) = errors(check_layout(Layout('', 'world', ()), graph))
    assert finding.cause == 'display_frame'


def red_square(stamp_ns: int) -> Any:
    """A grey picture of 40 x 30 pixels with a red square of 10 from (5, 8) on."""
    pixels = np.full((30, 40, 3), 90, np.uint8)
    pixels[8:18, 5:15] = (230, 20, 20)
    message = message_class('sensor_msgs/msg/Image')(
        height=30, width=40, step=120, encoding='rgb8', data=pixels.tobytes()
    )
    message.header.frame_id = 'front'
    message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp_ns, 10**9)
    return message


def test_outlines_words_and_numbers_come_when_they_are_asked_for(rig: Rig) -> None:
    """A red square: its polygon in pixels, its label, its prompt above the robot, its cost."""
    heard = {
        name: rig.hear(message_class(kind), topic)
        for name, kind, topic in (
            ('outlines', 'foxglove_msgs/msg/ImageAnnotations', '/finder/output/masks/annotations'),
            ('words', 'visualization_msgs/msg/MarkerArray', '/finder/output/status/markers'),
            ('numbers', 'std_msgs/msg/Float64MultiArray', '/finder/debug/timing'),
        )
    }
    rig.start({'finder': {
        'plugin': 'colour_tracker', 'inputs': {'image': '/camera/image'},
        'parameters': {'prompts': ['red'], 'diagnostics_period_s': 0.2},
    }})  # fmt: skip
    camera, sent = rig.camera(), 0

    def all_came() -> bool:
        nonlocal sent
        sent += 1
        camera.publish(red_square(sent * 10**8))
        rig.spin(0.1)
        numbers = heard['numbers']
        return all(heard.values()) and numbers[-1].data[-1] > 0

    rig.until(all_came, 'outlines, words and numbers')
    outlines, numbers = heard['outlines'][-1], heard['numbers'][-1]
    (polygon,), (label,) = outlines.points, outlines.texts
    corners = np.array([(point.x, point.y) for point in polygon.points])
    edges = (*corners.min(axis=0), *corners.max(axis=0))
    np.testing.assert_allclose(edges, (5.5, 8.5, 14.5, 17.5), atol=1.0)
    assert label.text.startswith('red #1')
    assert polygon.timestamp.nanosec % 10**8 == 0
    (marker,) = heard['words'][-1].markers
    assert marker.header.frame_id == 'base_link'
    assert 'found #1' in marker.text
    named = dict(zip(numbers.layout.dim[0].label.split(','), numbers.data, strict=True))
    assert 0 < named['inference_p50_ms'] < 10_000
    assert named['failures'] == 0
