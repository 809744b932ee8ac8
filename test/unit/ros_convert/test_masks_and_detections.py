from __future__ import annotations

import math

import numpy as np
import pytest

from mm_perception.errors import MalformedMessageError
from mm_perception.ros import convert
from mm_perception.ros.convert.masks import MasksAssembler
from mm_perception.ros.wire import type_name_of
from mm_perception.samples import Detections, Masks
from test.unit.ros_convert.messages import STAMP_NS


def masks(stamp_ns: int = STAMP_NS, hidden: bool = False) -> Masks:
    id_map = np.zeros((5, 8), np.uint16)
    id_map[1:3, 2:6] = 300
    id_map[4, 7] = 0 if hidden else 65535
    return Masks(
        stamp_ns=stamp_ns,
        frame_id='camera',
        id_map=id_map,
        ids=(300, 65535),
        labels=('red mug', 'cat'),
        scores=np.array([0.5, 0.25], np.float32),
        visible=(True, not hidden),
    )


def detections(**changes) -> Detections:
    values = {
        'stamp_ns': STAMP_NS,
        'frame_id': 'camera',
        'xyxy': np.array([[0, 0, 10, 4], [1, 2, 4, 9]], np.float32),
        'scores': np.array([0.5, 0.25], np.float32),
        'labels': ('car', 'dog'),
        'track_ids': ('7', '9'),
    }
    return Detections(**{**values, **changes})


@pytest.mark.parametrize('track_ids', [('7', '9'), ()])
def test_detections_round_trip(track_ids) -> None:
    sample = detections(track_ids=track_ids)
    back = convert.from_msg(convert.to_msgs(sample)[''], Detections)
    np.testing.assert_array_equal(back.xyxy, sample.xyxy)
    np.testing.assert_array_equal(back.scores, sample.scores)
    assert (back.labels, back.track_ids) == (sample.labels, track_ids)
    assert (back.stamp_ns, back.frame_id) == (STAMP_NS, 'camera')


def test_convention_of_detections_on_the_wire() -> None:
    message = convert.to_msgs(detections())['']
    first = message.detections[0]
    assert first.header == message.header
    assert (first.id, first.results[0].hypothesis.class_id) == ('7', 'car')
    centre = first.bbox.center.position
    assert (centre.x, centre.y, first.bbox.size_x, first.bbox.size_y) == (5, 2, 10, 4)


def test_looked_and_found_nothing_round_trip() -> None:
    empty = detections(
        xyxy=np.zeros((0, 4), np.float32), scores=np.zeros(0, np.float32), labels=(), track_ids=()
    )
    assert len(convert.from_msg(convert.to_msgs(empty)[''], Detections)) == 0


def test_best_hypothesis_counts_and_a_turned_box_is_enclosed() -> None:
    message = convert.to_msgs(detections())['']
    first = message.detections[0]
    first.bbox.center.theta = math.pi / 2
    first.results = [*first.results, *message.detections[1].results]
    first.results[1].hypothesis.score = 0.9
    sample = convert.from_msg(message, Detections)
    assert sample.labels[0] == 'dog'
    np.testing.assert_allclose(sample.xyxy[0], [3, -3, 7, 7], atol=1e-5)


@pytest.mark.parametrize('value', [math.nan, math.inf, 1e300])
@pytest.mark.parametrize('where', ['x', 'size_x', 'score', 'theta'])
def test_detections_not_finite(where, value) -> None:
    message = convert.to_msgs(detections())['']
    first = message.detections[0]
    owner = {
        'x': first.bbox.center.position,
        'size_x': first.bbox,
        'score': first.results[0].hypothesis,
        'theta': first.bbox.center,
    }[where]
    setattr(owner, where, value)
    if where == 'theta' and value == 1e300:
        assert np.isfinite(convert.from_msg(message, Detections).xyxy).all()
        return
    with pytest.raises(MalformedMessageError):
        convert.from_msg(message, Detections)


def test_detections_that_lack_a_class_or_have_negative_size() -> None:
    message = convert.to_msgs(detections())['']
    message.detections[1].bbox.size_y = -1.0
    with pytest.raises(MalformedMessageError, match=r'3.0 x -1.0'):
        convert.from_msg(message, Detections)
    message.detections[0].results = []
    with pytest.raises(MalformedMessageError, match='no result'):
        convert.from_msg(message, Detections)


def test_masks_are_published_on_three_topics_of_one_header_and_as_outlines() -> None:
    messages = convert.to_msgs(masks())
    wires = convert.published(Masks)
    assert [w.suffix for w in wires] == list(messages)
    assert [w.latched for w in wires] == [False, False, True, False]
    for wire in wires:
        assert type_name_of(messages[wire.suffix]) == wire.type_name
        if wire.suffix != '/annotations':  # it has stamps, but no header
            assert messages[wire.suffix].header == messages[''].header


def test_convention_ids_of_picture_boxes_and_table_are_the_same() -> None:
    messages = convert.to_msgs(masks(hidden=True))
    assert messages[''].encoding == 'mono16'
    assert set(np.frombuffer(messages[''].data, '<u2')) == {0, 300}
    assert [d.id for d in messages['/detections'].detections] == ['300']  # the hidden one is not
    table = {c.class_id: c.class_name for c in messages['/label_info'].class_map}
    assert table == {0: 'background', 300: 'red mug', 65535: 'cat'}


@pytest.mark.parametrize('order', [('', '/detections'), ('/detections', '')])
def test_assembler_joins_either_order(order) -> None:
    assembler = convert.assemble(Masks)
    sample = masks()
    messages = convert.to_msgs(sample)
    assert assembler.add('/label_info', messages['/label_info']) is None
    assert assembler.add(order[0], messages[order[0]]) is None
    back = assembler.add(order[1], messages[order[1]])
    np.testing.assert_array_equal(back.id_map, sample.id_map)
    assert (back.ids, back.labels, back.visible) == (sample.ids, sample.labels, (True, True))
    assert (back.stamp_ns, back.frame_id) == (STAMP_NS, 'camera')


def test_assembler_joins_only_equal_stamps_and_remembers_few() -> None:
    assembler = MasksAssembler()
    for i in range(100):
        assert assembler.add('', convert.to_msgs(masks(1000 + i))['']) is None
    assert len(assembler._waiting) <= 16
    boxes = [convert.to_msgs(masks(stamp))['/detections'] for stamp in (1000, 1099)]
    assert assembler.add('/detections', boxes[0]) is None  # its picture was given up
    assert assembler.add('/detections', boxes[1]).stamp_ns == 1099


def test_assembler_never_joins_across_a_loop_of_the_bag() -> None:
    assembler = MasksAssembler()
    assembler.add('/detections', convert.to_msgs(masks(10))['/detections'])  # its picture is lost
    assembler.add('/detections', convert.to_msgs(masks(20))['/detections'])
    second = convert.to_msgs(masks(5))
    assembler.add('/detections', second['/detections'])  # time steps back
    assert assembler.add('', convert.to_msgs(masks(10))['']) is None
    assert assembler.add('', second['']) is None  # that was another step back, of this topic
    assert assembler.add('/detections', second['/detections']).stamp_ns == 5


def test_assembler_joins_every_set_of_the_second_round() -> None:
    assembler = MasksAssembler()
    rounds = [[convert.to_msgs(masks(stamp)) for stamp in (10, 20, 30)] for _ in range(2)]
    joined = [
        assembler.add('/detections', m['/detections'])
        for part in rounds
        for m in part
        if assembler.add('', m['']) is None
    ]
    assert [s.stamp_ns for s in joined] == [10, 20, 30, 10, 20, 30]


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        (lambda m: m['/detections'].detections.pop(), 'the picture has'),
        (lambda m: setattr(m['/detections'].detections[0], 'id', ''), "id ''"),
        (lambda m: setattr(m['/detections'].detections[0], 'id', 'a'), "id 'a'"),
        (lambda m: setattr(m['/detections'].detections[0], 'id', '9' * 5000), "id '99999"),
        (lambda m: setattr(m['/detections'].detections[0], 'id', '65535'), 'boxes have'),
        (lambda m: setattr(m[''], 'encoding', 'mono8'), 'ids in mono8'),
    ],
)
def test_halves_that_contradict_each_other(change, words) -> None:
    messages = convert.to_msgs(masks())
    change(messages)
    assembler = MasksAssembler()
    assembler.add('', messages[''])
    with pytest.raises(MalformedMessageError, match=words):
        assembler.add('/detections', messages['/detections'])


def test_a_box_without_pixels_is_a_hidden_instance() -> None:
    messages = convert.to_msgs(masks())
    messages[''] = convert.to_msgs(masks(hidden=True))['']
    assembler = MasksAssembler()
    assembler.add('', messages[''])
    assert assembler.add('/detections', messages['/detections']).visible == (True, False)
