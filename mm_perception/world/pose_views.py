"""Pictures of people in all kinds of poses, with their joints, for training and tests of a net.

A set of views is a pure function of its seed and its split: some pictures of one street or room,
each with a camera that looks at somebody from anywhere.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mm_perception.world.camera import Camera
from mm_perception.world.motion import pacing, standing, turn_about
from mm_perception.world.render import Optics, View, look
from mm_perception.world.reshape import reshape
from mm_perception.world.room import make_room
from mm_perception.world.scene import Array, Motion, Scene, Stage, Thing
from mm_perception.world.street import (
    CLOTHES,
    KERB_M,
    LANE_M,
    PARKING_M,
    PAVEMENT_M,
    Amounts,
    make_street,
)
from mm_perception.world.things.limbs import LimbAngles, any_limbs
from mm_perception.world.things.people import cyclist, pointing, posed, walker
from mm_perception.world.truth import Keypoints, action_of, keypoints_of, skeletons_of
from mm_perception.world.variety import Dice, Split
from mm_perception.world.workers import make_all

#: Raise it when the same seed gives other views, so that old ones are not taken for new.
VERSION = 1
#: Pictures of one scene.
NUM_VIEWS = 6
#: Width and height in pixels: of what training sees, and of held-out worlds.
SHAPES, OTHER_SHAPES = ((208, 208), (176, 240)), ((320, 240), (368, 208), (272, 272))
#: What is seen of a person: pixels, and keypoints that are not hidden.
_FEWEST_PIXELS, _FEWEST_KEYPOINTS = 120, 4
_TRIES = 12
_ROAD_M = LANE_M + PARKING_M


@dataclass(frozen=True)
class PoseViews:
    """Pictures of one scene, and the P people in them, picture by picture.

    Attributes:
        rgb: (K, H, W, 3) uint8.
        picture: (P,) which of them.
        boxes: (P, 4) float32 x0, y0, x1, y1: edges of what is seen of each, pixels.
        pixels: (P, 17, 2) float32 of the keypoints of COCO, NaN where out of the picture.
        visible: (P, 17) uint8 as COCO has it: 0 not in the picture, 1 hidden, 2 visible.
        doing: What each is: walking, cycling, waving, standing, posed or pointing.
        place: street or room.
    """

    rgb: npt.NDArray[np.uint8]
    picture: npt.NDArray[np.int64]
    boxes: npt.NDArray[np.float32]
    pixels: npt.NDArray[np.float32]
    visible: npt.NDArray[np.uint8]
    doing: tuple[str, ...]
    place: str

    def save(self, path: Path) -> None:
        """Write it in one file; a file that is there is whole."""
        text = json.dumps({'doing': self.doing, 'place': self.place})
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix='.part', delete=False) as file:
            np.savez(
                file, rgb=self.rgb, picture=self.picture, boxes=self.boxes, pixels=self.pixels,
                visible=self.visible, words=np.frombuffer(text.encode(), np.uint8),
            )  # fmt: skip
        os.replace(file.name, path)

    @classmethod
    def load(cls, path: Path) -> PoseViews:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as arrays:
            words = json.loads(arrays['words'].tobytes())
            return cls(
                arrays['rgb'], arrays['picture'], arrays['boxes'], arrays['pixels'],
                arrays['visible'], tuple(words['doing']), words['place'],
            )  # fmt: skip


@dataclass(frozen=True)
class _Shot:
    """Somebody in a picture."""

    picture: int
    box: tuple[float, float, float, float]
    keypoints: Keypoints
    doing: str


def render_views(seed: int, split: Split) -> PoseViews:
    """Make the views of one scene."""
    dice = Dice((seed, 7), split)
    place = 'street' if seed % 2 == 0 else 'room'
    scene, doing = _scene(dice, place, seed)
    stage = Stage(scene)
    shape = dice.one_of(OTHER_SHAPES if split is Split.HELD_OUT else SHAPES)
    pictures: list[npt.NDArray[np.uint8]] = []
    shots: list[_Shot] = []
    for _ in range(NUM_VIEWS):
        found = _view(dice, stage, shape)
        if found is None:
            continue
        view, camera, at, turn, time_s = found
        for number, keypoints in _people_in(view, camera, at, turn, scene, time_s):
            own = view.ids == number
            rows, columns = np.flatnonzero(own.any(1)), np.flatnonzero(own.any(0))
            box = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
            shots.append(_Shot(len(pictures), box, keypoints, doing[number]))
        pictures.append(view.rgb)
    return _gathered(pictures, shots, shape, place)


def _gathered(
    pictures: list[npt.NDArray[np.uint8]], shots: list[_Shot], shape: tuple[int, int], place: str
) -> PoseViews:
    width, height = shape
    return PoseViews(
        np.array(pictures, np.uint8).reshape(-1, height, width, 3),
        np.array([shot.picture for shot in shots], np.int64),
        np.array([shot.box for shot in shots], np.float32).reshape(-1, 4),
        np.array([shot.keypoints.pixels for shot in shots], np.float32).reshape(-1, 17, 2),
        np.array([shot.keypoints.visible for shot in shots], np.uint8).reshape(-1, 17),
        tuple(shot.doing for shot in shots), place,
    )  # fmt: skip


def _people_in(
    view: View, camera: Camera, at: Array, turn: Array, scene: Scene, time_s: float
) -> Iterator[tuple[int, Keypoints]]:
    """Instance and joints of whom one can make out."""
    for skeleton in skeletons_of(scene, time_s):
        if (view.ids == skeleton.instance).sum() < _FEWEST_PIXELS:
            continue
        keypoints = keypoints_of(skeleton, camera, at, turn, view)
        if (keypoints.visible == 2).sum() >= _FEWEST_KEYPOINTS:
            yield skeleton.instance, keypoints


def _scene(dice: Dice, place: str, seed: int) -> tuple[Scene, dict[int, str]]:
    """A street or a room with more people, and what each instance of them does."""
    if place == 'street':
        amounts = Amounts(moving=3, parked=6, pedestrians=2, cyclists=1)
        scene = make_street(seed, dice.split, amounts)
    else:
        scene = make_room(seed, dice.split)
    floor = scene.ground[0][1].size
    added = []
    for _ in range(int(dice.rng.integers(3, 6))):
        spot = _spot(dice, scene, place, floor)
        if spot is not None:
            thing, doing = _somebody(dice, place, spot)
            scene.things.append(thing)
            added.append((thing, doing))
    if dice.split is Split.RESHAPED:
        reshape(dice, [thing for thing, _ in added])
    known = {id(thing): doing for thing, doing in added}
    words = {
        number: known.get(id(thing)) or action_of(thing) or 'standing'
        for number, thing in enumerate(scene.things, 1)
    }
    return scene, words


def _spot(
    dice: Dice, scene: Scene, place: str, floor: tuple[float, ...]
) -> tuple[float, float, float] | None:
    """x, y and z where nothing stands, metres."""
    for _ in range(_TRIES):
        if place == 'street':
            x, y = dice.uniform(-6, 26), dice.uniform(-1, 1) * (_ROAD_M + PAVEMENT_M - 0.4)
        else:
            x, y = (dice.uniform(-1, 1) * (half - 0.5) for half in floor[:2])
        here = np.array([x, y])
        if all(
            np.linalg.norm(thing.pose(0.0)[0][:2] - here) > 0.3 + 0.5 * max(thing.size[:2])
            for thing in scene.things
        ):
            return x, y, KERB_M if place == 'street' and abs(y) > _ROAD_M else 0.0
    return None


def _somebody(dice: Dice, place: str, spot: tuple[float, float, float]) -> tuple[Thing, str]:
    kind = 'pedestrian' if place == 'street' else 'person'
    x, y, z = spot
    yaw = dice.uniform(0, 2 * np.pi)
    motion, colour = standing(x, y, yaw, z), dice.colour(kind, CLOTHES)
    doing = dice.one_of(('posed',) * 6 + ('pointing', 'pointing', 'walking', 'waving', 'cycling'))
    if doing == 'cycling':
        return cyclist(dice, dice.colour('cyclist', CLOTHES), motion), doing
    if doing == 'walking':
        speed = dice.uniform(0.6, 1.4)
        walks = _lifted(pacing((x, y), yaw, 0.3, speed), z)
        return walker(dice, kind, colour, walks, 0.7 * speed), doing
    if doing == 'waving':
        thing = walker(dice, kind, colour, motion, 0.0)
        return thing, 'waving' if 'waving' in thing.words else 'standing'
    if doing == 'posed':
        return posed(dice, kind, colour, motion, any_limbs(dice)), doing
    around, far = yaw + dice.uniform(-1.7, 1.7), dice.uniform(0.8, 5.0)
    target = np.array([x + far * np.cos(around), y + far * np.sin(around), dice.uniform(0, 2.2)])
    rest = any_limbs(dice) if dice.chance(0.5) else LimbAngles()
    side = dice.one_of(('right', 'left'))
    aimed = replace(getattr(rest, f'{side}_arm'), bend=abs(float(dice.rng.normal(0, 0.2))))
    rest = replace(rest, right_arm=aimed) if side == 'right' else replace(rest, left_arm=aimed)
    return pointing(dice, kind, colour, motion, target, side, rest), doing


def _lifted(motion: Motion, z: float) -> Motion:
    """The same way, higher by z metres."""

    def higher(time_s: float) -> tuple[Array, Array]:
        at, turn = motion(time_s)
        return at + np.array([0, 0, z]), turn

    return higher


def _view(
    dice: Dice, stage: Stage, shape: tuple[int, int]
) -> tuple[View, Camera, Array, Array, float] | None:
    """A picture of somebody of whom enough is seen; None if that takes too many tries."""
    people = [index for index, thing in enumerate(stage.scene.things) if thing.joints]
    if not people:
        return None
    for _ in range(_TRIES):
        time_s = dice.uniform(0, 3)
        stage.set_time(time_s)
        thing = stage.scene.things[dice.one_of(people)]
        joints = np.array([motion(time_s)[0] for motion in thing.joints.values()])
        at = _standpoint(dice, stage.scene, joints.mean(0))
        gaps = joints - at
        far = np.linalg.norm(gaps, axis=1)
        met = stage.cast(at, gaps / far[:, None]).distance
        if (met > far - 0.2).sum() < _FEWEST_KEYPOINTS or far.min() < 0.5:
            continue
        camera, turn = _aimed(dice, shape, joints, at)
        optics = Optics(noise=dice.uniform(0.004, 0.025), blur=dice.uniform(0.25, 0.9))
        return look(stage, camera, at, turn, optics, dice.rng), camera, at, turn, time_s
    return None


def _standpoint(dice: Dice, scene: Scene, middle: Array) -> Array:
    """Where a camera is that looks at a place, (3,) metres; inside where there are walls."""
    around, far = dice.uniform(0, 2 * np.pi), float(np.exp(dice.uniform(np.log(1.3), np.log(8))))
    at = middle + far * np.array([np.cos(around), np.sin(around), 0.0])
    if scene.sky is None:
        half = np.array(scene.ground[0][1].size[:2]) - 0.25
        at[:2] = np.clip(at[:2], -half, half)
    at[2] = dice.uniform(0.4, 2.3)
    return at


def _aimed(dice: Dice, shape: tuple[int, int], joints: Array, at: Array) -> tuple[Camera, Array]:
    """A camera that has somebody in its picture, and how it is turned, (3, 3)."""
    width, height = shape
    span = float(np.ptp(joints, axis=0).max()) + 0.25
    far = float(np.linalg.norm(joints.mean(0) - at))
    is_other = dice.split is Split.HELD_OUT
    share = dice.uniform(0.3, 0.95) if dice.chance(0.85) else dice.uniform(0.95, 1.6)
    focal = max(share * height * far / span, 0.45 * max(width, height))
    low = -0.25 if is_other else -0.12
    distortion = (dice.uniform(low, 0.03), 0.0, 0.0, 0.0, 0.0) if dice.chance(0.4) else ()
    if focal < 0.8 * width or dice.chance(0.5):
        distortion = ()
    camera = Camera('camera', width, height, focal, distortion)
    off = 0.16 if dice.chance(0.75) else 0.45
    aside, up = (dice.uniform(-off, off) * size / focal for size in (width, height))
    away = joints.mean(0) - at
    yaw = float(np.arctan2(away[1], away[0])) + aside
    pitch = float(-np.arctan2(away[2], np.hypot(away[0], away[1]))) + up
    roll = float(dice.rng.normal(0, 0.06))
    turn: Array = turn_about(2, yaw) @ turn_about(1, pitch) @ turn_about(0, roll)
    return camera, turn


def views_path(folder: Path, plan: tuple[int, Split]) -> Path:
    """Where the views of a seed and a split are kept."""
    seed, split = plan
    return folder / f'poses-{VERSION}' / f'{split.value}-{seed:06d}.npz'


def make_views(
    folder: Path, plans: Sequence[tuple[int, Split]], workers: int = 1
) -> Iterator[Path]:
    """Make the views that are not there yet; yields each path, in order.

    Args:
        folder: Cache.
        plans: Seed and split of each.
        workers: Processes that render.
    """
    for path in {views_path(folder, plan).parent for plan in plans}:
        path.mkdir(parents=True, exist_ok=True)
    yield from make_all(partial(_make, folder), plans, workers, chunk=4)


def _make(folder: Path, plan: tuple[int, Split]) -> Path:
    path = views_path(folder, plan)
    if not path.exists():
        render_views(*plan).save(path)
    return path
