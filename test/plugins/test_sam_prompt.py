"""Which of the masks a command means, over time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mm_perception.errors import ShapeError
from mm_perception.inputs import Inputs
from mm_perception.plugin import Context
from mm_perception.plugins.sam_prompt import SamPrompt, SamPromptConfig
from mm_perception.plugins.sam_prompt.wishes import View
from mm_perception.samples import (
    Command,
    Image,
    Intent,
    Masks,
    Prompt,
    PromptAction,
    PromptState,
    Relation,
)
from test.plugins.commands import command
from test.plugins.samples import SECOND_NS
from test.unit.selecting.things import Box, masks_of

CARS: dict[str, Box] = {
    'red car#1': (0, 50, 30, 70), 'blue car#2': (50, 55, 70, 65), 'grey car#3': (90, 50, 130, 90),
}  # fmt: skip


class Watcher:
    """Shows pictures to the plugin and keeps what it says."""

    def __init__(self, **settings: Any) -> None:
        values = {'asks_tracker': False, **settings}
        self.plugin = SamPrompt(SamPromptConfig(**values), Context(streams={'masks': ('',)}))
        self.status: list[Any] = []
        self.prompts: list[Prompt] = []
        self.said: list[str] = []

    def see(
        self, time_s: float, *commands: Command, boxes: dict[str, Box] = CARS, stream: str = '',
        click: Prompt | None = None,
    ) -> tuple[int, ...]:  # fmt: skip
        stamp_ns = round(time_s * SECOND_NS)
        samples: dict[str, Any] = {
            'masks': masks_of(boxes, stamp_ns=stamp_ns), 'image': None, 'command': commands,
            'ask': () if click is None else (click,),
        }  # fmt: skip
        outputs: Any = self.plugin.infer(Inputs(stamp_ns, 'camera', stream, samples=samples))
        self.status += outputs['status']
        self.prompts += outputs['prompt']
        self.said += [text.text for text in outputs['say']]
        chosen = outputs['chosen']
        assert isinstance(chosen, Masks)
        return chosen.ids


def test_a_selection_holds_until_another_or_stop() -> None:
    watcher = Watcher()
    assert watcher.see(1.0) == ()
    assert watcher.see(1.1, command(Intent.SELECT, 'the left car')) == (1,)
    assert watcher.see(1.2) == (1,)
    assert watcher.see(1.3, command(Intent.SELECT, 'the second from the left', at_s=1.3)) == (2,)
    assert watcher.see(1.4, command(Intent.TRACK, 'the grey car', at_s=1.4)) == (2, 3)
    assert watcher.see(1.5, command(Intent.STOP, 'the grey car', at_s=1.5)) == (2,)
    assert watcher.see(1.6, command(Intent.STOP, at_s=1.6)) == ()
    assert [s.state for s in watcher.status] == [PromptState.FOUND] * 3
    assert watcher.status[0].track_ids == ('1',)


def test_what_is_chosen_is_a_thing_and_not_a_place() -> None:
    watcher = Watcher()
    watcher.see(1.0, command(Intent.SELECT, 'the left car'))
    swapped = {'red car#1': (150, 50, 180, 70), 'blue car#2': (50, 55, 70, 65)}
    assert watcher.see(1.1, boxes=swapped) == (1,)


def test_segment_is_for_one_picture() -> None:
    watcher = Watcher()
    assert watcher.see(1.0, command(Intent.SEGMENT, 'the red car')) == (1,)
    assert watcher.see(1.1) == ()


def test_asked_which_one_it_takes_the_answer() -> None:
    watcher = Watcher()
    assert watcher.see(1.0, command(Intent.SELECT, 'the car')) == ()
    assert watcher.said == [
        '"the car": 3 fit: say which, such as the left one, or the second from the left'
    ]
    assert watcher.status[0].state is PromptState.REJECTED
    assert watcher.status[0].track_ids == ('1', '2', '3')
    with_lamp = {**CARS, 'lamp#4': (0, 0, 9, 9)}
    assert watcher.see(1.1, command(Intent.SELECT, 'the left one'), boxes=with_lamp) == (1,)
    assert watcher.see(1.2, command(Intent.SELECT, 'the blue one'), boxes=with_lamp) == (2,)
    more = command(Intent.SELECT, 'the other one')
    assert watcher.see(1.3, more, boxes={'red car#1': (0, 50, 30, 70), **with_lamp}) == ()


def test_nothing_that_fits_is_said_when_patience_is_over() -> None:
    watcher = Watcher(patience_s=1.0)
    watcher.see(1.0, command(Intent.SELECT, 'the bus'))
    assert not watcher.status
    watcher.see(2.5)
    assert watcher.status[0].state is PromptState.NOT_FOUND
    assert watcher.said == ['"the bus": nothing fits']


def test_what_comes_into_view_in_time_is_taken() -> None:
    watcher = Watcher()
    watcher.see(1.0, command(Intent.SELECT, 'the bus'))
    assert watcher.see(1.5, boxes={**CARS, 'bus#4': (0, 0, 40, 40)}) == (4,)


def test_the_picture_that_was_seen_when_it_was_said_counts() -> None:
    watcher = Watcher()
    watcher.see(1.0)
    swapped = {'red car#1': (150, 50, 180, 70), 'blue car#2': (50, 55, 70, 65)}
    assert watcher.see(1.6, command(Intent.SELECT, 'the left car'), boxes=swapped) == (1,)


def test_a_relation_to_an_anchor() -> None:
    watcher = Watcher()
    next_to = command(Intent.SELECT, 'the car', relation=Relation.NEXT_TO, anchor='the grey car')
    assert watcher.see(1.0, next_to) == (2,)


def test_the_tracker_is_asked_and_what_it_finds_is_waited_for() -> None:
    watcher = Watcher(asks_tracker=True, settle_s=0.5)
    two = {'car#1': (50, 50, 70, 70), 'car#2': (0, 50, 30, 70)}
    ask = command(Intent.SELECT, 'the left car')
    assert watcher.see(1.0, ask, boxes={}) == ()
    assert [(p.text, p.action) for p in watcher.prompts] == [('car', PromptAction.ADD)]
    assert watcher.see(1.2, boxes={'car#1': (50, 50, 70, 70)}) == ()  # the other may come yet
    assert watcher.see(1.6, boxes=two) == (2,)
    watcher.see(1.7, command(Intent.SELECT, 'the bus', at_s=1.7), boxes=two)
    assert [(p.text, p.action) for p in watcher.prompts[1:]] == [
        ('', PromptAction.REMOVE), ('bus', PromptAction.ADD),
    ]  # fmt: skip


def test_a_picture_that_fails_costs_no_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    watcher = Watcher(asks_tracker=True)
    with monkeypatch.context() as broken:
        broken.setattr(View, 'see', lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            watcher.see(1.0, command(Intent.SELECT, 'the left car'))
    watcher.see(1.1)
    assert [(p.text, p.action) for p in watcher.prompts] == [('car', PromptAction.ADD)]
    assert watcher.see(4.0) == (1,)


def test_what_is_asked_with_a_picture_without_colours_is_not_read() -> None:
    samples = {
        'masks': masks_of(CARS, stamp_ns=1), 'ask': (),
        'command': (command(Intent.SELECT, 'the red car'),),
        'image': Image(
            stamp_ns=1, frame_id='', encoding='16UC1', data=np.zeros((100, 200), np.uint16)
        ),
    }  # fmt: skip
    inputs = Inputs(1, 'camera', samples=samples)
    with pytest.raises(ShapeError):
        Watcher().plugin.infer(inputs)
    assert not inputs.read


def test_a_picture_of_another_size_is_not_drawn_on() -> None:
    watcher = Watcher()
    rgb = np.zeros((10, 20, 3), np.uint8)
    samples = {
        'masks': masks_of(CARS, stamp_ns=1), 'ask': (),
        'command': (command(Intent.SELECT, 'the red car', at_s=0.0),),
        'image': Image(stamp_ns=1, frame_id='', data=rgb),
    }  # fmt: skip
    outputs: Any = watcher.plugin.infer(Inputs(1, 'camera', samples=samples))
    assert outputs['chosen'].ids == (1,)
    assert 'overlay' not in outputs


def test_a_click_says_which_one_is_that_one() -> None:
    watcher = Watcher()
    watcher.see(1.0)
    that = command(Intent.SELECT, '', at_s=2.0, seconds=0.6, is_deictic=True)
    assert watcher.see(2.0, that) == ()
    click = Prompt(
        stamp_ns=SECOND_NS, prompt_id='c', points=np.array([[60, 60]], np.float32),
        point_labels=np.ones(1, np.int8),
    )  # fmt: skip
    assert watcher.see(2.4, click=click) == (2,)


def test_a_click_long_before_is_not_meant() -> None:
    watcher = Watcher()
    click = Prompt(
        stamp_ns=SECOND_NS, prompt_id='c', points=np.array([[60, 60]], np.float32),
        point_labels=np.ones(1, np.int8),
    )  # fmt: skip
    watcher.see(1.0, click=click)
    that = command(Intent.SELECT, '', at_s=9.0, seconds=0.6, is_deictic=True)
    assert watcher.see(9.0, that) == ()
    watcher.see(10.5)
    assert watcher.said == ['"select ": nothing says which one is meant: click at it']


def test_a_camera_in_a_hand_aims() -> None:
    watcher = Watcher(aims_at_centre=True)
    aimed = {'red car#1': (0, 50, 30, 70), 'blue car#2': (95, 45, 115, 60)}
    for tick in range(5):
        watcher.see(1 + tick / 10, boxes=aimed if tick < 4 else CARS)
    that = command(Intent.SELECT, 'that car', at_s=1.3, seconds=0.2, is_deictic=True)
    assert watcher.see(1.5, that) == (2,)


def test_what_is_hidden_for_long_is_lost() -> None:
    watcher = Watcher(lost_after_s=1.0)
    watcher.see(1.0, command(Intent.SELECT, 'the blue car'))
    rest = {'red car#1': (0, 50, 30, 70)}
    watcher.see(1.5, boxes=rest)
    assert watcher.see(1.9) == (2,)  # back in time
    watcher.see(3.0, boxes=rest)
    assert watcher.said == ['lost the blue car (#2)']
    assert watcher.see(3.1) == ()


def test_every_camera_is_asked() -> None:
    watcher = Watcher()
    watcher.see(1.0, stream='left')
    watcher.see(1.0, stream='right')
    assert watcher.see(1.1, command(Intent.SELECT, 'the red car'), stream='left') == (1,)
    assert watcher.see(1.1, stream='right') == (1,)


def test_after_a_rewind_it_is_decided_again() -> None:
    watcher = Watcher()
    watcher.see(9.0, command(Intent.SELECT, 'the left car', at_s=9.0))
    watcher.plugin.rewind('')
    swapped = {'red car#1': (150, 50, 180, 70), 'blue car#2': (50, 55, 70, 65)}
    assert watcher.see(1.0, boxes=swapped) == (2,)


@pytest.mark.parametrize('intent', [Intent.ASK, Intent.HIDE, Intent.TURN_ON])
def test_other_commands_are_left_alone(intent: Intent) -> None:
    watcher = Watcher()
    assert watcher.see(1.0, command(intent, 'the red car')) == ()
    assert not watcher.status


def text_prompt(text: str, **changes: Any) -> Prompt:
    return Prompt(prompt_id='mine', text=text, **changes)


def test_typed_prompts_are_wishes_too() -> None:
    watcher = Watcher()
    assert watcher.see(1.0, click=text_prompt('the car next to the grey car')) == (2,)
    assert watcher.status[0].prompt_id == 'mine'
    remove = Prompt(prompt_id='mine', action=PromptAction.REMOVE)
    assert watcher.see(1.1, click=remove) == ()
    twice = text_prompt('the left car', max_frames=2)
    assert watcher.see(1.2, click=twice) == (1,)
    assert watcher.see(1.3) == (1,)
    assert watcher.see(1.4) == ()
    watcher.see(1.5, click=text_prompt('the cars'))
    assert watcher.see(1.6, click=Prompt(action=PromptAction.CLEAR)) == ()


def test_a_prompt_for_one_camera_is_not_for_the_other() -> None:
    watcher = Watcher()
    watcher.see(1.0, stream='left')
    watcher.see(1.0, stream='right')
    ask = text_prompt('the red car', stream='right')
    assert watcher.see(1.1, stream='left', click=ask) == ()
    assert watcher.see(1.1, stream='right') == (1,)


def test_not_that_one_is_another_one() -> None:
    watcher = Watcher()
    two = {label: CARS[label] for label in ('red car#1', 'blue car#2')}
    watcher.see(1.0, command(Intent.SELECT, 'the car'), boxes=two)
    assert watcher.see(1.1, command(Intent.DENY, 'the red one', at_s=1.1), boxes=two) == (2,)
