"""Pictures for CLIP: cut on the CPU beside the training, changed on the device that trains.

Everything is a pure function of its arguments; chance comes from a generator of the device.
"""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Generator, Tensor
from torch.nn import functional

from mm_perception.training.clip_sights import number_of
from mm_perception.training.data import Crop
from mm_perception.world.clips import Clip

#: Hues in degrees that no colour word of the world has: between yellow and green, green and blue,
#: purple and pink.
NAMELESS_HUES = ((68, 90), (158, 196), (298, 312))
_TINTS_PER_HUE = 16
#: Tiles along a side of a picture whose form is broken.
TILES = 4
_LUMINANCE = (0.299, 0.587, 0.114)  # of ITU-R BT.601


@dataclass(frozen=True)
class Cuts:
    """Squares cut out of pictures, as small as it goes from process to process.

    Attributes:
        rgb: (N, S, S, 3) uint8.
        ids: (N, S, S) uint8, instance of the nearest pixel to the middle of each.
        truth: (N, 256, 2) uint8, class and colour of each instance as `number_of` has them.
    """

    rgb: Tensor
    ids: Tensor
    truth: Tensor

    def to(self, device: torch.device) -> Cuts:
        """On a device."""
        tensors = (t.to(device, non_blocking=True) for t in (self.rgb, self.ids, self.truth))
        return Cuts(*tensors)

    def planes(self) -> Tensor:
        """(N, 3, S, S) float32 from 0 to 1."""
        return self.rgb.permute(0, 3, 1, 2).float().div_(255)

    def shown(self, points: Tensor) -> Tensor:
        """Class and colour at points of the flat squares, (M,) to (N, M, 2) int64."""
        ids = self.ids.flatten(1)[:, points].long()
        return self.truth.gather(1, ids[..., None].expand(-1, -1, 2)).long()


class Album:
    """All pictures of a training.

    Args:
        clips: Their pictures are numbered in order.
    """

    def __init__(self, clips: Sequence[Clip]) -> None:
        self._pictures = [(clip, frame) for clip in clips for frame in range(len(clip.rgb))]
        self._truth = {id(clip): _truth_of(clip) for clip in clips}

    def cut(self, numbers: Sequence[int], boxes: npt.NDArray[np.float32], side: int) -> Cuts:
        """Parts of pictures as squares.

        Args:
            numbers: Of N pictures.
            boxes: (N, 4), x0, y0, x1, y1 in px; x1 < x0 mirrors.
            side: Of the squares.
        """
        rgb = np.empty((len(numbers), side, side, 3), np.uint8)
        ids = np.empty((len(numbers), side, side), np.uint8)
        for row, (number, box) in enumerate(zip(numbers, boxes, strict=True)):
            clip, frame = self._pictures[number]
            (x0, x1), (y0, y1) = (_whole(box[axis::2]) for axis in (0, 1))
            crop = Crop((x0, y0, x1, y1), side, bool(box[2] < box[0]))
            rgb[row] = crop.picture(clip.rgb[frame])
            ids[row] = crop.labels(clip.ids[frame], side)
        truth = np.stack([self._truth[id(self._pictures[n][0])] for n in numbers])
        return Cuts(*(torch.from_numpy(array) for array in (rgb, ids, truth)))


def _whole(ends: npt.NDArray[np.float32]) -> tuple[int, int]:
    """The whole pixels between two ends, at least one."""
    low, high = round(float(ends.min())), round(float(ends.max()))
    return low, max(low + 1, high)


def _truth_of(clip: Clip) -> npt.NDArray[np.uint8]:
    table = np.zeros((256, 2), np.uint8)
    for thing in clip.things:
        table[thing.instance] = number_of(thing)
    return table


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
