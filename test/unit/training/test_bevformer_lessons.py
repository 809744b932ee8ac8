"""What LiDAR points tell of the cells of pictures, and of which class they are."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from mm_perception.nets.bevformer import EgoMotion
from mm_perception.training.bevformer_batches import Setup, codes_of
from mm_perception.training.bevformer_frames import NO_LABEL, BevFrame, BoxTargets
from mm_perception.training.bevformer_lessons import classes_of, sights_of
from mm_perception.world.bev_clips import TrueBoxes

CAR, CONE, NOTHING = 0, 4, 5


def boxes(yaw: float = 0.0) -> BoxTargets:
    """A car 10 m ahead of base_link, and padding."""
    truth = TrueBoxes(
        np.array([[10.0, 0, 0.75]], np.float32), np.array([[4.0, 2.0, 1.5]], np.float32),
        np.array([yaw], np.float32), np.zeros((1, 2), np.float32), np.array([CAR]),
        np.array([1]), np.array([9]), np.array([99]),
    )  # fmt: skip
    codes = np.concatenate([codes_of(truth, Setup()), np.zeros((1, 10), np.float32)])
    return BoxTargets(
        torch.from_numpy(codes)[None], torch.tensor([[CAR, NO_LABEL]]), torch.zeros(1, 0, 2),
        torch.zeros(1),
    )  # fmt: skip


def points(*rows: tuple[float, float, float]) -> torch.Tensor:
    """x, y, z in frame BEV (x right, y ahead) and an intensity."""
    return torch.tensor([[*row, 0.5] for row in rows])


@pytest.mark.parametrize(
    ('yaw', 'expected'),
    [(0.0, [CAR, CAR, NOTHING, NOTHING]), (math.pi / 2, [CAR, NOTHING, CAR, NOTHING])],
)
def test_points_have_the_class_of_the_box_they_lie_in(yaw, expected) -> None:
    rows = points((0, 10, 0.7), (0, 11.8, 0.7), (1.8, 10, 0.7), (0, 10, 2.5))
    sample = torch.zeros(4, dtype=torch.int64)
    assert classes_of(rows, sample, boxes(yaw), NOTHING).tolist() == expected


def test_the_nearest_point_of_a_cell_counts() -> None:
    """A camera that looks ahead from the origin; a wall stands behind the car."""
    matrix = torch.eye(4)
    matrix[:3, :3] = torch.tensor([[50.0, 50, 0], [0, 25, -50.0], [0, 1.0, 0]])
    frame = BevFrame(
        torch.zeros(1, 1, 50, 100, 3, dtype=torch.uint8), matrix[None, None],
        torch.ones(1, 1, dtype=torch.bool),
        points((0.1, 9, 0.1), (0.2, 20, 0.1), (-15, 20, 0.1), (0, -5, 0)),
        torch.zeros(4, dtype=torch.int64), torch.ones(1, dtype=torch.bool), boxes(),
        torch.zeros(1, 5, 4, 4, dtype=torch.uint8), (EgoMotion(),),
    )  # fmt: skip
    sights = sights_of(frame, (50, 100), (5, 10), NOTHING)
    # 100 px wide, 10 cells: column 50 + 50 * 0.1 / 9 px is in cell 5; -15 at 20 m in cell 1
    assert sights.depth_m[0, 0, 2, 5] == pytest.approx(9.0)
    assert sights.labels[0, 0, 2, 5] == CAR
    assert sights.depth_m[0, 0, 2, 1] == pytest.approx(20.0)
    assert sights.labels[0, 0, 2, 1] == NOTHING
    assert torch.isfinite(sights.depth_m).sum() == 2  # what is behind the camera is not seen
