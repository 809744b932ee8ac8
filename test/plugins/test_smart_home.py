"""smart_home: binding phrases, asking back, commands as JSON, and looking again."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from mm_perception.errors import ConfigError, RequestError, ShapeError
from mm_perception.inputs import Inputs
from mm_perception.plugins.smart_home import SmartHome, SmartHomeConfig
from mm_perception.plugins.smart_home.binding import (
    Seen,
    bind,
    read_reference,
    reference_of,
    words_apart,
)
from mm_perception.plugins.smart_home.devices import brightness_of, read_devices
from mm_perception.plugins.smart_home.looking import Judging, Look, Watch
from mm_perception.samples import (
    Command,
    Image,
    Intent,
    Masks,
    PromptReply,
    Relation,
    Text,
)
from mm_perception.text.thing_phrase import read_thing_phrase

STEP_NS = 250_000_000
#: Label and left edge of things 40 px high and 24 px wide.
ROOM = {1: ('a lamp', 10), 2: ('a lamp', 120), 3: ('a sofa', 150), 4: ('a fridge', 60)}


def seen(number: int, label: str, left: float, depth_m: float | None = None) -> Seen:
    box = (left, 40.0, left + 24, 80.0)
    ray = ((left - 90) / 100, 0.0) if depth_m else None
    return Seen('', number, read_thing_phrase(label), box, depth_m, ray)


THINGS = [seen(number, label, left) for number, (label, left) in ROOM.items()]


class Talk:
    """A home of two lamps, a sofa and a fridge, and what is said in it."""

    def __init__(self, **config: Any) -> None:
        self.plugin = SmartHome(SmartHomeConfig(**{'confirm_within_s': 1.0, **config}))
        self.plugin.load('cpu')
        self.step, self.lit, self.gain = 0, set[int](), 1.0
        self.hidden = set[int]()
        self.said, self.commands, self.events = [], [], []

    def go(self, steps: int = 1, *commands: Command) -> None:
        for index in range(steps):
            self.step += 1
            outputs = self.plugin.infer(self._inputs(commands if index == 0 else ()))
            self.said += [t.text for t in outputs['say']]
            self.commands += [json.loads(t.text) for t in outputs['device_command']]
            self.events += outputs['event']

    def say(self, intent: Intent, text: str = '', target: str = '', **values: Any) -> None:
        stamp_ns = self.step * STEP_NS
        self.go(
            1,
            Command(
                stamp_ns=stamp_ns, end_ns=stamp_ns, intent=intent, text=text or target,
                target=target, **values,
            ),
        )  # fmt: skip

    def _inputs(self, commands: tuple[Command, ...]) -> Inputs:
        stamp_ns = self.step * STEP_NS
        light = np.full((90, 200, 3), 100.0)
        ids = np.zeros((90, 200), np.uint16)
        for number, (_, left) in ROOM.items():
            light[40:80, left : left + 24] = 200 if number in self.lit else 60
            if number not in self.hidden:
                ids[40:80, left : left + 24] = number
        picture = np.clip(light * self.gain, 0, 255).astype(np.uint8)
        there = tuple(n for n in ROOM if n not in self.hidden)
        samples: dict[str, Any] = {
            'image': Image(stamp_ns=stamp_ns, frame_id='camera', data=picture),
            'masks': Masks(
                stamp_ns=stamp_ns, frame_id='camera', id_map=ids, ids=there,
                labels=tuple(ROOM[n][0] for n in there), scores=np.ones(len(there), np.float32),
            ),
            'command': commands, 'depth': None, 'camera_info': None,
        }  # fmt: skip
        return Inputs(stamp_ns, 'camera', samples=samples)


@pytest.mark.parametrize(
    ('phrase', 'ids'),
    [
        ('the fridge', [4]),
        ('the lamp', [1, 2]),
        ('the lamp next to the sofa', [2]),
        ('the lamp left of the fridge', [1]),
        ('the lamp between the fridge and the sofa', [2]),
        ('the left lamp', [1]),
        ('the oven', []),
    ],
)
def test_phrases_are_bound_by_how_things_lie(phrase: str, ids: list[int]) -> None:
    assert sorted(t.track_id for t in bind(read_reference(phrase), THINGS).things) == ids


def test_depth_tells_what_is_near_though_it_looks_far() -> None:
    things = [seen(1, 'a lamp', 10, 2.0), seen(2, 'a lamp', 120, 6.0), seen(3, 'a sofa', 90, 2.2)]
    reference = reference_of('the lamp', Relation.NEXT_TO, 'the sofa')
    assert [t.track_id for t in bind(reference, things).things] == [1]
    behind = reference_of('the lamp', Relation.BEHIND, 'the sofa')
    assert [t.track_id for t in bind(behind, things).things] == [2]


def test_an_anchor_that_nobody_sees_is_named() -> None:
    bound = bind(read_reference('the lamp next to the piano'), THINGS)
    assert len(bound.things) == 2
    assert [phrase.noun for phrase in bound.lacks] == ['piano']


def test_convention_words_that_tell_things_apart() -> None:
    assert words_apart([seen(1, 'red lamp', 0), seen(2, 'blue lamp', 9)]) == ['red', 'blue']
    assert words_apart([seen(1, 'lamp', 90), seen(2, 'lamp', 9)]) == ['right', 'left']
    three = [seen(n, 'lamp', left) for n, left in ((1, 90), (2, 50), (3, 9))]
    assert words_apart(three) == ['right', 'middle', 'left']


@pytest.mark.parametrize(
    ('value', 'level'), [('50 %', 127), ('half', 127), ('full', 254), ('red', None), ('300', None)]
)
def test_convention_brightness(value: str, level: int | None) -> None:
    assert brightness_of(value) == level


@pytest.mark.parametrize(
    'entry', ['lamp_1', 'lamp 1 | the lamp', 'lamp_1 | the lamp | den | fly', '| the lamp']
)
def test_a_registry_that_cannot_be_read_is_refused(entry: str) -> None:
    with pytest.raises(ConfigError, match=r'name . phrase . room'):
        SmartHomeConfig(devices=(entry,))
    with pytest.raises(ConfigError, match='came before'):
        read_devices(('a | the lamp', 'a | the fridge'))


def test_convention_change_is_against_the_picture() -> None:
    before = Look(-4.0, -2.0, 100)
    assert Look(-3.0, -2.0, 100).change_since(before) == 1
    assert Look(-3.0, -1.0, 100).change_since(before) == 0


def test_one_odd_look_is_no_change_and_a_mask_cut_in_half_is_not_compared() -> None:
    watch, judging = Watch(), Judging()
    for number, (level, pixels) in enumerate(
        [(-4, 99), (-4, 99), (-1, 99), (-4, 99), (-1, 40), (-1, 40), (-4, 99)], 1
    ):
        watch.take(Look(level, -2.0, pixels), number, judging)
    assert not watch.is_sure
    assert watch.seen_ns == 7
    for number in (8, 9):
        watch.take(Look(-1, -2.0, 99), number, judging)
    assert (watch.is_on, watch.is_sure, watch.changed_ns) == (True, True, 9)


def test_it_asks_back_takes_the_answer_and_confirms() -> None:
    talk = Talk()
    talk.go(3)
    talk.say(Intent.TURN_ON, target='the lamp')
    assert talk.said == ['Which lamp: the left or the right one?']
    assert talk.commands == []
    talk.say(Intent.SELECT, 'the right one')
    assert [c['device'] for c in talk.commands] == ['lamp_2']
    assert talk.commands[0]['topic'] == 'zigbee2mqtt/lamp_2/set'
    assert talk.commands[0]['seen'] == {'camera': '', 'track_id': '2'}
    talk.lit.add(2)
    talk.go(3)
    assert [e.kind for e in talk.events] == ['sent', 'confirmed']
    assert talk.said[-1] == 'The lamp is on.'
    talk.say(Intent.TURN_ON, target='the right lamp')
    assert talk.said[-1] == 'The lamp was on already.'


def test_no_is_an_answer_too_and_late_answers_are_none() -> None:
    talk = Talk(ask_for_s=1.0)
    talk.say(Intent.TURN_ON, target='the lamp')
    talk.say(Intent.DENY, 'no')
    talk.say(Intent.SELECT, 'the left one')
    talk.say(Intent.TURN_ON, target='the lamp')
    talk.go(6)
    talk.say(Intent.SELECT, 'the left one')
    assert talk.commands == []


def test_what_does_not_obey_is_not_confirmed_even_if_the_room_gets_brighter() -> None:
    talk = Talk()
    talk.go(3)
    talk.say(Intent.TURN_ON, target='the lamp', relation=Relation.NEXT_TO, anchor='the sofa')
    talk.gain = 1.7  # somebody opens the curtains
    talk.go(6)
    assert [e.kind for e in talk.events] == ['sent', 'not_confirmed']
    assert talk.said == ['I told the lamp to be on, but it does not look so.']


def test_what_only_looks_as_wanted_is_not_confirmed() -> None:
    talk = Talk()
    talk.lit.add(1)
    talk.go(3)
    talk.say(Intent.TURN_ON, target='the left lamp')
    talk.go(6)
    assert [e.kind for e in talk.events] == ['sent', 'not_confirmed']
    assert talk.said == ['The lamp looks on, but I saw no change when I told it so.']


def test_what_is_hidden_cannot_be_seen() -> None:
    talk = Talk()
    talk.go(3)
    talk.say(Intent.TURN_ON, target='the left lamp')
    talk.hidden.add(1)
    talk.go(6)
    assert [e.kind for e in talk.events] == ['sent', 'cannot_see']


def test_the_registry_names_devices_and_knows_what_they_can() -> None:
    talk = Talk(devices=('reading | the lamp next to the sofa | den | switch, brightness',
                         'cooler | the fridge'))  # fmt: skip
    talk.say(Intent.SET, target='the right lamp', value='50 %')
    assert talk.commands[0]['device'] == 'reading'
    assert talk.commands[0]['room'] == 'den'
    assert talk.commands[0]['payload'] == {'state': 'ON', 'brightness': 127}
    talk.say(Intent.SET, target='the fridge', value='50 %')
    talk.say(Intent.TURN_ON, target='the left lamp')
    talk.say(Intent.TURN_ON, target='the piano')
    assert len(talk.commands) == 1
    assert [e.kind for e in talk.events] == ['sent', 'refused', 'refused', 'refused']
    talk.hidden.add(4)
    talk.say(Intent.TURN_OFF, target='the fridge')
    assert talk.commands[-1] == {
        'device': 'cooler', 'topic': 'zigbee2mqtt/cooler/set', 'payload': {'state': 'OFF'}
    }  # fmt: skip


def test_all_lamps_get_the_command_and_questions_are_answered() -> None:
    talk = Talk()
    talk.lit.add(1)
    talk.go(2)
    talk.say(Intent.TURN_OFF, target='all lamps')
    assert [c['device'] for c in talk.commands] == ['lamp_1', 'lamp_2']
    talk.say(Intent.ASK, 'is the left lamp on', 'the left lamp')
    assert talk.said[-1] == 'The lamp looks on.'
    talk.say(Intent.ASK, 'what is behind me')
    talk.say(Intent.TRACK, 'track the lamp', 'the lamp')
    assert len(talk.said) == 1


def test_what_was_sent_with_a_picture_that_failed_goes_out_with_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    talk = Talk()
    talk.go(4)
    with monkeypatch.context() as broken:
        broken.setattr(SmartHome, '_judge', lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            talk.say(Intent.TURN_ON, target='the left lamp')
        with pytest.raises(ZeroDivisionError):
            talk.go()
    talk.go(2)
    assert len(talk.commands) == 1
    assert [event.kind for event in talk.events] == ['sent']


def test_a_picture_of_another_size_is_refused() -> None:
    talk = Talk()
    inputs = talk._inputs(())
    small = Image(stamp_ns=1, frame_id='camera', data=np.zeros((9, 9, 3), np.uint8))
    with pytest.raises(ShapeError, match='as the masks'):
        talk.plugin.infer(Inputs(1, 'camera', samples={**inputs.samples, 'image': small}))


def ask(talk: Talk, sentence: str) -> PromptReply:
    return talk.plugin.answer('ask', Text(stamp_ns=0, text=sentence))


def test_a_sentence_sent_as_a_request_is_obeyed_and_answered_with_json() -> None:
    talk = Talk()
    talk.go(2)
    reply = ask(talk, 'please turn on the lamp next to the sofa')
    sent = json.loads(reply.message)
    assert reply.success
    assert sent['device'] == 'lamp_2'
    assert sent['payload']['state'] == 'ON'
    talk.lit.add(2)
    talk.go(2)
    assert talk.commands == [sent]  # once, and on the topic too
    assert [event.kind for event in talk.events] == ['sent', 'confirmed']


def test_a_request_may_be_asked_back_refused_or_come_too_early() -> None:
    talk = Talk()
    with pytest.raises(RequestError, match='no picture'):
        ask(talk, 'turn on the lamp')
    talk.go()
    question = ask(talk, 'turn on the lamp')
    assert question.message == 'Which lamp: the left or the right one?'
    assert json.loads(ask(talk, 'the left one').message)['device'] == 'lamp_1'
    refused = ask(talk, 'turn off the oven')
    assert not refused.success
    assert refused.message == 'I see no oven.'
    idle = ask(talk, 'good morning')
    assert not idle.success
    assert "'good morning' switches nothing" in idle.message
