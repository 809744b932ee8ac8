"""The service `select`: what an app gets for words, and for a ray or a pixel."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from mm_perception.errors import RequestError
from mm_perception.samples import Prompt, PromptAction, PromptReply
from test.plugins.pointed_room import ROOM, point_at
from test.plugins.samples import SECOND_NS
from test.plugins.test_xr_select import GREEN, RED, SOFA, WALL, Headset


def ask(headset: Headset, text: str = '', **values: Any) -> PromptReply:
    reply = headset.plugin.answer('select', Prompt(text=text, **values))
    assert isinstance(reply, PromptReply)
    return reply


def at(pixel: tuple[float, float]) -> dict[str, Any]:
    return {'points': np.array([pixel], np.float32), 'point_labels': np.ones(1, np.int8)}


BOX = np.array([85, 25, 118, 74], np.float32)  # around the green lamp


def things(reply: PromptReply) -> list[dict[str, Any]]:
    assert reply.success, reply.message
    return list(json.loads(reply.message)['things'])


def test_words_and_the_ray_select_at_once_and_say_what_and_where() -> None:
    headset = Headset()
    headset.see(1.0, GREEN)
    reply = ask(headset, 'select the lamp')
    assert (reply.track_ids, reply.stamp_ns) == (('2',), SECOND_NS)
    assert json.loads(reply.message)['done'] == 'selected'
    (lamp,) = things(reply)
    assert (lamp['id'], lamp['label'], lamp['frame_id']) == (2, 'green lamp', 'camera')
    np.testing.assert_allclose(lamp['place'], point_at((99.5, 49.5), 2.0), atol=0.02)
    assert lamp['size'][:2] == pytest.approx([0.4, 0.8], abs=0.05)
    assert lamp['seen'] == [{
        'camera': '', 'frame_id': 'camera', 'stamp_ns': SECOND_NS, 'track_id': '2',
        'box': [90.0, 30.0, 110.0, 70.0],
    }]  # fmt: skip
    assert headset.see(1.1, None).labels == ('green lamp',), 'its mask comes by topic'
    assert [event.message for event in headset.events] == ['selected: green lamp #2']
    headset.see(1.2, None)
    assert len(headset.events) == 1, 'it is told once'


@pytest.mark.parametrize('text', ['', 'that one', 'select', 'the lamp', 'select the lamp'])
def test_a_tap_on_the_screen_is_a_ray(text) -> None:
    headset = Headset()
    headset.see(1.0, SOFA)
    assert things(ask(headset, text, **at(RED)))[0]['label'] == 'red lamp'


def test_a_box_means_what_is_in_its_middle() -> None:
    headset = Headset()
    headset.see(1.0, SOFA)
    assert things(ask(headset, 'hide that', box=BOX))[0]['label'] == 'green lamp'


def test_a_tap_is_where_it_was_when_it_was_made() -> None:
    headset = Headset()
    headset.see(1.0, None)
    asked: list[int] = []
    lookup = headset.plugin.context.lookup_transform

    def turned(target: str, source: str, stamp_ns: int) -> Any:
        asked.append(stamp_ns)
        pose = lookup(target, source, stamp_ns)
        pose[0, 3] += 1.4  # metres: the camera was to the right then
        return pose

    object.__setattr__(headset.plugin.context, 'lookup_transform', turned)
    reply = ask(headset, stamp_ns=SECOND_NS // 2, **at(GREEN))
    assert things(reply)[0]['label'] == 'sofa'
    assert asked == [SECOND_NS // 2]


def test_hide_move_show_and_stop() -> None:
    headset = Headset()
    headset.see(1.0, None)
    (hidden,) = things(ask(headset, 'hide', **at(GREEN)))
    assert (hidden['label'], hidden['hidden']) == ('green lamp', True)
    (moved,) = things(ask(headset, 'move the red lamp there', **at(WALL)))
    np.testing.assert_allclose(moved['moved_to'], point_at(WALL, 4.0), atol=0.05)
    headset.see(1.1, None)
    np.testing.assert_allclose(headset.targets[0].position, moved['moved_to'], atol=0.001)
    assert headset.boxes is not None
    assert headset.boxes.labels == ('red lamp', 'sofa')
    assert things(ask(headset, 'show everything'))[0]['label'] == 'green lamp'
    assert len(things(ask(headset, 'select the lamps'))) == 2
    assert things(ask(headset, 'stop'))
    assert len(headset.see(1.2, None)) == 0


@pytest.mark.parametrize(
    ('text', 'pixel', 'why'),
    [
        ('that one', WALL, 'the ray meets no thing'),
        ('the fridge', None, '"the fridge": nothing fits'),
        ('select the lamp', WALL, 'the ray meets no lamp'),
        ('move the red lamp there', None, 'the ray ends nowhere: point at where it shall be'),
    ],
)
def test_why_nothing_was_selected(text, pixel, why) -> None:
    headset = Headset()
    headset.see(1.0, None)
    reply = ask(headset, text, **({} if pixel is None else at(pixel)))
    assert not reply.success
    assert reply.message == why
    headset.see(1.1, None)
    assert headset.kinds == ['refused']


@pytest.mark.parametrize(
    ('values', 'why'),
    [
        ({'text': 'nice weather today'}, 'not understood'),
        ({'text': 'track the red lamp'}, 'it can select, move, hide, show, stop'),
        ({'text': 'move the red lamp'}, 'Where shall I put the red lamp'),
        ({'mask': np.ones((100, 200), bool)}, 'not words and a place'),
        ({**at(RED), 'box': BOX}, 'not words and a place'),
        ({'action': PromptAction.REMOVE, 'track_id': '1'}, 'not words and a place'),
    ],
)
def test_what_is_no_request_is_refused(values, why) -> None:
    headset = Headset()
    headset.see(1.0, RED)
    with pytest.raises(RequestError, match=why):
        headset.plugin.answer('select', Prompt(**values))
    headset.see(1.1, None)
    assert headset.events == []


def test_a_camera_that_showed_nothing_and_a_pixel_of_no_camera() -> None:
    headset = Headset()
    with pytest.raises(RequestError, match='no picture of the camera yet'):
        ask(headset, 'that one')
    headset.see(1.0, RED, stream='left')
    headset.see(1.0, None, boxes={'sofa#1': ROOM['sofa#3']}, stream='right')
    with pytest.raises(RequestError, match=r"no picture of the camera yet.*'left', 'right'"):
        ask(headset, 'that one', stream='middle')
    with pytest.raises(RequestError, match='a pixel of which camera'):
        ask(headset, **at(RED))
    assert things(ask(headset, stream='left', **at(RED)))[0]['label'] == 'red lamp'
    sofa = things(ask(headset, 'the sofa'))[0]
    assert {sight['camera'] for sight in sofa['seen']} == {'left', 'right'}
    headset.plugin.rewind('left')
    with pytest.raises(RequestError, match='no picture of the camera yet'):
        ask(headset, 'the sofa')
