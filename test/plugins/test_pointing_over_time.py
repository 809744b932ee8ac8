"""Arms that point where pictures are rare, where people leave, and where cameras are many."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mm_perception.errors import MissingInputError
from test.plugins.pointing_people import Person, info, pixels_of, samples_of, skeletons_of
from test.plugins.samples import SECOND_NS
from test.plugins.test_pointing import WRIST, Robot, error_deg, someone


@pytest.mark.parametrize('every_s', [0.5, 1.0, 1.5])
def test_pictures_may_be_rare(every_s: float) -> None:
    """A slow machine shows an arm only once a second: what is between was not missed."""
    person, robot = someone(), Robot(hand_m=0.0)
    for tick in range(5):
        robot.watch({7: person}, 1 + tick * every_s, 1 + tick * every_s)
    assert robot.kinds == ['began']
    assert error_deg(robot.rays[-1], person) < 1.5
    keypoints = pixels_of(person)
    keypoints[WRIST] = np.nan
    last_s = 1 + 5 * every_s
    robot.watch({7: person}, last_s, last_s, keypoints={7: keypoints})
    assert robot.kinds == ['began'], 'one picture does not end it'
    last_s += max(every_s, 0.7)
    robot.watch({7: person}, last_s, last_s, keypoints={7: keypoints})
    assert robot.kinds == ['began', 'ended']


def test_pictures_that_are_too_rare_show_no_arm_that_is_held() -> None:
    robot = Robot()
    for time_s in (1.0, 3.1, 5.2, 7.3):
        robot.watch({7: someone()}, time_s, time_s)
    assert (robot.rays, robot.events) == ([], [])


@pytest.mark.parametrize('gap_s', [0.6, 3.0])
def test_who_leaves_while_pointing_has_ended(gap_s: float) -> None:
    robot = Robot(gap_s=gap_s)
    robot.watch({7: someone()}, 1.0, 2.0)
    robot.watch({}, 2.1, 2.1 + gap_s)
    assert robot.kinds == ['began', 'ended']


def test_of_two_cameras_one_has_the_ray_until_nobody_points_there() -> None:
    person, robot = someone(np.array([3.2, -1.5, 0.8]), -1.2), Robot(point_s=0.5)
    samples, hanging = samples_of({7: person}, 0), samples_of({7: Person((2.6, 0.2), -1.2)}, 0)

    def watch(first_s: float, last_s: float, left: dict[str, Any], right: dict[str, Any]) -> None:
        for time_s in np.arange(first_s, last_s + 0.01, 0.1):
            for stream, seen in (('left', left), ('right', right)):
                stamp_ns = round(time_s * SECOND_NS)
                people = skeletons_of({7: seen['skeletons'].points[0]}, stamp_ns)
                robot.see(float(time_s), {**seen, 'skeletons': people}, stream)

    watch(1.0, 3.0, samples, samples)
    stamps = [ray.stamp_ns for ray in robot.rays]
    assert len(stamps) == len(set(stamps)) > 10, 'one ray for each moment'
    assert len(robot.points) == 1, 'one place'
    assert [event.stream for event in robot.events] == ['left', 'right']
    watch(3.1, 4.5, hanging, samples)
    assert robot.rays[-1].stamp_ns == round(4.5 * SECOND_NS), 'the other camera goes on'
    assert 'ended' in robot.kinds


def test_a_camera_that_is_not_calibrated_is_named() -> None:
    blank = replace(info(0), k=np.zeros((3, 3)))
    with pytest.raises(MissingInputError, match=r"'camera' has fx = 0.*not calibrated"):
        Robot().watch({7: someone()}, camera_info=blank)
