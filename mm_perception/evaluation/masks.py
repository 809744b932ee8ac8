"""How well masks agree: overlap (IoU, region similarity J), and outline (boundary accuracy F).

J and F are those of DAVIS: Perazzi et al., A Benchmark Dataset and Evaluation Methodology for
Video Object Segmentation, CVPR 2016; what the paper leaves open is as in davis2017-evaluation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from mm_perception.errors import ShapeError
from mm_perception.samples.sample import Array

Mask = npt.NDArray[np.bool_]
#: Reach of the boundary measure, as a share of the picture's diagonal.
TOLERANCE = 0.008


def mask_iou(truth: Array, found: Array) -> float:
    """Overlap of two masks, from 0 to 1.

    Args:
        truth: (H, W) bool.
        found: (H, W) bool.

    Returns:
        Intersection over union; 1 where both are empty, as in DAVIS.

    Raises:
        ShapeError: They differ in size.
    """
    _check_same(truth, found)
    union = int(np.count_nonzero(truth | found))
    return int(np.count_nonzero(truth & found)) / union if union else 1.0


def pair_ious(truth: Array, found: Array) -> tuple[Array, Array, Array]:
    """Overlap of every instance of one map with every one of another.

    Args:
        truth: (H, W) uint16 ids, 0 for background.
        found: (H, W) uint16 ids of its own numbering.

    Returns:
        (N,) ids in `truth`, (M,) ids in `found`, and their (N, M) float64 IoU.

    Raises:
        ShapeError: They differ in size.
    """
    _check_same(truth, found)
    truth_ids, rows = _numbered(truth)
    found_ids, columns = _numbered(found)
    cells = rows * len(found_ids) + columns
    shared = np.bincount(cells, minlength=len(truth_ids) * len(found_ids))
    shared = shared.reshape(len(truth_ids), len(found_ids))
    union = shared.sum(1, keepdims=True) + shared.sum(0, keepdims=True) - shared
    real, own = truth_ids != 0, found_ids != 0
    ious: Array = (shared / np.maximum(union, 1))[np.ix_(real, own)]
    return truth_ids[real], found_ids[own], ious


def instance_ious(truth: Array, found: Array) -> dict[int, float]:
    """IoU of every instance of the truth, where both maps number them alike.

    Args:
        truth: (H, W) uint16 ids, 0 for background.
        found: (H, W) uint16, the same ids.

    Returns:
        IoU by id; 0 for an instance that was not found.
    """
    ids, own, ious = pair_ious(truth, found)
    place = {int(number): column for column, number in enumerate(own)}
    return {
        int(number): float(ious[row, place[int(number)]]) if int(number) in place else 0.0
        for row, number in enumerate(ids)
    }


def mean_iou(truth: Array, found: Array) -> float:
    """Mean of `instance_ious`; NaN where the truth has no instance."""
    values = list(instance_ious(truth, found).values())
    return float(np.mean(values)) if values else float('nan')


def boundary_accuracy(truth: Array, found: Array, tolerance: float = TOLERANCE) -> float:
    """F measure of two outlines, from 0 to 1.

    A pixel of an outline is right if the other outline passes within `tolerance`.

    Args:
        truth: (H, W) bool.
        found: (H, W) bool.
        tolerance: Share of the diagonal of the picture; rounded up to whole pixels.

    Returns:
        Harmonic mean of precision and recall; 1 where both masks are empty.

    Raises:
        ShapeError: They differ in size.
    """
    _check_same(truth, found)
    reach = int(np.ceil(tolerance * np.hypot(*truth.shape)))
    across = np.arange(-reach, reach + 1)
    disk = (across[:, None] ** 2 + across**2 <= reach**2).astype(np.uint8)
    real, own = outline(truth), outline(found)
    num_real, num_own = int(real.sum()), int(own.sum())
    if not num_real or not num_own:
        return float(num_real == num_own)
    recall = int((real & (cv2.dilate(own.astype(np.uint8), disk) > 0)).sum()) / num_real
    precision = int((own & (cv2.dilate(real.astype(np.uint8), disk) > 0)).sum()) / num_own
    total = precision + recall
    return 2 * precision * recall / total if total else 0.0


def outline(mask: Array) -> Mask:
    """Pixels of a mask's outline, one pixel wide, as `seg2bmap` of DAVIS has them.

    Convention:
        A pixel belongs to it that differs from its right, lower or lower right neighbour, so the
        upper and left parts lie just outside the mask. What is beyond the picture is no neighbour.
    """
    inside: Mask = mask.astype(bool)
    right, below, both = (np.zeros_like(inside) for _ in range(3))
    right[:, :-1], below[:-1], both[:-1, :-1] = inside[:, 1:], inside[1:], inside[1:, 1:]
    edge: Mask = (inside ^ right) | (inside ^ below) | (inside ^ both)
    edge[-1] = inside[-1] ^ right[-1]
    edge[:, -1] = inside[:, -1] ^ below[:, -1]
    edge[-1, -1] = False
    return edge


@dataclass(frozen=True, eq=False)
class VideoScore:
    """How well one object was followed through a video.

    Attributes:
        region: (T,) J of every frame that counts.
        boundary: (T,) F of the same frames.
    """

    region: npt.NDArray[np.float64]
    boundary: npt.NDArray[np.float64]

    @property
    def j(self) -> float:
        """Mean region similarity."""
        return float(self.region.mean())

    @property
    def f(self) -> float:
        """Mean boundary accuracy."""
        return float(self.boundary.mean())

    @property
    def j_and_f(self) -> float:
        """Mean of both."""
        return (self.j + self.f) / 2


def score_object(
    truth: Sequence[Array], found: Sequence[Array], *, skip: tuple[int, int] = (1, 1)
) -> VideoScore:
    """J and F of one object.

    Args:
        truth: T masks, (H, W) bool.
        found: T masks, (H, W) bool.
        skip: Frames at the start and at the end that do not count. DAVIS leaves out the first, of
            which the mask was given, and the last.

    Raises:
        ShapeError: Different numbers of frames or sizes, or no frame is left.
    """
    if len(truth) != len(found):
        raise ShapeError('frames found', f'{len(truth)}, as in the truth', f'{len(found)}')
    frames = range(skip[0], len(truth) - skip[1])
    if not frames:
        raise ShapeError('video to score', f'more than {sum(skip)} frames', f'{len(truth)}')
    return VideoScore(
        np.array([mask_iou(truth[t], found[t]) for t in frames]),
        np.array([boundary_accuracy(truth[t], found[t]) for t in frames]),
    )


def score_objects(
    truth: Sequence[Array], found: Sequence[Array], *, skip: tuple[int, int] = (1, 1)
) -> dict[int, VideoScore]:
    """J and F of every object of a video, where both number them alike.

    Args:
        truth: T maps of ids, (H, W) uint16, 0 for background.
        found: T maps, the same ids.
        skip: As in `score_object`.

    Returns:
        Score by id, of all that the truth ever shows.
    """
    ids = sorted({int(number) for ids in truth for number in np.unique(ids)} - {0})
    return {
        number: score_object([t == number for t in truth], [f == number for f in found], skip=skip)
        for number in ids
    }


def _numbered(ids: Array) -> tuple[Array, Array]:
    """The ids of a map, ascending, and of every pixel the place of its id among them.

    What `np.unique` gives too, many times faster: ids are small numbers.
    """
    flat = ids.reshape(-1)
    present = np.flatnonzero(np.bincount(flat))
    places = np.zeros(int(present[-1]) + 1, np.intp)
    places[present] = np.arange(len(present))
    return present, places[flat]


def _check_same(truth: Array, found: Array) -> None:
    if truth.shape != found.shape or truth.ndim != 2:
        raise ShapeError('masks to compare', f'(H, W) {truth.shape}', f'{found.shape}')
