"""What helps a BEVFormer to learn, and is thrown away after training.

- What the cells of the pictures show, by the LiDAR's points in them: how far it is, and of which
  class (perspective supervision, as in BEVFormer v2, arXiv 2211.10439, section 3.3; depth from
  points as in BEVDepth, arXiv 2206.10092, section 3.2).
- Heading and step of each thing, from the BEV cell that its centre lies in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from mm_perception.nets.bevformer import BevFormerConfig
from mm_perception.nets.bevformer.configs import DepthConfig
from mm_perception.nets.bevformer.depth import bin_of
from mm_perception.training.bevformer_frames import NO_LABEL, BevFrame, BoxTargets
from mm_perception.training.bevformer_losses import axis_error

SIGHT_WEIGHT, DEPTH_WEIGHT, TURN_WEIGHT, STEP_WEIGHT = 0.5, 0.5, 0.25, 0.25
#: Of most cells of pictures nothing is to be found.
_NOTHING_WEIGHT = 0.2
_NEAREST_M = 0.5
#: A box is taken to be so much larger: points of the surface lie on its sides.
_ROOM_M = 0.1


@dataclass(frozen=True, eq=False)
class Sights:
    """What LiDAR points say of the cells of pictures.

    Attributes:
        depth_m: (B, N, h, w) float32 depth of the nearest point; infinite where there is none.
        labels: (B, N, h, w) int64 class of that point; the number of classes for none of them.
    """

    depth_m: Tensor
    labels: Tensor


class Pupil(nn.Module):
    """The network, and heads that are thrown away."""

    def __init__(self, net: Any) -> None:
        super().__init__()
        self.net = net
        config: BevFormerConfig = net.config
        self.turns = nn.Linear(config.dims, 4)  # sine, cosine, step along x and y
        self.sights = None
        if config.depth is not None:
            self.sights = nn.Conv2d(config.dims, len(config.classes) + 1, 1)


def cell_losses(pupil: Pupil, bev: Tensor, frame: BevFrame) -> dict[str, Tensor]:
    """Of headings and steps at the cells of centres.

    Args:
        pupil: Whose heads.
        bev: (B, rows * columns, C).
        frame: With the boxes that are to be found.
    """
    rows, columns = pupil.net.config.bev_size
    low = bev.new_tensor(pupil.net.config.range_m[:2], dtype=torch.float32)
    high = bev.new_tensor(pupil.net.config.range_m[3:5], dtype=torch.float32)
    boxes = frame.boxes
    size = low.new_tensor([columns, rows])
    cells = ((boxes.codes[..., :2] - low) / (high - low) * size).long()
    cells = torch.minimum(cells.clamp(min=0), size.long() - 1)
    index = cells[..., 1] * columns + cells[..., 0]
    said = pupil.turns(bev.gather(1, index[..., None].expand(-1, -1, bev.shape[-1]))).float()
    known = boxes.labels != NO_LABEL
    count = known.sum().clamp(min=1)
    real = boxes.codes[..., 6:8]
    turn = axis_error(said[..., :2], real) + 0.5 * (said[..., :2] - real).abs().sum(-1)
    spans = torch.tensor([m.dt_s for m in frame.motions], device=bev.device)[:, None]
    shift = (said[..., 2:] - boxes.codes[..., 8:10] * spans[..., None]).abs().sum(-1)
    return {
        'turn': TURN_WEIGHT * (turn * known).sum() / count,
        'shift': STEP_WEIGHT * (shift * (known & (spans > 0))).sum() / count,
    }


def sight_losses(
    pupil: Pupil, level: Tensor, depth: Tensor, frame: BevFrame, image_size: tuple[int, int]
) -> dict[str, Tensor]:
    """Of depth and class of the cells of pictures.

    Args:
        pupil: Whose heads.
        level: (B, N, C, h, w) finest features.
        depth: (B, N, bins, h, w) logits.
        frame: The moment, on its device.
        image_size: Rows and columns of the pictures as the network sees them, px.
    """
    config: BevFormerConfig = pupil.net.config
    assert config.depth is not None
    assert pupil.sights is not None
    truth = sights_of(frame, image_size, (level.shape[-2], level.shape[-1]), len(config.classes))
    known = torch.isfinite(truth.depth_m) & frame.camera_mask[:, :, None, None]
    count = known.sum().clamp(min=1)
    bins = _nearest_bin(truth.depth_m, config.depth)
    of_depth = functional.cross_entropy(
        depth.float().flatten(0, 1), bins.flatten(0, 1), reduction='none'
    ).reshape(known.shape)
    logits = pupil.sights(level.flatten(0, 1)).float()
    weights = torch.ones(logits.shape[1], device=logits.device)
    weights[-1] = _NOTHING_WEIGHT
    of_class = functional.cross_entropy(
        logits, truth.labels.flatten(0, 1), weights, reduction='none'
    ).reshape(known.shape)
    return {
        'depth': DEPTH_WEIGHT * (of_depth * known).sum() / count,
        'sight': SIGHT_WEIGHT * (of_class * known).sum() / count,
    }


def _nearest_bin(depth_m: Tensor, config: DepthConfig) -> Tensor:
    finite = torch.where(torch.isfinite(depth_m), depth_m, config.range_m[1])
    return bin_of(finite, config).round().long()


@torch.no_grad()
def sights_of(
    frame: BevFrame, image_size: tuple[int, int], size: tuple[int, int], num_classes: int
) -> Sights:
    """Project the points of a moment into its pictures; of several in a cell the nearest counts.

    Args:
        frame: On its device.
        image_size: Rows and columns of the pictures, px.
        size: Rows and columns of cells.
        num_classes: Number of classes.
    """
    batch, cameras = frame.image_from_bev.shape[:2]
    rows, columns = size
    matrix = frame.image_from_bev.float()[frame.point_sample][:, :, :3]  # (M, N, 3, 4)
    places = frame.points[:, None, None, :3].float()
    # Element by element, not as a matrix product: that may run in TF32.
    u, v, depth = ((matrix[..., :3] * places).sum(-1) + matrix[..., 3]).unbind(-1)  # (M, N)
    scale = depth.clamp(min=_NEAREST_M)
    column = (u / scale / image_size[1] * columns).floor()
    row = (v / scale / image_size[0] * rows).floor()
    inside = (depth > _NEAREST_M) & (column >= 0) & (column < columns) & (row >= 0) & (row < rows)
    camera = torch.arange(cameras, device=depth.device)
    cell = ((frame.point_sample[:, None] * cameras + camera) * rows + row.long()) * columns
    cell = torch.where(inside, cell + column.long(), batch * cameras * rows * columns)
    total = batch * cameras * rows * columns + 1
    nearest = torch.full((total,), math.inf, device=depth.device)
    nearest = nearest.scatter_reduce(0, cell.flatten(), depth.flatten(), 'amin')
    of_point = classes_of(frame.points, frame.point_sample, frame.boxes, num_classes)
    is_first = inside & (depth <= nearest[cell] + 1e-3)
    labels = torch.full((total,), num_classes, device=depth.device)
    value = torch.where(is_first, of_point[:, None], num_classes)
    labels = labels.scatter_reduce(0, cell.flatten(), value.flatten(), 'amin')
    shape = batch, cameras, rows, columns
    return Sights(nearest[:-1].reshape(shape), labels[:-1].reshape(shape))


@torch.no_grad()
def classes_of(points: Tensor, sample: Tensor, boxes: BoxTargets, num_classes: int) -> Tensor:
    """Class of the box that each point lies in; `num_classes` for none.

    Args:
        points: (M, 4) float32 x, y, z in metres and intensity, frame BEV.
        sample: (M,) int64.
        boxes: Of the samples.
        num_classes: Number of classes.

    Returns:
        (M,) int64.
    """
    codes = boxes.codes.float()
    away = points[:, None, :3].float() - codes[..., (0, 1, 4)][sample]  # (M, K, 3)
    # The heading is (-sine, -cosine) of rot = -yaw - pi / 2.
    sine, cosine = codes[..., 6][sample], codes[..., 7][sample]
    along = -sine * away[..., 0] - cosine * away[..., 1]
    aside = cosine * away[..., 0] - sine * away[..., 1]
    half = (codes[..., (3, 2, 5)].exp() / 2 + _ROOM_M)[sample]
    placed = torch.stack((along, aside, away[..., 2]), dim=-1).abs()
    labels = boxes.labels[sample]
    inside = (placed <= half).all(dim=-1) & (labels != NO_LABEL)
    nothing = labels.new_full((len(labels), 1), num_classes)
    return torch.cat((torch.where(inside, labels, num_classes), nothing), dim=1).amin(dim=1)
