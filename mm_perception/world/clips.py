"""Short clips with their truth as arrays, for training and tests of networks.

A clip is a pure function of its seed and its split. Streets and rooms take turns; camera, lens,
light, place and speed vary from clip to clip.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mm_perception.world.camera import Camera
from mm_perception.world.motion import turn_about
from mm_perception.world.render import Optics, View, look
from mm_perception.world.room import make_room
from mm_perception.world.scene import Array, Motion, Scene, Stage
from mm_perception.world.street import EGO_SPEED, LANE_M, PAVEMENT_M, make_street
from mm_perception.world.variety import Dice, Split
from mm_perception.world.visibility import visible_share
from mm_perception.world.workers import make_all

#: Raise it when the same seed gives other clips, so that old ones are not taken for new.
VERSION = 2
#: Width and height in pixels of clips; nearly the same number of rays each.
SHAPES = ((320, 240), (368, 208), (272, 272))


@dataclass(frozen=True)
class ThingTruth:
    """What is true of an instance as long as the clip lasts.

    Attributes:
        instance: Its number in `Clip.ids`.
        kind: Class name.
        colour: Named colour; empty if it has none.
        words: Further adjectives, such as parked or walking.
    """

    instance: int
    kind: str
    colour: str
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Clip:
    """Pictures and their truth.

    Attributes:
        rgb: (T, H, W, 3) uint8.
        ids: (T, H, W) uint8, instance, 0 for none.
        depth: (T, N) float32, median distance along the optical axis in metres of each of
            `things`, NaN where it is not seen.
        visible: (T, N) float32, share of the outline of each that the picture shows, 0 to 1; see
            `visible_share`.
        things: The N instances that are seen at least once.
        place: street or room.
    """

    rgb: npt.NDArray[np.uint8]
    ids: npt.NDArray[np.uint8]
    depth: npt.NDArray[np.float32]
    visible: npt.NDArray[np.float32]
    things: tuple[ThingTruth, ...]
    place: str

    def save(self, path: Path) -> None:
        """Write it in one file; a file that is there is whole."""
        text = json.dumps({'things': [asdict(t) for t in self.things], 'place': self.place})
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix='.part', delete=False) as file:
            np.savez(
                file, rgb=self.rgb, ids=self.ids, depth=self.depth, visible=self.visible,
                truth=np.frombuffer(text.encode(), np.uint8),
            )  # fmt: skip
        os.replace(file.name, path)

    @classmethod
    def load(cls, path: Path) -> Clip:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as arrays:
            truth = json.loads(arrays['truth'].tobytes())
            things = tuple(
                ThingTruth(t['instance'], t['kind'], t['colour'], tuple(t['words']))
                for t in truth['things']
            )
            return cls(
                arrays['rgb'], arrays['ids'], arrays['depth'], arrays['visible'], things,
                truth['place'],
            )  # fmt: skip


@dataclass(frozen=True)
class ClipPlan:
    """Which clip.

    Attributes:
        seed: Decides everything.
        split: What may appear in it.
        num_frames: Pictures.
        step_s: Seconds between them; 0 for chance.
    """

    seed: int
    split: Split
    num_frames: int = 8
    step_s: float = 0.0


def render_clip(plan: ClipPlan) -> Clip:
    """Make one clip."""
    dice = Dice((plan.seed, 2), plan.split)
    place = 'street' if plan.seed % 2 == 0 else 'room'
    scene = (make_street if place == 'street' else make_room)(plan.seed, plan.split)
    camera, body = _camera(dice), (_street_path if place == 'street' else _room_path)(dice, scene)
    optics = Optics(noise=dice.uniform(0.004, 0.025), blur=dice.uniform(0.25, 0.9))
    step_s, start_s = plan.step_s or dice.uniform(0.08, 0.25), dice.uniform(0.0, 3.0)
    stage = Stage(scene)
    views, visible = [], []
    for index in range(plan.num_frames):
        time_s = start_s + index * step_s
        stage.set_time(time_s)
        at, turn = body(time_s)
        view = look(stage, camera, at, turn, optics, dice.rng)
        views.append(view)
        seen = np.unique(view.ids[view.ids > 0]).tolist()
        visible.append({i: visible_share(stage, i, camera, at, turn) for i in seen})
    return _gather(scene, views, visible, place)


def _gather(
    scene: Scene, views: Sequence[View], visible: Sequence[dict[int, float]], place: str
) -> Clip:
    if len(scene.things) > np.iinfo(np.uint8).max:
        raise ValueError(f'{len(scene.things)} things in a scene do not fit into uint8')
    seen = [t for t in scene.things if any(t.instance in shares for shares in visible)]
    depth = np.full((len(views), len(seen)), np.nan, np.float32)
    for column, thing in enumerate(seen):
        for row, view in enumerate(views):
            own = view.ids == thing.instance
            if own.any():
                depth[row, column] = np.median(view.depth[own])
    return Clip(
        np.stack([view.rgb for view in views]),
        np.stack([view.ids.astype(np.uint8) for view in views]),
        depth,
        np.array([[shares.get(t.instance, 0.0) for t in seen] for shares in visible], np.float32),
        tuple(ThingTruth(t.instance, t.kind, t.colour, t.words) for t in seen),
        place,
    )


def _camera(dice: Dice) -> Camera:
    width, height = SHAPES[int(dice.rng.integers(len(SHAPES)))]
    wide = dice.within(0.5, 1.15, novel_below=0.58)
    distortion = (dice.uniform(-0.18, 0.03), 0.0, 0.0, 0.0, 0.0) if dice.chance(0.4) else ()
    return Camera('camera', width, height, wide * max(width, height), distortion)


def _street_path(dice: Dice, scene: Scene) -> Motion:
    """A camera on a car that drives, or a slowly moving one beside the road."""
    pitch, height = dice.uniform(-0.12, 0.06), dice.uniform(1.0, 2.2)
    if dice.chance(0.6):
        yaw = dice.one_of((0.0, 0.0, 0.0, 1.0, -1.0, np.pi)) + dice.uniform(-0.15, 0.15)
        start, speed = np.array([0.0, -LANE_M / 2, height]), EGO_SPEED * dice.uniform(0.3, 1.1)
        swing, along = 0.02, np.array([speed, 0.0, 0.0])
    else:
        side = dice.one_of((-1, 1))
        y = side * (LANE_M + PAVEMENT_M * dice.uniform(0.8, 1.4))
        yaw = -side * np.pi / 2 + dice.uniform(-1.1, 1.1)
        start, swing = np.array([dice.uniform(-5, 30), y, height]), dice.uniform(0.02, 0.2)
        along = np.array([dice.uniform(-1.0, 1.0), 0.0, 0.0])
    return _moving_camera(start, along, yaw, pitch, swing)


def _room_path(dice: Dice, scene: Scene) -> Motion:
    """A camera near a wall that looks across the room and moves sideways."""
    floor = scene.ground[0][1].size
    around = dice.uniform(0, 2 * np.pi)
    place = np.array([np.cos(around) * (floor[0] - 0.4), np.sin(around) * (floor[1] - 0.4), 0.0])
    place[2] = dice.uniform(0.5, 1.75)
    target = np.array([dice.uniform(-0.8, 0.8), dice.uniform(-0.8, 0.8), dice.uniform(0.3, 0.9)])
    away = target - place
    yaw = float(np.arctan2(away[1], away[0]))
    pitch = float(-np.arctan2(away[2], np.hypot(away[0], away[1])))
    speed = dice.uniform(-0.35, 0.35)
    along = speed * np.array([-np.sin(yaw), np.cos(yaw), 0.0])
    return _moving_camera(place, along, yaw, pitch, dice.uniform(0.0, 0.2))


def _moving_camera(start: Array, along: Array, yaw: float, pitch: float, swing: float) -> Motion:
    def motion(time_s: float) -> tuple[Array, Array]:
        now = yaw + swing * float(np.sin(1.3 * time_s))
        return start + along * time_s, turn_about(2, now) @ turn_about(1, pitch)

    return motion


def clip_path(folder: Path, plan: ClipPlan) -> Path:
    """Where a clip is kept."""
    step = f'-{plan.step_s:g}s' if plan.step_s else ''
    name = f'{plan.split.value}-{plan.seed:06d}-{plan.num_frames}{step}.npz'
    return folder / f'clips-{VERSION}' / name


def make_clips(folder: Path, plans: Sequence[ClipPlan], workers: int = 1) -> Iterator[Path]:
    """Make the clips that are not there yet; yields each path, in order.

    Args:
        folder: Cache.
        plans: Which.
        workers: Processes that render.
    """
    make: Callable[[ClipPlan], Path] = partial(_make_clip, folder)
    for path in {clip_path(folder, plan).parent for plan in plans}:
        path.mkdir(parents=True, exist_ok=True)
    yield from make_all(make, plans, workers, chunk=4)


def _make_clip(folder: Path, plan: ClipPlan) -> Path:
    path = clip_path(folder, plan)
    if not path.exists():
        render_clip(plan).save(path)
    return path
