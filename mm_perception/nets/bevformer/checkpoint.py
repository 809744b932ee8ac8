"""The official `.pth` checkpoints: their names for the tensors of `BevFormer`.

They are state dicts of mmdetection3d 0.17 with mmcv 1.4: bevformer_tiny_epoch_24.pth,
bevformer_small_epoch_24.pth and bevformer_r101_dcn_24ep.pth.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pickle import UnpicklingError

import torch
from torch import Tensor

from mm_perception.errors import WeightsError
from mm_perception.nets.bevformer.configs import CONFIGS, BevFormerConfig

_LINEARS = r'(sampling_offsets|attention_weights|value_proj)\.'
_STAGE = re.compile(r'^img_backbone\.layer(\d)\.')  # counted from one
# Applied in this order; each pattern is anchored to the module it belongs to.
_RENAMES = [
    (r'^img_backbone\.', 'backbone.'),
    (r'^img_neck\.lateral_convs\.(\d)\.conv\.', r'neck.lateral.\1.'),
    (r'^img_neck\.fpn_convs\.(\d)\.conv\.', r'neck.output.\1.'),
    (r'^pts_bbox_head\.transformer\.', 'transformer.'),
    (r'^pts_bbox_head\.', 'head.'),
    (r'^head\.bev_embedding\.weight$', 'encoder.queries'),
    (r'^head\.query_embedding\.weight$', 'decoder.start.queries'),
    (r'^head\.positional_encoding\.row_embed\.weight$', 'encoder.row_position'),
    (r'^head\.positional_encoding\.col_embed\.weight$', 'encoder.column_position'),
    (r'^head\.cls_branches\.', 'decoder.class_branches.'),
    (r'^head\.reg_branches\.', 'decoder.box_branches.'),
    (r'^head\.code_weights$', 'decoder.code_weights'),
    (r'^transformer\.level_embeds$', 'encoder.level_embeds'),
    (r'^transformer\.cams_embeds$', 'encoder.camera_embeds'),
    (r'^transformer\.can_bus_mlp\.norm\.', 'encoder.can_bus_mlp.4.'),
    (r'^transformer\.can_bus_mlp\.', 'encoder.can_bus_mlp.'),
    (r'^transformer\.reference_points\.', 'decoder.start.reference_points.'),
    (r'^transformer\.(encoder|decoder)\.', r'\1.'),
    (r'^(encoder\.layers\.\d+)\.attentions\.0\.', r'\1.temporal.'),
    (
        rf'^(encoder\.layers\.\d+)\.attentions\.1\.deformable_attention\.{_LINEARS}',
        r'\1.spatial.\2.',
    ),
    (r'^(encoder\.layers\.\d+)\.attentions\.1\.output_proj\.', r'\1.spatial.output_proj.'),
    (r'^(decoder\.layers\.\d+)\.attentions\.0\.attn\.', r'\1.self_attention.'),
    (r'^(decoder\.layers\.\d+)\.attentions\.1\.', r'\1.cross_attention.'),
    (r'\.ffns\.0\.layers\.0\.0\.', '.feed_forward.inner.'),
    (r'\.ffns\.0\.layers\.1\.', '.feed_forward.outer.'),
]
_MAX_LISTED_KEYS = 8


def rename(key: str) -> str:
    """Our name of one entry of an official state dict."""
    key = _STAGE.sub(lambda m: f'backbone.stages.{int(m[1]) - 1}.', key)
    for pattern, replacement in _RENAMES:
        key = re.sub(pattern, replacement, key)
    return key


def convert(
    source: str, state: Mapping[str, Tensor], expected: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Rename all entries, and refuse a state dict that does not fit exactly.

    Args:
        source: for messages.
        state: official names.
        expected: our names and shapes, `BevFormer.state_dict()`.

    Raises:
        WeightsError: an entry is missing, unknown or of another shape.
    """
    converted = {rename(key): value for key, value in state.items()}
    problems = {
        'lacks': expected.keys() - converted.keys(),
        'has unknown': {key for key in state if rename(key) not in expected},
        'misshapes': {
            key
            for key in expected.keys() & converted.keys()
            if expected[key].shape != converted[key].shape
        },
    }
    found = '; '.join(f'{what} {_listed(keys)}' for what, keys in problems.items() if keys)
    if found:
        raise WeightsError(source, found, 'use an unmodified BEVFormer tiny, small or base')
    return converted


def detect_config(source: str, state: Mapping[str, Tensor]) -> BevFormerConfig:
    """Find the size by the number of BEV queries.

    Raises:
        WeightsError: no published size has as many.
    """
    queries = state.get('pts_bbox_head.bev_embedding.weight')
    count = None if queries is None else len(queries)
    for config in CONFIGS.values():
        if config.bev_size[0] * config.bev_size[1] == count:
            return config
    raise WeightsError(
        source,
        'not a BEVFormer checkpoint'
        if count is None
        else f'{count} BEV queries are of no published size',
        f'use BEVFormer {", ".join(CONFIGS)}, or name the configuration',
    )


def read_state(source: str) -> dict[str, Tensor]:
    """Read a `.pth` file without running code from it.

    Raises:
        WeightsError: the file cannot be read or holds no state dict.
    """
    try:
        content = torch.load(source, map_location='cpu', weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, UnpicklingError) as error:
        raise WeightsError(source, f'cannot be read ({error})', 'fetch the file again') from error
    state = content.get('state_dict') if isinstance(content, dict) else None
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise WeightsError(
            source, "holds no state dict under 'state_dict'", 'use an official BEVFormer file'
        )
    return dict(state)


def _listed(keys: Iterable[str]) -> str:
    ordered = sorted(keys)
    more = len(ordered) - _MAX_LISTED_KEYS
    return ', '.join(ordered[:_MAX_LISTED_KEYS]) + (f' and {more} more' if more > 0 else '')
