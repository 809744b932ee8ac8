"""Pictures for CLIP, cut and changed on the device that trains: a batch on the CPU is numbers.

Everything is a pure function of its arguments; chance comes from a generator of the device.
"""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn import functional

from mm_perception.training.clip_sights import number_of
from mm_perception.world.clips import Clip

#: Hues in degrees that no colour word of the world has: between yellow and green, green and blue,
#: purple and pink.
NAMELESS_HUES = ((68, 90), (158, 196), (298, 312))
_TINTS_PER_HUE = 16
#: Tiles along a side of a picture whose form is broken.
TILES = 4
_LUMINANCE = (0.299, 0.587, 0.114)  # of ITU-R BT.601


@dataclass(frozen=True)
class Album:
    """All pictures of the training on one device, P of them.

    Attributes:
        pictures: (P, 4, H, W) uint8: RGB and instance; smaller pictures lie at the upper left.
        truth: (P, 256, 2) uint8, class and colour of each instance as `number_of` has them.
    """

    pictures: Tensor
    truth: Tensor

    @classmethod
    def of(cls, clips: Sequence[Clip], device: torch.device) -> Album:
        """Bring the pictures of clips to a device, one clip at a time."""
        total = sum(len(clip.rgb) for clip in clips)
        height, width = (max(clip.rgb.shape[axis] for clip in clips) for axis in (1, 2))
        pictures = torch.zeros((total, 4, height, width), dtype=torch.uint8, device=device)
        truth = np.zeros((total, 256, 2), np.uint8)
        first = 0
        for clip in clips:
            both = np.concatenate([clip.rgb, clip.ids[..., None]], axis=-1)
            both = np.ascontiguousarray(np.moveaxis(both, -1, 1))
            last = first + len(both)
            place = pictures[first:last, :, : both.shape[2], : both.shape[3]]
            place.copy_(torch.from_numpy(both))
            for thing in clip.things:
                truth[first:last, thing.instance] = number_of(thing)
            first = last
        return cls(pictures, torch.from_numpy(truth).to(device))

    def cut(self, numbers: Tensor, boxes: Tensor, side: int) -> tuple[Tensor, Tensor]:
        """Parts of pictures as squares.

        Args:
            numbers: (N,) int64, of pictures.
            boxes: (N, 4) float32, x0, y0, x1, y1 in px; x1 < x0 mirrors.
            side: Of the squares.

        Returns:
            (N, 3, side, side) float32 from 0 to 1, the mean of four bilinear samples for each
            pixel; and (N, side, side) int64 instances, of the nearest pixel to each middle.
        """
        parts = self.pictures[numbers]
        rgb = _sampled(parts[:, :3].float().div_(255), boxes, 2 * side, 'bilinear')
        ids = _sampled(parts[:, 3:].float(), boxes, side, 'nearest')
        return functional.avg_pool2d(rgb, 2), ids[:, 0].round().long()

    def shown(self, numbers: Tensor, ids: Tensor) -> Tensor:
        """Class and colour at points, (N,) pictures and (N, M) instances to (N, M, 2) int64."""
        return self.truth[numbers[:, None], ids].long()


def _sampled(pictures: Tensor, boxes: Tensor, side: int, how: str) -> Tensor:
    height, width = pictures.shape[-2:]
    share = (torch.arange(side, device=boxes.device) + 0.5) / side
    first, extent = boxes[:, :2], boxes[:, 2:] - boxes[:, :2]
    points = first[:, None] + share[:, None] * extent[:, None]  # (N, side, 2), px
    lowest = torch.minimum(first, boxes[:, 2:])[:, None] + 0.5
    highest = torch.maximum(first, boxes[:, 2:])[:, None] - 0.5
    points = torch.maximum(torch.minimum(points, highest), lowest)
    x, y = points[..., 0] * 2 / width - 1, points[..., 1] * 2 / height - 1
    grid = torch.stack(
        [x[:, None].expand(-1, side, -1), y[:, :, None].expand(-1, -1, side)], dim=-1
    )
    return functional.grid_sample(pictures, grid, mode=how, align_corners=False)


def tinted(rgb: Tensor, mask: Tensor, chance: Generator) -> Tensor:
    """Things in two hues that have no name, light and dark kept: their class without a colour.

    Hues with a name would show pairs of colour and class that training must not see.

    Args:
        rgb: (N, 3, H, W), 0 to 1.
        mask: (N, H, W) of bool, the things.
        chance: Random numbers.
    """
    table = _tints().to(rgb.device)
    drawn = torch.randint(len(table), (2, len(rgb)), generator=chance, device=rgb.device)
    weights = rgb.new_tensor(_LUMINANCE)[:, None, None]
    light = (rgb * weights).sum(1, keepdim=True)
    inside = mask[:, None].to(rgb.dtype)
    mean = (light * inside).sum((2, 3), keepdim=True) / inside.sum((2, 3), keepdim=True).clamp(1)
    aim = _drawn(rgb, chance, 0.2, 0.5)
    light = light * (aim / mean.clamp(min=0.05))
    # Which of the two a pixel takes hangs on its light: patterns stay, in other colours.
    is_second = light > aim * _drawn(rgb, chance, 0.6, 1.8)
    tint = table[drawn][..., None, None]
    painted = (light * torch.where(is_second, tint[1], tint[0])).clamp(0, 1)
    return torch.where(mask[:, None], painted, rgb)


@cache
def _tints() -> Tensor:
    """(T, 3) colours of equal luminance, of many hues and saturations."""
    colours = []
    for low, high in NAMELESS_HUES:
        for index in range(_TINTS_PER_HUE):
            hue = low + (high - low) * (index + 0.5) / _TINTS_PER_HUE
            saturation = 0.7 + 0.25 * (index * 5 % _TINTS_PER_HUE) / _TINTS_PER_HUE
            rgb = np.array(colorsys.hsv_to_rgb(hue / 360, saturation, 1.0))
            colours.append(rgb / (rgb @ _LUMINANCE))
    return torch.tensor(np.stack(colours), dtype=torch.float32)


def shuffled(rgb: Tensor, chance: Generator) -> Tensor:
    """Squares with their tiles in another order: colour without form, (N, 3, S, S)."""
    number, channels, side, _ = rgb.shape
    tile = side // TILES
    tiles = rgb.reshape(number, channels, TILES, tile, TILES, tile).permute(0, 2, 4, 1, 3, 5)
    tiles = tiles.reshape(number, TILES**2, channels, tile, tile)
    places = torch.rand((number, TILES**2), generator=chance, device=rgb.device).argsort(1)
    tiles = tiles[torch.arange(number, device=rgb.device)[:, None], places]
    tiles = tiles.reshape(number, TILES, TILES, channels, tile, tile).permute(0, 3, 1, 4, 2, 5)
    return tiles.reshape(number, channels, side, side)


def other_light(rgb: Tensor, chance: Generator) -> Tensor:
    """Other exposure and white balance, some blur and noise, (N, 3, H, W) of 0 to 1.

    So little that no colour would get another name: grey and white lie close.
    """
    gain = _drawn(rgb, chance, 0.92, 1.08)
    balance = 0.96 + 0.08 * torch.rand((len(rgb), 3, 1, 1), generator=chance, device=rgb.device)
    changed = rgb.clamp(min=1e-3) ** _drawn(rgb, chance, 0.9, 1.1) * gain * balance
    is_changed = _drawn(rgb, chance, 0, 1) < 0.5
    rgb = torch.where(is_changed, changed, rgb)
    soft = functional.avg_pool2d(functional.pad(rgb, (1, 1, 1, 1), mode='replicate'), 3, 1)
    rgb = torch.lerp(rgb, soft, _drawn(rgb, chance, -1, 1).clamp(min=0))
    grain = torch.randn(rgb.shape, generator=chance, device=rgb.device)
    return (rgb + grain * _drawn(rgb, chance, -0.02, 0.02).clamp(min=0)).clamp(0, 1)


def _drawn(like: Tensor, chance: Generator, low: float, high: float) -> Tensor:
    """A number for each picture, (N, 1, 1, 1)."""
    drawn = torch.rand((len(like), 1, 1, 1), generator=chance, device=like.device)
    return low + (high - low) * drawn


def patch_points(side: int, patch: int, chance: Generator, device: torch.device) -> Tensor:
    """A random pixel of each patch of a square, (patches,) int64 into the flat square."""
    count = side // patch
    inside = torch.randint(patch, (2, count, count), generator=chance, device=device)
    corner = torch.arange(count, device=device) * patch
    return ((inside[0] + corner[:, None]) * side + inside[1] + corner).flatten()
