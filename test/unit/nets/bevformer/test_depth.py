"""Depth of pictures: its bins, and how it weighs what a BEV cell takes from them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from mm_perception.nets.bevformer import CONFIGS, BevFormer, EgoMotion
from mm_perception.nets.bevformer.configs import DepthConfig
from mm_perception.nets.bevformer.depth import bin_of, likelihoods

CONFIG = DepthConfig(bins=5, range_m=(1.0, 16.0))


def test_bins_are_even_on_a_logarithmic_scale() -> None:
    depths = torch.tensor([0.1, 1.0, 2.0, 4.0, 8.0, 16.0, 99.0, -3.0])
    assert bin_of(depths, CONFIG).tolist() == pytest.approx([0, 0, 1, 2, 3, 4, 4, 0], abs=1e-5)


def test_what_is_as_far_as_the_picture_says_counts_fully() -> None:
    logits = torch.full((1, 1, 5, 2, 2), -20.0)
    logits[0, 0, 2, :, 0] = 0  # the left half shows something 4 m away
    logits[0, 0, 4, :, 1] = 0  # the right half 16 m
    places = torch.tensor([[0.25, 0.25], [0.25, 0.25], [0.75, 0.25], [0.75, 0.75]])
    depth = torch.tensor([4.0, 16.0, 16.0, 4.0])
    found = likelihoods(logits, places[None, None, None], depth[None, None, None], CONFIG)
    assert found.shape == (1, 1, 1, 4)
    assert found.flatten().tolist() == pytest.approx([1, 0, 1, 0], abs=1e-5)


def test_a_net_that_knows_nothing_of_depth_is_a_plain_one() -> None:
    """All depths alike: every sample counts fully, as without a depth head."""
    torch.manual_seed(0)
    nano = CONFIGS['nano']
    small = replace(
        nano, backbone=replace(nano.backbone, blocks=(1, 1, 1, 1), width=8), bev_size=(8, 8),
        dims=16, ffn_dims=16, num_queries=8, pillars=None, map_layers=(), trunk_blocks=0,
        has_proposals=False,
    )  # fmt: skip
    model = BevFormer(small).eval()
    plain = BevFormer(replace(small, depth=None)).eval()
    plain.load_state_dict(model.state_dict(), strict=False)
    assert model.depth_head is not None
    torch.nn.init.zeros_(model.depth_head.blocks[-1].weight)
    torch.nn.init.zeros_(model.depth_head.blocks[-1].bias)
    images = torch.rand(1, 2, 3, 32, 64)
    matrices = torch.eye(4).repeat(1, 2, 1, 1)
    matrices[:, :, :3, :3] = torch.tensor([[40.0, 32, 0], [0, 16, -40.0], [0, 1.0, 0]])
    with torch.inference_mode():
        one = model(images, matrices, [EgoMotion()])
        two = plain(images, matrices, [EgoMotion()])
    torch.testing.assert_close(one.bev, two.bev)
    assert one.depth.shape == (1, 2, 40, 4, 8)
    assert two.depth is None
    torch.nn.init.normal_(model.depth_head.blocks[-1].weight, std=3.0)
    with torch.inference_mode():
        three = model(images, matrices, [EgoMotion()])
    assert not torch.allclose(one.bev, three.bev)
