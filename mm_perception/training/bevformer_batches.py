"""Batches for the training of BEVFormer: short drives, seen from a frame that chance has turned.

Frame BEV (x right, y ahead) is turned about z by any angle and mirrored or not, alike in all
frames of a clip. It is then the frame BEV of another robot that stands at the same place: a robot
whose rig looks elsewhere, and whose poses are those of `_motions`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mm_perception.nets.bevformer import EgoMotion, projection
from mm_perception.nets.bevformer.decoder import CODE_SIZE
from mm_perception.training.bevformer_frames import NO_LABEL, BevBatch, BevFrame, BoxTargets
from mm_perception.training.data import Pixels, jittered
from mm_perception.world.bev_clips import REACH_M, UNKNOWN, BevClip, TrueBoxes

Array = npt.NDArray[np.float64]
Modality = Literal['both', 'cameras', 'lidar']
MODALITIES: tuple[Modality, ...] = ('both', 'cameras', 'lidar')
#: A box can be found if the LiDAR meets it so often, or a camera sees so much of it.
_LEAST_POINTS, _LEAST_PIXELS = 1, 12
_CAMERA_LOSS = 0.05  # chance
_SMALL_TURN = 0.15  # rad


@dataclass(frozen=True)
class Setup:
    """How a clip is shown.

    Attributes:
        turn_rad: Frame BEV is turned by so much, counter-clockwise seen from the things in it.
        is_mirrored: Left for right, before the turn.
        north_rad: The fixed frame of the poses is turned by so much: no heading is special.
        has_cameras: Any at all.
        has_lidar: And its points.
    """

    turn_rad: float = 0.0
    is_mirrored: bool = False
    north_rad: float = 0.0
    has_cameras: bool = True
    has_lidar: bool = True

    @property
    def bev_from_base(self) -> Array:
        """(4, 4); a reflection if mirrored.

        Convention: without turn and mirror, what is 10 m ahead (10, 0) is at (0, 10).
        """
        angle = np.pi / 2 + self.turn_rad
        matrix = np.eye(4)
        matrix[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        return matrix @ np.diag([1.0, self.side, 1.0, 1.0])

    @property
    def side(self) -> float:
        """-1 if mirrored, else 1."""
        return -1.0 if self.is_mirrored else 1.0


def bev_batch(
    rng: np.random.Generator, clips: Sequence[BevClip], num_clips: int, num_frames: int
) -> BevBatch:
    """Parts of some clips, varied by chance, for training.

    Args:
        rng: Chance.
        clips: To choose from; a sequence that loads what is asked for will do.
        num_clips: Of the batch.
        num_frames: Moments of each, at most those that it has; the first is where it begins.
    """
    chosen = rng.choice(len(clips), num_clips, replace=len(clips) < num_clips)
    shown = []
    for clip in (clips[int(i)] for i in chosen):
        has_eyes = clip.rgb.shape[1] > 0
        dropped = rng.random() if has_eyes else 1.0
        setup = Setup(
            _turn(rng), bool(rng.random() < 0.5), rng.uniform(-np.pi, np.pi),
            has_cameras=has_eyes and dropped >= 0.25, has_lidar=not 0.25 <= dropped < 0.5,
        )  # fmt: skip
        count = min(num_frames, len(clip.points))
        first = int(rng.integers(len(clip.points) - count + 1))
        shown.append(show(clip.part(first, count), setup, rng))
    return _collate(shown)


def _turn(rng: np.random.Generator) -> float:
    """Any, or a small one: where vehicles mostly head is worth knowing, too."""
    return float(rng.uniform(-np.pi, np.pi) if rng.random() < 0.5 else rng.normal(0, _SMALL_TURN))


def fixed_batch(clips: Sequence[BevClip], modality: Modality = 'both') -> BevBatch:
    """Clips as they are, the fixed frame of their poses being the first pose of each."""
    setups = [
        Setup(
            north_rad=-float(clip.poses[0, 2]),
            has_cameras=modality != 'lidar', has_lidar=modality != 'cameras',
        )
        for clip in clips
    ]  # fmt: skip
    return _collate([show(clip, setup) for clip, setup in zip(clips, setups, strict=True)])


def codes_of(boxes: TrueBoxes, setup: Setup) -> npt.NDArray[np.float32]:
    """(K, 10) box codes of boxes in base_link, see `decode_codes`.

    Convention: a box ahead that heads ahead has yaw pi/2 in frame BEV: sin 0, cos -1.
    """
    matrix = setup.bev_from_base
    centres = boxes.centres @ matrix[:3, :3].T
    speeds = boxes.velocities @ matrix[:2, :2].T
    rot = -(setup.side * boxes.yaws + setup.turn_rad + np.pi / 2) - np.pi / 2
    length, width, height = np.log(np.maximum(boxes.sizes, 1e-2)).T
    columns = (
        centres[:, 0], centres[:, 1], width, length, centres[:, 2], height, np.sin(rot),
        np.cos(rot), speeds[:, 0], speeds[:, 1],
    )  # fmt: skip
    return np.stack(columns, axis=-1).astype(np.float32).reshape(-1, CODE_SIZE)


def turned_maps(maps: npt.NDArray[np.uint8], setup: Setup) -> npt.NDArray[np.uint8]:
    """Maps in base_link to frame BEV, by the nearest cell.

    Args:
        maps: (..., rows along y, columns along x), as `Grid` has them, to `REACH_M` all around.
        setup: How the frame lies.

    Returns:
        (..., rows along y, columns along x) of frame BEV; `UNKNOWN` where there was no map.
    """
    side = maps.shape[-1]
    resolution = 2 * REACH_M / side
    along = (np.arange(side) + 0.5) * resolution - REACH_M
    places = np.stack(np.meshgrid(along, along), axis=-1)  # (rows, columns, xy), frame BEV
    base = places @ np.linalg.inv(setup.bev_from_base)[:2, :2].T
    cells = np.floor((base + REACH_M) / resolution).astype(np.intp)
    is_inside = ((cells >= 0) & (cells < side)).all(axis=-1)
    columns, rows = np.moveaxis(np.clip(cells, 0, side - 1), -1, 0)
    found: npt.NDArray[np.uint8] = np.where(is_inside, maps[..., rows, columns], UNKNOWN)
    return found


@dataclass(frozen=True, eq=False)
class _Moment:
    """One moment of one robot, as `BevFrame` has it."""

    images: Pixels
    image_from_bev: npt.NDArray[np.float32]
    camera_mask: npt.NDArray[np.bool_]
    points: npt.NDArray[np.float32]
    codes: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    unjudged_xy: npt.NDArray[np.float32]
    maps: npt.NDArray[np.uint8]
    motion: EgoMotion
    setup: Setup


def show(clip: BevClip, setup: Setup, rng: np.random.Generator | None = None) -> list[_Moment]:
    """The moments of a clip; with chance also other colours, fewer points, lost cameras."""
    rgb = clip.rgb if rng is None or not clip.rgb.size else jittered(rng, clip.rgb)
    if setup.is_mirrored:
        rgb = np.ascontiguousarray(rgb[:, :, :, ::-1])
    maps, motions = turned_maps(clip.maps, setup), _motions(clip, setup)
    matrices = _projections(clip, setup)
    share = 1.0 if rng is None or rng.random() < 0.5 else rng.uniform(0.5, 1.0)
    moments = []
    for t, images in enumerate(rgb):
        mask = np.full(len(images), setup.has_cameras)
        if rng is not None:
            kept = mask & (rng.random(len(mask)) >= _CAMERA_LOSS)
            mask = kept if kept.any() or setup.has_lidar else mask  # else there is nothing at all
        points = clip.points[t]
        if rng is not None and share < 1:
            points = points[rng.random(len(points)) < share]
        codes, labels, unjudged = _targets(clip.boxes[t], setup)
        moments.append(
            _Moment(
                images, matrices, mask, _turned_points(points, setup), codes, labels, unjudged,
                maps[t], motions[t], setup,
            )
        )  # fmt: skip
    return moments


def _projections(clip: BevClip, setup: Setup) -> npt.NDArray[np.float32]:
    """(N, 4, 4). The middle of the first pixel is 0, so mirroring takes u to W - 1 - u."""
    intrinsics = np.array(clip.intrinsics, np.float64)
    if setup.is_mirrored:
        flip = np.array([[-1.0, 0, clip.rgb.shape[3] - 1], [0, 1, 0], [0, 0, 1]])
        intrinsics = flip @ intrinsics
    base_from_bev = np.linalg.inv(setup.bev_from_base)
    pairs = zip(intrinsics, np.asarray(clip.base_from_camera, np.float64), strict=True)
    matrices = [projection(k, np.linalg.inv(pose) @ base_from_bev) for k, pose in pairs]
    return np.array(matrices, np.float32).reshape(-1, 4, 4)


def _motions(clip: BevClip, setup: Setup) -> list[EgoMotion]:
    """Since the frame before, of the robot whose frame BEV is the turned one.

    A place p in base_link is R(turn) S p in the frame of that robot, S being the mirror. The
    mirrored world is S R(yaw) p + S t = R(-yaw) S p + S t; so its heading there is `side * yaw -
    turn`, and its place S t.
    """
    cos, sin = np.cos(setup.north_rad), np.sin(setup.north_rad)
    poses = []
    for x, y, yaw in np.asarray(clip.poses, np.float64).tolist():
        y, heading = setup.side * y, setup.side * yaw - setup.turn_rad + setup.north_rad
        poses.append((cos * x - sin * y, sin * x + cos * y, heading))
    motions = []
    for t, pose in enumerate(poses):
        if t:
            dt_s = float(clip.times_s[t] - clip.times_s[t - 1])
            motions.append(EgoMotion.between(poses[t - 1], pose, dt_s))
        else:  # a drive begins
            motions.append(EgoMotion(yaw_rad=EgoMotion.between(pose, pose, 0.0).yaw_rad))
    return motions


def _turned_points(points: npt.NDArray[Any], setup: Setup) -> npt.NDArray[np.float32]:
    turned = points[:, :3] @ setup.bev_from_base[:3, :3].T
    return np.concatenate([turned, points[:, 3:] / 255], axis=1).astype(np.float32)


def _targets(
    boxes: TrueBoxes, setup: Setup
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Codes and labels of what the given sensors can find, and where the rest is."""
    is_seen = np.zeros(len(boxes.classes), np.bool_)
    if setup.has_lidar:
        is_seen |= boxes.num_points >= _LEAST_POINTS
    if setup.has_cameras:
        is_seen |= boxes.num_pixels >= _LEAST_PIXELS
    codes = codes_of(boxes, setup)
    is_seen &= (np.abs(codes[:, :2]) <= REACH_M).all(axis=1)  # the corners of the turned square
    return codes[is_seen], boxes.classes[is_seen].astype(np.int64), codes[~is_seen, :2]


def _collate(shown: Sequence[Sequence[_Moment]]) -> BevBatch:
    """Clips to a batch: the last moments of each, as many as the shortest has."""
    count = min(len(moments) for moments in shown)
    times = zip(*(moments[-count:] for moments in shown), strict=True)
    return BevBatch(tuple(_frame(moments) for moments in times))


def _frame(moments: Sequence[_Moment]) -> BevFrame:
    lengths = [len(moment.points) for moment in moments]
    return BevFrame(
        _padded([moment.images for moment in moments], 0),
        _padded([moment.image_from_bev for moment in moments], 0),
        _padded([moment.camera_mask for moment in moments], fill=False),
        torch.from_numpy(np.concatenate([moment.points for moment in moments])),
        torch.from_numpy(np.repeat(np.arange(len(moments)), lengths)),
        torch.tensor([moment.setup.has_lidar for moment in moments]),
        BoxTargets(
            _padded([moment.codes for moment in moments], 0),
            _padded([moment.labels for moment in moments], NO_LABEL),
            _padded([moment.unjudged_xy for moment in moments], np.inf),
            torch.tensor([moment.setup.turn_rad for moment in moments], dtype=torch.float32),
        ),
        torch.from_numpy(np.stack([moment.maps for moment in moments])),
        tuple(moment.motion for moment in moments),
    )


def _padded(rows: Sequence[npt.NDArray[Any]], fill: float) -> Tensor:
    """Arrays (K_i, ...) to (B, largest K, ...)."""
    longest = max(len(row) for row in rows)
    out = np.full((len(rows), longest, *rows[0].shape[1:]), fill, rows[0].dtype)
    for index, row in enumerate(rows):
        out[index, : len(row)] = row
    return torch.from_numpy(out)
