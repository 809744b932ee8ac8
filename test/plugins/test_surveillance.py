"""Surveillance: each rule fires once, jitter and short losses fire nothing, bad rules refuse."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from mm_perception.channel import Deferred
from mm_perception.errors import ConfigError, MalformedMessageError, MissingInputError, ShapeError
from mm_perception.inputs import Inputs
from mm_perception.plugin import Context
from mm_perception.plugins.surveillance import Surveillance, SurveillanceConfig
from mm_perception.plugins.surveillance.places import GroundUnits, PictureUnits, foot_of
from mm_perception.plugins.surveillance.privacy import Veil, pixelated
from mm_perception.plugins.surveillance.rules import Alert, Line, Zone, parse_rules
from mm_perception.plugins.surveillance.watcher import Steady
from mm_perception.samples import CameraInfo, Event, Image, Masks

HEIGHT, WIDTH = 100, 200
STEP_NS = 100_000_000
#: The right half of the picture, and a line up its middle.
ZONES, LINES = ('yard: 100,0 200,0 200,100 100,100',), ('gate: 100,100 100,0',)
Standing = dict[int, tuple[str, float, float]]  # id to label and where its feet are


def masks_of(things: Standing, stamp_ns: int) -> Masks:
    id_map = np.zeros((HEIGHT, WIDTH), np.uint16)
    for number, (_, x, y) in things.items():
        id_map[max(int(y) - 16, 0) : int(y), max(int(x) - 4, 0) : int(x) + 4] = number
    return Masks(
        stamp_ns=stamp_ns, frame_id='camera', id_map=id_map, ids=tuple(things),
        labels=tuple(label for label, *_ in things.values()),
        scores=np.full(len(things), 0.8, np.float32),
    )  # fmt: skip


class Rig:
    """A camera at 10 Hz with rules in pixels; three empty seconds have passed."""

    def __init__(self, *alerts: str, **settings: Any) -> None:
        settings = {'zones': ZONES, 'lines': LINES, 'units': 'px', **settings}
        self.plugin = Surveillance(SurveillanceConfig(alerts=alerts, **settings))
        self.stamp_ns = 0
        self.outputs: Any = {}
        self.see({}, 3.0)

    def see(self, things: Standing, seconds: float = 0.1, image: Any = None) -> list[Event]:
        found: list[Event] = []
        for _ in range(round(seconds * 10)):
            self.stamp_ns += STEP_NS
            samples = {
                'masks': masks_of(things, self.stamp_ns), 'image': image, 'camera_info': None,
            }  # fmt: skip
            inputs = Inputs(self.stamp_ns, 'camera', samples=samples)
            self.outputs = self.plugin.infer(inputs)
            found += self.outputs['events']
        return found

    def walk(self, start: float, end: float, speed: float = 50.0, number: int = 7) -> list[Event]:
        """A person goes along the row 60, pixels per second."""
        steps = np.arange(start, end, np.copysign(speed * 0.1, end - start))
        return [e for x in steps for e in self.see({number: ('person', float(x), 60.0)})]


def kinds(events: list[Event]) -> list[str]:
    return [event.kind for event in events]


def test_entering_and_leaving_are_told_once_each() -> None:
    rig = Rig('entered yard: person', 'left yard')
    (entered,) = rig.walk(40, 180)
    assert (entered.kind, entered.track_ids, entered.label) == ('entered', ('7',), 'person')
    assert entered.rule == 'entered yard: person'
    assert entered.message == 'person #7 entered yard'
    assert entered.score == pytest.approx(0.8)
    assert entered.end_ns - entered.start_ns == 3 * STEP_NS, 'decided 0.3 s after it began'
    assert json.loads(rig.outputs['counts'].text) == {'yard': {'person': 1}}
    (left,) = rig.walk(180, 40)
    assert left.kind == 'left'
    assert json.loads(rig.outputs['counts'].text) == {'yard': {}}


def test_a_mask_that_jitters_on_the_border_fires_nothing_more() -> None:
    """By a fifth of its height, for 10 s."""
    rig = Rig('entered yard', 'left yard', 'crossed gate')
    events = rig.walk(40, 103)
    rng = np.random.default_rng(1)
    for x in 100 + rng.uniform(-3, 3, 100):
        events += rig.see({7: ('person', float(x), 60.0)})
    events += rig.walk(103, 180)
    assert sorted(kinds(events)) == ['crossed', 'entered']


def test_a_short_loss_is_no_leaving_and_a_long_one_is_being_gone() -> None:
    rig = Rig('entered yard', 'left yard', 'appeared', 'gone')
    assert kinds(rig.walk(40, 150)) == ['appeared', 'entered']
    assert rig.see({}, 1.5) == []
    assert rig.see({7: ('person', 150.0, 60.0)}, 1.0) == []
    last_ns = rig.stamp_ns
    (gone,) = rig.see({}, 5.0)
    assert (gone.kind, gone.start_ns) == ('gone', last_ns)
    assert json.loads(rig.outputs['counts'].text) == {'yard': {}}


def test_who_vanishes_at_the_edge_of_the_picture_has_left_the_zone() -> None:
    rig = Rig('left yard')
    rig.walk(120, 199)
    (left,) = rig.see({}, 3.0)
    assert left.message == 'person #7 left yard and the picture'


def test_a_new_id_at_the_same_place_is_the_same_thing() -> None:
    rig = Rig('entered yard', 'left yard', 'appeared', 'gone')
    assert kinds(rig.walk(40, 150)) == ['appeared', 'entered']
    rig.see({}, 0.5)
    assert rig.see({8: ('person', 152.0, 60.0)}, 4.0) == []
    assert kinds(rig.see({8: ('person', 152.0, 60.0), 9: ('car', 150.0, 70.0)}, 1.0)) == [
        'appeared', 'entered',
    ]  # fmt: skip


def test_what_was_there_at_the_start_neither_appeared_nor_entered() -> None:
    plugin_rig = Rig('entered yard', 'appeared', 'dwelt yard 2 s')
    plugin_rig.plugin.reset()
    events = plugin_rig.see({7: ('person', 150.0, 60.0)}, 4.0)
    assert kinds(events) == ['dwelt']


def test_crossing_tells_the_side_and_needs_the_line_itself() -> None:
    rig = Rig('crossed gate to the right: person', lines=('gate: 100,100 100,40',))
    (crossed,) = rig.walk(40, 160)
    assert crossed.message == 'person #7 crossed gate to the right'
    assert rig.walk(160, 40) == [], 'that was to the left'
    passed_by = [rig.see({9: ('person', float(x), 20.0)}) for x in range(40, 160, 5)]
    assert not any(passed_by), 'it went past the end of the line'


def test_dwelling_is_told_once_per_stay() -> None:
    rig = Rig('dwelt yard 5 s: person')
    rig.walk(40, 150)
    assert kinds(rig.see({7: ('person', 150.0, 60.0)}, 3.0)) == []
    (dwelt,) = rig.see({7: ('person', 150.0, 60.0)}, 10.0)
    assert dwelt.stamp_ns - dwelt.start_ns == 5_000_000_000
    assert kinds(rig.walk(150, 40) + rig.walk(40, 150)) == []
    assert kinds(rig.see({7: ('person', 150.0, 60.0)}, 6.0)) == ['dwelt']


def test_a_crowd_is_told_when_it_forms_and_again_after_it_broke_up() -> None:
    rig = Rig('crowded yard 2: person')
    two: Standing = {1: ('person', 130.0, 60.0), 2: ('person', 170.0, 60.0)}
    one, car = {1: two[1]}, {3: ('car', 150.0, 90.0)}
    assert rig.see(one | car, 2.0) == []
    (crowded,) = rig.see(two, 2.0)
    assert crowded.track_ids == ('1', '2')
    assert crowded.box is not None
    assert crowded.box.tolist() == [126, 44, 174, 60]
    assert rig.see({1: two[1], 2: ('person', 20.0, 60.0)}, 2.0) == []
    assert kinds(rig.see(two, 2.0)) == ['crowded']


def test_named_objects_come_and_go() -> None:
    rig = Rig('appeared: red car', 'gone: red car')
    red, blue = ('the red car', 60.0, 60.0), ('the blue car', 120.0, 60.0)
    assert kinds(rig.see({1: red, 2: blue}, 2.0)) == ['appeared']
    assert kinds(rig.see({1: red}, 5.0)) == []
    assert kinds(rig.see({2: blue}, 5.0)) == ['gone']
    assert kinds(rig.see({1: red, 2: blue}, 2.0)) == ['appeared']


def test_a_flash_is_nothing() -> None:
    rig = Rig('entered yard', 'appeared', 'gone')
    for _ in range(5):
        assert rig.see({7: ('person', 150.0, 60.0)}, 0.2) == []
        assert rig.see({}, 4.0) == []


def test_evidence_shows_the_thing_and_the_zone() -> None:
    image = Image(stamp_ns=0, frame_id='camera', data=np.full((400, 800, 3), 90, np.uint8))
    rig = Rig('entered yard', evidence_width=300)
    rig.walk(40, 99)
    (event,) = rig.see({7: ('person', 150.0, 60.0)}, 2.0, image)
    assert event.picture is not None
    assert event.picture.data.shape == (150, 300, 3)
    assert event.box is not None
    assert event.box.tolist() == [584, 176, 616, 240], 'pixels of the picture, not of the masks'
    inside = event.picture.data[72:84, 221:229].astype(int)
    assert np.abs(inside - 90).max() > 30, 'the mask is drawn'
    assert rig.outputs['overlay'].data.shape == (400, 800, 3)


def test_rules_on_the_ground_need_calibration_and_find_the_place() -> None:
    k = np.array([[100.0, 0, 100], [0, 100, 50], [0, 0, 1]])
    info = CameraInfo(
        stamp_ns=0, frame_id='camera', width=WIDTH, height=HEIGHT, d=np.zeros(5), k=k,
        r=np.eye(3), p=np.hstack([k, np.zeros((3, 1))]),
    )  # fmt: skip
    down = np.diag([1.0, -1.0, -1.0, 1.0])
    down[2, 3] = 2.0
    units = GroundUnits(info, down)
    assert units.place(np.array([100.5, 50.5])) == pytest.approx([0, 0], abs=1e-6)
    # 50 pixels to the right of the middle, from 2 m above: 1 m; lower in the picture is y = -1.
    assert units.place(np.array([150.5, 100.5])) == pytest.approx([1, 1], abs=1e-6)
    assert units.pixels(np.array([[1.0, 1.0]]))[0] == pytest.approx([150.5, 100.5])
    ahead = np.eye(4)
    ahead[:3, :3] = [[0, 0, 1], [-1, 0, 0], [0, -1, 0]]
    assert GroundUnits(info, ahead).place(np.array([100.0, 20.0])) is None, 'above the horizon'
    config = SurveillanceConfig(
        zones=('here: -1,-1 3,-1 3,3 -1,3',), alerts=('entered here',), units='ground'
    )
    plugin = Surveillance(config, Context(lookup_transform=lambda *names: down))
    found: list[Event] = []
    for index in range(40):
        masks = masks_of({7: ('person', 20.0 + 4 * index, 60.0)}, (index + 20) * STEP_NS)
        samples = {'masks': masks, 'image': None, 'camera_info': info}
        outputs: Any = plugin.infer(Inputs(masks.stamp_ns, 'camera', samples=samples))
        found += outputs['events']
    assert kinds(found) == ['entered']
    with pytest.raises(MissingInputError, match='set units: relative'):
        plugin.infer(Inputs(1, 'camera', samples={**samples, 'camera_info': None}))


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        ({'zones': ('yard: 0,0 1,1',)}, 'at least three corners, not 2'),
        ({'zones': ('yard: 0,0 1,1 1,0 0,1',)}, 'its sides cross'),
        ({'zones': ('yard: 0,0 0.5,0.5 1,1',)}, 'not all on one line'),
        ({'zones': ('yard: 0,0 10,0 10,10',)}, 'set units: px'),
        ({'zones': ('my yard: 0,0 1,0 1,1',)}, 'the name in one word'),
        ({'zones': ('yard: 0;0 1;0 1;1',)}, 'points as X,Y'),
        ({'zones': ('a: 0,0 1,0 1,1', 'a: 0,0 1,0 1,1')}, 'a name of its own'),
        ({'lines': ('gate: 0,0 1,1 1,0',)}, 'two different ends'),
        ({'lines': ('gate: 1,1 1,1',)}, 'two different ends'),
        ({'alerts': ('exploded yard',)}, 'one of entered, left, dwelt'),
        ({'alerts': ('entered yard',)}, 'a zone that there is: none yet; add it to zones'),
        ({'alerts': ('dwelt yard',)}, 'dwelt ZONE SECONDS s'),
        ({'alerts': ('crossed gate to the north',)}, r'crossed LINE \[to the left'),
        ({'alerts': ('gone: ',)}, 'labels behind the colon'),
        ({'units': 'metres'}, 'relative'),
    ],
)
def test_bad_rules_are_refused_with_value_and_fix(settings: Any, message: str) -> None:
    from mm_perception.config import build_config

    with pytest.raises(ConfigError, match=message) as caught:
        build_config(SurveillanceConfig, settings)
    value = next(iter(settings.values()))
    assert repr(value if isinstance(value, str) else value[-1].partition(':')[0])[1:-1] in str(
        caught.value
    )


def test_new_rules_take_over_while_it_runs() -> None:
    rig = Rig('entered yard')
    rig.walk(40, 150)
    rig.plugin.reconfigure(SurveillanceConfig(zones=ZONES, alerts=('left yard',), units='px'))
    assert rig.see({7: ('person', 150.0, 60.0)}, 1.5) == []
    assert kinds(rig.walk(150, 40)) == ['left']


def test_convention_of_depth_and_sides() -> None:
    square = Zone('s', np.array([[0.0, 0], [4, 0], [4, 4], [0, 4]]))
    assert square.depth(np.array([1.0, 2.0])) == pytest.approx(1)
    assert square.depth(np.array([6.0, 2.0])) == pytest.approx(-2)
    line = Line('l', np.array([[0.0, 4.0], [0.0, 0.0]]))
    assert line.right_of(np.array([3.0, 1.0])) == pytest.approx(3)


def test_convention_of_labels() -> None:
    (alert,) = parse_rules((), (), ('gone: red car',), is_relative=True).alerts
    assert alert.fits('the red car')
    assert alert.fits('big red car')
    assert not alert.fits('car')
    assert Alert('gone', 'gone').fits('anything')


def test_convention_of_feet() -> None:
    mask = np.zeros((10, 10), bool)
    mask[2:6, 4:8] = True
    assert foot_of(mask).tolist() == [6, 6]
    assert PictureUnits(100, 200, True).place(np.array([150.0, 50.0])).tolist() == [1.5, 0.5]


def test_convention_of_what_lasts() -> None:
    steady = Steady(False)
    seen = [(1.0, True), (1.2, True), (1.3, True)]
    assert [steady.take(v, round(t * 1e9), 300_000_000) for t, v in seen] == [False, False, True]
    assert steady.since_ns == 1_000_000_000


def test_people_stay_hidden_while_their_mask_is_missing() -> None:
    """They walk at 100 pixels per second; every third mask is missing."""
    veil = Veil(('person',), hold_s=0.5, grow=0.1)
    for index in range(12):
        truth = masks_of({7: ('person', 20.0 + 10 * index, 60.0)}, index * STEP_NS)
        given = truth if index % 3 != 2 else masks_of({}, index * STEP_NS)
        assert veil.look(given)[truth.id_map == 7].all(), index
    assert not veil.look(masks_of({}, 30 * STEP_NS)).any(), 'not for ever'
    car = masks_of({8: ('car', 50.0, 60.0)}, 31 * STEP_NS)
    assert not veil.look(car).any()


def test_convention_of_tiles() -> None:
    rgb = np.random.default_rng(1).integers(0, 256, (40, 40, 3), np.uint8)
    hidden = np.zeros((40, 40), bool)
    hidden[:20] = True
    veiled = pixelated(rgb, hidden, 4)
    assert np.array_equal(veiled[20:], rgb[20:])
    tile = veiled[:10, :10].reshape(-1, 3)
    assert (tile == tile[0]).all()
    assert np.abs(tile[0] - rgb[:10, :10].reshape(-1, 3).mean(0)).max() <= 1


def test_the_private_picture_hides_people_only() -> None:
    rng = np.random.default_rng(2)
    image = Image(stamp_ns=0, frame_id='c', data=rng.integers(0, 256, (100, 200, 3), np.uint8))
    rig = Rig()
    rig.see({7: ('a person', 50.0, 60.0), 8: ('a car', 150.0, 60.0)}, 0.1, image)
    changed = (rig.outputs['private'].data != image.data).any(axis=2)
    assert changed[44:60, 46:54].mean() > 0.9
    assert not changed[:, 100:].any()


def test_alerts_are_not_lost_for_a_picture_that_cannot_be_used() -> None:
    def fail() -> Any:
        raise MalformedMessageError('sensor_msgs/msg/Image', 'made to fail')

    depth = Image(stamp_ns=1, data=np.ones((HEIGHT, WIDTH), np.uint16), encoding='16UC1')
    for image, error in ((depth, ShapeError), (Deferred(1, '', fail), MalformedMessageError)):
        rig, reports = Rig('entered yard'), []
        rig.plugin.context = Context(report=reports.append)
        rig.walk(40, 60)
        (event,) = rig.see({7: ('person', 150.0, 60.0)}, 0.5, image)
        assert (event.kind, event.picture) == ('entered', None)
        assert {type(report) for report in reports} == {error}
        assert 'private' not in rig.outputs
