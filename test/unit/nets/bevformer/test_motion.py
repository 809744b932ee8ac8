"""Displacements of things, and the velocities of boxes that come from them."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from mm_perception.nets.bevformer import CONFIGS, BevFormer, EgoMotion
from mm_perception.nets.bevformer.motion import MotionHead, at_places, moved_bev

EXTENT_M = (20.0, 20.0, 4.0)
RANGE_M = (-10.0, -10.0, -1.0, 10.0, 10.0, 3.0)
#: Of a LiDAR alone, and narrow: what is computed here needs no pictures.
SMALL = replace(
    CONFIGS['nano'], backbone=None, depth=None, dims=64, ffn_dims=128, num_encoder_layers=1
)


@pytest.mark.parametrize(
    ('motion', 'expected'),
    [
        (EgoMotion(dx_m=2.0), (5, 8)),  # ahead: what was at y 10 m is at y 8 m
        (EgoMotion(dy_m=3.0), (8, 10)),  # to the left: what was at x 5 m is at x 8 m
        (EgoMotion(dyaw_rad=math.pi / 2), (10, -5)),  # what was ahead is at the right
        (EgoMotion(dx_m=2.0, dyaw_rad=math.pi), (-5, -8)),
    ],
)
def test_convention_what_stands_still_is_found_where_it_is_now(motion, expected) -> None:
    """Cells of a metre whose middles are at whole metres, from -10 m to 10 m."""
    grid = torch.zeros(1, 1, 21, 21)
    grid[0, 0, 10 + 10, 10 + 5] = 1  # y 10 m, x 5 m
    moved = moved_bev(grid, [motion], (21.0, 21.0))[0, 0]
    row, column = divmod(int(moved.argmax()), 21)
    assert (column - 10, row - 10) == expected
    assert float(moved.max()) == pytest.approx(1, abs=1e-4)


def test_what_comes_into_reach_was_nowhere() -> None:
    moved = moved_bev(torch.ones(1, 1, 20, 20), [EgoMotion(dx_m=4.0)], EXTENT_M)[0, 0]
    assert moved[:15].min() == pytest.approx(1)
    assert moved[17:].max() == 0


def test_places_are_read_in_metres() -> None:
    x = torch.arange(-9.5, 10).expand(20, -1)
    grid = torch.stack((x, x.t()))[None]
    xy = torch.tensor([[[1.25, -3.5], [-7.0, 2.0], [0.0, 0.0], [4.5, 9.0]]])
    torch.testing.assert_close(at_places(grid, xy, RANGE_M), xy)
    assert at_places(grid, xy[:, :0], RANGE_M).shape == (1, 0, 2)


def test_displacement_is_where_the_likeness_is() -> None:
    """Without embedding and correction."""
    head = MotionHead(SMALL)
    head.embed = nn.Identity()
    head.correct = nn.Linear(len(head.offsets) + SMALL.dims, 2)
    nn.init.zeros_(head.correct.weight)
    nn.init.zeros_(head.correct.bias)
    nn.init.constant_(head.sharpness, 1e4)
    torch.manual_seed(0)
    before = torch.randn(1, SMALL.dims, 64, 64)
    now = before.roll((3, -2), dims=(2, 3))  # all moved 3 m ahead and 2 m to the left
    bevs = (grid.flatten(2).transpose(1, 2) for grid in (now, before))
    places = torch.tensor([[[0.5, 0.5], [-10.5, 7.5]]])
    with torch.inference_mode():
        found = head(*bevs, [EgoMotion(dt_s=0.5)], places)
    torch.testing.assert_close(found, torch.tensor([[[-2.0, 3.0]] * 2]), atol=0.05, rtol=0)


def test_velocity_is_displacement_by_time() -> None:
    """Without a frame before, all is said to stand."""
    model = BevFormer(SMALL).eval()
    assert model.motion_head is not None
    nn.init.zeros_(model.motion_head.sharpness)  # all offsets alike: none on average
    last = model.motion_head.correct[-1]
    nn.init.zeros_(last.weight)
    last.bias = nn.Parameter(torch.tensor([1.0, -2.0]))
    nothing = torch.zeros(2, 1, 3, 32, 32), torch.eye(4).repeat(2, 1, 1, 1)
    motions = [EgoMotion(dt_s=0.5), EgoMotion(dt_s=0.25)]
    with torch.inference_mode():
        first = model(*nothing, [EgoMotion(), EgoMotion()])
        second = model(*nothing, motions, first.bev)
    assert not first.codes[..., 8:].any()
    expected = torch.tensor([[2.0, -4.0], [4.0, -8.0]])[:, None]
    torch.testing.assert_close(second.codes[..., 8:], expected.expand_as(second.codes[..., 8:]))
