"""Skeletons on the wire: the points of REP-155, and what viewers draw."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mm_perception.drawing import colour_of
from mm_perception.errors import MalformedMessageError
from mm_perception.ros import convert, wire
from mm_perception.ros.convert.skeletons import POINTS, SKELETONS
from mm_perception.samples import KEYPOINTS, LIMBS, Skeletons
from test.unit.ros_convert.messages import STAMP_NS


def people(count: int = 2) -> Skeletons:
    """The k-th joint of the n-th person is at 10 n + k, 2 k; the second has no right arm."""
    k, n = np.meshgrid(np.arange(17), np.arange(count))
    points = np.stack([10 * n + k, 2 * k], axis=-1).astype(np.float32)
    points[1:, [8, 10]] = np.nan
    return Skeletons(
        stamp_ns=STAMP_NS, frame_id='front', width=64, height=48,
        ids=tuple(3 * (i + 1) for i in range(count)), points=points,
        scores=((k + n) / 20).astype(np.float32),
    )  # fmt: skip


def message_of(sample: Skeletons) -> Any:
    """As it comes over the wire."""
    return wire.deserialize(wire.serialize(convert.to_msgs(sample)['']), SKELETONS)


@pytest.mark.parametrize('count', [0, 1, 2])
def test_round_trip(count: int) -> None:
    sample = people(count)
    back = convert.from_msg(message_of(sample), Skeletons)
    assert isinstance(back, Skeletons)
    for name in ('stamp_ns', 'frame_id', 'width', 'height', 'ids'):
        assert getattr(back, name) == getattr(sample, name)
    np.testing.assert_allclose(back.points, sample.points, atol=1e-3)
    np.testing.assert_allclose(back.scores, sample.scores, atol=1e-6)


def test_the_order_of_points_is_that_of_the_constants() -> None:
    person_class = wire.message_class('mm_perception_msgs/msg/Skeleton')
    assert [getattr(person_class, name.upper()) for name in POINTS] == list(range(18))
    assert {*POINTS} == {*KEYPOINTS, 'neck'}


def test_convention_points_are_shares_of_the_picture_from_its_edges() -> None:
    sample = people(1)
    (person,) = message_of(sample).skeletons
    assert person.id == '3'
    elbow = person.skeleton[person.LEFT_ELBOW]
    assert (elbow.x, elbow.y) == pytest.approx((7.5 / 64, 14.5 / 48))
    assert elbow.c == pytest.approx(0.35)


def test_the_neck_is_the_middle_of_the_shoulders() -> None:
    first, _ = message_of(people()).skeletons
    neck = first.skeleton[first.NECK]
    assert (neck.x, neck.y) == pytest.approx((6.0 / 64, 11.5 / 48))
    assert neck.c == pytest.approx(0.25), 'as sure as the less sure shoulder'


def test_what_is_not_known_is_nan_and_keeps_its_score() -> None:
    _, second = message_of(people()).skeletons
    wrist = second.skeleton[second.RIGHT_WRIST]
    assert np.isnan([wrist.x, wrist.y]).all()
    assert wrist.c == pytest.approx(0.55)


def test_without_a_shoulder_there_is_no_neck() -> None:
    points = people(1).points.copy()
    points[0, 5] = np.nan
    sample = people(1)
    (person,) = message_of(
        Skeletons(**{**vars(sample), 'points': points})
    ).skeletons  # fmt: skip
    assert np.isnan(person.skeleton[person.NECK].x)


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        ({'width': 0}, 'Skeletons.width.*0'),
        ({'id': 'anna'}, "id 'anna'.*number of its mask"),
        ({'id': '70000'}, 'unique ids in 1..65535.*70000'),
        ({'c': 1.5}, 'Skeletons.scores.*1.5'),
        ({'x': float('nan')}, 'Skeletons.points.*two NaN'),
        ({'y': float('inf')}, 'Skeletons.points.*finite'),
    ],
)
def test_what_cannot_be_is_named(change: dict[str, Any], words: str) -> None:
    message = message_of(people(1))
    for name, value in change.items():
        target = {'width': message, 'id': message.skeletons[0]}.get(
            name, message.skeletons[0].skeleton[0]
        )
        setattr(target, name, value)
    with pytest.raises(MalformedMessageError, match=words):
        convert.from_msg(message, Skeletons)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    count=st.integers(0, 2), width=st.integers(0, 2**32 - 1),
    ids=st.one_of(st.text(max_size=6), st.sampled_from(['3', '9', '99999999999'])),
    x=st.floats(width=32), y=st.floats(width=32), c=st.floats(width=32),
)  # fmt: skip
def test_any_message_is_a_sample_or_told_to_be_none(
    count: int, width: int, ids: str, x: float, y: float, c: float
) -> None:
    message = message_of(people(count))
    message.width = width
    for person in message.skeletons[:1]:
        person.id = ids
        person.skeleton[person.LEFT_EYE].x = x
        person.skeleton[person.LEFT_EYE].y = y
        person.skeleton[person.LEFT_EYE].c = c
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        try:
            sample = convert.from_msg(message, Skeletons)
        except MalformedMessageError:
            return
        assert isinstance(sample, Skeletons)
        assert len(sample) == count
        convert.to_msgs(sample)


def test_viewers_draw_limbs_joints_and_ids() -> None:
    drawn = convert.to_msgs(people())['/annotations']
    limbs, joints, fewer, less = drawn.points
    assert (limbs.type, joints.type) == (limbs.LINE_LIST, limbs.POINTS)
    assert len(limbs.points) == 2 * len(LIMBS)
    assert len(fewer.points) == 2 * (len(LIMBS) - 2), 'no right arm'
    assert (len(joints.points), len(less.points)) == (17, 15)
    red, green, blue = (value / 255 for value in colour_of(3))
    colour = limbs.outline_color
    assert (colour.r, colour.g, colour.b) == (red, green, blue)
    wrist = joints.points[KEYPOINTS.index('left_wrist')]
    assert (wrist.x, wrist.y) == (9.5, 18.5), 'the centre of its pixel'
    assert [text.text for text in drawn.texts] == ['#3', '#6']
    assert (drawn.texts[0].position.x, drawn.texts[0].position.y) == (0.5, 0.5)


def test_who_has_no_known_joint_is_not_drawn() -> None:
    sample = people(1)
    nothing = np.full((1, 17, 2), np.nan, np.float32)
    drawn = convert.to_msgs(Skeletons(**{**vars(sample), 'points': nothing}))['/annotations']
    (invisible,) = drawn.points
    assert not invisible.points, 'it only says of which picture'
    assert not drawn.texts


def test_both_topics_are_published() -> None:
    topics = {wire.suffix: wire.type_name for wire in convert.published(Skeletons)}
    assert topics == {'': SKELETONS, '/annotations': 'foxglove_msgs/msg/ImageAnnotations'}
    assert convert.accepted_types(Skeletons) == (SKELETONS,)
