"""Clicks in space: the right pixel in each camera that sees the place, the others' reasons."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mm_perception.errors import MmPerceptionError, TransformUnavailableError
from mm_perception.inputs import Inputs
from mm_perception.plugin import Context
from mm_perception.plugins.click import Click, ClickConfig
from mm_perception.samples import (
    CameraInfo,
    Point3D,
    Prompt,
    PromptAction,
    PromptState,
    PromptStatus,
)
from test.plugins.samples import SECOND_NS

#: Optical axes (x right, y down, z ahead) in a frame with x ahead, y left, z up.
OPTICAL = np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]])
BACK = np.diag([-1.0, -1, 1])
K = np.array([[60.0, 0, 32], [0, 60, 24], [0, 0, 1]])


def pose(turn: np.ndarray, at: tuple[float, float, float] = (0, 0, 0)) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = turn, at
    return matrix


class Rig:
    """Cameras `front` and `back`; the robot drives 1 m/s ahead in odom."""

    def __init__(self, cameras: tuple[str, ...] = ('front', 'back'), **settings: Any) -> None:
        self.cameras = cameras
        self.known_until_ns = 10**18
        self.unknown: set[str] = set()
        self.reported: list[MmPerceptionError] = []
        context = Context(
            streams={'camera_info': cameras}, lookup_transform=self.lookup,
            report=self.reported.append,
        )  # fmt: skip
        self.plugin = Click(ClickConfig(**settings), context)
        self.stamp_ns = 0

    def lookup(self, target: str, source: str, stamp_ns: int) -> np.ndarray:
        for frame in (target, source):
            if frame in self.unknown or stamp_ns > self.known_until_ns:
                raise TransformUnavailableError(target, source, stamp_ns, 'not there')
        in_odom = {
            'odom': np.eye(4), 'base_link': pose(np.eye(3), (stamp_ns / 1e9, 0, 0)),
            'front': pose(OPTICAL, (stamp_ns / 1e9, 0, 0)),
            'back': pose(BACK @ OPTICAL, (stamp_ns / 1e9, 0, 0)),
        }  # fmt: skip
        return np.asarray(np.linalg.inv(in_odom[target]) @ in_odom[source])

    def see(
        self, *points: Point3D, silent: tuple[str, ...] = (), **info: Any
    ) -> tuple[list[Prompt], list[PromptStatus]]:
        """One second later."""
        self.stamp_ns += SECOND_NS
        infos = {n: self.info(n, **info) for n in self.cameras if n not in silent}
        inputs = Inputs(
            stamp_ns=self.stamp_ns, frame_id='front',
            samples={'camera_info': infos, 'point': points},
        )  # fmt: skip
        outputs: Any = self.plugin.infer(inputs)
        return outputs['prompts'], outputs['status']

    def info(self, name: str, **changes: Any) -> CameraInfo:
        values: dict[str, Any] = {
            'stamp_ns': self.stamp_ns, 'frame_id': name, 'width': 64, 'height': 48,
            'd': np.zeros(5), 'k': K, 'r': np.eye(3), 'p': np.hstack([K, np.zeros((3, 1))]),
        }  # fmt: skip
        return CameraInfo(**{**values, **changes})


def point(x: float, y: float, z: float, frame_id: str = 'odom', stamp_ns: int = 0) -> Point3D:
    return Point3D(stamp_ns=stamp_ns, frame_id=frame_id, position=np.array([x, y, z], float))


def test_convention_a_place_ahead_left_and_up_is_left_and_up_in_the_picture() -> None:
    """At 1 s the camera is at x = 1: (7, 1, 0.5) is 6 m ahead, 60 px of focal length."""
    prompts, told = Rig().see(point(7, 1, 0.5))
    assert [(p.stream, p.stamp_ns, p.frame_id) for p in prompts] == [('front', SECOND_NS, 'front')]
    assert prompts[0].points == pytest.approx(np.array([[32 - 10, 24 - 5]]))
    assert prompts[0].point_labels.tolist() == [1]
    assert [(s.state, s.stream, s.stamp_ns) for s in told] == [
        (PromptState.PENDING, 'front', SECOND_NS)
    ]
    assert told[0].prompt_id == prompts[0].prompt_id
    assert '(22, 19)' in told[0].message


def test_every_camera_that_sees_the_place_gets_a_prompt_of_one_name() -> None:
    rig = Rig(cameras=('front', 'front_too'))
    rig.info = lambda name, **changes: Rig.info(rig, 'front')  # type: ignore[method-assign]
    prompts, _ = rig.see(point(7, 0, 0))
    assert [p.stream for p in prompts] == ['front', 'front_too']
    assert prompts[0].prompt_id == prompts[1].prompt_id


def test_a_place_stands_still_in_the_fixed_frame_from_the_click_on() -> None:
    """Clicked at 1 s, 6 m before the robot; seen at 2 s, when the robot is 1 m nearer."""
    clicked = point(6, 1, 0, 'base_link', SECOND_NS)
    for settings, away in (({}, 5), ({'fixed_frame': ''}, 6)):
        rig = Rig(**settings)
        rig.see()
        prompts, _ = rig.see(clicked)
        assert prompts[0].points[0, 0] == pytest.approx(32 - 60 / away), settings


def test_the_lens_bends_and_binning_shrinks() -> None:
    prompts, _ = Rig().see(point(7, 2, 0), d=np.array([0.5, 0, 0, 0, 0]), binning=(2, 2))
    r2 = (2 / 6) ** 2
    full = 32 - 60 * 2 / 6 * (1 + 0.5 * r2)
    assert prompts[0].points == pytest.approx(np.array([[full / 2, 12]]))


def test_what_no_camera_sees_is_rejected_with_the_reason_of_each() -> None:
    prompts, told = Rig().see(point(7, 20, 0))
    assert prompts == []
    assert [s.state for s in told] == [PromptState.REJECTED]
    assert 'no camera sees' in told[0].message
    assert 'front: it is' in told[0].message
    assert 'back: it is behind' in told[0].message


def test_the_border_of_the_picture_is_half_a_pixel_beyond_its_last_pixel() -> None:
    def left(column: float) -> float:
        return (32 - column) * 6 / 60

    rig = Rig(cameras=('front',), fixed_frame='')
    for column, is_seen in ((-0.4, True), (-0.6, False), (63.4, True), (63.6, False)):
        prompts, _ = rig.see(point(6, left(column), 0, 'base_link'))
        assert bool(prompts) is is_seen, column


def test_a_click_waits_for_its_transform_and_is_refused_when_that_does_not_come() -> None:
    rig = Rig(max_wait_s=2.0)
    rig.known_until_ns = 0
    assert rig.see(point(9, 0, 0)) == ([], [])
    rig.known_until_ns = 10**18
    prompts, told = rig.see()
    assert [p.stream for p in prompts] == ['front']
    assert rig.reported == []

    rig.unknown = {'camera_link'}
    assert rig.see(point(9, 0, 0, 'camera_link')) == ([], [])
    assert rig.see() == ([], [])
    prompts, told = rig.see()
    assert [s.state for s in told] == [PromptState.REJECTED]
    assert 'odom <- camera_link' in told[0].message
    assert len(rig.reported) == 2, 'one for each camera, in the diagnostics'
    assert rig.see() == ([], []), 'said once'


def test_a_camera_without_transforms_or_pictures_holds_up_no_other() -> None:
    rig = Rig(max_wait_s=1.0)
    rig.unknown = {'back'}
    prompts, told = rig.see(point(9, 0, 0))
    assert ([p.stream for p in prompts], len(told)) == (['front'], 1)
    assert rig.see() == ([], []), 'one camera has seen it: that is no rejection'
    prompts, _ = rig.see(point(9, 0, 0), silent=('front',))
    assert prompts == []
    prompts, _ = rig.see()
    assert [p.stream for p in prompts] == ['front']
    rig.see(point(9, 0, 0), silent=('front',))
    _, told = rig.see(silent=('front',))
    assert [s.state for s in told] == [PromptState.REJECTED]
    assert 'front: no CameraInfo' in told[0].message


def test_an_unknown_lens_is_refused_at_once() -> None:
    rig = Rig()
    _, told = rig.see(point(9, 0, 0), distortion_model='wobbly')
    assert [s.state for s in told] == [PromptState.REJECTED]
    assert 'wobbly' in told[0].message
    assert len(rig.reported) == 2


def test_a_camera_without_calibration_is_refused_at_once_and_for_that_reason() -> None:
    rig = Rig()
    _, told = rig.see(point(9, 0, 0), k=np.zeros((3, 3)))
    assert [s.state for s in told] == [PromptState.REJECTED]
    assert 'not calibrated' in told[0].message
    assert rig.see() == ([], []), 'it is over'


def test_clicks_can_be_for_some_pictures_only() -> None:
    prompts, _ = Rig(max_frames=5).see(point(9, 0, 0))
    assert prompts[0].max_frames == 5


def test_a_place_ends_those_before_it_that_are_near() -> None:
    rig = Rig(('front',), replace_m=0.5)
    first, _ = rig.see(point(9, 0, 0))
    assert [p.action for p in first] == [PromptAction.ADD]
    (gone, new), _ = rig.see(point(9, 0.3, 0))
    assert (gone.action, gone.prompt_id, gone.stream) == (
        PromptAction.REMOVE, first[0].prompt_id, 'front',
    )  # fmt: skip
    assert (new.action, new.prompt_id) == (PromptAction.ADD, 'click 9.00 0.30 0.00')
    far, _ = rig.see(point(9, 0.9, 0))
    assert [p.action for p in far] == [PromptAction.ADD]
    again, _ = rig.see(point(9, 0.3, 0))
    assert [p.prompt_id for p in again] == [new.prompt_id] * 2, 'the one that was new is replaced'


def test_places_of_other_frames_and_without_a_radius_stay() -> None:
    rig = Rig(('front',), replace_m=0.5)
    rig.see(point(9, 0, 0))
    here, _ = rig.see(point(8, 0, 0, 'base_link'))
    assert [p.action for p in here] == [PromptAction.ADD]
    rig = Rig(('front',))
    actions = [p.action for _ in range(2) for p in rig.see(point(9, 0, 0))[0]]
    assert actions == [PromptAction.ADD] * 2


def test_time_set_back_begins_the_wait_anew_and_reset_ends_it() -> None:
    rig = Rig(max_wait_s=5.0)
    rig.known_until_ns = 0
    for _ in range(4):
        rig.see(*([point(2, 0, 0)] if rig.stamp_ns == 0 else []))
    rig.stamp_ns = 0
    rig.plugin.rewind('')
    assert rig.see() == ([], [])
    rig.known_until_ns = 10**18
    assert rig.see()[1][0].state is PromptState.REJECTED, 'the robot stands on it'
    rig.known_until_ns = 0
    rig.see(point(9, 0, 0))
    rig.plugin.reset()
    rig.known_until_ns = 10**18
    assert rig.see() == ([], [])
