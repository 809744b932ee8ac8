"""The ResNet of SAM 3: one map that sees far and keeps small things."""

from __future__ import annotations

import torch

from mm_perception.nets.resnet import FusedResNet, FusedResNetConfig


def test_the_map_has_the_stride_of_the_second_stage_and_sees_as_far_as_the_last() -> None:
    torch.manual_seed(0)
    net = FusedResNet(
        FusedResNetConfig(
            embedding_size=8, hidden_sizes=[8, 8, 8, 8], depths=[1, 1, 1, 1], hidden_size=16,
            layer_type='basic', image_size=128, patch_size=8,
        )
    ).eval()  # fmt: skip
    picture = torch.rand(1, 3, 128, 128)
    changed = picture.clone()
    changed[..., :8, :8] += 5
    with torch.no_grad():
        before, after = (net(p).last_hidden_state for p in (picture, changed))
    assert before.shape == (1, 16 * 16, 16)
    moved = (before - after).abs().amax(-1).reshape(16, 16)
    assert moved[0, 0] > 0
    assert moved[8, 8] > 0, 'half a picture away'
