"""What an online replay plays of a bag: inputs with all of their parts, calibrations, TF."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip('rclpy', reason='needs rclpy: a ROS installation or the wheels of PyPI')

from mm_perception.bag.reader import BagReader
from mm_perception.bag.writer import BagWriter
from mm_perception.graph import parse_stack
from mm_perception.ros import convert
from mm_perception.ros.replay import OnlineReplay
from mm_perception.samples import CameraInfo, Image, Masks, Sample

TOPICS: dict[str, type[Sample]] = {
    '/finder/output/masks': Masks, '/other/output/masks': Masks, '/camera/image_raw': Image,
    '/camera/camera_info': CameraInfo,
}  # fmt: skip


def test_masks_of_a_bag_are_played_with_their_detections(tmp_path: Path) -> None:
    """Without them there is no mask, and a node that takes masks waits for ever."""
    with BagWriter(tmp_path / 'bag') as writer:
        for topic, sample_type in TOPICS.items():
            for wire in convert.published(sample_type):
                writer.add_topic(topic + wire.suffix, wire.type_name, latched=wire.latched)
    masks = '/finder/output/masks'
    nodes = {'pose': {'inputs': {'masks': masks, 'image': '/camera/image_raw'}}}
    stack = parse_stack('people', {'nodes': nodes})
    with BagReader(tmp_path / 'bag') as reader:
        run = OnlineReplay(stack, tmp_path / 'stack.yaml', reader, tmp_path / 'out')
        fed = run._fed_topics()
        run._writer.__exit__(None, None, None)
    assert fed == ['/camera/camera_info', '/camera/image_raw', masks, f'{masks}/detections']
