"""What is drawn for people: outlines of masks, and words above the robot."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mm_perception.drawing.overlay import colour_of
from mm_perception.ros import convert
from mm_perception.samples import (
    Masks,
    Prompt,
    PromptAction,
    PromptState,
    PromptStatus,
    Text,
    Transcript,
)
from test.unit.ros_convert.messages import STAMP_NS


def masks(id_map: np.ndarray, *ids: int) -> Masks:
    present = set(np.unique(id_map).tolist())
    return Masks(
        stamp_ns=STAMP_NS, frame_id='front', id_map=id_map.astype(np.uint16), ids=ids,
        labels=tuple(f'thing {i}' for i in ids), scores=np.full(len(ids), 0.5, np.float32),
        visible=tuple(i in present for i in ids),
    )  # fmt: skip


def corners(polygon) -> set[tuple[float, float]]:
    return {(point.x, point.y) for point in polygon.points}


def test_convention_an_outline_goes_through_the_centres_of_the_outer_pixels() -> None:
    id_map = np.zeros((9, 12))
    id_map[5:7, 3:5] = 7
    message = convert.to_msgs(masks(id_map, 7))['/annotations']
    (polygon,), (label,) = message.points, message.texts
    assert corners(polygon) == {(3.5, 5.5), (3.5, 6.5), (4.5, 6.5), (4.5, 5.5)}
    assert polygon.type == polygon.LINE_LOOP
    colour = polygon.outline_color
    assert (colour.r, colour.g, colour.b) == tuple(value / 255 for value in colour_of(7))
    assert label.text == 'thing 7 #7 0.50'
    assert (label.position.x, label.position.y) == (3.5, 5.5)
    for part in (polygon, label):
        assert part.timestamp.sec * 10**9 + part.timestamp.nanosec == STAMP_NS


def test_pieces_have_an_outline_each_and_what_is_hidden_has_none() -> None:
    id_map = np.zeros((20, 20))
    id_map[2:6, 2:6] = id_map[10:15, 12:18] = 1
    message = convert.to_msgs(masks(id_map, 1, 2))['/annotations']
    assert len(message.points) == 2
    assert [label.text for label in message.texts] == ['thing 1 #1 0.50']


def test_where_nothing_is_found_a_viewer_learns_of_which_picture() -> None:
    """Foxglove would else wait for it, and show the last picture in which something was."""
    for nothing in (masks(np.zeros((4, 4))), masks(np.zeros((4, 4)), 2)):
        message = convert.to_msgs(nothing)['/annotations']
        (invisible,) = message.points
        assert not message.texts
        assert not invisible.points
        stamp = invisible.timestamp
        assert stamp.sec * 10**9 + stamp.nanosec == STAMP_NS


def test_a_round_outline_has_few_points_and_is_right_to_a_pixel() -> None:
    rows, columns = np.mgrid[:200, :200]
    distance = np.hypot(rows - 100, columns - 100)
    (polygon,) = convert.to_msgs(masks(distance <= 80, 1))['/annotations'].points
    assert 8 <= len(polygon.points) < 60
    for x, y in corners(polygon):
        assert abs(np.hypot(x - 100.5, y - 100.5) - 80) < 1.5


STATUS = PromptStatus(
    stamp_ns=STAMP_NS, prompt_id='the red car', stream='', state=PromptState.FOUND,
    track_ids=('3',), score=0.5,
)  # fmt: skip


@pytest.mark.parametrize(
    ('sample', 'line'),
    [
        (Text(stamp_ns=1, text='two cars'), 'two cars'),
        (Transcript(stamp_ns=1, end_ns=2, text='track the', is_final=False), 'track the ...'),
        (Transcript(stamp_ns=1, end_ns=2, text='track the car'), 'track the car'),
        (Prompt(text='a mug'), 'asked: a mug'),
        (Prompt(box=np.array([0, 0, 2, 2], np.float32)), 'asked: what is shown'),
        (Prompt(action=PromptAction.REMOVE, track_id='3'), 'asked: remove 3'),
        (STATUS, 'the red car found #3 0.50'),
        (replace(STATUS, prompt_id='said-1700000000352000000-0'), 'what was said found #3 0.50'),
        (Text(stamp_ns=1, text='x' * 500), 'x' * 117 + '...'),
    ],
)
def test_convention_words_stand_above_the_robot(sample, line: str) -> None:
    (marker,) = convert.to_msgs(sample)['/markers'].markers
    assert marker.text == line
    assert marker.type == marker.TEXT_VIEW_FACING
    assert (marker.header.frame_id, marker.header.stamp.sec) == ('base_link', 0)
    assert marker.frame_locked
    assert marker.pose.position.z > 2
    assert marker.color.a == 1


def test_long_words_are_broken_into_lines_as_wide_as_the_street() -> None:
    said = 'slow, at most 4.9 m/s: what is 19 m ahead cannot be seen (advisory only)'
    (marker,) = convert.to_msgs(Text(stamp_ns=1, text=said))['/markers'].markers
    lines = marker.text.split('\n')
    assert ' '.join(lines) == said
    assert len(lines) > 1
    # Letters are about 0.6 of their height wide.
    assert max(map(len, lines)) * 0.6 * marker.scale.z < 12


def test_an_empty_text_takes_the_line_away() -> None:
    (marker,) = convert.to_msgs(Text(stamp_ns=1, text=''))['/markers'].markers
    assert marker.action == marker.DELETE


def test_no_two_kinds_share_a_row() -> None:
    samples = (Text(stamp_ns=1, text='a'), Prompt(text='a'), STATUS)
    rows = [convert.to_msgs(s)['/markers'].markers[0].pose.position.z for s in samples]
    assert len(set(rows)) == len(rows)
