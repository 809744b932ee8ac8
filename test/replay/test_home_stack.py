"""A home in a bag: what is said is bound to a device, sent as JSON, and looked at again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mm_perception.bag.offline import OfflineRun
from mm_perception.graph import load_stack, parse_stack
from mm_perception.ros import convert
from mm_perception.ros.wire import deserialize
from mm_perception.samples import Command, Event, Intent, Sample, Text
from mm_perception.world.home import State
from mm_perception.world.home_bag import (
    COMMAND,
    IMAGE,
    MASKS,
    START_NS,
    STATES,
    HomePlan,
    write_home,
)
from test.replay.masker_stack import records_of

#: In this room the camera sees a pink lamp, which is off, and a green one, which is on.
SEED = 0
STACK = {
    'nodes': {
        'smart_home': {
            'inputs': {'masks': MASKS, 'image': IMAGE, 'command': COMMAND},
            'parameters': {
                'confirm_within_s': 1.5,
                'devices': ['sofa_lamp | the pink lamp | den', 'desk_lamp | the green lamp'],
            },
        }
    }
}


def said(intent: Intent, text: str, target: str) -> Command:
    return Command(stamp_ns=0, end_ns=0, intent=intent, text=text, target=target)


@pytest.fixture(scope='module')
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('home')
    plan = HomePlan(
        SEED, 5.0, 4.0,
        switches=[(2.0, 'lamp_1', State(True))],
        commands=[
            (1.0, said(Intent.TURN_ON, 'turn on the lamp', 'the lamp')),
            (1.5, said(Intent.SELECT, 'the pink one', 'the pink one')),
            (3.0, said(Intent.TURN_OFF, 'turn off the green lamp', 'the green lamp')),
        ],
    )  # fmt: skip
    bag = write_home(folder / 'bag', plan)
    report = OfflineRun(parse_stack('home', STACK), bag, folder / 'out').run()
    assert report.problem == ''
    assert not report.nodes['smart_home'].stats.failures
    return folder / 'out'


def samples_on(bag: Path, topic: str, kind: type[Sample]) -> list[Any]:
    return [
        convert.from_msg(deserialize(r.data, r.type_name), kind, r.log_time_ns)
        for r in records_of(bag, topic)
    ]


def test_it_asks_back_and_sends_what_was_meant(result: Path) -> None:
    said_back = [t.text for t in samples_on(result, '/smart_home/output/say', Text)]
    assert said_back[0] == 'Which lamp: the green or the pink one?'
    commands = [
        json.loads(t.text) for t in samples_on(result, '/smart_home/output/device_command', Text)
    ]
    assert [(c['device'], c['payload']) for c in commands] == [
        ('sofa_lamp', {'state': 'ON'}),
        ('desk_lamp', {'state': 'OFF'}),
    ]
    assert commands[0]['topic'] == 'zigbee2mqtt/sofa_lamp/set'
    assert commands[0]['room'] == 'den'


def test_it_sees_what_obeys_and_what_does_not(result: Path) -> None:
    events: list[Event] = samples_on(result, '/smart_home/output/event', Event)
    assert [(e.kind, e.label) for e in events] == [
        ('sent', 'sofa_lamp'), ('confirmed', 'sofa_lamp'),
        ('sent', 'desk_lamp'), ('not_confirmed', 'desk_lamp'),
    ]  # fmt: skip
    confirmed = (events[1].stamp_ns - START_NS) / 1e9
    assert 2.0 < confirmed <= 2.5
    assert events[1].stream == ''
    assert events[1].track_ids


def test_the_bag_holds_the_truth(result: Path) -> None:
    texts = samples_on(result.parent / 'bag', STATES, Text)
    lit = [json.loads(text.text)['lamp_1'] for text in texts]
    assert lit == [False] * 8 + [True] * 12


def test_the_shipped_stack_links_its_nodes() -> None:
    stack = load_stack('home')
    assert stack.node('smart_home').links() == {'masks': ('text_tracker', 'masks')}
