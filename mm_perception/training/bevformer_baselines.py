"""Boxes and maps around a robot that need no network, to compare BEVFormer with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from mm_perception.samples import Boxes3D, quats_of_yaws
from mm_perception.training.bevformer_batches import Setup, turned_maps
from mm_perception.world.bev_clips import BEV_CLASSES, REACH_M, UNKNOWN, BevClip, TrueBoxes

Array = npt.NDArray[np.float64]
_BIN_M = 4.0  # of the commonest boxes
#: Of clusters: what rises above the ground and is not above a truck.
_LOWEST_M, _HIGHEST_M = 0.25, 3.5
_CELL_M = 0.5
_LEAST_POINTS = 3


def boxes_in_base(
    centres: npt.NDArray[Any], sizes: npt.NDArray[Any], yaws: npt.NDArray[Any],
    speeds: npt.NDArray[Any], labels: npt.NDArray[Any], scores: npt.NDArray[Any],
) -> Boxes3D:  # fmt: skip
    """Boxes in base_link.

    Args:
        centres: (K, 3) metres.
        sizes: (K, 3) length, width and height, metres.
        yaws: (K,) radians.
        speeds: (K, 2) m/s over ground.
        labels: (K,) indices in `BEV_CLASSES`.
        scores: (K,).
    """
    return Boxes3D(
        stamp_ns=0, frame_id='base_link', centres=centres.astype(np.float64),
        sizes=sizes.astype(np.float64), quats_xyzw=quats_of_yaws(yaws),
        scores=scores.astype(np.float32), labels=tuple(BEV_CLASSES[i] for i in labels.tolist()),
        velocities=np.pad(speeds, ((0, 0), (0, 1))).astype(np.float64),
    )  # fmt: skip


def mean_maps(clips: Sequence[BevClip]) -> npt.NDArray[np.float32]:
    """How often each cell is something, where that is known, at the last moments of clips.

    Returns:
        (layers, rows, columns) shares, frame BEV; 0 where nothing is ever known.
    """
    maps = np.stack([turned_maps(clip.maps[-1], Setup()) for clip in clips])
    known = (maps != UNKNOWN).sum(axis=0)
    shares: npt.NDArray[np.float32] = (
        (maps == 1).sum(axis=0) / np.maximum(known, 1)
    ).astype(np.float32)  # fmt: skip
    return shares


def constant_boxes(clips: Sequence[BevClip], most: int) -> Boxes3D:
    """The mean boxes of the squares of 4 m that most often hold one of their class.

    Args:
        clips: Whose judged boxes at the last moments are counted.
        most: Of them.
    """
    rows, classes = _judged(clips)
    bins = np.floor((rows[:, :2] + REACH_M) / _BIN_M).astype(np.int64)
    keys, index, counts = np.unique(
        np.column_stack([classes, bins]), axis=0, return_inverse=True, return_counts=True
    )
    means = np.zeros((len(keys), rows.shape[1]))
    np.add.at(means, index.reshape(-1), rows)
    means /= counts[:, None]
    chosen = np.argsort(-counts, kind='stable')[:most]
    best = means[chosen]
    return boxes_in_base(
        best[:, :3], best[:, 3:6], np.arctan2(best[:, 6], best[:, 7]), best[:, 8:],
        keys[chosen, 0], counts[chosen] / len(clips),
    )  # fmt: skip


def mean_sizes(clips: Sequence[BevClip]) -> Array:
    """(classes, 3) mean length, width and height of judged boxes, metres; NaN without any."""
    rows, classes = _judged(clips)
    sizes = np.full((len(BEV_CLASSES), 3), np.nan)
    for number in np.unique(classes):
        sizes[number] = rows[classes == number, 3:6].mean(axis=0)
    return sizes


def clusters(points: npt.NDArray[np.float32], sizes: Array) -> Boxes3D:
    """Boxes of the mean size around what the LiDAR sees standing alone.

    Points above the ground that lie in touching cells of 0.5 m are one thing; its class is the one
    whose mean size is most like its extent, and its score says how much so. It stands still.

    Args:
        points: (P, 4) x, y, z in metres in base_link, and intensity.
        sizes: (classes, 3) metres, see `mean_sizes`.
    """
    xyz = points[:, :3].astype(np.float64)
    is_standing = (xyz[:, 2] > _LOWEST_M) & (xyz[:, 2] < _HIGHEST_M)
    xyz = xyz[is_standing & (np.abs(xyz[:, :2]) < REACH_M).all(axis=1)]
    cells = np.floor((xyz[:, :2] + REACH_M) / _CELL_M).astype(np.intp)
    side = round(2 * REACH_M / _CELL_M)
    taken = np.zeros((side, side), np.bool_)
    taken[cells[:, 0], cells[:, 1]] = True
    numbers, _ = ndimage.label(taken, np.ones((3, 3)))
    own = numbers[cells[:, 0], cells[:, 1]]
    found = []
    for number in np.unique(own):
        part = xyz[own == number]
        if len(part) < _LEAST_POINTS:
            continue
        (x, y), (first, second), degrees = cv2.minAreaRect(part[:, :2].astype(np.float32))
        yaw = np.radians(degrees) + (np.pi / 2 if second > first else 0.0)
        extent = np.array([max(first, second), min(first, second), part[:, 2].max()])
        apart = np.abs(np.log(np.maximum(extent, 0.1) / sizes)).sum(axis=1)
        kind = int(np.nanargmin(apart))
        found.append((x, y, sizes[kind, 2] / 2, yaw, kind, np.exp(-apart[kind])))
    table = np.array(found, np.float64).reshape(-1, 6)
    kinds = table[:, 4].astype(np.int64)
    still = np.zeros((len(table), 2))
    return boxes_in_base(table[:, :3], sizes[kinds], table[:, 3], still, kinds, table[:, 5])


def _judged(clips: Sequence[BevClip]) -> tuple[Array, npt.NDArray[np.int64]]:
    """(K, 10) centre, size, sine and cosine of yaw, velocity; and (K,) classes."""
    rows = [_rows(clip.boxes[-1])[clip.boxes[-1].is_judged] for clip in clips]
    classes = [clip.boxes[-1].classes[clip.boxes[-1].is_judged] for clip in clips]
    return np.concatenate(rows), np.concatenate(classes)


def _rows(boxes: TrueBoxes) -> Array:
    return np.column_stack(
        [boxes.centres, boxes.sizes, np.sin(boxes.yaws), np.cos(boxes.yaws), boxes.velocities]
    ).astype(np.float64)
