"""People in any pose: limbs go where their angles say, and a pointing arm meets its target."""

from __future__ import annotations

import numpy as np
import pytest

from mm_perception.world.motion import standing, straight, turn_about
from mm_perception.world.scene import Array, Scene, Stage, Thing
from mm_perception.world.things.limbs import Limb, LimbAngles, any_limbs, arm_towards
from mm_perception.world.things.people import pointing, posed
from mm_perception.world.truth import KEYPOINTS, skeletons_of
from mm_perception.world.variety import Dice


def joints_of(thing: Thing, time_s: float = 0.0) -> dict[str, Array]:
    (skeleton,) = skeletons_of(Scene([thing]), time_s)
    return dict(zip(KEYPOINTS, skeleton.points, strict=True))


def a_person(limbs: LimbAngles, yaw: float = 0.0) -> Thing:
    return posed(Dice(1), 'person', 'red', standing(0, 0, yaw), limbs, tall=1.8)


def test_convention_angles_of_an_arm() -> None:
    """The right arm ahead, with the forearm up; the left one out to the side, bent ahead."""
    limbs = LimbAngles(Limb(0.0, 0.0, np.pi / 2), Limb(np.pi / 2, 0.0, np.pi / 2))
    joints = joints_of(a_person(limbs))
    for names, way in {
        ('right_shoulder', 'right_elbow'): (1, 0, 0), ('right_elbow', 'right_wrist'): (0, 0, 1),
        ('left_shoulder', 'left_elbow'): (0, 1, 0), ('left_elbow', 'left_wrist'): (1, 0, 0),
        ('right_hip', 'right_knee'): (0, 0, -1), ('left_knee', 'left_ankle'): (0, 0, -1),
    }.items():  # fmt: skip
        bone = joints[names[1]] - joints[names[0]]
        np.testing.assert_allclose(bone / np.linalg.norm(bone), way, atol=1e-9)


def test_a_knee_bends_back_and_the_lowest_is_on_the_ground() -> None:
    lifted = joints_of(a_person(LimbAngles(right_leg=Limb(bend=np.pi / 2))))
    assert lifted['right_ankle'][0] < lifted['right_knee'][0] - 0.3
    for seed in range(60):
        joints = joints_of(a_person(any_limbs(Dice(seed))))
        lowest = min(joints[f'{s}_{j}'][2] for s in ('right', 'left') for j in ('knee', 'ankle'))
        assert lowest == pytest.approx(0.04 * 1.8)


def test_a_torso_leans_tilts_and_turns_its_arms_with_it() -> None:
    upright = joints_of(a_person(LimbAngles()))
    leans = joints_of(a_person(LimbAngles(lean=0.5)))
    tilts = joints_of(a_person(LimbAngles(tilt=0.5)))
    turns = joints_of(a_person(LimbAngles(twist=0.5)))
    assert leans['nose'][0] > upright['nose'][0] + 0.2
    assert leans['right_wrist'][0] < leans['right_shoulder'][0] - 0.2
    assert tilts['nose'][1] < -0.2
    assert turns['right_shoulder'][0] > 0.1
    for joints in (leans, tilts, turns):
        np.testing.assert_allclose(joints['left_ankle'], upright['left_ankle'])


@pytest.mark.parametrize('bend', [0.0, 0.9])
def test_shoulder_to_wrist_goes_where_it_is_told(bend) -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        way, yaw, lean = rng.normal(size=3), rng.uniform(-3, 3), rng.uniform(0, 0.8)
        torso = turn_about(2, yaw) @ LimbAngles(lean=lean).torso
        arm = arm_towards(way, torso, bend, rng.uniform(-3, 3))
        joints = joints_of(a_person(LimbAngles(left_arm=arm, lean=lean), yaw))
        line = joints['left_wrist'] - joints['left_shoulder']
        np.testing.assert_allclose(
            line / np.linalg.norm(line), way / np.linalg.norm(way), atol=1e-9
        )


@pytest.mark.parametrize('side', ['right', 'left'])
def test_who_points_at_a_place_keeps_pointing_at_it_as_it_moves(side) -> None:
    target, motion = np.array([3.0, -1.0, 0.2]), straight((0, 0.5, 0), 1.0, 0.4)
    rest = LimbAngles(Limb(bend=0.4), Limb(bend=0.4), lean=0.2)
    made = pointing(Dice(2), 'person', 'blue', motion, target, side, rest)
    for time_s in (0.0, 1.7):
        joints = joints_of(made, time_s)
        shoulder, wrist = joints[f'{side}_shoulder'], joints[f'{side}_wrist']
        gaps = np.cross(wrist - shoulder, target - shoulder)
        assert np.linalg.norm(gaps) < 1e-9
        assert (wrist - shoulder) @ (target - shoulder) > 0


def test_limbs_end_where_joints_are_in_any_pose_and_bones_keep_their_length() -> None:
    lengths = []
    for seed in range(20):
        made = a_person(any_limbs(Dice(seed)), yaw=0.3)
        stage = Stage(Scene([made]))
        joints = joints_of(made)
        hands = [i for i, s in enumerate(stage.solids) if s.shape == 'sphere']
        wrists = [joints['right_wrist'], joints['left_wrist']]
        np.testing.assert_allclose(stage.geom_at[hands], wrists, atol=1e-9)
        lengths.append([
            np.linalg.norm(joints[f'left_{a}'] - joints[f'left_{b}'])
            for a, b in (('hip', 'knee'), ('knee', 'ankle'), ('shoulder', 'elbow'))
        ])  # fmt: skip
    np.testing.assert_allclose(lengths, np.tile(lengths[0], (20, 1)), atol=1e-9)
