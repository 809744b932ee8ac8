"""Things that are selected, moved and hidden by a ray and words."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from mm_perception.inputs import Inputs
from mm_perception.plugin import Context
from mm_perception.plugins.xr_select import XrSelect, XrSelectConfig, painted_out
from mm_perception.samples import Boxes3D, Command, Event, Image, Intent, Masks, Pose, Relation
from mm_perception.samples.sample import Array
from test.plugins.commands import command
from test.plugins.pointed_room import ROOM, point_at, ray_at, samples_of
from test.plugins.samples import SECOND_NS
from test.unit.selecting.things import Box

RED, GREEN, SOFA, WALL = (30.0, 50.0), (100.0, 50.0), (165.0, 65.0), (65.0, 10.0)
BASELINE_M = 0.1


def lookup(target: str, source: str, stamp_ns: int) -> Array:
    """The right camera is beside the left one, all else is the same frame."""
    places = {'camera': 0.0, 'right': BASELINE_M}
    shift = np.eye(4)
    shift[0, 3] = places[source] - places[target]
    return shift


class Headset:
    """Shows pictures and rays to the plugin and keeps what it says."""

    def __init__(self, **settings: Any) -> None:
        values = {'fixed_frame': 'camera', 'ray_axis': 'z', **settings}
        self.plugin = XrSelect(XrSelectConfig(**values), Context(lookup_transform=lookup))
        self.events: list[Event] = []
        self.targets: list[Pose] = []
        self.boxes: Boxes3D | None = None
        self.things: dict[str, Any] = {}

    def see(
        self, time_s: float, pixel: tuple[float, float] | None, *commands: Command,
        boxes: dict[str, Box] = ROOM, stream: str = '', origin: Array | None = None,
        **changes: Any,
    ) -> Masks:  # fmt: skip
        stamp_ns = round(time_s * SECOND_NS)
        ray = None if pixel is None else ray_at(pixel, stamp_ns, origin)
        samples = {**samples_of(stamp_ns, boxes, ray), 'command': commands, **changes}
        frame = samples['masks'].frame_id
        outputs: Any = self.plugin.infer(Inputs(stamp_ns, frame, stream, samples=samples))
        self.events += outputs['event']
        self.targets += outputs['target']
        self.boxes = outputs['objects']
        self.things = {t['label']: t for t in json.loads(outputs['state'].text)['things']}
        chosen = outputs['chosen']
        assert isinstance(chosen, Masks)
        return chosen

    @property
    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]


def that(intent: Intent, target: str = '', *, at_s: float, seconds: float = 0.4) -> Command:
    return command(intent, target, at_s=at_s, seconds=seconds, is_deictic=True)


def test_that_one_is_what_the_ray_was_on_while_it_was_said() -> None:
    headset = Headset()
    for tick in range(10):
        headset.see(1 + tick / 10, GREEN if 3 <= tick <= 7 else RED)
    chosen = headset.see(2.0, SOFA, that(Intent.SELECT, at_s=1.7))
    assert chosen.labels == ('green lamp',)
    assert headset.events[0].message == 'selected: green lamp #2'
    assert headset.events[0].start_ns == round(1.3 * SECOND_NS)


def test_words_win_and_the_ray_decides_where_they_do_not() -> None:
    headset = Headset()
    headset.see(1.0, RED)
    assert headset.see(1.1, RED, command(Intent.SELECT, 'the sofa', at_s=1.1)).labels == ('sofa',)
    lamp = command(Intent.SELECT, 'the lamp', at_s=1.2)
    assert headset.see(1.2, GREEN, lamp).labels == ('green lamp',)
    assert headset.see(1.3, GREEN, command(Intent.SELECT, 'the left lamp', at_s=1.3)).labels == (
        'red lamp',
    )
    beside = command(
        Intent.SELECT, 'the lamp', at_s=1.4, relation=Relation.NEXT_TO, anchor='the sofa'
    )
    assert headset.see(1.4, RED, beside).labels == ('green lamp',)


def test_a_ray_at_the_wall_selects_nothing_and_says_so() -> None:
    headset = Headset(patience_s=0.5)
    headset.see(1.0, WALL)
    headset.see(1.1, WALL, that(Intent.SELECT, at_s=1.1, seconds=0.1))
    assert headset.kinds == []
    headset.see(1.7, WALL)
    assert headset.kinds == ['refused']
    assert headset.events[0].message == 'the ray meets no thing'


def test_a_command_waits_until_it_is_over() -> None:
    headset = Headset()
    headset.see(1.0, RED, that(Intent.SELECT, at_s=1.5, seconds=0.5))
    assert headset.kinds == []
    headset.see(1.5, RED)
    assert headset.kinds == ['selected']


@pytest.mark.parametrize('has_depth', [True, False])
def test_a_controller_beside_the_head_hits_what_it_points_at(has_depth: bool) -> None:
    headset = Headset()
    origin = np.array([0.3, 0.4, 0.1])
    changes = {} if has_depth else {'depth': None}
    for tick in range(3):
        headset.see(1 + tick / 10, SOFA, origin=origin, **changes)
    select = that(Intent.SELECT, at_s=1.2, seconds=0.2)
    assert headset.see(1.3, SOFA, select, origin=origin, **changes).labels == ('sofa',)


def test_put_that_there() -> None:
    headset = Headset()
    for tick in range(5):
        headset.see(1 + tick / 10, RED)
    for tick in range(5):
        headset.see(1.5 + tick / 10, WALL)
    headset.see(2.0, WALL, that(Intent.MOVE, at_s=1.9, seconds=0.9))
    assert headset.kinds == ['moved']
    assert headset.events[0].label == 'red lamp'
    np.testing.assert_allclose(headset.targets[0].position, point_at(WALL, 4.0), atol=0.05)
    assert headset.things['red lamp']['moved_to'] == pytest.approx(
        headset.targets[0].position, abs=0.001
    )
    assert headset.boxes is not None
    at = headset.boxes.centres[headset.boxes.labels.index('red lamp')]
    np.testing.assert_allclose(at, point_at(WALL, 4.0), atol=0.1)


def test_what_is_selected_is_moved_to_where_the_ray_ends() -> None:
    headset = Headset()
    headset.see(1.0, None, command(Intent.SELECT, 'the green lamp'))
    headset.see(2.0, WALL, that(Intent.MOVE, at_s=2.0))
    assert headset.events[-1].message == 'moved: green lamp #2'
    headset.see(3.0, None, that(Intent.MOVE, at_s=3.0))
    headset.see(4.5, None)
    assert headset.events[-1].message == 'the ray ends nowhere: point at where it shall be'


def test_hide_and_show() -> None:
    headset = Headset()
    headset.see(1.0, GREEN, that(Intent.HIDE, at_s=1.0, seconds=0.1))
    headset.see(1.1, GREEN, command(Intent.HIDE, 'the sofa', at_s=1.1))
    assert [t for t, state in headset.things.items() if state.get('hidden')] == [
        'green lamp', 'sofa',
    ]  # fmt: skip
    assert headset.boxes is not None
    assert headset.boxes.labels == ('red lamp',)
    headset.see(1.2, GREEN, command(Intent.SHOW, 'the lamp', at_s=1.2))
    assert not headset.things['green lamp'].get('hidden')
    headset.see(1.3, GREEN, command(Intent.SHOW, 'everything', at_s=1.3))
    assert not any(state.get('hidden') for state in headset.things.values())
    assert headset.kinds == ['hidden', 'hidden', 'shown', 'shown']


def test_what_is_hidden_stays_so_under_a_new_track() -> None:
    headset = Headset()
    headset.see(1.0, None, command(Intent.HIDE, 'the red lamp'))
    headset.see(2.0, None, boxes={'sofa#3': ROOM['sofa#3']})
    moved = {'sofa#1': ROOM['sofa#3'], 'x#2': (0, 0, 5, 5), 'red lamp#3': ROOM['red lamp#1']}
    headset.see(3.0, None, boxes=moved)
    assert headset.things['red lamp']['hidden']


def test_both_eyes_choose_the_same() -> None:
    headset = Headset()
    right: dict[str, Box] = {  # 5 px to the left at 2 m, and in another order
        'sofa#1': (135, 40, 185, 90), 'red lamp#2': (15, 30, 35, 70),
        'green lamp#3': (85, 30, 105, 70),
    }  # fmt: skip
    for tick in range(4):
        time_s = 1 + tick / 10
        headset.see(time_s, GREEN, stream='left')
        samples = samples_of(round(time_s * SECOND_NS), right, None)
        for port in ('masks', 'depth'):
            object.__setattr__(samples[port], 'frame_id', 'right')
        ray = ray_at(GREEN, round(time_s * SECOND_NS))
        headset.see(
            time_s, None, boxes=right, stream='right', masks=samples['masks'],
            depth=samples['depth'], ray=ray,
        )  # fmt: skip
    select = that(Intent.SELECT, at_s=1.3)
    left = headset.see(1.4, GREEN, select, stream='left')
    other = headset.see(
        1.4, None, stream='right', masks=samples['masks'], depth=samples['depth'], ray=None
    )
    assert left.labels == other.labels == ('green lamp',)
    assert left.ids == other.ids


def test_stop_lets_go() -> None:
    headset = Headset()
    assert len(headset.see(1.0, None, command(Intent.SELECT, 'the lamps'))) == 2
    left = headset.see(1.1, None, command(Intent.STOP, 'the red lamp', at_s=1.1))
    assert left.labels == ('green lamp',)
    assert len(headset.see(1.2, None, command(Intent.STOP, at_s=1.2))) == 0


def test_hidden_things_are_painted_out() -> None:
    headset = Headset()
    rgb = np.full((100, 200, 3), 90, np.uint8)
    rgb[30:70, 20:40] = (250, 10, 10)
    image = Image(stamp_ns=SECOND_NS, frame_id='camera', data=rgb)
    samples = {
        **samples_of(SECOND_NS, ROOM, None), 'image': image,
        'command': (command(Intent.HIDE, 'the red lamp'),),
    }  # fmt: skip
    outputs: Any = headset.plugin.infer(Inputs(SECOND_NS, 'camera', '', samples=samples))
    np.testing.assert_allclose(outputs['picture'].data, 90, atol=5)
    assert painted_out(rgb, np.zeros((100, 200), bool)) is rgb


def test_what_was_done_with_a_picture_that_failed_is_told_with_the_next() -> None:
    headset = Headset()
    small = Image(stamp_ns=SECOND_NS, frame_id='camera', data=np.zeros((9, 9, 3), np.uint8))
    with pytest.raises(Exception, match='inpaint'):
        headset.see(1.0, None, command(Intent.HIDE, 'the red lamp'), image=small)
    headset.see(1.1, None)
    headset.see(1.2, None)
    assert headset.kinds == ['hidden']


def test_masks_of_another_size_than_the_calibration_are_refused() -> None:
    from mm_perception.errors import ShapeError

    headset = Headset()
    samples = samples_of(SECOND_NS, ROOM, None)
    small = np.zeros((50, 100), np.uint16)
    object.__setattr__(samples['masks'], 'id_map', small)
    with pytest.raises(ShapeError, match='200x100'):
        headset.plugin.infer(Inputs(SECOND_NS, 'camera', '', samples=samples))


def test_words_put_a_thing_beside_another() -> None:
    headset = Headset()
    put = command(Intent.MOVE, 'the red lamp', relation=Relation.NEXT_TO, anchor='the sofa')
    headset.see(1.0, None, put)
    assert headset.events[0].message == 'moved: red lamp #1'
    (target,) = headset.targets
    gap = np.linalg.norm(target.position - point_at(SOFA, 2.0))
    assert 0.1 < gap < 2.0
    nowhere = command(
        Intent.MOVE, 'the red lamp', at_s=1.1, relation=Relation.ON, anchor='the lamps'
    )
    headset.see(1.1, None, nowhere)
    headset.see(2.2, None)
    assert headset.kinds[-1] == 'refused'


def test_not_that_one_is_another_one() -> None:
    headset = Headset()
    boxes = {label: ROOM[label] for label in ('red lamp#1', 'green lamp#2')}
    no = command(Intent.DENY, 'the red one')
    assert headset.see(1.0, None, no, boxes=boxes).labels == ('green lamp',)
