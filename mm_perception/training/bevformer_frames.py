"""What a BEVFormer is trained on: moments of several robots, and how a network is shown them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.nn import functional

from mm_perception.errors import ShapeError
from mm_perception.nets.bevformer import Clouds, EgoMotion
from mm_perception.nets.bevformer.configs import PixelConfig
from mm_perception.world.bev_clips import REACH_M

Item = TypeVar('Item')
NO_LABEL = -1


@dataclass(frozen=True)
class BoxTargets:
    """What is to be found around B robots, frame BEV; rows beyond the last box are padding.

    Attributes:
        codes: (B, M, 10) float32 in the order of `BoxDecoder`.
        labels: (B, M) int64, `NO_LABEL` for padding.
        unjudged_xy: (B, K, 2) float32 centres of what is there and cannot be seen, metres;
            infinite for padding.
        turn_rad: (B,) float32: the square that truth is known in is turned by so much.
    """

    codes: Tensor
    labels: Tensor
    unjudged_xy: Tensor
    turn_rad: Tensor

    def to(self, device: torch.device | str) -> BoxTargets:
        """On a device."""
        return _moved(self, device)

    def is_open(self, xy: Tensor, near_m: float = 2.0) -> Tensor:
        """Whether a place is none to be punished for: unjudged truth is near, or none is known.

        Args:
            xy: (..., B, P, 2) metres, frame BEV.
            near_m: Metres.

        Returns:
            (..., B, P) bool.
        """
        turn = self.turn_rad[:, None].float()
        cos, sin = turn.cos(), turn.sin()
        x, y = xy.float().unbind(-1)
        beyond = torch.maximum((cos * x + sin * y).abs(), (cos * y - sin * x).abs()) > REACH_M
        if not self.unjudged_xy.shape[1]:
            return beyond
        away = (xy.float()[..., None, :] - self.unjudged_xy[:, None]).norm(dim=-1)
        is_near: Tensor = away.amin(dim=-1) < near_m
        return beyond | is_near


@dataclass(frozen=True)
class BevFrame:
    """One moment of B robots with up to N cameras.

    Attributes:
        images: (B, N, H, W, 3) uint8 RGB.
        image_from_bev: (B, N, 4, 4) float32 projections to px.
        camera_mask: (B, N) bool, False where a robot has fewer cameras or has lost one.
        points: (M, 4) float32 x, y, z in metres and intensity 0..1, of all robots, also of those
            whose LiDAR is missing: they tell how far the things in the pictures are.
        point_sample: (M,) int64, the robot of each.
        lidar_mask: (B,) bool, False where the LiDAR is missing.
        boxes: What is to be found.
        maps: (B, layers, rows, columns) uint8 0, 1 or `UNKNOWN`; row 0 rearmost, column 0
            leftmost.
        motions: Since the frame before, one per robot.
    """

    images: Tensor
    image_from_bev: Tensor
    camera_mask: Tensor
    points: Tensor
    point_sample: Tensor
    lidar_mask: Tensor
    boxes: BoxTargets
    maps: Tensor
    motions: tuple[EgoMotion, ...]

    def clouds(self) -> Clouds:
        """The scans of the LiDARs that are there."""
        if bool(self.lidar_mask.all()):
            return Clouds(self.points, self.point_sample, self.lidar_mask)
        shown = self.lidar_mask[self.point_sample]
        return Clouds(self.points[shown], self.point_sample[shown], self.lidar_mask)

    def as_first(self) -> BevFrame:
        """The same as the first moment of a drive."""
        motions = tuple(EgoMotion(yaw_rad=motion.yaw_rad) for motion in self.motions)
        return replace(self, motions=motions)

    def to(self, device: torch.device | str) -> BevFrame:
        """On a device."""
        return _moved(self, device)


@dataclass(frozen=True)
class BevBatch:
    """T moments of the same B robots, the earliest first."""

    frames: tuple[BevFrame, ...]

    def to(self, device: torch.device | str) -> BevBatch:
        """On a device."""
        return BevBatch(tuple(frame.to(device) for frame in self.frames))


def look(model: Any, frame: BevFrame, previous: Tensor | None) -> Any:
    """Run a network with a single camera embedding.

    Args:
        model: A BevFormer.
        frame: On its device.
        previous: Its memory, `bev` of the frame before.

    Returns:
        A BevOutput.
    """
    device = frame.images.device
    ids = torch.zeros(frame.images.shape[1], dtype=torch.int64, device=device)
    return model(
        normalised_pictures(frame.images, model.config.pixels), frame.image_from_bev,
        frame.motions, previous, frame.camera_mask, ids,
        clouds=frame.clouds(),
    )  # fmt: skip


def normalised_pictures(images: Tensor, config: PixelConfig) -> Tensor:
    """Pictures as the network wants them, on their device.

    Args:
        images: (B, N, H, W, 3) uint8 RGB, as wide as the network wants them.
        config: Colours and width.

    Returns:
        (B, N, 3, h, w) float32, with zeros at the right and below up to multiples of the divisor,
        as `to_pixels` makes them.

    Raises:
        ShapeError: Of another width.
    """
    if images.shape[3] != config.width_px:
        raise ShapeError('images', f'{config.width_px} px wide', f'{images.shape[3]} px')
    mean = torch.tensor(config.mean, device=images.device)
    std = torch.tensor(config.std, device=images.device)
    pixels = images if config.is_rgb else images.flip(-1)
    planes = ((pixels.float() - mean) / std).movedim(-1, -3)
    right, below = (-planes.shape[axis] % config.size_divisor for axis in (-1, -2))
    return functional.pad(planes, (0, right, 0, below))


def _moved(item: Item, device: torch.device | str) -> Item:
    """A dataclass with all that can move on a device."""
    values = vars(item).items()
    return type(item)(**{
        name: value.to(device, non_blocking=True) if isinstance(value, Tensor)
        else value.to(device) if hasattr(value, 'to') else value
        for name, value in values
    })  # fmt: skip
