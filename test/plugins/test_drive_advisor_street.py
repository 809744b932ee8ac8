"""From true boxes to advice: detector, tracker and advisor in streets of the synthetic world."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mm_perception.geometry import pose_matrix
from mm_perception.inputs import Inputs
from mm_perception.plugin import Context
from mm_perception.plugins.drive_advisor import DriveAdvisor
from mm_perception.plugins.tracker3d import Tracker3D
from mm_perception.samples import Action, Advice, BevGrid, Odometry, quats_of_yaws
from mm_perception.world.detector import Detector, grid_sample
from mm_perception.world.drive import NOT_NAMED, Drive
from mm_perception.world.materials import Material
from mm_perception.world.motion import standing, straight, turn_about
from mm_perception.world.scene import Motion, Scene, Solid, Stage, Thing
from mm_perception.world.street import make_street
from mm_perception.world.things import MAKERS
from mm_perception.world.truth import Grid, bird_of, boxes_of
from mm_perception.world.variety import Dice

RATE_HZ, SPEED = 10.0, 6.0
GREY = Material((0.4, 0.4, 0.4))
DETECTOR = Detector(alarms=0.3, missed=0.05, hidden=0.0)


def street(*things: Thing, crossing_at: float | None = None) -> Stage:
    ground = [('road', Solid('box', (200, 6, 0.05), (0, 0, -0.05), GREY))]
    if crossing_at is not None:
        stripe = Solid('box', (1.5, 6, 0.003), (crossing_at, 0, 0.002), GREY)
        ground.append(('crossing', stripe))
    return Stage(Scene(list(things), ground))


def braking(x: float, speed: float, at_s: float, brake: float) -> Motion:
    """Along x; from a moment on it brakes until it stands."""

    def motion(time_s: float) -> tuple[np.ndarray, np.ndarray]:
        slow_s = min(max(time_s - at_s, 0.0), speed / brake)
        driven = speed * min(time_s, at_s) + speed * slow_s - brake * slow_s**2 / 2
        return np.array([x + driven, 0.0, 0.0]), np.eye(3)

    return motion


def straight_on(time_s: float) -> tuple[np.ndarray, np.ndarray]:
    return np.array([SPEED * time_s, 0.0, 0.0]), turn_about(2, 0.0)


def drive(
    stage: Stage, seconds: float, ego: Motion = straight_on, seed: int = 1,
    change: Callable[[BevGrid], BevGrid] = lambda grid: grid,
) -> list[Advice]:  # fmt: skip
    """Advice ten times a second, from boxes that a detector saw; the map is the true one."""
    poses: dict[int, np.ndarray] = {}
    context = Context(lookup_transform=lambda to, of, stamp_ns: poses[stamp_ns])
    tracker = Tracker3D(Tracker3D.Config(), context)
    advisor = DriveAdvisor(DriveAdvisor.Config(), context)
    answers = []
    for index in range(round(seconds * RATE_HZ)):
        time_s, stamp_ns = index / RATE_HZ, 10**9 + round(index * 1e9 / RATE_HZ)
        (at, turn), (after, _) = ego(time_s), ego(time_s + 1e-3)
        yaw = float(np.arctan2(turn[1, 0], turn[0, 0]))
        quat = quats_of_yaws(np.array(yaw))
        poses[stamp_ns] = pose_matrix(at, quat)
        boxes = [b.seen_from(at, turn) for b in boxes_of(stage, time_s) if b.kind not in NOT_NAMED]
        seen = DETECTOR.detect(Drive(seed, lidar=None), time_s, boxes, stamp_ns)
        found: Any = tracker.infer(Inputs(stamp_ns, 'base_link', samples={'detections': (seen,)}))
        bird = bird_of(stage, time_s, at, yaw, Grid(resolution=0.5))
        odometry = Odometry(
            stamp_ns=stamp_ns, frame_id='odom', child_frame_id='base_link', position=at,
            quat_xyzw=quat, linear=turn.T @ (after - at) / 1e-3, angular=np.zeros(3),
            pose_covariance=np.zeros((6, 6)), twist_covariance=np.zeros((6, 6)),
        )  # fmt: skip
        samples = {
            'odometry': odometry, 'tracks': found['tracks'],
            'map': change(grid_sample(bird, stamp_ns, 'base_link')),
        }  # fmt: skip
        told: Any = advisor.infer(Inputs(stamp_ns, 'odom', samples=samples))
        answers.append(told['advice'])
    return answers


def test_a_car_ahead_brakes() -> None:
    dice = Dice(7)
    lead = MAKERS['car'](dice, 'red', braking(18.0, SPEED, at_s=1.5, brake=4.0))
    answers = drive(street(lead), 4.5)
    actions = [a.action for a in answers]
    assert max(actions[5:15]) is Action.GO, 'one follows while it drives'
    first_slow = next(i for i, a in enumerate(actions) if i >= 15 and a is Action.SLOW)
    first_stop = next(i for i, a in enumerate(actions) if i >= 15 and a is Action.STOP)
    assert 15 < first_slow < first_stop
    # When the advice is to stop, braking as hard as it may be is still enough.
    time_s = first_stop / RATE_HZ
    gap = lead.pose(time_s)[0][0] - lead.size[0] / 2 - SPEED * time_s - 2.3
    assert gap > SPEED**2 / (2 * 6.0)
    (track_id,) = answers[first_stop].track_ids
    assert f'car {track_id} is' in answers[first_stop].reason
    assert 'to a collision' in answers[first_stop].reason
    limits = [a.speed_limit_mps for a in answers[first_slow:first_stop]]
    assert max(limits) < SPEED + 0.5


def test_somebody_crosses_at_a_crossing() -> None:
    """Yield while somebody comes and crosses, and no longer than that."""
    who = MAKERS['pedestrian'](Dice(3), 'blue', straight((30.0, -5.0, 0.0), np.pi / 2, 2.0))
    answers = drive(street(who, crossing_at=30.0), 4.4)
    cautious = [i for i, a in enumerate(answers) if a.action >= Action.YIELD]
    assert cautious[0] <= 4
    assert cautious == list(range(cautious[0], cautious[-1] + 1)), 'without a break'
    for answer in answers[10:28]:
        assert answer.action is Action.YIELD
        assert 'crossing' in answer.rules
        (track_id,) = answer.track_ids
        assert f'pedestrian {track_id} is at the crossing' in answer.reason
    # It is 0.6 m wide and has left the corridor (1 m) at y = 1.3: after 3.15 s.
    assert 2.8 < (cautious[-1] + 1) / RATE_HZ - 0.5 < 3.6, 'and half a second it is held'
    assert answers[-1].action < Action.YIELD


def test_somebody_who_waits_elsewhere_is_no_reason_to_yield() -> None:
    who = MAKERS['pedestrian'](Dice(3), 'blue', standing(14.0, -5.0, np.pi / 2))
    answers = drive(street(who, crossing_at=35.0), 3.0)
    assert {a.action for a in answers[1:]} == {Action.GO}


def test_a_car_comes_from_the_right() -> None:
    dice = Dice(7)
    who = MAKERS['car'](dice, 'red', straight((25.0, -22.0, 0.0), np.pi / 2, 6.0))
    answers = drive(street(who), 2.5)
    yielding = [a for a in answers if a.action is Action.YIELD]
    assert len(yielding) >= 5
    assert 'from the right' in yielding[0].reason
    opposite = MAKERS['car'](Dice(7), 'red', straight((25.0, 22.0, 0.0), -np.pi / 2, 6.0))
    answers = drive(street(opposite), 2.5)
    assert Action.YIELD not in {a.action for a in answers}
    assert any('has to give way' in a.reason for a in answers)


def test_what_is_hidden_is_driven_at_with_care() -> None:
    def fog(grid: BevGrid) -> BevGrid:
        cells = grid.cells.copy()
        cells[0, :, 58:] = -1  # of the layer occupied, from 9 m ahead of base_link on
        return replace(grid, cells=cells)

    answers = drive(street(), 0.5, change=fog)
    assert {(a.action, a.rules) for a in answers} == {(Action.SLOW, ('unknown',))}
    assert 3 < answers[0].speed_limit_mps < SPEED


@pytest.mark.parametrize('seed', [3, 11])
def test_an_ordinary_drive_has_no_false_alarms(seed) -> None:
    """Traffic that keeps its distance, people on pavements, parked cars, cones at the kerb.

    Those who do cross the road are taken out of it, and the first second does not count: of what
    was seen three times the place is not well known.
    """
    scene = make_street(seed)
    scene.things = [thing for thing in scene.things if not walks_across(thing)]
    answers = drive(Stage(scene), 3.0, Drive(seed, lidar=None).ego, seed)[10:]
    assert max(a.action for a in answers) < Action.YIELD
    assert np.mean([a.action is Action.GO for a in answers]) > 0.8


def walks_across(thing: Thing) -> bool:
    return abs(thing.pose(1.0)[0][1] - thing.pose(0.0)[0][1]) > 0.5
