"""Architectures of SAM 2 as transformers configs: four public sizes, and one for tests.

Figures come from the model files of the reference package (`sam2/configs/sam2.1/*.yaml`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from transformers import (
    Sam2HieraDetConfig,
    Sam2VideoConfig,
    Sam2VideoMaskDecoderConfig,
    Sam2VideoPromptEncoderConfig,
    Sam2VisionConfig,
)

from mm_perception.nets.resnet import PyramidResNetConfig


@dataclass(frozen=True)
class HieraSize:
    """What differs between the public sizes: only the image encoder (Hiera, arXiv 2306.00989)."""

    width: int  # channels of stage 1; doubled by each later stage
    heads: int
    blocks: tuple[int, int, int, int]
    global_blocks: tuple[int, ...]
    window: tuple[int, int, int, int] = (8, 4, 14, 7)
    background: int = 7  # side of the interpolated position grid, in cells

    @property
    def widths(self) -> list[int]:
        """Channels of the four stages."""
        return [self.width * 2**stage for stage in range(4)]


SIZES = {
    'tiny': HieraSize(96, 1, (1, 2, 7, 2), (5, 7, 9)),
    'small': HieraSize(96, 1, (1, 2, 11, 2), (7, 10, 13)),
    'base_plus': HieraSize(112, 2, (2, 3, 16, 3), (12, 16, 20), background=14),
    'large': HieraSize(144, 2, (2, 6, 36, 4), (23, 33, 43), window=(8, 4, 16, 8)),
}
TEST_SIZE = HieraSize(32, 1, (1, 1, 2, 1), (3,))
NANO_IMAGE_SIZE_PX = 448  # in training
STRIDE_PX = 16  # pixels per cell of the coarsest feature map that the decoder uses
IMAGE_SIZE_PX = 1024
TEST_IMAGE_SIZE_PX = 128


def public_config(
    size: str, *, is_21: bool = True, image_size: int = IMAGE_SIZE_PX
) -> Sam2VideoConfig:
    """The config of a public checkpoint.

    Args:
        size: a key of `SIZES`.
        is_21: SAM 2.1 adds a no-object embedding to memories and time codes to object pointers.
        image_size: side of the square network input, in px; a multiple of 32.
    """
    return _config(SIZES[size], is_21=is_21, image_size=image_size)


def small_config(image_size: int = TEST_IMAGE_SIZE_PX) -> Sam2VideoConfig:
    """About 3 M parameters, for tests: every module of the public model, narrower and shallower.

    Widths stay above 64 because transformers fixes the key width of memory attention at 64 and
    splits an object pointer into tokens of that width.
    """
    return _config(
        TEST_SIZE,
        is_21=True,
        image_size=image_size,
        hidden=128,
        mlp=256,
        attention_layers=2,
    )


def nano_config(image_size: int = NANO_IMAGE_SIZE_PX) -> Sam2VideoConfig:
    """About 4 M parameters, for the weights trained here; the image encoder is a ResNet."""
    config: Any = _config(
        TEST_SIZE,
        is_21=True,
        image_size=image_size,
        hidden=128,
        mlp=256,
        attention_layers=2,
    )
    # So many memories that a training on short clips fills them.
    config.num_maskmem, config.max_object_pointers_in_encoder = 3, 8
    # Heads as wide as the public model's: with narrower ones places are learned slowly.
    config.mask_decoder_config.attention_downsample_rate = 1
    # Taking another mask where that of a box is unsure: no training, the public one neither, does.
    config.mask_decoder_config.dynamic_multimask_via_stability = False
    widths = config.vision_config.backbone_channel_list[::-1]
    config.vision_config.backbone_config = PyramidResNetConfig(
        embedding_size=widths[0], hidden_sizes=widths, depths=[1, 2, 3, 1], layer_type='basic'
    )
    return with_image_size(config, image_size)


def with_image_size(config: Any, image_size: int) -> Sam2VideoConfig:
    """Set the side of the network input in a Sam2VideoConfig; no weight depends on it."""
    cells = image_size // STRIDE_PX
    config.image_size = image_size
    config.prompt_encoder_config.image_size = image_size
    config.vision_config.backbone_feature_sizes = [[cells * k, cells * k] for k in (4, 2, 1)]
    config.vision_config.backbone_config.image_size = [image_size, image_size]
    config.memory_attention_rope_feat_sizes = [cells, cells]
    checked: Sam2VideoConfig = config
    return checked


def _config(
    hiera: HieraSize,
    *,
    is_21: bool,
    image_size: int,
    hidden: int = 256,
    mlp: int = 2048,
    attention_layers: int = 4,
) -> Sam2VideoConfig:
    backbone = Sam2HieraDetConfig(
        hidden_size=hiera.width,
        num_attention_heads=hiera.heads,
        embed_dim_per_stage=hiera.widths,
        num_attention_heads_per_stage=[hiera.heads * 2**stage for stage in range(4)],
        blocks_per_stage=list(hiera.blocks),
        global_attention_blocks=list(hiera.global_blocks),
        window_size_per_stage=list(hiera.window),
        window_positional_embedding_background_size=[hiera.background, hiera.background],
    )
    config = Sam2VideoConfig(
        vision_config=Sam2VisionConfig(
            backbone_config=backbone,
            backbone_channel_list=hiera.widths[::-1],
            fpn_hidden_size=hidden,
        ),
        prompt_encoder_config=Sam2VideoPromptEncoderConfig(hidden_size=hidden),
        mask_decoder_config=Sam2VideoMaskDecoderConfig(
            hidden_size=hidden, mlp_dim=mlp, iou_head_hidden_dim=hidden
        ),
        enable_occlusion_spatial_embedding=is_21,
        enable_temporal_pos_encoding_for_object_pointers=is_21,
        memory_attention_hidden_size=hidden,
        memory_attention_num_layers=attention_layers,
        memory_attention_feed_forward_hidden_size=mlp,
        memory_encoder_hidden_size=hidden,
        mask_downsampler_embed_dim=hidden,
        memory_fuser_embed_dim=hidden,
        memory_fuser_intermediate_dim=4 * hidden,
    )
    return with_image_size(config, image_size)
