"""Training of BEVFormer: it learns drives made by hand, and gradients reach every part."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from mm_perception.nets.bevformer import CONFIGS
from mm_perception.training.bevformer import BevFormerTask
from mm_perception.training.loop import Settings
from test.unit.training.bev_clips import SIZE, a_clip

CPU = torch.device('cpu')
NANO = CONFIGS['nano']
SMALL = replace(
    NANO,
    name='small',
    backbone=replace(NANO.backbone, blocks=(1, 1, 1, 1), width=8),
    pixels=replace(NANO.pixels, width_px=SIZE[0]),
    dims=32,
    ffn_dims=32,
    num_encoder_layers=1,
    num_decoder_layers=2,
    num_queries=16,
    trunk_blocks=1,
    dropout=0.0,
)


@pytest.fixture(scope='module')
def task() -> BevFormerTask:
    clips = [a_clip(2, seed=1), a_clip(3, seed=2)]
    return BevFormerTask(clips, clips, Settings(steps=10, seed=1), 4, SMALL)


def test_batches_are_functions_of_seed_and_step(task) -> None:
    first, again, other = task.batch(3), task.batch(3), task.batch(4)
    for one, two in zip(first.frames, again.frames, strict=True):
        torch.testing.assert_close(one.image_from_bev, two.image_from_bev, atol=0, rtol=0)
    assert not torch.equal(first.frames[0].image_from_bev, other.frames[0].image_from_bev)


def test_gradients_reach_every_parameter(task) -> None:
    torch.manual_seed(0)
    model = task.build()
    sum(task.loss(model, task.batch(0), CPU).values()).backward()
    untouched = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    # Where attention looks depends on the query only once the first step has been made.
    assert set(untouched) <= {'net.encoder.row_position', 'net.encoder.column_position'}


def test_it_learns(task) -> None:
    torch.manual_seed(0)
    model = task.build()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    batch = task.batch(0)
    losses = []
    for _ in range(12):
        parts = task.loss(model.train(), batch, CPU)
        assert set(parts) == {
            'class', 'box', 'axis', 'heat', 'map', 'map_dice', 'turn', 'shift', 'depth', 'sight'
        }  # fmt: skip
        total = sum(parts.values())
        optimizer.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        optimizer.step()
        losses.append(float(total.detach()))
    assert losses[-1] < 0.6 * losses[0], losses


def test_it_is_validated_by_what_it_is_given(task) -> None:
    scores = task.validate(task.build().eval(), CPU)
    assert next(iter(scores)) == 'map_both'
    assert {'map_cameras', 'map_lidar', 'iou_drivable', 'map_one_frame'} <= set(scores)
