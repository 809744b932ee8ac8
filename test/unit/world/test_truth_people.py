"""Joints are where the limbs are; what is seen of them is what the depth says."""

from __future__ import annotations

import numpy as np
import pytest

from mm_perception.world.camera import Camera
from mm_perception.world.motion import standing, straight
from mm_perception.world.scene import Scene, Solid, Stage
from mm_perception.world.street import make_street
from mm_perception.world.things import MAKERS
from mm_perception.world.things.people import walker
from mm_perception.world.truth import (
    ACTIONS,
    KEYPOINTS,
    Keypoints,
    action_of,
    boxes_of,
    keypoints_of,
    skeletons_of,
)
from mm_perception.world.variety import Dice
from test.unit.world.scenes import GREY, see, stage_of, thing

CAMERA = Camera('camera', 240, 240, 240.0, at=np.array([0.0, 0.0, 1.0]))


def index(name: str) -> int:
    return KEYPOINTS.index(name)


def joints_of(yaw: float, *others: object, x: float = 3.0, y: float = 0.0) -> Keypoints:
    """A person who stands before the camera."""
    person = walker(Dice(3), 'person', 'red', standing(x, y, yaw), 0.0)
    stage = stage_of(person, *others)
    (skeleton,) = skeletons_of(stage.scene, 0.0)
    return keypoints_of(skeleton, CAMERA, np.zeros(3), np.eye(3), see(stage, CAMERA))


def visible(found: Keypoints) -> set[str]:
    return {name for name, v in zip(KEYPOINTS, found.visible, strict=True) if v == 2}


FRONT = {'nose', 'left_eye', 'right_eye'}
BODY = {
    f'{side}_{joint}'
    for side in ('left', 'right')
    for joint in ('shoulder', 'elbow', 'wrist', 'hip', 'knee', 'ankle')
}


def test_a_face_is_seen_from_the_front_only() -> None:
    front, back = joints_of(np.pi), joints_of(0.0)
    assert visible(front) >= FRONT | BODY
    assert visible(back) >= BODY
    assert not visible(back) & FRONT
    assert (back.visible[[index(name) for name in FRONT]] == 1).all()


def test_left_is_the_persons_left() -> None:
    for yaw, sign in ((np.pi, 1), (0.0, -1)):
        pixels = joints_of(yaw).pixels
        for joint in ('shoulder', 'wrist', 'hip', 'ankle'):
            gap = pixels[index(f'left_{joint}'), 0] - pixels[index(f'right_{joint}'), 0]
            assert gap * sign > 5
    above = ('nose', 'left_shoulder', 'left_elbow', 'left_hip', 'left_knee', 'left_ankle')
    rows = [joints_of(np.pi).pixels[index(name), 1] for name in above]
    assert rows == sorted(rows)


def test_the_far_side_of_a_body_is_hidden_by_the_near_one() -> None:
    seen = visible(joints_of(-np.pi / 2))  # its right side is towards the camera
    assert {'right_shoulder', 'right_hip', 'right_ear'} <= seen
    assert not {'left_shoulder', 'left_hip', 'left_ear'} & seen


def test_a_wall_hides_all_and_out_of_the_picture_is_nothing() -> None:
    wall = thing('crate', Solid('box', (0.1, 2, 2), (1.5, 0, 1), GREY))
    assert (joints_of(np.pi, wall).visible == 1).all()
    for x, y in ((3.0, 4.0), (-3.0, 0.0)):
        away = joints_of(np.pi, x=x, y=y)
        assert (away.visible == 0).all()
        assert np.isnan(away.pixels).all()


def test_what_another_thing_hides_is_hidden_however_near_it_is() -> None:
    board = thing('crate', Solid('box', (0.01, 2, 2), (2.82, 0, 1), GREY))
    assert (joints_of(np.pi, board).visible == 1).all()


@pytest.mark.parametrize('kind', ['pedestrian', 'cyclist'])
def test_bones_keep_their_length_and_joints_stay_inside_the_box(kind) -> None:
    motion = straight((0, 0, 0), 0.5, 1.3)
    if kind == 'cyclist':
        made = MAKERS[kind](Dice(5), 'red', motion)
    else:
        made = walker(Dice(5), kind, 'red', motion, 0.9)
    stage, lengths, lifted = Stage(Scene([made])), [], []
    for time_s in np.linspace(0, 1.2, 9):
        (around,) = boxes_of(stage, time_s)
        points = skeletons_of(stage.scene, time_s)[0].points
        own = np.abs((points - around.centre) @ stage.scene.things[0].pose(time_s)[1])
        assert (own <= around.size / 2 + 0.02).all()
        bones = [
            (f'{side}_{a}', f'{side}_{b}')
            for side in ('left', 'right')
            for a, b in (
                ('hip', 'knee'), ('knee', 'ankle'), ('shoulder', 'elbow'), ('elbow', 'wrist'),
            )
        ]  # fmt: skip
        lengths.append([np.linalg.norm(points[index(a)] - points[index(b)]) for a, b in bones])
        lifted.append(points[index('left_ankle'), 2] - points[index('right_ankle'), 2])
    np.testing.assert_allclose(lengths, np.tile(lengths[0], (9, 1)), atol=1e-9)
    assert min(lengths[0]) > 0.2
    assert min(lifted) < -0.03
    assert max(lifted) > 0.03


def test_the_limbs_end_where_the_joints_are() -> None:
    """The wrist is in the middle of the hand, the only sphere of a forearm."""
    made = walker(Dice(9), 'pedestrian', 'red', straight((0, 0, 0), 0.0, 1.0), 0.9)
    stage = Stage(Scene([made]))
    stage.set_time(0.37)
    hands = [i for i, s in enumerate(stage.solids) if s.shape == 'sphere']
    points = skeletons_of(stage.scene, 0.37)[0].points
    wrists = points[[index('right_wrist'), index('left_wrist')]]
    np.testing.assert_allclose(stage.geom_at[hands], wrists, atol=1e-9)


def test_who_is_alive_does_something() -> None:
    things = make_street(4).things
    done = {thing.kind: action_of(thing) for thing in things}
    assert done['pedestrian'] in ACTIONS
    assert done['cyclist'] == 'cycling'
    assert done['car'] == ''
    assert {t.kind for t in things if t.joints} == {'pedestrian', 'cyclist'}


def test_convention_pixels_of_a_camera() -> None:
    camera = Camera('camera', 101, 81, 100.0)
    np.testing.assert_allclose(
        camera.project(np.array([[1.0, 0.0, 2.0], [0.0, -0.5, 2.0]])), [[100, 40], [50, 15]]
    )
    lens = Camera('camera', 101, 81, 80.0, distortion=(-0.2, 0.05, 0.001, 0.0, 0.0))
    rays = lens.rays().reshape(81, 101, 3)
    rows, columns = np.array([0, 40, 70]), np.array([3, 50, 99])
    pixels = lens.project(rays[rows, columns] * [[2.0], [5.0], [9.0]])
    np.testing.assert_allclose(pixels, np.stack([columns, rows], 1), atol=1e-3)
    assert np.isnan(lens.project(np.array([[0.0, 0.0, -1.0], [9.0, 0.0, 1.0]]))).all()
