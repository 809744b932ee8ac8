"""A room in which somebody stands, points at a thing for a while, and lets the arm hang again.

The room is that of `make_room`, seed by seed, with one person more; the camera is the one of a
home, in a corner. Nothing here draws from the chance of other worlds, which stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np

from mm_perception.world.camera import OPTICAL, Camera
from mm_perception.world.home import watching_camera
from mm_perception.world.motion import standing, turn_about
from mm_perception.world.render import Optics, View, look
from mm_perception.world.room import make_room
from mm_perception.world.scene import Array, Motion, Scene, Stage, Thing
from mm_perception.world.street import CLOTHES
from mm_perception.world.things.limbs import Limb, LimbAngles, arm_towards
from mm_perception.world.things.people import Posture, posed
from mm_perception.world.truth.people import Keypoints, Skeleton, keypoints_of, skeletons_of
from mm_perception.world.variety import Dice, Split

#: What people aim along: from the eye over the hand, or along the straight arm.
Aim = Literal['eye', 'arm']
#: When the arm begins to rise, is up, begins to sink, hangs again, and the end, seconds.
RISES_S, UP_S, SINKS_S, DOWN_S, END_S = 1.0, 1.6, 4.4, 5.0, 5.6
_STREAM = 97
#: From the camera and from what is meant the person is so far away, metres.
_FROM_CAMERA_M, _FROM_TARGET_M = (1.8, 4.2), (0.8, 4.0)
_LEAST_PX = 150
_TRIES = 60
_HANGING = Limb(elevation=-1.45, bend=0.3)
#: Of the elbow of an arm that points, radians; and how far the hand reaches beyond the wrist.
_BEND, _HAND_M = 0.12, 0.055


@dataclass(frozen=True, eq=False)
class Gesture:
    """What somebody does.

    Attributes:
        person: Instance of who does it.
        side: The arm.
        target: Instance that is meant; 0 where the arm is bent and nothing is meant.
        spot: (3,) on its surface in the room, metres.
    """

    person: int
    side: str
    target: int
    spot: Array


@dataclass(frozen=True, eq=False)
class Moment:
    """What the camera sees at a moment, and the truth about it.

    Attributes:
        time_s: When.
        view: Picture, depth and instances.
        skeletons: Everybody's joints in the room.
        keypoints: The same in the picture.
    """

    time_s: float
    view: View
    skeletons: Sequence[Skeleton]
    keypoints: Sequence[Keypoints]


class GestureRoom:
    """A room with a gesture in it.

    Args:
        seed: Decides everything.
        split: What may appear in it.
        size: Width and height of pictures, pixels.
        aim: What people aim along.
        points: False: the arm goes up bent, as of one who scratches their head; nothing is meant.

    Raises:
        ValueError: There is no place from which somebody could point at a thing; take another
            seed.
    """

    def __init__(
        self, seed: int, split: Split = Split.ANY, size: tuple[int, int] = (640, 360),
        aim: Aim = 'eye', *, points: bool = True,
    ) -> None:  # fmt: skip
        self.seed, self.split, self.points = seed, split, points
        scene = make_room(seed, split)
        self.camera, self.pose = watching_camera(scene, seed, *size)
        self._rng = np.random.default_rng((seed, _STREAM))
        self.gesture = self._placed(scene, aim)
        self.stage = Stage(scene)
        self.names = {t.instance: f'{t.colour} {t.kind}'.strip() for t in scene.things}

    @cached_property
    def room_from_camera(self) -> Array:
        """(4, 4) from optical axes to the room."""
        return _room_from_camera(self.camera, self.pose)

    def mounted(self, width: int) -> tuple[Camera, Motion]:
        """The camera on a post that stands still, and where the foot of that is.

        Args:
            width: Of its pictures, pixels; they show what those of `camera` do.

        Returns:
            A camera on base_link (x ahead, z up), and the motion of base_link in the room.
        """
        at, turn = self.pose
        ahead = turn[:, 0]
        yaw = float(np.arctan2(ahead[1], ahead[0]))
        height = round(width * self.camera.height / self.camera.width)
        camera = replace(
            self.camera, width=width, height=height,
            focal=self.camera.focal * width / self.camera.width,
            at=np.array([0.0, 0.0, at[2]]), turn=turn_about(2, -yaw) @ turn @ OPTICAL,
        )  # fmt: skip
        return camera, standing(float(at[0]), float(at[1]), yaw)

    def at(self, time_s: float) -> Moment:
        """What the camera sees then."""
        self.stage.set_time(time_s)
        rng = np.random.default_rng((self.seed, _STREAM, round(time_s * 1000)))
        view = look(self.stage, self.camera, *self.pose, Optics(), rng)
        people = skeletons_of(self.stage.scene, time_s)
        seen = [keypoints_of(each, self.camera, *self.pose, view) for each in people]
        return Moment(time_s, view, people, seen)

    def _placed(self, scene: Scene, aim: Aim) -> Gesture:
        """Put somebody into the scene from where a thing can be pointed at."""
        view = self._first_look(scene)
        spots = _spots(view, scene, self.camera, self.room_from_camera, self._rng)
        half = np.array(scene.ground[0][1].size[:2]) - 0.6
        dice = Dice((self.seed, _STREAM), self.split)
        colour, tall = dice.colour('person', CLOTHES), dice.uniform(1.5, 1.9)
        for _ in range(_TRIES if spots else 0):
            place = self._rng.uniform(-half, half)
            target = int(self._rng.choice(list(spots)))
            away = spots[target][:2] - place
            distance = float(np.hypot(*away))
            if not _FROM_TARGET_M[0] <= distance <= _FROM_TARGET_M[1] or not self._is_free(
                scene.things, place
            ):
                continue
            yaw = float(np.arctan2(away[1], away[0]) + self._rng.normal(0, 0.35))
            side = 'left' if self._rng.random() < 0.5 else 'right'
            body = _Body(place, yaw, side, spots[target], aim, self.points)
            thing = body.made(Dice((self.seed, _STREAM, 1), self.split), colour, tall)
            if thing is not None and self._is_seen(thing):
                scene.things.append(thing)
                number = len(scene.things)
                meant = target if self.points else 0
                return Gesture(number, side, meant, spots[target])
        raise ValueError(f'seed {self.seed}: nobody can point at a thing there; take another')

    def _first_look(self, scene: Scene) -> View:
        return look(
            Stage(scene), self.camera, *self.pose, Optics(fineness=1),
            np.random.default_rng((self.seed, _STREAM, 0)),
        )  # fmt: skip

    def _is_free(self, things: Sequence[Thing], place: Array) -> bool:
        away = float(np.linalg.norm(place - self.room_from_camera[:2, 3]))
        if not _FROM_CAMERA_M[0] <= away <= _FROM_CAMERA_M[1]:
            return False
        return all(
            np.linalg.norm(thing.pose(0.0)[0][:2] - place) > 0.35 + max(thing.size[:2]) / 2
            for thing in things
        )

    def _is_seen(self, thing: Thing) -> bool:
        """Whether head, arms and hips are in the picture while the arm is up."""
        joints = skeletons_of(Scene(things=[thing]), (UP_S + SINKS_S) / 2)[0].points[:13]
        to_camera = np.linalg.inv(self.room_from_camera)
        pixels = self.camera.project(joints @ to_camera[:3, :3].T + to_camera[:3, 3])
        size = self.camera.width, self.camera.height
        inside = (pixels > 3).all() and (pixels < np.subtract(size, 4)).all()
        return bool(np.isfinite(pixels).all() and inside)


@dataclass(frozen=True, eq=False)
class _Body:
    """Where somebody stands and what they do with an arm."""

    place: Array
    yaw: float
    side: str
    spot: Array
    aim: Aim
    points: bool

    def made(self, dice: Dice, colour: str, tall: float) -> Thing | None:
        """The person; None where the arm cannot point there: behind, or across the body."""
        motion = standing(float(self.place[0]), float(self.place[1]), self.yaw)
        probe = posed(Dice(0), 'person', colour, motion, LimbAngles(), tall)
        joints = {name: frame(0.0)[0] for name, frame in probe.joints.items()}
        turn = motion(0.0)[1]
        direction = self._direction(joints, dice)
        if direction is None:
            return None
        ahead, left, _ = direction @ turn
        outwards = left if self.side == 'left' else -left
        if outwards < -0.35 or (ahead < 0.0 and outwards < 0.3):
            return None
        return posed(dice, 'person', colour, motion, self._posture(direction, turn, dice), tall)

    def _direction(self, joints: dict[str, Array], dice: Dice) -> Array | None:
        """(3,) unit vector from shoulder to wrist."""
        shoulder, elbow = joints[f'{self.side}_shoulder'], joints[f'{self.side}_elbow']
        if self.aim == 'arm':
            away = self.spot - shoulder
            return np.asarray(away / np.linalg.norm(away))
        eye = (joints['left_eye'] + joints['right_eye']) / 2
        along = (self.spot - eye) / np.linalg.norm(self.spot - eye)
        reach = 2 * float(np.linalg.norm(elbow - shoulder)) * np.cos(_BEND / 2) + _HAND_M
        middle = float(along @ (shoulder - eye))
        beside = reach**2 - float(np.sum((shoulder - eye) ** 2)) + middle**2
        if beside <= 0:
            return None
        tip = eye + (middle + np.sqrt(beside)) * along
        return np.asarray((tip - shoulder) / reach)

    def _posture(self, direction: Array, turn: Array, dice: Dice) -> Posture:
        up = arm_towards(direction, turn, _BEND)
        if not self.points:  # the elbow goes up, the forearm is bent
            up = replace(up, elevation=dice.uniform(-0.9, 0.2), bend=dice.uniform(1.1, 2.2))
        shakes = dice.rng.normal(0, 0.006, (2, 3))
        hanging = LimbAngles(left_arm=_HANGING, right_arm=_HANGING)

        def posture(time_s: float) -> LimbAngles:
            share = float(np.interp(time_s, (RISES_S, UP_S, SINKS_S, DOWN_S), (0, 1, 1, 0)))
            tremor = float(share * shakes[0] @ np.sin(time_s * np.array([9.0, 17.0, 29.0])))
            other = float(share * shakes[1] @ np.sin(time_s * np.array([11.0, 19.0, 31.0])))
            arm = Limb(
                azimuth=up.azimuth + tremor,
                elevation=(1 - share) * _HANGING.elevation + share * up.elevation + other,
                bend=(1 - share) * _HANGING.bend + share * up.bend,
                twist=share * up.twist,
            )
            if self.side == 'left':
                return replace(hanging, left_arm=arm)
            return replace(hanging, right_arm=arm)

        return posture


def _room_from_camera(camera: Camera, pose: tuple[Array, Array]) -> Array:
    at, turn = pose
    found = np.eye(4)
    found[:3, :3], found[:3, 3] = turn @ camera.turn, at + turn @ camera.at
    return found


def _spots(
    view: View, scene: Scene, camera: Camera, room_from_camera: Array, rng: np.random.Generator
) -> dict[int, Array]:
    """What can be pointed at: a spot (3,) in the room on each thing that is seen well."""
    found = {}
    for number, thing in enumerate(scene.things, 1):
        rows, columns = np.nonzero(view.ids == number)
        if len(rows) < _LEAST_PX or thing.joints or _moves(thing):
            continue
        middle = np.median([columns, rows], axis=1)
        near = np.argsort(np.hypot(columns - middle[0], rows - middle[1]))[: len(rows) // 2 + 1]
        chosen = int(rng.choice(near))
        pixel = np.array([columns[chosen], rows[chosen], 1.0])
        ahead = np.linalg.inv(camera.matrix) @ pixel * view.depth[rows[chosen], columns[chosen]]
        found[number] = room_from_camera[:3, :3] @ ahead + room_from_camera[:3, 3]
    return found


def _moves(thing: Thing) -> bool:
    return bool(np.linalg.norm(thing.pose(1.0)[0] - thing.pose(0.0)[0]) > 1e-3)
