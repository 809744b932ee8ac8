"""Meta's `.pt` checkpoints of SAM 2 and 2.1: which model they hold, in transformers' names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pickle import UnpicklingError

import torch
from torch import Tensor
from transformers import Sam2VideoConfig

from mm_perception.errors import WeightsError
from mm_perception.nets.sam2.configs import SIZES, public_config

# Applied in this order to every key; each pattern is anchored to the module it belongs to.
_RENAMES = [
    (r'^maskmem_tpos_enc$', 'memory_temporal_positional_encoding'),
    (r'^no_mem_embed$', 'no_memory_embedding'),
    (r'^no_mem_pos_enc$', 'no_memory_positional_encoding'),
    (r'^no_obj_ptr$', 'no_object_pointer'),
    (r'^no_obj_embed_spatial$', 'occlusion_spatial_embedding_parameter'),
    (r'^obj_ptr_tpos_proj\.', 'temporal_positional_encoding_projection_layer.'),
    (r'^obj_ptr_proj\.', 'object_pointer_proj.'),
    (r'^image_encoder\.trunk\.', 'vision_encoder.backbone.'),
    (r'^image_encoder\.neck\.convs\.(\d)\.conv\.', r'vision_encoder.neck.convs.\1.'),
    (r'patch_embed\.proj\.', 'patch_embed.projection.'),
    (r'^sam_prompt_encoder\.', 'prompt_encoder.'),
    (r'pe_layer\.positional_encoding_gaussian_matrix$', 'shared_embedding.positional_embedding'),
    (r'mask_downscaling\.0\.', 'mask_embed.conv1.'),
    (r'mask_downscaling\.1\.', 'mask_embed.layer_norm1.'),
    (r'mask_downscaling\.3\.', 'mask_embed.conv2.'),
    (r'mask_downscaling\.4\.', 'mask_embed.layer_norm2.'),
    (r'mask_downscaling\.6\.', 'mask_embed.conv3.'),
    (r'^sam_mask_decoder\.', 'mask_decoder.'),
    (r'output_upscaling\.0\.', 'upscale_conv1.'),
    (r'output_upscaling\.1\.', 'upscale_layer_norm.'),
    (r'output_upscaling\.3\.', 'upscale_conv2.'),
    (r'^memory_encoder\.out_proj\.', 'memory_encoder.projection.'),
    (r'^memory_encoder\.pix_feat_proj\.', 'memory_encoder.feature_projection.'),
    (r'^memory_encoder\.fuser\.', 'memory_encoder.memory_fuser.'),
    (r'mask_downsampler\.encoder\.12\.', 'mask_downsampler.final_conv.'),
    (r'\.dwconv\.', '.depthwise_conv.'),
    (r'\.pwconv(\d)\.', r'.pointwise_conv\1.'),
    (r'\.gamma$', '.scale'),
    (r'\.out_proj\.', '.o_proj.'),
    (r'\.norm(\d?|_final_attn)\.', r'.layer_norm\1.'),
]
_TWO_LAYER_MLP = re.compile(r'(\.mlp)\.layers\.([01])\.')
_THREE_LAYER_MLP = re.compile(
    r'(object_pointer_proj|output_hypernetworks_mlps\.\d|iou_prediction_head|pred_obj_score_head)'
    r'\.layers\.([012])\.'
)
_DOWNSAMPLER = re.compile(r'(mask_downsampler)\.encoder\.(\d+)\.')
_POINT = 'prompt_encoder.point_embeddings.{}.weight'


def rename(key: str) -> str:
    """Transformers' name of one entry of Meta's state dict."""
    for pattern, replacement in _RENAMES:
        key = re.sub(pattern, replacement, key)
    key = _TWO_LAYER_MLP.sub(lambda m: f'{m[1]}.{("proj_in", "proj_out")[int(m[2])]}.', key)
    key = _THREE_LAYER_MLP.sub(
        lambda m: f'{m[1]}.{("proj_in", "layers.0", "proj_out")[int(m[2])]}.', key
    )
    # The reference stacks conv, norm, activation, so encoder.3k is a conv and 3k+1 its norm.
    return _DOWNSAMPLER.sub(
        lambda m: f'{m[1]}.layers.{int(m[2]) // 3}.{("conv", "layer_norm")[int(m[2]) % 3]}.', key
    )


def convert(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename all entries; merge the four point embeddings; copy the shared position matrix."""
    renamed = {rename(key): value for key, value in state.items()}
    points = [renamed.pop(name) for name in map(_POINT.format, range(4)) if name in renamed]
    if points:
        renamed['prompt_encoder.point_embed.weight'] = torch.cat(points)
    shared = renamed.get('prompt_encoder.shared_embedding.positional_embedding')
    if shared is not None:
        renamed['shared_image_embedding.positional_embedding'] = shared
    return renamed


def detect_config(source: str, state: Mapping[str, Tensor], image_size: int) -> Sam2VideoConfig:
    """Find size and version from the tensors alone.

    Raises:
        WeightsError: no size of `SIZES` has this width and number of blocks.
    """
    patch = state.get('image_encoder.trunk.patch_embed.proj.weight')
    blocks = {key.split('.')[3] for key in state if key.startswith('image_encoder.trunk.blocks.')}
    width = None if patch is None else patch.shape[0]
    for name, hiera in SIZES.items():
        if hiera.width == width and sum(hiera.blocks) == len(blocks):
            is_21 = 'no_obj_embed_spatial' in state
            return public_config(name, is_21=is_21, image_size=image_size)
    raise WeightsError(
        source,
        f'not a SAM 2 checkpoint: image encoder of width {width} with {len(blocks)} blocks',
        'use a .pt file of SAM 2 or 2.1 (tiny, small, base_plus or large)',
    )


def read_state(source: str) -> dict[str, Tensor]:
    """Read a `.pt` file without running code from it.

    Raises:
        WeightsError: the file cannot be read or holds no state dict under 'model'.
    """
    try:
        content = torch.load(source, map_location='cpu', weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, UnpicklingError) as error:
        raise WeightsError(source, f'cannot be read ({error})', 'fetch the file again') from error
    state = content.get('model') if isinstance(content, dict) else None
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise WeightsError(source, "holds no state dict under 'model'", 'use a file by Meta')
    return state
