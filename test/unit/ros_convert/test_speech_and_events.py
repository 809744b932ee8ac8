from __future__ import annotations

import math

import numpy as np
import pytest

from mm_perception.errors import MalformedMessageError, ShapeError
from mm_perception.ros import convert
from mm_perception.samples import Command, Event, Image, Intent, Relation, Transcript, Word
from test.unit.ros_convert.messages import STAMP_NS

END_NS = STAMP_NS + 1_500_000_000


def transcript(**changes) -> Transcript:
    values = {
        'stamp_ns': STAMP_NS, 'frame_id': 'microphone', 'end_ns': END_NS, 'text': 'red car',
        'language': 'en', 'is_final': False, 'confidence': 0.5, 'azimuth_rad': -1.25,
        'words': (Word('red', STAMP_NS, STAMP_NS + 5, 0.25), Word('car', STAMP_NS + 9, END_NS)),
    }  # fmt: skip
    return Transcript(**{**values, **changes})


def command(**changes) -> Command:
    values = {
        'stamp_ns': STAMP_NS, 'frame_id': 'microphone', 'end_ns': END_NS, 'intent': Intent.MOVE,
        'text': 'put it next to the sofa', 'relation': Relation.NEXT_TO, 'anchor': 'the sofa',
        'value': '30 %', 'is_deictic': True, 'confidence': 0.75, 'target': 'the cup',
    }  # fmt: skip
    return Command(**{**values, **changes})


def event(**changes) -> Event:
    values = {
        'stamp_ns': END_NS, 'frame_id': 'front', 'kind': 'crossed', 'start_ns': STAMP_NS,
        'end_ns': END_NS, 'stream': 'left', 'track_ids': ('3', '4'), 'label': 'car',
        'rule': 'gate', 'score': 0.5, 'message': 'a car crossed the gate',
        'box': np.array([0, 1, 5.5, 7], np.float32),
    }  # fmt: skip
    return Event(**{**values, **changes})


def same(a, b) -> None:
    assert type(a) is type(b)
    for name, value in vars(a).items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(value, getattr(b, name))
        else:
            assert value == getattr(b, name), name


@pytest.mark.parametrize(
    'sample',
    [
        transcript(), transcript(azimuth_rad=None, words=()), command(),
        command(relation=Relation.NONE, anchor=''), event(), event(box=None),
    ],
)  # fmt: skip
def test_round_trip(sample) -> None:
    same(convert.from_msg(convert.to_msgs(sample)[''], type(sample)), sample)


def test_unknown_direction_is_not_a_number_on_the_wire() -> None:
    assert math.isnan(convert.to_msgs(transcript(azimuth_rad=None))[''].azimuth)


def test_evidence_travels_as_jpeg() -> None:
    data = np.full((24, 32, 3), (200, 30, 60), np.uint8)
    picture = Image(stamp_ns=STAMP_NS, frame_id='front', data=data)
    message = convert.to_msgs(event(picture=picture))['']
    assert bytes(message.picture.data[:2]) == b'\xff\xd8'
    back = convert.from_msg(message, Event).picture
    assert back is not None
    assert (back.stamp_ns, back.frame_id, back.encoding) == (STAMP_NS, 'front', 'rgb8')
    assert np.abs(back.data.astype(int) - data).max() <= 4


@pytest.mark.parametrize(
    ('sample', 'field', 'value', 'said'),
    [
        (transcript(), 'words', ['red'], 'words of 1, 2, 2, 2 numbers'),
        (transcript(), 'confidence', math.nan, 'from 0 to 1'),
        (transcript(), 'azimuth', math.inf, 'finite'),
        (command(), 'intent', 'dance', "'dance'"),
        (command(), 'relation', 'near', "'near'"),
        (command(), 'anchor', '', 'an anchor with a relation'),
        (event(), 'box_xyxy', [1.0, 2.0], '2 numbers in box_xyxy'),
        (event(), 'kind', 'two words', 'one word'),
        (event(), 'score', 2.0, 'from 0 to 1'),
    ],
)
def test_what_cannot_be_is_refused(sample, field, value, said) -> None:
    message = convert.to_msgs(sample)['']
    setattr(message, field, value)
    with pytest.raises(MalformedMessageError, match=said):
        convert.from_msg(message, type(sample))


@pytest.mark.parametrize('make', [transcript, command])
def test_nothing_ends_before_it_begins(make) -> None:
    with pytest.raises(ShapeError, match='end_ns'):
        make(end_ns=STAMP_NS - 1)
