"""Pictures as the network sees them, and their projections to go with it."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.nn import functional

from mm_perception.errors import ShapeError
from mm_perception.nets.bevformer.configs import PixelConfig
from mm_perception.nets.bevformer.undistort import Lens, sampling_grid

#: Cameras of several robots that share a network, with room for some that are calibrated anew.
_MAX_GRIDS = 32
_Size = tuple[int, int]


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


class Preprocessor:
    """Undistorts, scales and normalises the pictures of a rig, all at once on the device.

    Pictures are uploaded as bytes, and those of one size are sampled in one `grid_sample`. Where
    to sample is computed once per calibration and kept. Several threads may use it.

    Args:
        config: Width and colours that the network expects.
        device: Where the work is done and the result stays.
    """

    def __init__(self, config: PixelConfig, device: torch.device | str = 'cpu') -> None:
        self.config = config
        self.device = torch.device(device)
        self._mean = torch.tensor(config.mean, device=self.device)[:, None, None]
        self._std = torch.tensor(config.std, device=self.device)[:, None, None]
        # Kept between calls: fresh memory for all pixels as floats costs more than the sampling.
        self._floats = torch.empty(0, device=self.device)
        self._staged = torch.empty(0, dtype=torch.uint8)
        self._fetched: torch.cuda.Event | None = None
        self._lock = threading.Lock()
        self._grids: OrderedDict[tuple[Lens | None, _Size], tuple[Tensor, Tensor | None]] = (
            OrderedDict()
        )
        #: How often a grid had to be computed.
        self.num_grids_made = 0

    def __call__(
        self,
        images: Sequence[NDArray[np.uint8]],
        image_from_bev: ArrayLike,
        lenses: Sequence[Lens | None] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """One moment.

        Bilinear without antialiasing, as the public weights were trained. Lower pictures of a rig
        get zeros below until all are as high as the highest. What a lens does not see is black.

        Args:
            images: N of (H, W, 3) uint8 RGB, of any sizes.
            image_from_bev: (N, 4, 4) projections to px of these pictures, once undistorted.
            lenses: Of each camera; None, all or one, where pictures are undistorted already.

        Returns:
            (1, N, 3, h, w) float32 and (1, N, 4, 4) float32 projections to its px.

        Raises:
            ShapeError: Sizes that do not belong together, or not pictures.

        Convention: at half size, what was at column 100 is at column 50. (By the middles of pixels
        it would be 49.75; the reference does the same.)
        """
        matrices = np.array(image_from_bev, np.float64)  # a copy: rows are scaled below
        lenses = [None] * len(images) if lenses is None else lenses
        self._check(images, matrices, lenses)
        width = self.config.width_px
        sizes = [(image.shape[0], image.shape[1]) for image in images]
        for matrix, size in zip(matrices, sizes, strict=True):
            matrix[:2] *= width / size[1]
        heights = [_height(size, width) for size in sizes]
        divisor = self.config.size_divisor
        rows, columns = _multiple(max(heights), divisor), _multiple(width, divisor)
        pixels = torch.zeros(len(images), 3, rows, columns, device=self.device)
        for size in dict.fromkeys(sizes):
            index = [number for number, other in enumerate(sizes) if other == size]
            with self._lock:
                group = self._sample([images[i] for i in index], [lenses[i] for i in index], size)
            pixels[index, :, : _height(size, width), :width] = group
        return pixels[None], torch.from_numpy(matrices).float().to(self.device)[None]

    def _sample(
        self, images: list[NDArray[np.uint8]], lenses: list[Lens | None], size: _Size
    ) -> Tensor:
        """(n, 3, h, w) float32 in the network's colours, of pictures of one size."""
        found = [self._grid(lens, size) for lens in lenses]
        sampled = functional.grid_sample(
            self._upload(images, size), torch.stack([places for places, _ in found]),
            padding_mode='border', align_corners=False,
        )  # fmt: skip
        for picture, (_, is_seen) in zip(sampled, found, strict=True):
            if is_seen is not None:
                picture.mul_(is_seen)
        return sampled.sub_(self._mean).div_(self._std)

    def _upload(self, images: list[NDArray[np.uint8]], size: _Size) -> Tensor:
        """(n, 3, H, W) float32 of 0..255, valid until the next call."""
        raw = self._bytes_of(images)
        if self._floats.numel() < raw.numel():
            self._floats = torch.empty(raw.numel(), device=self.device)
        floats = self._floats[: raw.numel()].view(len(images), 3, *size)
        for channel, colour in enumerate((0, 1, 2) if self.config.is_rgb else (2, 1, 0)):
            floats[:, channel].copy_(raw[..., colour])
        return floats

    def _bytes_of(self, images: list[NDArray[np.uint8]]) -> Tensor:
        """(n, H, W, 3) uint8 on the device.

        A GPU fetches bytes by itself from memory that does not move, several times as fast.
        """
        if self.device.type != 'cuda':
            return torch.from_numpy(np.stack(images)).to(self.device)
        shape = (len(images), *images[0].shape)
        count = math.prod(shape)
        if self._fetched is not None:
            self._fetched.synchronize()  # what the last call left may still be under way
        if self._staged.numel() < count:
            self._staged = torch.empty(count, dtype=torch.uint8, pin_memory=True)
        staged = self._staged[:count].view(shape)
        np.stack(images, out=staged.numpy())
        raw = staged.to(self.device, non_blocking=True)
        self._fetched = torch.cuda.current_stream(self.device).record_event()
        return raw

    def _grid(self, lens: Lens | None, size: _Size) -> tuple[Tensor, Tensor | None]:
        key = (None if lens is None or lens.is_straight else lens), size
        if key not in self._grids:
            out = _height(size, self.config.width_px), self.config.width_px
            self._grids[key] = sampling_grid(lens, size, out, self.device)
            self.num_grids_made += 1
            if len(self._grids) > _MAX_GRIDS:
                self._grids.popitem(last=False)
        self._grids.move_to_end(key)
        return self._grids[key]

    @staticmethod
    def _check(
        images: Sequence[NDArray[np.uint8]],
        matrices: NDArray[np.float64],
        lenses: Sequence[Lens | None],
    ) -> None:
        if matrices.shape != (len(images), 4, 4) or not images:
            expected = f'({max(len(images), 1)}, 4, 4)'
            raise ShapeError('image_from_bev', expected, str(matrices.shape))
        if len(lenses) != len(images):
            raise ShapeError('lenses', f'{len(images)}, one per picture', str(len(lenses)))
        for image in images:
            if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
                raise ShapeError('image', '(H, W, 3) uint8', f'{image.shape} {image.dtype}')


def to_pixels(
    images: Sequence[NDArray[np.uint8]],
    image_from_bev: ArrayLike,
    config: PixelConfig,
    device: torch.device | str = 'cpu',
) -> tuple[Tensor, Tensor]:
    """What a `Preprocessor` makes of undistorted pictures, once; for arguments see there."""
    return Preprocessor(config, device)(images, image_from_bev)


def _height(size: _Size, width: int) -> int:
    """Rows of a picture of this size once it is as wide as the network expects."""
    return max(int(size[0] * (width / size[1])), 1)


def _multiple(size: int, divisor: int) -> int:
    return -(-size // divisor) * divisor
