"""Which topics become what."""

from __future__ import annotations

import pytest

from mm_perception.ros import convert
from mm_perception.ros.wire import serialize
from mm_perception.samples import (
    Advice,
    BevGrid,
    Boxes3D,
    Detections,
    Image,
    Masks,
    PointCloud,
    Skeletons,
)
from mm_perception.viewing.reading import DIAGNOSTICS, TRANSFORMS, Reading, parts_of
from test.unit.viewing.samples import ALL, T_NS

IMAGE, CLOUD = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/PointCloud2'
FOUND, BOXES = 'vision_msgs/msg/Detection2DArray', 'vision_msgs/msg/Detection3DArray'
MARKERS = 'visualization_msgs/msg/MarkerArray'
JPEG = 'sensor_msgs/msg/CompressedImage'
GRID, TEXT = 'nav_msgs/msg/OccupancyGrid', 'mm_perception_msgs/msg/TextStamped'


@pytest.mark.parametrize(
    ('types', 'expected'),
    [
        ({'/a': IMAGE, '/a/compressed': JPEG}, {'/a': ('/a', Image)}),
        ({'/a/compressed': JPEG}, {'/a/compressed': ('/a/compressed', Image)}),
        (
            {'/a': IMAGE, '/a/detections': FOUND, '/a/label_info': 'vision_msgs/msg/LabelInfo'},
            {'/a': ('/a', Masks), '/a/detections': ('/a', Masks)},
        ),
        ({'/a/detections': FOUND}, {'/a/detections': ('/a/detections', Detections)}),
        (
            {'/b': BOXES, '/b/velocities': CLOUD, '/b/markers': MARKERS},
            {'/b': ('/b', Boxes3D), '/b/velocities': ('/b', Boxes3D)},
        ),
        ({'/velocities': CLOUD}, {'/velocities': ('/velocities', PointCloud)}),
        (
            {'/m': GRID, '/m/lane': GRID, '/m/classes': GRID},
            {'/m': ('/m', BevGrid), '/m/lane': ('/m', BevGrid)},
        ),
        ({'/m/asked': GRID}, {'/m/asked': ('/m', BevGrid)}),
        ({'/d': TEXT, '/d/details': DIAGNOSTICS}, {'/d/details': ('/d', Advice)}),
        ({'/diagnostics': DIAGNOSTICS}, {'/diagnostics': ('/diagnostics', None)}),
        ({'/tf': TRANSFORMS}, {'/tf': ('/tf', None)}),
        ({'/imu': 'sensor_msgs/msg/Imu'}, {}),
    ],
)  # fmt: skip
def test_topics_that_belong_together(types, expected) -> None:
    parts, left_out = parts_of(types)
    assert {name: (p.topic, p.sample_type) for name, p in parts.items()} == expected
    assert set(left_out) == set(types) - set(expected)


def test_what_is_left_out_says_why_unless_it_is_the_same_again() -> None:
    _, left_out = parts_of({'/m': GRID, '/m/classes': GRID, '/imu': 'sensor_msgs/msg/Imu'})
    assert left_out == {
        '/m/classes': 'not a layer of /m', '/imu': 'nothing is drawn of sensor_msgs/msg/Imu'
    }  # fmt: skip
    _, left_out = parts_of({'/b': BOXES, '/b/markers': MARKERS})
    assert left_out == {'/b/markers': ''}
    people = 'mm_perception_msgs/msg/SkeletonArray'
    drawn = 'foxglove_msgs/msg/ImageAnnotations'
    parts, left_out = parts_of({'/p': people, '/p/annotations': drawn, '/q/annotations': drawn})
    assert parts['/p'].sample_type is Skeletons
    assert {topic: bool(why) for topic, why in left_out.items()} == {
        '/p/annotations': False, '/q/annotations': True
    }  # fmt: skip
    _, left_out = parts_of({
        '/say': TEXT, '/say/markers': MARKERS, '/other/markers': MARKERS,
        '/node/debug/timing': 'std_msgs/msg/Float64MultiArray',
    })  # fmt: skip
    assert {topic for topic, why in left_out.items() if why} == {'/other/markers'}


@pytest.mark.parametrize('sample_type', [Masks, Boxes3D, BevGrid, Advice])
def test_parts_become_one_sample(sample_type) -> None:
    messages = convert.to_msgs(ALL[sample_type])
    reading = Reading(is_whole=True)
    wires = {wire.suffix: wire.type_name for wire in convert.published(sample_type)}
    reading.add_topics({f'/x{suffix}': wires[suffix] for suffix in messages})
    got = [
        reading.take(f'/x{suffix}', serialize(message), T_NS)
        for suffix, message in messages.items()
        if f'/x{suffix}' in reading.topics
    ]
    whole = [taken for taken in got if taken is not None]
    assert [(topic, type(sample)) for topic, sample in whole] == [('/x', sample_type)]
