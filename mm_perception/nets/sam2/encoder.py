"""The image encoder, run once per frame and shared by all objects (SAM 2 paper, section 4)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional

from mm_perception.nets.sam2.weights import Model


@dataclass(frozen=True)
class FrameFeatures:
    """Features of one frame at three strides; batch size 1, to be broadcast over objects."""

    coarse: Tensor  # (1, C, h, w): stride 16; goes through memory attention
    stride_8: Tensor  # (1, C/4, 2h, 2w): skips memory attention, straight to the mask decoder
    stride_4: Tensor  # (1, C/8, 4h, 4w)


def encode_image(model: Model, pixel_values: Tensor) -> FrameFeatures:
    """Run Hiera and its feature pyramid.

    Own code for the pyramid: the library's builds sine position codes for every level of every
    frame (100 MB at 1024 px), of which only one level is ever used, and that one is constant.
    """
    encoder, decoder = model.vision_encoder, model.mask_decoder
    stages = encoder.backbone(pixel_values).intermediate_hidden_states  # four of (1, h, w, C_i)
    neck = encoder.neck
    levels: list[Tensor] = []  # coarse to fine
    for index in range(len(stages) - 1, -1, -1):
        level = neck.convs[len(stages) - 1 - index](stages[index].permute(0, 3, 1, 2))
        if levels and index in neck.fpn_top_down_levels:
            above = functional.interpolate(levels[-1].float(), scale_factor=2.0, mode='nearest')
            level = level + above.to(level.dtype)
        levels.append(level)
    # The coarsest level (stride 32) only feeds the one below it.
    coarse, stride_8, stride_4 = levels[-encoder.num_feature_levels :]
    return FrameFeatures(coarse, decoder.conv_s1(stride_8), decoder.conv_s0(stride_4))
