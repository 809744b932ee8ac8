"""Pictures as the network sees them, and their projections to go with it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.nn import functional

from mm_perception.errors import ShapeError
from mm_perception.nets.bevformer.configs import PixelConfig


def projection(intrinsics: ArrayLike, camera_from_bev: ArrayLike) -> NDArray[np.float64]:
    """From frame BEV to px.

    Args:
        intrinsics: (3, 3) of an undistorted picture, px.
        camera_from_bev: (4, 4), m, to the optical frame (x right, y down, z forward).

    Returns:
        (4, 4): a point (x, y, z, 1) becomes (u * depth, v * depth, depth, 1).
    """
    padded = np.eye(4)
    padded[:3, :3] = intrinsics
    return padded @ np.asarray(camera_from_bev, np.float64)


def to_pixels(
    images: Sequence[NDArray[np.uint8]],
    image_from_bev: ArrayLike,
    config: PixelConfig,
    device: torch.device | str = 'cpu',
) -> tuple[Tensor, Tensor]:
    """Scale, normalise and pad pictures of any sizes, on the device.

    Bilinear without antialiasing, as the public weights were trained. Lower pictures of a rig get
    zeros below until all are as high as the highest.

    Args:
        images: N of (H, W, 3) uint8 RGB, undistorted.
        image_from_bev: (N, 4, 4) projections to px of these pictures.
        config: width and colours that the network expects.
        device: where the result goes, and where the work is done.

    Returns:
        (1, N, 3, h, w) float32 and (1, N, 4, 4) float32 projections to its px.

    Convention: at half size, what was at column 100 is at column 50. (By the middles of pixels it
    would be 49.75; the reference does the same.)
    """
    matrices = np.array(image_from_bev, np.float64)  # a copy: rows are scaled below
    if matrices.shape != (len(images), 4, 4) or not images:
        raise ShapeError('image_from_bev', f'({max(len(images), 1)}, 4, 4)', str(matrices.shape))
    mean = torch.tensor(config.mean, device=device)[:, None, None]
    std = torch.tensor(config.std, device=device)[:, None, None]
    planes = []
    for image, matrix in zip(images, matrices, strict=True):
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ShapeError('image', '(H, W, 3) uint8', f'{image.shape} {image.dtype}')
        scale = config.width_px / image.shape[1]
        size = (int(image.shape[0] * scale), config.width_px)
        pixels = torch.from_numpy(np.array(image)).to(device).permute(2, 0, 1).float()
        if not config.is_rgb:
            pixels = pixels.flip(0)
        pixels = (pixels - mean) / std
        if size != image.shape[:2]:
            pixels = functional.interpolate(pixels[None], size, mode='bilinear')[0]
        planes.append(pixels)
        matrix[:2] *= scale
    height = _multiple(max(plane.shape[1] for plane in planes), config.size_divisor)
    width = _multiple(config.width_px, config.size_divisor)
    padded = [
        functional.pad(plane, (0, width - plane.shape[2], 0, height - plane.shape[1]))
        for plane in planes
    ]
    return torch.stack(padded)[None], torch.from_numpy(matrices).float().to(device)[None]


def _multiple(size: int, divisor: int) -> int:
    return -(-size // divisor) * divisor
