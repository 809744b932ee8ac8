"""Boxes in space on the wire: boxes, velocities beside them, markers for people."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mm_perception.errors import MalformedMessageError, MmPerceptionError
from mm_perception.ros import convert, wire
from mm_perception.ros.convert.boxes3d import with_velocities
from mm_perception.samples import Boxes3D, quats_of_yaws
from test.unit.ros_convert.messages import STAMP_NS, stamped

SETTINGS = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


def boxes(**changes) -> Boxes3D:
    values = {
        'stamp_ns': STAMP_NS, 'frame_id': 'odom',
        'centres': np.array([[10.0, 2, 1], [-4, 0, 0.5]]),
        'sizes': np.array([[4.5, 1.8, 1.5], [0.5, 0.6, 1.7]]),
        'quats_xyzw': quats_of_yaws(np.array([0.5, -2.0])),
        'scores': np.array([0.5, 0.25], np.float32), 'labels': ('car', 'pedestrian'),
        'track_ids': ('7', '9'), 'velocities': np.array([[3.0, 4, 0], [0, 0.125, 0]]),
        'velocity_covariances': np.stack([np.eye(3), 2 * np.eye(3)]),
        'covariances': np.stack([np.eye(6), 0.5 * np.eye(6)]),
    }  # fmt: skip
    return Boxes3D(**{**values, **changes})


def back(sample: Boxes3D) -> Boxes3D:
    """What another process makes of a sample, through bytes."""
    assembler, found = convert.assemble(Boxes3D), []
    for suffix, message in convert.to_msgs(sample).items():
        copy = wire.deserialize(wire.serialize(message), wire.type_name_of(message))
        found.append(assembler.add(suffix, copy))
    (result,) = [one for one in found if one is not None]
    return result


def assert_same(a: Boxes3D, b: Boxes3D) -> None:
    for field in dataclasses.fields(Boxes3D):
        left, right = getattr(a, field.name), getattr(b, field.name)
        if isinstance(left, np.ndarray):
            np.testing.assert_allclose(left, right, rtol=1e-12, atol=1e-12, err_msg=field.name)
        else:
            assert left == right, field.name


@st.composite
def any_boxes(draw) -> Boxes3D:
    """Numbers come from a seed: drawn one by one they would take minutes."""
    num, rng = draw(st.integers(0, 4)), np.random.default_rng(draw(st.integers(0, 2**32)))
    scale = 10.0 ** draw(st.integers(-3, 5))
    quats, factors = rng.normal(size=(num, 4)), rng.normal(size=(num, 6, 6))
    twists = rng.normal(size=(num, 3, 3))
    has_velocity, has_ids, has_error = (draw(st.booleans()) for _ in range(3))
    speed_error = (twists @ np.swapaxes(twists, 1, 2)).astype(np.float32).astype(np.float64)
    speeds = (rng.normal(size=(num, 3)) * scale).astype(np.float32).astype(np.float64)
    return Boxes3D(
        stamp_ns=draw(st.integers(0, 2**31 * 10**9 - 1)), frame_id=draw(st.text('ab/_')),
        centres=rng.normal(size=(num, 3)) * scale, sizes=rng.uniform(0, scale, (num, 3)),
        quats_xyzw=quats / np.linalg.norm(quats, axis=1, keepdims=True),
        scores=rng.uniform(size=num).astype(np.float32),
        labels=tuple(draw(st.lists(st.text('aé /_', max_size=4), min_size=num, max_size=num))),
        track_ids=tuple(map(str, range(1, num + 1))) if has_ids else (),
        velocities=speeds if has_velocity else None,
        covariances=factors @ np.swapaxes(factors, 1, 2) if has_error and num else None,
        velocity_covariances=speed_error if has_velocity and has_error and num else None,
    )  # fmt: skip


@SETTINGS
@given(any_boxes())
def test_boxes_come_through_whole(sample) -> None:
    assert_same(back(sample), sample)


def test_convention_of_boxes_on_the_wire() -> None:
    message = convert.to_msgs(boxes())['']
    first = message.detections[0]
    assert first.header == message.header
    assert (first.id, first.results[0].hypothesis.class_id) == ('7', 'car')
    assert first.results[0].pose.pose == first.bbox.center
    assert (first.bbox.center.position.x, first.bbox.size.x, first.bbox.size.z) == (10, 4.5, 1.5)
    assert 2 * math.atan2(
        first.bbox.center.orientation.z, first.bbox.center.orientation.w
    ) == pytest.approx(0.5)
    assert first.results[0].pose.covariance[35] == 1.0
    speeds = convert.to_msgs(boxes())['/velocities']
    assert [f.name for f in speeds.fields][3:6] == ['vx', 'vy', 'vz']
    assert (speeds.width, speeds.header) == (2, message.header)


def test_plain_boxes_of_others_have_no_velocity() -> None:
    plain = convert.from_msg(convert.to_msgs(boxes())[''], Boxes3D)
    assert plain.velocities is None
    assert '/velocities' not in convert.to_msgs(plain)
    np.testing.assert_array_equal(plain.centres, boxes().centres)


def test_zeros_are_no_covariance() -> None:
    message = convert.to_msgs(boxes(covariances=None))['']
    assert convert.from_msg(message, Boxes3D).covariances is None


def test_looked_and_found_nothing() -> None:
    none = boxes(
        centres=np.zeros((0, 3)), sizes=np.zeros((0, 3)), quats_xyzw=np.zeros((0, 4)),
        scores=np.zeros(0, np.float32), labels=(), track_ids=(), velocities=np.zeros((0, 3)),
        covariances=None, velocity_covariances=None,
    )  # fmt: skip
    assert len(back(none)) == 0
    (only,) = convert.to_msgs(none)['/markers'].markers
    assert only.action == only.DELETEALL


@pytest.mark.parametrize('value', [math.nan, math.inf])
@pytest.mark.parametrize('where', ['x', 'size', 'score', 'quat', 'covariance'])
def test_numbers_that_are_none(where, value) -> None:
    message = convert.to_msgs(boxes())['']
    spoil(message.detections[1], where, value)
    with pytest.raises(MalformedMessageError):
        convert.from_msg(message, Boxes3D)


def spoil(detection, where: str, value: float) -> None:
    if where == 'x':
        detection.bbox.center.position.x = value
    elif where == 'size':
        detection.bbox.size.y = value
    elif where == 'score':
        detection.results[0].hypothesis.score = value
    elif where == 'quat':
        detection.bbox.center.orientation.w = value
    else:
        detection.results[0].pose.covariance[7] = value


def lidar():
    return stamped('vision_msgs/msg/Detection3DArray', frame_id='lidar').header


@pytest.mark.parametrize(
    ('lie', 'words'),
    [
        (lambda d: setattr(d, 'results', []), 'no result'),
        (lambda d: setattr(d, 'header', lidar()), "frame 'lidar', the array in 'odom'"),
        (lambda d: spoil(d, 'size', -1.0), 'from 0 on'),
        (lambda d: spoil(d, 'quat', 7.0), 'lengths'),
        (lambda d: spoil(d, 'covariance', -1.0), 'variances from 0 on'),
        (lambda d: d.results[0].pose.covariance.__setitem__(1, 0.5), 'symmetric'),
        (lambda d: setattr(d, 'id', '7'), 'unique ids'),
        (lambda d: setattr(d, 'id', ''), None),
    ],
)
def test_messages_that_lie(lie, words) -> None:
    message = convert.to_msgs(boxes())['']
    lie(message.detections[1])
    if words is None:  # one track without an id beside one with an id: told as it is
        assert convert.from_msg(message, Boxes3D).track_ids == ('7', '')
        return
    with pytest.raises(MalformedMessageError, match=words):
        convert.from_msg(message, Boxes3D)


def test_velocities_of_other_boxes_are_refused() -> None:
    plain = convert.from_msg(convert.to_msgs(boxes())[''], Boxes3D)
    for other, words in (
        (boxes(stamp_ns=5), 'another header'),
        (boxes(frame_id='map'), 'another header'),
    ):
        with pytest.raises(MalformedMessageError, match=words):
            with_velocities(plain, convert.to_msgs(other)['/velocities'])
    speeds = convert.to_msgs(boxes())['/velocities']
    speeds.fields = speeds.fields[:5]
    with pytest.raises(MalformedMessageError, match='lack vz'):
        with_velocities(plain, speeds)
    speeds = convert.to_msgs(boxes())['/velocities']
    speeds.width = 1
    with pytest.raises(MalformedMessageError, match='velocities'):
        with_velocities(plain, speeds)


@SETTINGS
@given(st.lists(st.tuples(*[st.floats()] * 10, st.text(max_size=2)), max_size=3))
def test_any_boxes_are_right_or_refused(rows) -> None:
    message = convert.to_msgs(boxes())['']
    kinds = type(message.detections[0]), type(message.detections[0].results[0])
    message.detections = []
    for *numbers, text in rows:
        one = kinds[0](id=text, results=[kinds[1]()])
        pose, size = one.bbox.center, one.bbox.size
        pose.position.x, pose.position.y, size.x, size.y = numbers[:4]
        turn = pose.orientation
        turn.x, turn.y, turn.z, turn.w = numbers[4:8]
        one.results[0].hypothesis.score = numbers[8]
        one.results[0].pose.covariance[0] = numbers[9]
        message.detections.append(one)
    try:
        sample = convert.from_msg(message, Boxes3D)
    except MmPerceptionError:
        return
    assert np.isfinite(sample.centres).all()
    assert convert.to_msgs(sample)['']


class TestJoin:
    """Boxes and velocities of one moment find each other; nothing is waited for that never was."""

    def parts(self, stamp_ns: int) -> dict[str, object]:
        return convert.to_msgs(boxes(stamp_ns=stamp_ns))

    def test_boxes_alone_come_at_once(self) -> None:
        join = convert.assemble(Boxes3D)
        for stamp_ns in (1, 2, 3):
            assert join.add('', self.parts(stamp_ns)['']).stamp_ns == stamp_ns

    def test_either_order(self) -> None:
        join = convert.assemble(Boxes3D)
        for stamp_ns, order in ((1, ('/velocities', '')), (2, ('', '/velocities'))):
            first, second = (join.add(s, self.parts(stamp_ns)[s]) for s in order)
            assert first is None
            assert second.velocities is not None
        assert join.add('/markers', self.parts(3)['/markers']) is None

    def test_a_part_that_stops_is_waited_for_no_longer(self) -> None:
        join = convert.assemble(Boxes3D)
        for suffix in ('/velocities', ''):
            join.add(suffix, self.parts(1)[suffix])
        given = [join.add('', self.parts(stamp_ns)['']) for stamp_ns in range(2, 9)]
        # One moment late while it is waited for, then at once; nothing twice.
        stamps = [None if g is None else g.stamp_ns for g in given]
        assert stamps == [None, 2, 3, 5, 6, 7, 8]

    def test_a_part_that_always_comes_a_moment_late_costs_no_boxes(self) -> None:
        join = convert.assemble(Boxes3D)
        given = [
            join.add('', self.parts(1)['']),
            join.add('/velocities', self.parts(1)['/velocities']),
        ]
        for stamp_ns in range(2, 9):
            given.append(join.add('', self.parts(stamp_ns)['']))
            late = self.parts(stamp_ns - 1)['/velocities']
            given.append(join.add('/velocities', late))
        stamps = [g.stamp_ns for g in given if g is not None]
        # 4 was waited for until 5 came, which was not: newest wins.
        assert stamps == [1, 2, 3, 5, 6, 7, 8]

    def test_both_topics_begin_again_one_after_the_other(self) -> None:
        join = convert.assemble(Boxes3D)
        for stamp_ns in (8, 9, 1, 2):
            assert join.add('', self.parts(stamp_ns)['']) is None or stamp_ns == 8
            found = join.add('/velocities', self.parts(stamp_ns)['/velocities'])
        assert found.stamp_ns == 2
        assert found.velocities is not None

    def test_a_bag_that_begins_again(self) -> None:
        join = convert.assemble(Boxes3D)
        join.add('/velocities', self.parts(9)['/velocities'])
        join.add('/velocities', self.parts(1)['/velocities'])
        assert join.add('', self.parts(1)['']).stamp_ns == 1


def test_markers_show_class_id_and_speed_and_wipe_the_moment_before() -> None:
    found = convert.to_msgs(boxes())['/markers'].markers
    assert found[0].action == found[0].DELETEALL
    by_kind = {}
    for marker in found[1:]:
        by_kind.setdefault(marker.ns, []).append(marker)
    assert [m.text for m in by_kind['labels']] == ['car 7 5.0 m/s', 'pedestrian 9 0.1 m/s']
    assert by_kind['boxes'][0].scale.x == 4.5
    (arrow,) = by_kind['velocities']  # the pedestrian stands
    assert (arrow.points[0].x, arrow.points[1].x, arrow.points[1].y) == (10, 13, 6)
    assert found[0].header.frame_id == 'odom'
