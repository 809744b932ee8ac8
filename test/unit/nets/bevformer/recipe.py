"""Weights and inputs by seed, from which the goldens were made by the reference code.

The goldens in test/data/bevformer come from github fundamentalvision/BEVFormer at commit 66b65f3
with mmcv 1.4.0 and mmdet 2.14.0 (their Python; the one compiled operator needed, modulated
deformable convolution, in plain indexing; multi-scale deformable attention in mmcv's own Python),
on a CPU in float32. Nothing of it is here: weights are numbers drawn by name of the tensor, and
inputs by name of the input, so both sides can make them.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from mm_perception.nets.bevformer import CONFIGS, BevFormer, BevFormerConfig, EgoMotion
from mm_perception.nets.bevformer.checkpoint import convert
from mm_perception.nets.bevformer.configs import BackboneConfig, PixelConfig

GOLDENS = Path(__file__).parents[3] / 'data' / 'bevformer'
REFERENCE_COMMIT = '66b65f3'

#: Shaped like base, and nowhere square: rows and columns, or x and y, cannot be mixed up unseen.
NARROW = BevFormerConfig(
    name='narrow',
    backbone=BackboneConfig((3, 4, 6, 3), 8, (False, False, True, True), (1, 2, 3), True),
    pixels=PixelConfig(160, (103.530, 116.280, 123.675), (58.0, 57.0, 56.0), is_rgb=False),
    bev_size=(20, 16),
    range_m=(-40.0, -51.2, -5.0, 40.0, 51.2, 3.0),
    dims=64,
    heads=8,
    ffn_dims=96,
    num_levels=4,
    num_encoder_layers=2,
    num_decoder_layers=3,
    num_queries=60,
    rotate_center_px=(9.0, 11.0),
    max_boxes=50,
)
#: The published networks, on pictures of 320x180; base with a coarse grid and fewer queries.
TINY = replace(CONFIGS['tiny'], pixels=replace(CONFIGS['tiny'].pixels, width_px=320))
BASE = replace(
    CONFIGS['base'],
    pixels=replace(CONFIGS['base'].pixels, width_px=320),
    bev_size=(40, 40),
    num_queries=300,
)
#: Three poses of a car that goes forward and turns left: x m, y m, yaw rad, in a fixed frame.
POSES = ((600.0, 1600.0, 0.7), (602.1, 1602.0, 0.82), (603.5, 1604.4, 0.95))
FRAME_S = 0.5


def motions() -> list[EgoMotion]:
    """Of the frames at `POSES`: the first has no history."""
    first = EgoMotion(yaw_rad=POSES[0][2])
    return [first, *(EgoMotion.between(a, b, FRAME_S) for a, b in pairwise(POSES))]


def numbers(name: str, *shape: int) -> np.ndarray:
    """Standard normal float32, by name."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    return rng.standard_normal(shape, np.float32)


def tensor(name: str, *shape: int) -> torch.Tensor:
    return torch.from_numpy(numbers(name, *shape))


def weight(name: str, shape: tuple[int, ...], stem_scale: float = 1.0) -> torch.Tensor:
    """The tensor of this official name: signals keep about unit variance, nothing is zero."""
    noise = torch.from_numpy(numbers(name, *shape))
    if name.endswith('num_batches_tracked'):
        return torch.zeros((), dtype=torch.int64)
    if name.endswith('running_var'):
        # Pictures that are not divided by their deviation are tamed by the first norm.
        scale = stem_scale**2 if name == 'img_backbone.bn1.running_var' else 1.0
        return scale * (0.5 + noise.sigmoid())
    if name.endswith('embeds') or 'embed' in name.split('.')[-2]:
        return noise
    if len(shape) == 1 and name.endswith('weight'):
        gain = 0.3 if '.bn3.' in name else 1.0  # else 33 blocks would multiply up
        return gain * (1 + 0.1 * noise)
    if len(shape) == 1:
        return (2.0 if 'sampling_offsets' in name else 0.1) * noise
    fan_in = math.prod(shape[1:])
    gain = 2.0 if name.startswith('img_backbone') and 'offset' not in name else 1.0
    return noise * (gain / fan_in) ** 0.5


def official_state(
    shapes: Mapping[str, tuple[int, ...]], stem_scale: float = 1.0
) -> dict[str, torch.Tensor]:
    """A state dict as in an official checkpoint."""
    return {name: weight(name, shape, stem_scale) for name, shape in shapes.items()}


def official_shapes(size: str) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the reference's state dict: tiny, small, base or narrow."""
    with np.load(GOLDENS / 'state_dicts.npz') as file:
        names = str(file[f'{size}_names']).split('\n')
        shapes = [
            tuple(int(n) for n in text.split('x') if n)
            for text in str(file[f'{size}_shapes']).split('\n')
        ]
    return dict(zip(names, shapes, strict=True))


def resized(
    shapes: Mapping[str, tuple[int, ...]], config: BevFormerConfig
) -> dict[str, tuple[int, ...]]:
    """The same with grid and queries of another size."""
    rows, columns = config.bev_size
    prefix = 'pts_bbox_head.'
    changed = dict(shapes)
    changed[f'{prefix}bev_embedding.weight'] = (rows * columns, config.dims)
    changed[f'{prefix}query_embedding.weight'] = (config.num_queries, 2 * config.dims)
    changed[f'{prefix}positional_encoding.row_embed.weight'] = (rows, config.dims // 2)
    changed[f'{prefix}positional_encoding.col_embed.weight'] = (columns, config.dims // 2)
    return changed


def build(
    config: BevFormerConfig, shapes: Mapping[str, tuple[int, ...]], stem_scale: float = 1.0
) -> BevFormer:
    """Ours, with these weights, ready to run."""
    model = BevFormer(config)
    state = official_state(shapes, stem_scale)
    model.load_state_dict(convert('recipe', state, model.state_dict()))
    return model.eval().requires_grad_(False)


def rig(width_px: int, height_px: int) -> np.ndarray:
    """(6, 4, 4) float64: projections of six made-up cameras, in nuScenes' order and axes."""
    matrices = []
    for index, degrees in enumerate((0.0, -55.0, 55.0, 180.0, 110.0, -110.0)):
        yaw = math.radians(degrees)
        right = (math.cos(yaw), math.sin(yaw), 0.0)
        ahead = (-math.sin(yaw), math.cos(yaw), -0.02 * index)
        down = (0.0, 0.0, -1.0)
        camera_from_bev = np.eye(4)
        camera_from_bev[:3, :3] = np.array([right, down, ahead])
        camera_from_bev[:3, 3] = (0.1 * index, -0.3, -1.5)
        focal = width_px * (0.5 if index == 3 else 0.78)
        intrinsics = np.eye(4)
        intrinsics[:3, :3] = [
            [focal, 0, width_px / 2 + index],
            [0, focal, height_px / 2 + 2],
            [0, 0, 1],
        ]
        matrices.append(intrinsics @ camera_from_bev)
    return np.stack(matrices)
