"""What stands apart in a scan: candidates for things, whatever they are."""

from __future__ import annotations

import cv2
import numpy as np

from mm_perception.samples.sample import Array

_CELL_M = 0.4  # things that are nearer to each other are one
_AROUND_M = 1.6  # where the ground below a thing may be seen
_LARGEST_M = 12.0  # along x or y; what is larger (a wall) is no thing
_FEWEST = 3  # points


def segments_of(points: Array, least_m: float) -> Array:
    """Number of the thing that each point is of, (N,) int from 0; -1 for ground and for walls.

    Points over the ground fall into cells, and cells that touch are one thing, as in Himmelsbach
    et al., Fast Segmentation of 3D Point Clouds for Ground Vehicles, 2010, section IV; the ground
    is the lowest point around.

    Args:
        points: (N, 3) metres, z up.
        least_m: Things are at least so high over the ground.
    """
    found = np.full(len(points), -1)
    if not len(points):
        return found
    cells = np.floor((points[:, :2] - points[:, :2].min(0)) / _CELL_M).astype(int)
    width, height = cells.max(0) + 1
    floor = np.full((height, width), np.float32(1e6))
    np.minimum.at(floor, (cells[:, 1], cells[:, 0]), points[:, 2].astype(np.float32))
    reach = 2 * round(_AROUND_M / _CELL_M) + 1
    ground = cv2.erode(floor, np.ones((reach, reach), np.uint8))
    stands = points[:, 2] - ground[cells[:, 1], cells[:, 0]] >= least_m
    taken = np.zeros((height, width), np.uint8)
    taken[cells[stands, 1], cells[stands, 0]] = 1
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(taken, connectivity=8)
    sides = boxes[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(1) * _CELL_M
    found[stands] = labels[cells[stands, 1], cells[stands, 0]]
    num_points = np.bincount(found[stands], minlength=count)
    good = (sides <= _LARGEST_M) & (num_points >= _FEWEST)
    good[0] = False
    numbers = np.append(np.where(good, np.cumsum(good) - 1, -1), -1)
    return np.asarray(numbers[found], np.int64)
