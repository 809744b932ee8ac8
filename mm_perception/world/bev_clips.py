"""Short drives with one rig and their truth from above, to train BEV networks and to test them.

A clip is a pure function of its plan. Rig, traffic, light, way and speed vary from clip to clip.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from mm_perception.imaging.compressed import encode_jpeg
from mm_perception.world.detector import grid_sample
from mm_perception.world.lidar import Lidar
from mm_perception.world.render import Optics, look
from mm_perception.world.rigs import SIZE, Rig, RigSplit, make_rig
from mm_perception.world.roaming import Way, roam
from mm_perception.world.scene import Array, Scene, Stage, Thing
from mm_perception.world.street import Amounts, make_street
from mm_perception.world.truth import Box, Grid, bird_of, boxes_of
from mm_perception.world.variety import Dice, Split
from mm_perception.world.workers import make_all

#: Raise it when the same plan gives another clip, so that old ones are not taken for new.
VERSION = 2
BEV_CLASSES = ('car', 'truck', 'pedestrian', 'cyclist', 'cone')
MAP_LAYERS = ('drivable', 'lane', 'crossing', 'walkway', 'occupied')
#: Of maps: 0 no, 1 yes, or this.
UNKNOWN = 255
#: Boxes and maps reach that far along each axis, metres.
REACH_M = 32.0
MAP_GRID = Grid(resolution=0.5, ahead=REACH_M, behind=REACH_M, aside=REACH_M)

_KINDS = {
    'car': ('car', 'van'), 'truck': ('truck', 'bus'), 'pedestrian': ('pedestrian',),
    'cyclist': ('cyclist',), 'cone': ('cone',),
}  # fmt: skip
_CLASS_OF_KIND = {
    kind: BEV_CLASSES.index(name) for name, kinds in _KINDS.items() for kind in kinds
}
_VEHICLES = (*_KINDS['car'], *_KINDS['truck'])
_RUN_OVER = ('pedestrian', 'cyclist', 'cone', 'barrier')
#: A box is judged from so many LiDAR returns or pixels on.
_JUDGED_POINTS, _JUDGED_PIXELS = 1, 12
#: Points are kept in steps of that, metres; as int16 they reach 327 m.
_POINT_STEP_M = 0.01
#: The corners of the map are 45 m away.
_POINTS_REACH_M = 50.0
_JPEG_QUALITY = 95
_STREAM = 12


@dataclass(frozen=True)
class TrueBoxes:
    """B boxes in base_link at one moment (REP 103: x ahead, y left, z up), as parallel arrays.

    Attributes:
        centres: (B, 3) float32, metres.
        sizes: (B, 3) float32, length along the heading, width, height, metres.
        yaws: (B,) float32, heading from x towards y, radians.
        velocities: (B, 2) float32, over ground along the axes of base_link, m/s.
        classes: (B,) int64, index in `BEV_CLASSES`.
        instances: (B,) int64, the same thing has the same number all through a clip.
        num_points: (B,) int64, LiDAR returns on it.
        num_pixels: (B,) int64, pixels of it in the picture that shows the most of it.
    """

    centres: npt.NDArray[np.float32]
    sizes: npt.NDArray[np.float32]
    yaws: npt.NDArray[np.float32]
    velocities: npt.NDArray[np.float32]
    classes: npt.NDArray[np.int64]
    instances: npt.NDArray[np.int64]
    num_points: npt.NDArray[np.int64]
    num_pixels: npt.NDArray[np.int64]

    @property
    def is_judged(self) -> npt.NDArray[np.bool_]:
        """(B,) whether it is seen well enough to be a target, and to be missed."""
        return (self.num_points >= _JUDGED_POINTS) | (self.num_pixels >= _JUDGED_PIXELS)

    def __len__(self) -> int:
        return len(self.centres)


@dataclass(frozen=True)
class BevClip:
    """T moments of a drive with N cameras and a LiDAR.

    Attributes:
        rgb: (T, N, H, W, 3) uint8.
        intrinsics: (N, 3, 3) float64; there is no distortion.
        base_from_camera: (N, 4, 4) float64, from optical axes to base_link.
        points: Of each moment (P, 4) float32: x, y, z in metres in base_link at that moment,
            intensity 0 to 255. The motion of the body within the turn is taken out.
        poses: (T, 3) float64, x, y in metres and yaw in radians of base_link in the world.
        times_s: (T,) float64, seconds from the first.
        boxes: Of each moment, those whose centre is within `REACH_M` along both axes.
        maps: (T, 5, 128, 128) uint8, `MAP_LAYERS` over `MAP_GRID`: rows along y, columns along x;
            0 no, 1 yes, 255 unknown, as the ground is below what stands on it.
    """

    rgb: npt.NDArray[np.uint8]
    intrinsics: Array
    base_from_camera: Array
    points: tuple[npt.NDArray[np.float32], ...]
    poses: Array
    times_s: Array
    boxes: tuple[TrueBoxes, ...]
    maps: npt.NDArray[np.uint8]

    def part(self, first: int, count: int) -> BevClip:
        """The same drive from one moment on, for so many; no pixel is copied."""
        chosen = slice(first, first + count)
        return replace(
            self, rgb=self.rgb[chosen], points=self.points[chosen], poses=self.poses[chosen],
            times_s=self.times_s[chosen] - self.times_s[first], boxes=self.boxes[chosen],
            maps=self.maps[chosen],
        )  # fmt: skip

    def save(self, path: Path) -> None:
        """Write it in one file; a file that is there is whole.

        Pictures are kept as JPEG and points in steps of 1 cm: what is read back is so much off.
        """
        arrays: dict[str, Any] = {
            'intrinsics': self.intrinsics, 'base_from_camera': self.base_from_camera,
            'poses': self.poses, 'times_s': self.times_s, 'maps': self.maps,
            'num_points': np.array([len(points) for points in self.points]),
            'num_boxes': np.array([len(boxes) for boxes in self.boxes]),
        }  # fmt: skip
        shown = self.rgb.reshape(-1, *self.rgb.shape[2:])
        pictures = [encode_jpeg(picture, _JPEG_QUALITY) for picture in shown]
        arrays['jpeg'] = np.concatenate([np.zeros(0, np.uint8), *pictures])
        arrays['jpeg_sizes'] = np.array([len(picture) for picture in pictures], np.int64)
        points = np.concatenate(self.points)
        arrays['xyz'] = np.round(points[:, :3] / _POINT_STEP_M).astype(np.int16)
        arrays['intensity'] = np.round(points[:, 3]).astype(np.uint8)
        for field in fields(TrueBoxes):
            parts = [getattr(boxes, field.name) for boxes in self.boxes]
            arrays[f'box_{field.name}'] = np.concatenate(parts)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix='.part', delete=False) as file:
            np.savez_compressed(file, **arrays)
        os.replace(file.name, path)

    @classmethod
    def load(cls, path: Path) -> BevClip:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        ends = np.cumsum(arrays['jpeg_sizes'])
        pictures = np.split(arrays['jpeg'], ends[:-1]) if len(ends) else []
        width, height = SIZE
        rgb = _stacked([_decode(picture) for picture in pictures], (height, width, 3))
        num_frames, num_cameras = len(arrays['times_s']), len(arrays['intrinsics'])
        points = np.empty((len(arrays['xyz']), 4), np.float32)
        points[:, :3] = arrays['xyz'] * np.float32(_POINT_STEP_M)
        points[:, 3] = arrays['intensity']
        ends = np.cumsum(arrays['num_boxes'])[:-1]
        columns = [np.split(arrays[f'box_{field.name}'], ends) for field in fields(TrueBoxes)]
        return cls(
            rgb.reshape(num_frames, num_cameras, *rgb.shape[1:]), arrays['intrinsics'],
            arrays['base_from_camera'],
            tuple(np.split(points, np.cumsum(arrays['num_points'])[:-1])), arrays['poses'],
            arrays['times_s'], tuple(TrueBoxes(*parts) for parts in zip(*columns, strict=True)),
            arrays['maps'],
        )  # fmt: skip


@dataclass(frozen=True)
class BevPlan:
    """Which clip.

    Attributes:
        seed: Decides everything.
        split: What may appear in it.
        num_frames: Moments.
        rig_split: What it is seen with.
        has_pictures: Whether its cameras are there; a clip of the LiDAR alone is made faster.
    """

    seed: int
    split: Split
    num_frames: int = 3
    rig_split: RigSplit = RigSplit.TRAIN
    has_pictures: bool = True


def render_bev_clip(plan: BevPlan) -> BevClip:
    """Make one clip."""
    dice, rig = Dice((plan.seed, _STREAM), plan.split), make_rig(plan.seed, plan.rig_split)
    if not plan.has_pictures:
        rig = replace(rig, cameras=())
    scene = make_street(plan.seed, plan.split, _amounts(dice))
    optics = Optics(noise=dice.uniform(0.004, 0.025), blur=dice.uniform(0.25, 0.9))
    start_s, step_s = dice.uniform(0.0, 4.0), dice.uniform(0.2, 0.6)
    times: Array = np.arange(plan.num_frames) * np.float64(step_s)
    _drop_what_is_run_over(scene, start_s + times)
    stage = Stage(scene)
    boxes = boxes_of(stage, start_s)
    way = roam(dice, scene, boxes, tuple(_KINDS.values()), float(times[-1]))
    moments = [_look_around(stage, rig, way, optics, start_s, after, dice.rng) for after in times]
    rgb, points, truths, maps = zip(*moments, strict=True)
    return BevClip(
        np.stack(rgb), _stacked([camera.matrix for camera in rig.cameras], (3, 3)),
        _stacked([_pose_matrix(camera.at, camera.turn) for camera in rig.cameras], (4, 4)), points,
        np.array([way.pose(after) for after in times]), times, truths, np.stack(maps),
    )  # fmt: skip


def _amounts(dice: Dice) -> Amounts:
    low = Amounts(moving=4, parked=6, pedestrians=4, cyclists=2, cones=3, barriers=0)
    high = Amounts(moving=10, parked=14, pedestrians=11, cyclists=5, cones=9, barriers=2)
    pairs = zip(astuple(low), astuple(high), strict=True)
    return Amounts(*(int(dice.rng.integers(least, most + 1)) for least, most in pairs))


def _drop_what_is_run_over(scene: Scene, times: Array) -> None:
    """Take away what is within a vehicle at some time: traffic of a street does not look out."""
    vehicles = [thing for thing in scene.things if thing.kind in _VEHICLES]
    scene.things = [
        thing
        for thing in scene.things
        if thing.kind not in _RUN_OVER
        or not any(
            _is_run_over(thing, vehicle, time_s) for vehicle in vehicles for time_s in times
        )
    ]


def _is_run_over(thing: Thing, vehicle: Thing, time_s: float) -> bool:
    at, turn = vehicle.pose(time_s)
    away = np.abs(turn.T @ (thing.pose(time_s)[0] - at))[:2]
    return bool((away < (np.array(thing.size) + vehicle.size)[:2] / 2).all())


#: Pictures (N, H, W, 3), points (P, 4), boxes and map (5, 128, 128) of one moment.
_Moment = tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32], TrueBoxes, npt.NDArray[np.uint8]]


def _look_around(
    stage: Stage, rig: Rig, way: Way, optics: Optics, start_s: float, after_s: float,
    rng: np.random.Generator,
) -> _Moment:  # fmt: skip
    """What the rig gives at one moment, and its truth.

    Args:
        stage: The street.
        rig: What looks.
        way: Of the body, from `start_s` on.
        optics: Of all cameras.
        start_s: Time of the scene at which the way begins.
        after_s: Time on the way.
        rng: For noise.
    """
    time_s = start_s + after_s
    at, turn = way.body(after_s)
    points, instances = _scan(stage, rig.lidar, way, start_s, after_s, rng)
    num = len(stage.scene.things) + 1
    num_points = np.bincount(instances, minlength=num)
    num_pixels = np.zeros(num, np.int64)
    all_boxes = boxes_of(stage, time_s)
    pictures = []
    for camera in rig.cameras:
        view = look(stage, camera, at, turn, optics, rng)
        pictures.append(view.rgb)
        num_pixels = np.maximum(num_pixels, np.bincount(view.ids.reshape(-1), minlength=num))
    boxes = _true_boxes([box.seen_from(at, turn) for box in all_boxes], num_points, num_pixels)
    width, height = SIZE
    return (
        _stacked(pictures, (height, width, 3)),
        points,
        boxes,
        _map(stage, time_s, at, way.pose(after_s)[2]),
    )


def _scan(
    stage: Stage, lidar: Lidar, way: Way, start_s: float, after_s: float,
    rng: np.random.Generator,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint16]]:  # fmt: skip
    """Points (P, 4) in base_link and instances (P,) of a turn whose middle is a moment.

    What is ahead is then seen at that moment, and what is behind half a turn before or after.
    """
    first_s = after_s - 0.5 / lidar.rate_hz
    scanned = lidar.scan(
        stage, lambda time_s: way.body(time_s - start_s), start_s + first_s, rng
    )  # fmt: skip
    seen = np.stack([scanned['x'], scanned['y'], scanned['z']], axis=-1) + lidar.at
    at, turn = way.body(after_s)
    # All beams of a sector are fired at once.
    for fired_s in np.unique(scanned['time']):
        own = scanned['time'] == fired_s
        at_then, turn_then = way.body(first_s + float(fired_s))
        seen[own] = (seen[own] @ turn_then.T + at_then - at) @ turn
    points = np.column_stack([seen, scanned['intensity']]).astype(np.float32)
    near = np.abs(points[:, :2]).max(1) <= _POINTS_REACH_M
    return points[near], scanned['instance'][near]


def _true_boxes(
    boxes: Sequence[Box], num_points: npt.NDArray[np.int64], num_pixels: npt.NDArray[np.int64]
) -> TrueBoxes:
    kept = [
        box
        for box in boxes
        if box.kind in _CLASS_OF_KIND and np.abs(box.centre[:2]).max() <= REACH_M
    ]
    instances = np.array([box.instance for box in kept], np.int64)

    def rows(name: str, width: int) -> npt.NDArray[np.float32]:
        values = [getattr(box, name)[:width] for box in kept]
        return np.array(values, np.float32).reshape(-1, width)

    return TrueBoxes(
        rows('centre', 3), rows('size', 3), np.array([box.yaw for box in kept], np.float32),
        rows('velocity', 2), np.array([_CLASS_OF_KIND[box.kind] for box in kept], np.int64),
        instances, num_points[instances], num_pixels[instances],
    )  # fmt: skip


def _map(stage: Stage, time_s: float, at: Array, yaw: float) -> npt.NDArray[np.uint8]:
    grid = grid_sample(bird_of(stage, time_s, at, yaw, MAP_GRID), 0, 'base_link')
    cells = grid.cells[[grid.layers.index(layer) for layer in MAP_LAYERS]]
    return np.where(cells < 0, UNKNOWN, cells > 0).astype(np.uint8)


def _stacked(rows: Sequence[npt.NDArray[Any]], shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """Arrays of a shape as one, also where there are none."""
    return np.stack(rows) if rows else np.zeros((0, *shape), np.uint8)


def _pose_matrix(at: Array, turn: Array) -> Array:
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = turn, at
    return matrix


def _decode(encoded: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    decoded = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8)


def bev_clip_path(folder: Path, plan: BevPlan) -> Path:
    """Where a clip is kept."""
    eyes = '' if plan.has_pictures else '-lidar'
    name = f'{plan.split.value}-{plan.rig_split.value}-{plan.seed:06d}-{plan.num_frames}{eyes}.npz'
    return folder / f'bev-clips-{VERSION}' / name


def make_bev_clips(folder: Path, plans: Sequence[BevPlan], workers: int = 1) -> Iterator[Path]:
    """Make the clips that are not there yet; yields each path, in order.

    Args:
        folder: Cache.
        plans: Which.
        workers: Processes that render.
    """
    make: Callable[[BevPlan], Path] = partial(_make_clip, folder)
    for path in {bev_clip_path(folder, plan).parent for plan in plans}:
        path.mkdir(parents=True, exist_ok=True)
    yield from make_all(make, plans, workers)


def _make_clip(folder: Path, plan: BevPlan) -> Path:
    path = bev_clip_path(folder, plan)
    if not path.exists():
        render_bev_clip(plan).save(path)
    return path
