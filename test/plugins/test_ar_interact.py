"""Things that are pointed at, and anchors that stay."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mm_perception.geometry.rays import ray_of
from mm_perception.inputs import Inputs
from mm_perception.plugin import Context, Latest
from mm_perception.plugins.ar_interact import ArInteract, ArInteractConfig
from mm_perception.samples import Boxes3D, Command, Event, Intent, Masks, PointCloud, Pose
from mm_perception.samples.sample import Array
from test.plugins.commands import command
from test.plugins.pointed_room import FOCAL, ROOM, THING_M, point_at, ray_at, samples_of
from test.plugins.samples import SECOND_NS
from test.unit.selecting.things import Box

GREEN, SOFA, WALL = (100.0, 50.0), (165.0, 65.0), (65.0, 10.0)
SPEED_MPS = 0.2


def lookup(target: str, source: str, stamp_ns: int) -> Array:
    """The camera moves to the right; axes are those of the fixed frame."""
    at = {'fixed': 0.0, 'camera': SPEED_MPS * (stamp_ns / SECOND_NS - 1)}
    shift = np.eye(4)
    shift[0, 3] = at[source] - at[target]
    return shift


def seen_at(time_s: float, boxes: dict[str, Box]) -> dict[str, Box]:
    """What the moving camera sees of things at 2 m, whole pixels."""
    left = round(SPEED_MPS * (time_s - 1) / THING_M * FOCAL)
    return {label: (b[0] - left, b[1], b[2] - left, b[3]) for label, b in boxes.items()}


class Glasses:
    """Shows pictures and rays to the plugin and keeps what it says."""

    def __init__(self, **settings: Any) -> None:
        values = {'fixed_frame': 'fixed', 'ray_axis': 'z', **settings}
        self.plugin = ArInteract(ArInteractConfig(**values), Context(lookup_transform=lookup))
        self.events: list[Event] = []
        self.poses: list[Pose] = []
        self.anchors: Boxes3D | None = None
        self.occlusion = np.zeros((0, 0), np.uint8)

    def see(
        self, time_s: float, pixel: tuple[float, float] | None, *commands: Command,
        boxes: dict[str, Box] = ROOM, **changes: Any,
    ) -> Masks:  # fmt: skip
        stamp_ns = round(time_s * SECOND_NS)
        ray = None if pixel is None else ray_at(pixel, stamp_ns)
        found = samples_of(stamp_ns, seen_at(time_s, boxes), ray)
        samples = {**found, 'command': commands, **changes}
        outputs: Any = self.plugin.infer(Inputs(stamp_ns, 'camera', '', samples=samples))
        self.events += outputs['event']
        self.poses, self.anchors = list(outputs['pose']), outputs['anchors']
        self.occlusion = outputs['occlusion'].data
        chosen = outputs['chosen']
        assert isinstance(chosen, Masks)
        return chosen

    def pointing(self, first_s: float, last_s: float, pixel: tuple[float, float]) -> Masks:
        """Point at a pixel of the first picture while the camera moves, ten times a second."""
        for time_s in np.arange(first_s, last_s + 0.01, 0.1):
            left = SPEED_MPS * (time_s - first_s) / THING_M * FOCAL
            chosen = self.see(float(time_s), (pixel[0] - left, pixel[1]))
        return chosen


def test_pointing_for_long_enough_selects() -> None:
    glasses = Glasses(dwell_s=0.5)
    assert len(glasses.pointing(1.0, 1.4, GREEN)) == 0
    assert glasses.pointing(1.5, 1.6, (95.0, 50.0)).labels == ('green lamp',)
    assert [event.kind for event in glasses.events] == ['selected']
    assert glasses.events[0].end_ns - glasses.events[0].start_ns == pytest.approx(5e8, abs=1e7)


def test_what_was_selected_in_a_picture_that_failed_is_told_with_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    glasses = Glasses()
    with monkeypatch.context() as broken:
        broken.setattr(ArInteract, '_measure', lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            glasses.see(1.0, None, command(Intent.SELECT, 'the green lamp'))
    glasses.see(1.1, None)
    glasses.see(1.2, None)
    assert [event.kind for event in glasses.events] == ['selected']


def aimed(glasses: Glasses, every_s: float, late_s: float) -> list[str]:
    """Pictures, each with the ray that was at the green lamp so long before; what is selected."""
    for tick in range(6):
        time_s = 1 + tick * every_s
        left = SPEED_MPS * (time_s - late_s - 1) / THING_M * FOCAL
        stamp_ns = round((time_s - late_s) * SECOND_NS)
        glasses.see(time_s, None, ray=ray_at((GREEN[0] - left, GREEN[1]), stamp_ns))
    return [event.label for event in glasses.events if event.kind == 'selected']


@pytest.mark.parametrize(
    ('every_s', 'late_s', 'counts'),
    [
        (0.1, 0.2, True), (0.1, 0.5, False), (1.0, 1.0, True), (0.4, 0.8, True),
        (1.0, 2.3, False), (3.0, 3.0, False),
    ],
)  # fmt: skip
def test_the_ray_may_be_of_a_picture_before(every_s: float, late_s: float, counts: bool) -> None:
    """Where pictures are rare that is long ago: `pointing` makes it of the same masks, later."""
    assert aimed(Glasses(dwell_s=0.3), every_s, late_s) == (['green lamp'] if counts else [])
    port = ArInteract.inputs['ray']
    assert isinstance(port, Latest)
    assert port.tolerance_s is not None
    assert port.tolerance_s >= late_s or not counts


def test_passing_over_things_selects_none() -> None:
    glasses = Glasses(dwell_s=0.8)
    for tick in range(20):
        glasses.see(1 + tick / 10, GREEN if tick % 8 < 4 else WALL)
    assert glasses.events == []


def test_what_was_released_is_not_selected_by_the_same_gesture() -> None:
    glasses = Glasses(dwell_s=0.3)
    glasses.pointing(1.0, 1.5, GREEN)
    glasses.see(1.6, (94.0, 50.0), command(Intent.STOP, at_s=1.6))
    assert len(glasses.pointing(1.7, 2.5, (93.0, 50.0))) == 0
    assert [event.kind for event in glasses.events] == ['selected', 'released']


def test_words_select_too_and_say_what_is_not_there() -> None:
    glasses = Glasses(patience_s=0.2)
    chosen = glasses.see(1.0, None, command(Intent.SELECT, 'the left lamp'))
    assert chosen.labels == ('red lamp',)
    glasses.see(1.1, None, command(Intent.SELECT, 'the fridge', at_s=1.1))
    glasses.see(1.4, None)
    assert glasses.events[-1].kind == 'refused'
    assert 'nothing fits' in glasses.events[-1].message
    that = command(Intent.SELECT, at_s=1.5, seconds=0.2, is_deictic=True)
    assert glasses.see(1.5, (160.0, 65.0), that).labels == ('sofa',)


def test_an_anchor_stays_while_the_camera_moves_and_looks_away() -> None:
    glasses = Glasses()
    glasses.see(1.0, None, command(Intent.SELECT, 'the green lamp'))
    first = glasses.poses[0]
    np.testing.assert_allclose(first.position, point_at((99.5, 49.5), THING_M), atol=0.02)
    for tick in range(1, 10):
        glasses.see(1 + tick / 10, None)
    assert glasses.poses[0].frame_id == 'fixed'
    np.testing.assert_allclose(glasses.poses[0].position, first.position, atol=0.02)
    glasses.see(2.1, None, boxes={'x#1': (0, 0, 1, 1), 'y#2': (5, 5, 6, 6)})
    np.testing.assert_allclose(glasses.poses[0].position, first.position, atol=0.02)


def test_the_pose_looks_out_of_the_thing() -> None:
    glasses = Glasses()
    glasses.see(1.0, None, command(Intent.SELECT, 'the sofa'))
    np.testing.assert_allclose(ray_of(glasses.poses[0], 'x').direction, [0, 0, -1], atol=1e-3)


def test_an_anchor_goes_with_a_thing_that_moves() -> None:
    glasses = Glasses()
    glasses.see(1.0, None, command(Intent.SELECT, 'the green lamp'))
    first = glasses.poses[0].position
    moved = {**ROOM, 'green lamp#2': (50, 30, 70, 70)}  # 40 px to the left: 0.8 m
    glasses.see(1.1, None, boxes=moved)
    np.testing.assert_allclose(glasses.poses[0].position - first, [-0.8, 0, 0], atol=0.05)


def test_a_scan_carries_an_anchor_too_and_without_both_there_is_none() -> None:
    rows, columns = np.mgrid[32:70:6, 92:110:6]
    scan = np.array(
        [point_at((x, y), THING_M) for x, y in zip(columns.flat, rows.flat, strict=True)]
    )
    points = np.zeros(len(scan), [(axis, np.float32) for axis in 'xyz'])
    for index, axis in enumerate('xyz'):
        points[axis] = scan[:, index]
    cloud = PointCloud(stamp_ns=SECOND_NS, frame_id='camera', points=points)
    for given, count in ((cloud, 1), (None, 0)):
        glasses = Glasses()
        select = command(Intent.SELECT, 'the green lamp')
        chosen = glasses.see(1.0, None, select, depth=None, cloud=given)
        assert chosen.labels == ('green lamp',)
        assert len(glasses.poses) == count
        assert glasses.anchors is not None
        assert len(glasses.anchors) == count


def test_what_is_in_front_hides_the_overlay() -> None:
    glasses = Glasses(overlay_m=0.6)
    select = command(Intent.SELECT, 'the green lamp')
    depth = samples_of(SECOND_NS, ROOM, None)['depth']
    data = np.array(depth.data)
    data[:, 113:121] = 1.0  # a post in front, beside the lamp
    object.__setattr__(depth, 'data', data)
    glasses.see(1.0, None, select, depth=depth)
    assert (glasses.occlusion[45:55, 113:115] == 255).all()
    assert not glasses.occlusion[:, :112].any()  # a rim of one pixel
    assert not glasses.occlusion[:, 116:].any()  # beyond the overlay
