"""The engine: any rig, cameras that come and go, and memory that is kept and dropped."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mm_perception.errors import ConfigError, ShapeError
from mm_perception.nets.bevformer import BevFormerEngine, BevState, EgoMotion
from test.unit.nets.bevformer import recipe

STEP = EgoMotion(dx_m=1.0, dyaw_rad=0.1, dt_s=0.5)


@pytest.fixture(scope='module')
def engine():
    return BevFormerEngine.load('random')


def pictures(count: int, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    images = [rng.integers(0, 256, (72, 128, 3), np.uint8) for _ in range(count)]
    for image in images:
        image.flags.writeable = False
    return images


RIG = recipe.rig(128, 72)


def test_memory_is_kept_and_reset(engine):
    state = BevState()
    engine.step(state, pictures(6), RIG, STEP)  # of a motion before the first frame, nothing
    first = state.bev.clone()
    engine.step(state, pictures(6), RIG, STEP)
    second = state.bev.clone()
    assert not torch.allclose(first, second, atol=1e-3)
    state.reset()
    assert state.bev is None
    engine.step(state, pictures(6), RIG, EgoMotion())
    assert torch.equal(state.bev, first), 'the same answer twice'


@pytest.mark.parametrize('dt_s', [0.0, -0.5, 2.5])
def test_jumps_of_the_clock_drop_the_memory(engine, dt_s):
    state, fresh = BevState(), BevState()
    engine.step(state, pictures(6, 1), RIG, EgoMotion())
    engine.step(state, pictures(6), RIG, EgoMotion(dx_m=5.0, dyaw_rad=1.0, dt_s=dt_s))
    engine.step(fresh, pictures(6), RIG, EgoMotion())
    assert torch.equal(state.bev, fresh.bev)


@pytest.mark.parametrize('count', [1, 3, 8])
def test_any_number_of_cameras_of_any_size(engine, count):
    order = [index % 6 for index in range(count)]
    images = pictures(count)
    images[0] = np.zeros((100, 60, 3), np.uint8)
    boxes = engine.step(BevState(), images, RIG[order], EgoMotion()).boxes
    assert len(boxes) == engine.config.max_boxes
    assert boxes.xyz_lwh_yaw.isfinite().all()
    assert bool((boxes.scores[:-1] >= boxes.scores[1:]).all())


def test_order_of_cameras_does_not_matter(engine):
    state, shuffled = BevState(), BevState()
    order = [3, 0, 5, 1, 4, 2]
    images = pictures(6)
    engine.step(state, images, RIG, EgoMotion())
    engine.step(shuffled, [images[index] for index in order], RIG[order], EgoMotion())
    assert float((state.bev - shuffled.bev).abs().max()) < 1e-4


def test_missing_cameras_do_not_block(engine):
    images: list = pictures(6)
    images[1] = images[4] = None
    state, four = BevState(), BevState()
    engine.step(state, images, RIG, EgoMotion())
    present = [0, 2, 3, 5]
    engine.step(four, [images[index] for index in present], RIG[present], EgoMotion())
    assert torch.equal(state.bev, four.bev)


def test_with_no_camera_left_memory_still_moves(engine):
    state, other = BevState(), BevState()
    engine.step(state, pictures(6), RIG, EgoMotion())
    engine.step(other, pictures(6, 1), RIG, EgoMotion())
    for memory in (state, other):
        boxes = engine.step(memory, [None] * 6, RIG, STEP).boxes
        assert boxes.xyz_lwh_yaw.isfinite().all()
    assert not torch.allclose(state.bev, other.bev, atol=1e-4), 'each remembers what it saw'


def test_wrong_use_is_named(engine):
    with pytest.raises(ShapeError, match='image_from_bev'):
        engine.step(BevState(), pictures(6), RIG[:5], EgoMotion())
    with pytest.raises(ShapeError, match='image_from_bev'):
        engine.step(BevState(), [], np.zeros((0, 4, 4)), EgoMotion())
    with pytest.raises(ConfigError, match='camera_ids'):
        engine.step(BevState(), pictures(6), RIG, EgoMotion(), camera_ids=[0, 1, 2, 3, 4, 6])
    with pytest.raises(ConfigError, match='max_gap_s'):
        BevFormerEngine.load('random', max_gap_s=0)
