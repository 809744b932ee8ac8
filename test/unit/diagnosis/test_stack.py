"""The inputs of a stack as the checks see them."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from mm_perception import registry
from mm_perception.diagnosis.stack import full_name, wanted_inputs
from mm_perception.graph import NodeSpec, StackSpec
from mm_perception.samples import CameraInfo, Image, Text

TYPES = {
    Image: ('sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'),
    CameraInfo: ('sensor_msgs/msg/CameraInfo',),
    Text: ('std_msgs/msg/String',),
}


@pytest.fixture(autouse=True)
def fake_plugin(monkeypatch) -> None:
    point = EntryPoint('fake', 'test.fakes:FakeMasker', registry.ENTRY_POINT_GROUP)
    monkeypatch.setattr(registry, '_foreign', lambda: {'fake': point})


def types_of(sample_type: type) -> tuple[str, ...]:
    return TYPES.get(sample_type, ())


def stack(**inputs) -> StackSpec:
    return StackSpec('s', '', (NodeSpec('seg', 'fake', inputs),))


def test_named_inputs_of_every_port() -> None:
    spec = stack(
        image={'front': '/front/image', 'back': 'back/image'},
        camera_info={'front': '/front/camera_info'},
        prompt={'': '~/prompt'},
    )
    found = {w.port: w for w in wanted_inputs(spec, types_of, {}, 'robot')}
    assert {p: w.topic for p, w in found.items()} == {
        'image/front': '/front/image',
        'image/back': '/robot/back/image',
        'camera_info/front': '/front/camera_info',
        'prompt': '/robot/seg/prompt',
    }
    assert found['image/front'].node == '/robot/seg'
    assert found['image/front'].is_required
    assert not found['camera_info/front'].is_required
    assert found['prompt'].is_event
    assert found['prompt'].types == ('std_msgs/msg/String',)


def test_auto_takes_what_is_published() -> None:
    there = {'/cam/image_raw': ['sensor_msgs/msg/Image'], '/x': ['std_msgs/msg/String']}
    (wanted,) = wanted_inputs(stack(image={'*': 'auto'}), types_of, there)
    assert (wanted.port, wanted.topic) == ('image', '/cam/image_raw')


def test_auto_that_finds_nothing_has_no_topic() -> None:
    (wanted,) = wanted_inputs(stack(image={'*': 'auto'}), types_of, {})
    assert (wanted.port, wanted.topic) == ('image', '')


def test_required_port_without_a_topic_is_the_nodes_own_input() -> None:
    (wanted,) = wanted_inputs(stack(), types_of, {})
    assert (wanted.port, wanted.topic) == ('image', '/seg/input/image')
    assert wanted.is_required


def test_what_another_node_provides_is_not_asked_for() -> None:
    first = NodeSpec('seg', 'fake', {'image': {'': '/image'}})
    second = NodeSpec('next', 'fake', {'image': {'': '/seg/debug/overlay'}})
    found = wanted_inputs(StackSpec('s', '', (first, second)), types_of, {})
    assert [w.topic for w in found] == ['/image']


@pytest.mark.parametrize(
    ('name', 'full'),
    [('image', '/robot/image'), ('~/x', '/robot/seg/x'), ('/x', '/x')],
)
def test_convention_full_name(name: str, full: str) -> None:
    assert full_name(name, 'seg', 'robot') == full
