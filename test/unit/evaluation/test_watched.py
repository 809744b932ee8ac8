"""Streets from a post: visitors are where their way says, and the truth about them is right."""

from __future__ import annotations

import numpy as np
import pytest

from bench.surveillance_truth import Happening, happenings, in_picture, matched
from mm_perception.evaluation.watched import Visit, Watched, planted_visits, post_camera
from mm_perception.world.drive import render_frame

#: Over the road in 10 s, with a stop of 4 s at its middle, from 1 s on.
WALK = Visit('pedestrian', 'red', 1.0, ((13.0, -7.0), (13.0, 0.0), (13.0, 7.0)), 1.4, (1, 4.0))


def watched(*visits: Visit, seconds: float = 20.0) -> Watched:
    return Watched(3, seconds, 5.0, cameras=(post_camera(320, 180),), lidar=None, visits=visits)


def test_a_visitor_goes_along_its_way_and_stops_on_it() -> None:
    assert WALK.times().tolist() == pytest.approx([1, 6, 10, 15])
    places = WALK.places(np.array([1.0, 3.5, 6.0, 9.9, 12.5, 0.5, 15.5]))
    assert places[:5, 1] == pytest.approx([-7.0, -3.5, 0.0, 0.0, 3.5])
    assert places[:5, 0] == pytest.approx(np.full(5, 13.0))
    assert places[5:].min() > 100, 'not there yet, and gone'
    at, turn = WALK.motion()(3.0)
    assert turn[:2, 0] == pytest.approx([0, 1], abs=1e-9), 'it looks where it goes'
    assert at[2] == 0


def test_the_picture_shows_it_where_its_place_is_projected() -> None:
    drive = watched(WALK)
    (number,) = drive.instances
    view = render_frame(drive, 35).views['camera_post']
    rows, columns = np.nonzero(view.ids == number)
    assert len(rows) > 30
    foot = in_picture(drive.cameras[0], WALK.places(np.array([7.0])))[0] * [320, 180]
    assert columns.mean() == pytest.approx(foot[0], abs=3)
    assert rows.max() + 1 == pytest.approx(foot[1], abs=3)
    assert not (render_frame(drive, 2).views['camera_post'].ids == number).any()
    assert drive.ego(0.0)[0].tolist() == drive.ego(9.0)[0].tolist()


def test_the_truth_of_a_zone_follows_from_the_way() -> None:
    drive = watched(WALK)
    (number,) = drive.instances
    pixels = {number: np.full(drive.num_frames, 50)}
    found = {h.kind: h.time_s for h in happenings(drive, pixels, '')}
    # From y = -5.5 to 5.5 at 1.4 m/s, with 4 s of rest.
    assert found['entered'] == pytest.approx(1 + 1.5 / 1.4, abs=0.1)
    assert found['left'] == pytest.approx(1 + 12.5 / 1.4 + 4, abs=0.1)
    assert found['dwelt'] == pytest.approx(found['entered'] + 5, abs=0.1)
    assert 'crowded' not in found
    unseen = {number: np.zeros(drive.num_frames, int)}
    assert happenings(drive, unseen, '') == []


def test_a_vehicle_passes_the_line_to_its_side() -> None:
    drive = watched(Visit('car', 'blue', 0.0, ((0.0, -1.7), (60.0, -1.7)), 6.0))
    (number,) = drive.instances
    (passed,) = happenings(drive, {number: np.full(drive.num_frames, 50)}, '')
    assert passed.kind == 'crossed right'
    assert passed.time_s == pytest.approx(3.0, abs=0.1)


def test_schedules_depend_on_the_seed_alone() -> None:
    assert planted_visits(5, 60.0) == planted_visits(5, 60.0)
    assert planted_visits(5, 60.0) != planted_visits(6, 60.0)
    assert all(visit.start_s < 52 for visit in planted_visits(5, 60.0))


def test_alerts_are_matched_one_to_one() -> None:
    truth = [Happening('entered', 10.0), Happening('left', 20.0)]
    told = [Happening('entered', 10.5, 11.0), Happening('entered', 11.0), Happening('left', 25.0)]
    delays: list[float] = []
    scores = matched(truth, told, delays)
    assert scores == {'entered': (1, 1, 0), 'left': (0, 1, 1)}
    assert delays == [1.0]
