"""Arms that point, seen by a depth camera, with exact geometry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from mm_perception.errors import MissingInputError, ShapeError
from mm_perception.geometry.rays import ray_of, ray_through
from mm_perception.inputs import Inputs
from mm_perception.plugin import Context
from mm_perception.plugins.pointing import Pointing, PointingConfig
from mm_perception.plugins.pointing.arms import angle_deg
from mm_perception.samples import Event, Point3D, Pose
from mm_perception.samples.sample import Array
from test.plugins.pointing_people import (
    Person,
    depth_image,
    depth_of,
    info,
    lookup,
    pixels_of,
    samples_of,
    scan_of,
    skeletons_of,
)
from test.plugins.samples import SECOND_NS

ELBOW, WRIST = 8, 10  # of the right arm
TARGET = np.array([2.0, 1.8, 0.4])


def someone(target: Array = TARGET, yaw: float = np.pi, **changes: Any) -> Person:
    """Who points with the right arm."""
    person = Person((2.6, 0.2), yaw)
    person.point_at(target, **changes)
    return person


class Robot:
    """Shows people to the plugin and keeps what it says."""

    def __init__(self, **settings: Any) -> None:
        config = PointingConfig(**{'fixed_frame': 'room', **settings})
        self.plugin = Pointing(config, Context(lookup_transform=lookup))
        self.rays: list[Pose] = []
        self.events: list[Event] = []
        self.points: list[Point3D] = []

    def see(self, time_s: float, samples: dict[str, Any], stream: str = '') -> None:
        stamp_ns = round(time_s * SECOND_NS)
        outputs: Any = self.plugin.infer(Inputs(stamp_ns, 'camera', stream, samples=samples))
        self.rays += outputs['ray']
        self.events += outputs['event']
        self.points += outputs['point']

    def watch(
        self, people: dict[int, Person], first_s: float = 1.0, last_s: float = 2.0,
        keypoints: dict[int, Array] | None = None, **changes: Any,
    ) -> None:  # fmt: skip
        """The same for a while, ten pictures a second."""
        samples, exact = samples_of(people, 0), {n: pixels_of(p) for n, p in people.items()}
        for time_s in np.arange(first_s, last_s + 0.01, 0.1):
            stamp_ns = round(time_s * SECOND_NS)
            skeletons = skeletons_of(exact if keypoints is None else keypoints, stamp_ns)
            self.see(float(time_s), {**samples, 'skeletons': skeletons, **changes})

    @property
    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]


def error_deg(pose: Pose, person: Person, target: Array = TARGET) -> float:
    return angle_deg(ray_of(pose, 'x').direction, ray_through(person.eye, target).direction)


@pytest.mark.parametrize(
    ('target', 'yaw'),
    [
        ((2.0, 1.8, 0.4), np.pi), ((3.5, 1.6, 0.0), np.pi), ((0.6, -1.2, 0.5), np.pi),
        ((2.5, 2.0, 1.5), 2.2), ((3.5, -1.5, 0.0), 0.3), ((0.6, -1.2, 0.5), 2.2),
    ],
)  # fmt: skip
def test_the_ray_is_right_to_a_degree_and_a_half(target: Sequence[float], yaw: float) -> None:
    person = Person((2.6, 0.2), yaw)
    person.point_at(np.array(target))
    robot = Robot(hand_m=0.0)
    robot.watch({7: person})
    assert error_deg(robot.rays[-1], person, np.array(target)) < 1.5
    np.testing.assert_allclose(robot.rays[-1].position, person.joints['right_wrist'], atol=0.03)
    assert robot.rays[-1].frame_id == 'room'


def test_it_begins_after_a_while_and_says_who_with_which_arm() -> None:
    robot = Robot(dwell_s=0.45)
    robot.watch({7: someone()}, 1.0, 1.4)
    assert (robot.rays, robot.events) == ([], [])
    robot.watch({7: someone()}, 1.5, 1.6)
    assert len(robot.rays) == 2
    (event,) = robot.events
    assert (event.kind, event.track_ids, event.rule) == ('began', ('7',), 'right arm')
    assert event.message == 'person 7 points with the right arm'


def test_the_left_arm_points_too() -> None:
    person = Person((2.6, 0.2))
    person.point_at(np.array([2.0, -1.8, 0.5]), 'left')
    robot = Robot(hand_m=0.0)
    robot.watch({7: person})
    assert robot.events[0].rule == 'left arm'
    assert error_deg(robot.rays[-1], person, np.array([2.0, -1.8, 0.5])) < 1.5


def test_hanging_arms_do_not_point() -> None:
    robot = Robot()
    robot.watch({7: Person((2.6, 0.2))})
    assert (robot.rays, robot.events, robot.points) == ([], [], [])


def test_a_bent_arm_does_not_point() -> None:
    robot = Robot()
    robot.watch({7: someone(bend_deg=60)})
    assert (robot.rays, robot.events) == ([], [])


def test_lowering_the_arm_ends_it() -> None:
    robot = Robot(gap_s=0.25)
    robot.watch({7: someone()}, 1.0, 2.0)
    count = len(robot.rays)
    robot.watch({7: Person((2.6, 0.2))}, 2.1, 2.6)
    assert robot.kinds == ['began', 'ended']
    assert len(robot.rays) == count + 2  # until most of what is remembered hangs
    assert robot.events[1].start_ns == robot.events[0].stamp_ns
    assert robot.events[1].stamp_ns == round(2.5 * SECOND_NS)


def test_an_arm_that_sweeps_does_not_begin_to_point() -> None:
    robot = Robot()
    for index, y in enumerate(np.linspace(1.8, -1.8, 11)):
        robot.watch({7: someone(np.array([1.2, y, 0.8]))}, 1 + index / 10, 1 + index / 10)
    assert robot.rays == []


def test_missing_joints_give_no_ray_and_no_reason() -> None:
    keypoints = pixels_of(someone())
    keypoints[WRIST] = np.nan
    robot = Robot()
    robot.watch({7: someone()}, keypoints={7: keypoints})
    assert (robot.rays, robot.events) == ([], [])


def test_joints_that_tremble_make_no_straight_arm_bent() -> None:
    person, rng, robot = someone(), np.random.default_rng(3), Robot()
    samples = samples_of({7: person}, 0)
    for tick in range(30):
        shaken = pixels_of(person) + rng.normal(0, 3, (17, 2)).astype(np.float32)
        skeletons = skeletons_of({7: shaken}, round((1 + tick / 10) * SECOND_NS))
        robot.see(1 + tick / 10, {**samples, 'skeletons': skeletons})
    assert robot.kinds == ['began']
    assert len(robot.rays) > 20


def test_who_waves_does_not_point() -> None:
    straight, bent, robot = someone(), someone(bend_deg=60), Robot()
    for tick in range(30):
        waving = straight if tick % 9 >= 4 else bent
        robot.watch({7: waving}, 1 + tick / 10, 1 + tick / 10)
    assert (robot.rays, robot.events) == ([], [])


def test_a_wrist_that_is_missed_for_a_moment_does_not_end_it() -> None:
    robot = Robot()
    robot.watch({7: someone()}, 1.0, 1.6)
    keypoints = pixels_of(someone())
    keypoints[WRIST] = np.nan
    robot.watch({7: someone()}, 1.7, 1.8, keypoints={7: keypoints})
    robot.watch({7: someone()}, 1.9, 2.0)
    assert robot.kinds == ['began']


def test_holes_in_the_depth_refuse_once_with_the_reason() -> None:
    person = someone()
    depth, (x, y) = depth_of([person]), pixels_of(person)[WRIST]
    depth[int(y) - 15 : int(y) + 16, int(x) - 15 : int(x) + 16] = np.nan
    robot = Robot()
    robot.watch({7: person}, depth=depth_image(depth, SECOND_NS))
    assert robot.rays == []
    assert robot.kinds == ['refused']
    assert 'keypoint or depth of wrist is not known' in robot.events[0].message


@pytest.mark.parametrize(('is_up', 'kinds'), [(True, ['refused']), (False, [])])
def test_an_arm_whose_shoulder_is_hidden_is_refused_with_the_reason(
    is_up: bool, kinds: list[str]
) -> None:
    """From the side the near shoulder hides the far one, and stands in for it."""
    person = someone() if is_up else Person((2.0, 0.0))
    keypoints = pixels_of(person)
    keypoints[WRIST - 4] = np.nan
    robot = Robot()
    robot.watch({7: person}, keypoints={7: keypoints})
    assert (robot.rays, robot.kinds) == ([], kinds)
    assert all('depth of shoulder' in event.message for event in robot.events)


def test_what_is_behind_the_wrist_is_not_taken_for_it() -> None:
    """A wrist whose keypoint lies beside the arm, on the wall behind it."""
    person, robot = someone(), Robot(hand_m=0.0)
    keypoints = pixels_of(person)
    keypoints[[ELBOW, WRIST]] += (0, 4)
    robot.watch({7: person}, keypoints={7: keypoints})
    assert error_deg(robot.rays[-1], person) < 5


@pytest.mark.parametrize('y', [-1.2, -0.4])
def test_an_arm_behind_the_own_body_is_not_taken_for_one_on_it(y: float) -> None:
    robot = Robot()
    robot.watch({7: someone(np.array([5.0, y, 0.6]))})
    assert robot.rays == []
    assert robot.kinds == ['refused']


def test_speckles_of_wrong_depth_do_not_matter() -> None:
    person, rng = someone(), np.random.default_rng(0)
    depth = depth_of([person])
    depth[rng.random(depth.shape) < 0.2] = 0.0
    depth[rng.random(depth.shape) < 0.1] = 9.0
    robot = Robot(hand_m=0.0)
    robot.watch({7: person}, depth=depth_image(depth, SECOND_NS))
    assert error_deg(robot.rays[-1], person) < 2


def test_trembling_is_smoothed() -> None:
    person, rng = someone(), np.random.default_rng(1)
    errors: dict[float, list[float]] = {}
    for smooth_s in (0.0, 0.8):
        robot = Robot(hand_m=0.0, smooth_s=smooth_s, steady_deg=20.0)
        samples = samples_of({7: person}, 0)
        for tick in range(40):
            shaken = pixels_of(person) + rng.normal(0, 2, (17, 2)).astype(np.float32)
            skeletons = skeletons_of({7: shaken}, round((1 + tick / 10) * SECOND_NS))
            robot.see(1 + tick / 10, {**samples, 'skeletons': skeletons})
        errors[smooth_s] = [error_deg(ray, person) for ray in robot.rays[8:]]
    assert np.mean(errors[0.8]) < 0.6 * np.mean(errors[0.0])


def test_a_scan_does_where_there_is_no_depth() -> None:
    target = np.array([3.2, -1.5, 0.8])  # on the wall
    person, robot = someone(target, -1.2), Robot(hand_m=0.0)
    scan = scan_of(depth_of([person]), SECOND_NS, every=4)
    robot.watch({7: person}, depth=None, cloud=scan)
    assert error_deg(robot.rays[-1], person, target) < 5
    assert len(robot.points) == 0
    robot.watch({7: person}, 2.1, 3.0, depth=None, cloud=scan)
    (point,) = robot.points
    np.testing.assert_allclose(point.position, target, atol=0.2)


def test_without_depth_and_scan_it_says_so_but_only_if_somebody_is_there() -> None:
    robot = Robot()
    with pytest.raises(MissingInputError, match='no depth and no scan'):
        robot.watch({7: someone()}, depth=None)
    robot.watch({}, 2.0, 2.2, depth=None)
    assert robot.events == []


def test_sizes_have_to_agree() -> None:
    robot = Robot()
    small = depth_image(np.ones((10, 10), np.float32), SECOND_NS)
    with pytest.raises(ShapeError, match='320x240, as Skeletons'):
        robot.watch({7: someone()}, depth=small)
    object.__setattr__(wide := info(0), 'width', 640)
    with pytest.raises(ShapeError, match='640x240, as CameraInfo'):
        robot.watch({7: someone()}, camera_info=wide)


def test_of_two_who_point_the_first_has_the_ray_until_they_end() -> None:
    first, other = someone(), Person((2.4, -0.9))
    robot = Robot(hand_m=0.0)
    robot.watch({7: first, 9: other}, 1.0, 1.6)
    other.point_at(np.array([1.5, -2.0, 0.5]), 'left')
    robot.watch({7: first, 9: other}, 1.7, 3.0)
    assert [event.track_ids for event in robot.events] == [('7',), ('9',)]
    assert all(error_deg(ray, first) < 1.5 for ray in robot.rays)
    count = len(robot.rays)
    robot.watch({7: Person((2.6, 0.2)), 9: other}, 3.1, 4.2)
    assert robot.kinds == ['began', 'began', 'ended']
    assert len(robot.rays) > count
    assert error_deg(robot.rays[-1], other, np.array([1.5, -2.0, 0.5])) < 1.5


def test_who_takes_over_an_id_elsewhere_is_somebody_else() -> None:
    robot = Robot()
    robot.watch({7: someone()}, 1.0, 1.6)
    other = Person((2.4, -0.9))
    other.point_at(np.array([1.5, -2.0, 0.5]), 'left')
    robot.watch({7: other}, 1.7, 2.6)
    assert robot.kinds == ['began', 'ended', 'began']


def test_after_a_rewind_nothing_is_known_of_before() -> None:
    robot = Robot()
    robot.watch({7: someone()}, 5.0, 5.6)
    robot.plugin.rewind('')
    count = len(robot.rays)
    robot.watch({7: someone()}, 1.0, 1.2)
    assert len(robot.rays) == count
    robot.watch({7: someone()}, 1.3, 1.6)
    assert robot.kinds == ['began', 'began']


def test_time_that_goes_back_by_itself_is_survived() -> None:
    robot = Robot()
    robot.watch({7: someone()}, 5.0, 5.6)
    count = len(robot.rays)
    robot.watch({7: someone()}, 1.0, 1.2)
    assert len(robot.rays) == count


def test_after_a_gap_pointing_begins_anew() -> None:
    robot = Robot()
    robot.watch({7: someone()}, 1.0, 1.6)
    robot.watch({7: someone()}, 4.0, 4.1)
    assert robot.kinds == ['began', 'ended']
    robot.watch({7: someone()}, 4.2, 4.6)
    assert robot.kinds == ['began', 'ended', 'began']


def test_what_is_aimed_at_for_long_is_one_point_on_it() -> None:
    target = np.array([3.2, -1.5, 0.8])  # on the wall
    person, robot = someone(target, -1.2), Robot(hand_m=0.0, point_s=0.8)
    robot.watch({7: person}, 1.0, 3.5)
    (point,) = robot.points
    assert point.frame_id == 'room'
    np.testing.assert_allclose(point.position, target, atol=0.2)
    other = np.array([3.2, -1.3, 1.7])
    robot.watch({7: someone(other, -1.2)}, 3.6, 5.5)
    assert len(robot.points) == 2
    np.testing.assert_allclose(robot.points[1].position, other, atol=0.2)


def test_the_line_can_be_chosen() -> None:
    person = someone()
    places = person.joints
    lines = (('shoulder-hand', 'right_shoulder', 8), ('elbow-hand', 'right_elbow', 8))
    for line, start, most in lines:
        robot = Robot(line=line, hand_m=0.0)
        robot.watch({7: person})
        along = ray_through(places[start], places['right_wrist']).direction
        assert angle_deg(ray_of(robot.rays[-1], 'x').direction, along) < most


def test_without_a_head_only_other_lines_give_a_ray() -> None:
    keypoints = pixels_of(someone())
    keypoints[:5] = np.nan
    robot, other = Robot(), Robot(line='elbow-hand')
    robot.watch({7: someone()}, keypoints={7: keypoints})
    other.watch({7: someone()}, keypoints={7: keypoints})
    assert robot.kinds == ['refused']
    assert 'head' in robot.events[0].message
    assert other.kinds == ['began']
