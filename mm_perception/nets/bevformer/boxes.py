"""From box codes to boxes: the best scores over all queries and classes, and no NMS."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from mm_perception.nets.bevformer.configs import BevFormerConfig


@dataclass(frozen=True)
class BevBoxes:
    """Boxes of one moment, best first.

    Attributes:
        xyz_lwh_yaw: (K, 7) float32: centre, length (along the heading), width, height, m; heading
            in rad in (-pi, pi], counter-clockwise from the x axis of the frame. Frame BEV (x
            right, y forward, z up) unless moved.
        velocity_xy: (K, 2) float32, m/s, along the axes of the same frame, over ground.
        scores: (K,) float32 in 0..1.
        labels: (K,) int64, indices into the classes of the config.
    """

    xyz_lwh_yaw: Tensor
    velocity_xy: Tensor
    scores: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.scores)

    def above(self, score: float) -> BevBoxes:
        """Those with at least this score."""
        keep = self.scores >= score
        return BevBoxes(
            self.xyz_lwh_yaw[keep], self.velocity_xy[keep], self.scores[keep], self.labels[keep]
        )

    def first(self, count: int) -> BevBoxes:
        """The best ones, at most so many."""
        return BevBoxes(
            self.xyz_lwh_yaw[:count],
            self.velocity_xy[:count],
            self.scores[:count],
            self.labels[:count],
        )

    def moved(self, target_from_frame: Tensor) -> BevBoxes:
        """In another frame whose z axis is parallel.

        Args:
            target_from_frame: (4, 4), a turn about z and a translation in m.

        Convention: `base_from_bev` with rows (0, 1, 0), (-1, 0, 0), (0, 0, 1) takes a box at
        x 0, y 10 (ahead) with heading pi/2 to x 10, y 0 with heading 0.
        """
        matrix = target_from_frame.to(self.xyz_lwh_yaw)
        turn = torch.atan2(matrix[1, 0], matrix[0, 0])
        centres = self.xyz_lwh_yaw[:, :3] @ matrix[:3, :3].T + matrix[:3, 3]
        yaw = wrap(self.xyz_lwh_yaw[:, 6:] + turn)
        boxes = torch.cat((centres, self.xyz_lwh_yaw[:, 3:6], yaw), dim=-1)
        velocity = self.velocity_xy @ matrix[:2, :2].T
        return BevBoxes(boxes, velocity, self.scores, self.labels)


def wrap(angle: Tensor) -> Tensor:
    """To (-pi, pi]."""
    return math.pi - torch.remainder(math.pi - angle, 2 * math.pi)


def decode_codes(codes: Tensor) -> tuple[Tensor, Tensor]:
    """Boxes and velocities of box codes.

    The public weights write headings as mmdetection3d before 1.0 did: `rot = -yaw - pi/2`. What
    comes out here follows REP 103.

    Args:
        codes: (K, 10), see `BoxDecoder`.

    Returns:
        (K, 7) and (K, 2), see `BevBoxes`.

    Convention: sin 0, cos 1 (`rot` 0) is a box that points along -y: yaw -pi/2.
    """
    width, length, height = codes[:, 2].exp(), codes[:, 3].exp(), codes[:, 5].exp()
    yaw = wrap(-torch.atan2(codes[:, 6], codes[:, 7]) - math.pi / 2)
    columns = (codes[:, 0], codes[:, 1], codes[:, 4], length, width, height, yaw)
    return torch.stack(columns, dim=-1), codes[:, 8:10]


def decode_boxes(logits: Tensor, codes: Tensor, config: BevFormerConfig) -> BevBoxes:
    """The best `max_boxes` pairs of query and class, less those centred outside the limits.

    One query may answer for several classes, as in the reference.

    Args:
        logits: (Q, classes) of the last layer.
        codes: (Q, 10) of the last layer.
        config: for the limits.
    """
    classes = logits.shape[-1]
    best = logits.sigmoid().flatten().topk(min(config.max_boxes, logits.numel()))
    boxes, velocity = decode_codes(codes[best.indices // classes].float())
    low, high = torch.tensor(config.center_limits_m).to(boxes).chunk(2)
    keep = ((boxes[:, :3] >= low) & (boxes[:, :3] <= high)).all(dim=-1)
    labels = best.indices % classes
    return BevBoxes(boxes[keep], velocity[keep], best.values[keep].float(), labels[keep])
