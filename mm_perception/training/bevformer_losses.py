"""How wrong boxes, heat maps and maps are.

- Boxes: a set loss (Carion et al., DETR, 2020, section 3.1) with the costs and weights that
  BEVFormer takes over from Deformable DETR (arXiv 2010.04159, appendix) and DETR3D: focal loss
  (Lin et al., 2017) of weight 2 and L1 of the codes of weight 0.25, summed over decoder layers.
- Heat maps: CenterPoint (arXiv 2006.11275, section 4): Gaussians around the centres, and the focal
  loss of CornerNet (arXiv 1808.01244, equation 1).
- Maps: cross entropy and soft Dice (Milletari et al., V-Net, 2016) per layer.

All compute in float32, whatever autocast says.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn import functional

from mm_perception.training.bevformer_frames import NO_LABEL, BoxTargets
from mm_perception.world.bev_clips import REACH_M, UNKNOWN

CLASS_WEIGHT, BOX_WEIGHT = 2.0, 0.25
ALPHA, GAMMA = 0.25, 2.0  # of the focal loss
#: Of the numbers of a box code, where queries are matched: speeds are hard to see.
CODE_WEIGHTS = (1.0,) * 8 + (0.2,) * 2
#: Of headings: which way a thing looks, and along which axis it lies; and of speeds.
DIRECTION_WEIGHT, AXIS_WEIGHT, SPEED_WEIGHT = 0.5, 1.5, 0.4
#: Of what is there, by layer of the map: drivable, lane, crossing, walkway, occupied. Of the cells
#: of 16 clips 2 % are lane and 0.1 % are crossing.
MAP_WEIGHTS = (1.0, 3.0, 4.0, 1.0, 1.5)
#: IoU of a box with itself, shifted along both sides by the radius of its Gaussian.
_LEAST_OVERLAP = 0.1
_LEAST_RADIUS = 1.0  # cells
_SURE = 1e-8


def box_losses(logits: Tensor, codes: Tensor, targets: BoxTargets) -> dict[str, Tensor]:
    """Of class and box, over all decoder layers.

    What is matched with nothing counts as wrong only where the truth is known, see
    `BoxTargets.is_open`.

    Args:
        logits: (layers, B, Q, classes).
        codes: (layers, B, Q, 10).
        targets: Of the B samples.

    Returns:
        `class`, `box` and `axis` (of headings): sums over layers, by the number of targets.
    """
    with torch.autocast(logits.device.type, enabled=False):
        logits, codes = logits.float(), codes.float()
        layer, sample, query, target = match(logits, codes, targets)
        is_target = torch.zeros_like(logits)
        is_target[layer, sample, query, targets.labels[sample, target]] = 1
        counts = ~targets.is_open(codes.detach()[..., :2])
        counts[layer, sample, query] = True
        count = (targets.labels != NO_LABEL).sum().clamp(min=1)
        focal = (_focal(logits, is_target) * counts[..., None]).sum()
        found, real = codes[layer, sample, query], targets.codes[sample, target]
        away = (found - real).abs()
        away[:, 6:8] *= DIRECTION_WEIGHT
        away[:, 8:] *= SPEED_WEIGHT
        axis = axis_error(found[:, 6:8], real[:, 6:8])
        return {
            'class': CLASS_WEIGHT * focal / count,
            'box': BOX_WEIGHT * away.sum() / count,
            'axis': AXIS_WEIGHT * BOX_WEIGHT * axis.sum() / count,
        }


def axis_error(found: Tensor, real: Tensor) -> Tensor:
    """How far a heading is from another or from its opposite, whichever is nearer.

    Front and back of most things look alike to a LiDAR. Torn between two opposite headings, an L1
    of sine and cosine is content with any; so the axis is learned apart from the direction.

    Args:
        found: (P, 2) sine and cosine, of any length.
        real: (P, 2) sine and cosine.

    Returns:
        (P,) L1.
    """
    ahead, back = (found - real).abs().sum(-1), (found + real).abs().sum(-1)
    return torch.minimum(ahead, back)


@torch.no_grad()
def match(
    logits: Tensor, codes: Tensor, targets: BoxTargets
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Which query is to answer for which target, by the least sum of costs.

    All costs go to the CPU in one piece: each transfer waits for the GPU.

    Args:
        logits: (layers, B, Q, classes) float32.
        codes: (layers, B, Q, 10) float32.
        targets: Of the B samples.

    Returns:
        Layer, sample, query and target of each pair, (P,) int64 each, on the device.
    """
    known = targets.labels != NO_LABEL
    cost = _costs(logits, codes, targets).masked_fill(~known[:, None], torch.inf)
    table = cost.cpu().numpy()  # (layers, B, Q, M)
    pairs: list[npt.NDArray[np.int64]] = [np.empty((4, 0), np.int64)]
    for layer, samples in enumerate(table):
        for sample, costs in enumerate(samples):
            count = int((costs[0] < np.inf).sum())
            queries, columns = linear_sum_assignment(costs[:, :count])
            where = np.full_like(queries, layer), np.full_like(queries, sample)
            pairs.append(np.stack([*where, queries, columns]).astype(np.int64))
    moved = torch.from_numpy(np.concatenate(pairs, axis=1)).to(logits.device)
    layer_, sample_, query_, target_ = moved
    return layer_, sample_, query_, target_


def _costs(logits: Tensor, codes: Tensor, targets: BoxTargets) -> Tensor:
    """(layers, B, Q, M) finite costs."""
    chance = logits.sigmoid()
    if_right = -ALPHA * (1 - chance) ** GAMMA * (chance + _SURE).log()
    if_wrong = -(1 - ALPHA) * chance**GAMMA * (1 - chance + _SURE).log()
    labels = targets.labels.clamp(min=0)[None, :, None].expand(*logits.shape[:3], -1)
    of_class = (if_right - if_wrong).gather(-1, labels)
    weights = codes.new_tensor(CODE_WEIGHTS)
    away = torch.cdist(
        codes * weights, (targets.codes * weights).expand(len(codes), -1, -1, -1), p=1
    )
    cost = CLASS_WEIGHT * of_class + BOX_WEIGHT * away
    return cost.nan_to_num(nan=1e6, posinf=1e6, neginf=-1e6)


def _focal(logits: Tensor, target: Tensor) -> Tensor:
    """Focal loss of each number (Lin et al., 2017, equation 5)."""
    entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction='none')
    miss = (target - logits.sigmoid()).abs()
    return (ALPHA * target + (1 - ALPHA) * (1 - target)) * miss**GAMMA * entropy


def heat_loss(heat: Tensor, targets: BoxTargets) -> Tensor:
    """Of a map of centres per class, divided by the number of centres.

    Args:
        heat: (B, classes, rows, columns) logits; row 0 rearmost, column 0 leftmost.
        targets: Of the B samples.
    """
    with torch.autocast(heat.device.type, enabled=False):
        heat = heat.float()
        wanted = heat_targets(targets, heat.shape[1], (heat.shape[2], heat.shape[3]))
        is_centre = wanted == 1
        chance = heat.sigmoid()
        found = (1 - chance) ** 2 * functional.logsigmoid(heat)
        avoided = (1 - wanted) ** 4 * chance**2 * functional.logsigmoid(-heat)
        counts = ~targets.is_open(_centres(heat))  # (B, rows * columns)
        counts = counts.reshape(len(heat), 1, *heat.shape[2:])
        total = torch.where(is_centre, found, avoided * counts).sum()
        return -total / is_centre.sum().clamp(min=1)


@torch.no_grad()
def heat_targets(targets: BoxTargets, classes: int, size: tuple[int, int]) -> Tensor:
    """Gaussians around the cells in which centres lie; of several the highest counts.

    The deviation is a sixth of the diameter, which grows with the box (CornerNet, section 3.2).

    Args:
        targets: Of B samples.
        classes: Number of them.
        size: Rows and columns.

    Returns:
        (B, classes, rows, columns) float32, 1 in the cells of centres.
    """
    rows, columns = size
    codes = targets.codes.float()
    scale = codes.new_tensor([columns, rows]) / (2 * REACH_M)
    places = ((codes[..., :2] + REACH_M) * scale).floor()  # (B, M, 2) column and row
    wide, long = codes[..., 2].exp() * scale[0], codes[..., 3].exp() * scale[0]
    deviation = (2 * radius_of(wide, long) + 1) / 6
    grid = torch.stack(
        torch.meshgrid(
            torch.arange(columns, device=codes.device), torch.arange(rows, device=codes.device),
            indexing='xy',
        ), dim=-1,
    )  # fmt: skip  # (rows, columns, 2) column and row
    away = (grid.flatten(0, 1) - places[:, :, None]).square().sum(-1)  # (B, M, cells)
    bumps = (-away / (2 * deviation[..., None] ** 2)).exp()
    bumps = bumps * (targets.labels != NO_LABEL)[..., None]
    index = targets.labels.clamp(min=0)[..., None].expand(-1, -1, rows * columns)
    empty = codes.new_zeros(len(codes), classes, rows * columns)
    return empty.scatter_reduce(1, index, bumps, 'amax').reshape(len(codes), classes, *size)


def radius_of(wide: Tensor, long: Tensor) -> Tensor:
    """How far a box may be off along both sides and still overlap with itself, in cells.

    Shifted by r, (w - r)(l - r) of it is shared. That is an IoU of o where (w - r)(l - r) is
    2 o w l / (1 + o); r is the smaller root.

    Args:
        wide: (...) in cells.
        long: (...) in cells.

    Returns:
        (...), at least 1.
    """
    total = wide + long
    rest = 4 * wide * long * (1 - _LEAST_OVERLAP) / (1 + _LEAST_OVERLAP)
    return ((total - (total**2 - rest).clamp(min=0).sqrt()) / 2).clamp(min=_LEAST_RADIUS)


def _centres(heat: Tensor) -> Tensor:
    """(B, rows * columns, 2) x and y of the cells, metres."""
    rows, columns = heat.shape[2:]
    y = (torch.arange(rows, device=heat.device) + 0.5) * (2 * REACH_M / rows) - REACH_M
    x = (torch.arange(columns, device=heat.device) + 0.5) * (2 * REACH_M / columns) - REACH_M
    places = torch.stack(torch.meshgrid(x, y, indexing='xy'), dim=-1)
    return places.flatten(0, 1).expand(len(heat), -1, -1)


def map_losses(logits: Tensor, maps: Tensor) -> dict[str, Tensor]:
    """Of the layers of a map, over the cells that are known.

    What is there counts `MAP_WEIGHTS` times in the cross entropy. Dice looks at each layer of all
    samples together, for a sample may have nothing of it.

    Args:
        logits: (B, layers, rows, columns).
        maps: (B, layers, rows, columns) uint8 0, 1 or `UNKNOWN`.

    Returns:
        `map` and `map_dice`, means over the layers.
    """
    with torch.autocast(logits.device.type, enabled=False):
        logits = logits.float()
        known = (maps != UNKNOWN).float()
        real = (maps == 1).float()
        weights = logits.new_tensor(MAP_WEIGHTS[: logits.shape[1]])[:, None, None]
        entropy = functional.binary_cross_entropy_with_logits(
            logits, real, reduction='none', pos_weight=weights
        )
        axes = (0, 2, 3)
        per_layer = (entropy * known).sum(axes) / known.sum(axes).clamp(min=1)
        chance = logits.sigmoid() * known
        both = (chance * real).sum(axes)
        dice = 1 - (2 * both + 1) / (chance.sum(axes) + real.sum(axes) + 1)
        return {'map': per_layer.mean(), 'map_dice': dice.mean()}
