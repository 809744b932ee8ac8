"""What one step of a session returns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Sam2Result:
    """Masks of all tracked objects on one frame, on the engine's device; N may be 0.

    Attributes:
        frame: number of the frame since the session was opened or reset.
        image_hw: height and width of the original image, px.
        object_ids: (N,) int64, in the order in which the objects were added.
        mask_logits: (N, h, w) float32 at a quarter of the network's input size; above 0 is object.
        iou: (N,) float32, predicted IoU of each mask, 0..1.
        object_logits: (N,) float32, above 0 where the object is judged visible.
    """

    frame: int
    image_hw: tuple[int, int]
    object_ids: NDArray[np.int64]
    mask_logits: Tensor
    iou: Tensor
    object_logits: Tensor

    def full_logits(self) -> Tensor:
        """(N, H, W) float32: logits at the size of the original image, as in the reference."""
        if not len(self.object_ids):
            return self.mask_logits.new_zeros(0, *self.image_hw)
        return functional.interpolate(self.mask_logits[:, None], self.image_hw, mode='bilinear')[
            :, 0
        ]

    def masks(self, min_iou: float = 0.0) -> NDArray[np.bool_]:
        """(N, H, W) bool on the CPU; one object at a time, so that float copies stay small.

        Args:
            min_iou: Masks of which the network expects less are empty.
        """
        out = np.zeros((len(self.object_ids), *self.image_hw), np.bool_)
        for index, logits in enumerate(self.mask_logits):
            if float(self.iou[index]) < min_iou:
                continue
            full = functional.interpolate(logits[None, None], self.image_hw, mode='bilinear')
            out[index] = (full[0, 0] > 0).cpu().numpy()
        return out

    @classmethod
    def empty(
        cls, frame: int, image_hw: tuple[int, int], side: int, device: torch.device
    ) -> Sam2Result:
        """A frame without objects."""
        none = torch.zeros(0, device=device)
        logits = torch.zeros(0, side, side, device=device)
        return cls(frame, image_hw, np.zeros(0, np.int64), logits, none, none)
