"""Pixels as the network sees them, made exactly as by the reference package's frame loader."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

PIXEL_MEAN = (0.485, 0.456, 0.406)  # of ImageNet, per channel of RGB in 0..1
PIXEL_STD = (0.229, 0.224, 0.225)


def to_pixel_values(image: NDArray[np.uint8], image_size: int) -> Tensor:
    """Resize to a square (bicubic with antialiasing, by Pillow, in 8 bit) and normalise.

    The aspect ratio is not kept: SAM 2 was trained that way. transformers' processor resizes
    bilinearly instead, which moves mask logits by several tenths; the reference is followed here.

    Args:
        image: (H, W, 3) uint8 RGB.
        image_size: side of the square, px.

    Returns:
        (1, 3, image_size, image_size) float32.
    """
    resized = np.asarray(Image.fromarray(image).resize((image_size, image_size)))
    planes = np.ascontiguousarray(resized.transpose(2, 0, 1))  # (3, S, S)
    table = _normalised()
    return torch.from_numpy(np.stack([table[c][planes[c]] for c in range(3)]))[None]


@lru_cache(maxsize=1)
def _normalised() -> NDArray[np.float32]:
    """(3, 256) float32: the network's input for each channel and 8-bit value."""
    levels = torch.from_numpy(np.arange(256) / 255.0).float()
    levels = levels.expand(3, 256).clone()
    levels -= torch.tensor(PIXEL_MEAN)[:, None]
    levels /= torch.tensor(PIXEL_STD)[:, None]
    return levels.numpy()
