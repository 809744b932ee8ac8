"""Names that are remapped already are not remapped again."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='needs rclpy: a ROS installation or the wheels of PyPI')

from std_msgs.msg import String

from mm_perception.ros.names import NamedNode, name_for
from mm_perception.ros.recorder import Recorder
from test.ros.rig import Rig

pytestmark = pytest.mark.ros
RULES = ('-r', '/left:=/right', '-r', '/right:=/left')


def test_a_swapped_topic_is_recorded_under_the_name_that_it_has(rig: Rig) -> None:
    node = NamedNode('recorder', context=rig._context, cli_args=['--ros-args', *RULES])
    node.asked_as = {'/right': '/left'}
    writer: Any = SimpleNamespace(add_topic=lambda *_, **__: None)
    recorder = Recorder(node, writer, lambda topic: topic == '/right', lambda: 1)
    rig.node.create_publisher(String, '/right', 5)
    rig.until(lambda: recorder.look() or recorder.counts, 'a wanted topic')
    rig.until(lambda: rig.node.count_subscribers('/right'), 'a subscription to it')
    assert rig.node.count_subscribers('/left') == 0
    assert name_for(node, '/left') == '/left', 'nobody has told how to ask for it'
    node.destroy_node()
