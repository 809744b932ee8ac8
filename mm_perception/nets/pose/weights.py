"""ViTPose networks from folders in hub layout, and a tiny one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoImageProcessor, VitPoseConfig, VitPoseForPoseEstimation
from transformers.models.vitpose.image_processing_vitpose import VitPoseImageProcessor
from transformers.models.vitpose_backbone.configuration_vitpose_backbone import (
    VitPoseBackboneConfig,
)

from mm_perception.errors import WeightsError

_FIX = 'give a VitPoseForPoseEstimation such as usyd-community/vitpose-base-simple'
_NUM_KEYPOINTS = 17


def config_of(backbone: dict[str, Any], **head: Any) -> VitPoseConfig:
    """A configuration for the 17 keypoints of COCO.

    Args:
        backbone: Of the `VitPoseBackboneConfig`; its last layer is read.
        head: Of the rest.
    """
    layers = backbone['num_hidden_layers']
    facts: dict[str, Any] = {**backbone, 'out_indices': [layers]}
    inner = VitPoseBackboneConfig(**facts)
    return VitPoseConfig(backbone_config=inner, **{'num_labels': _NUM_KEYPOINTS, **head})


def load_network(weights: str, folder: Path) -> tuple[Any, Any]:
    """A network in float32 and its processor.

    Args:
        weights: What was asked for, for errors.
        folder: In hub layout.

    Raises:
        WeightsError: There is no such network in the folder.
    """
    reader: Any = VitPoseForPoseEstimation  # these two carry no types
    try:
        model, info = reader.from_pretrained(
            folder, local_files_only=True, dtype=torch.float32, output_loading_info=True
        )
        read_processor: Any = AutoImageProcessor.from_pretrained
        processor = read_processor(folder, local_files_only=True)
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(weights, f'no pose network: {error}', _FIX) from error
    absent = sorted({*info['missing_keys'], *(key for key, *_ in info['mismatched_keys'])})
    if absent:
        raise WeightsError(weights, f'lacks {", ".join(absent[:3])}', _FIX)
    if model.config.num_labels != _NUM_KEYPOINTS:
        problem = f'finds {model.config.num_labels} keypoints, not the 17 of COCO'
        raise WeightsError(weights, problem, _FIX)
    if not isinstance(processor, VitPoseImageProcessor):
        raise WeightsError(weights, f'has a {type(processor).__name__}', _FIX)
    return model, processor


def processor_of(config: VitPoseConfig) -> VitPoseImageProcessor:
    """The processor of a new network, for pictures of its size."""
    backbone: Any = config.backbone_config
    height, width = backbone.image_size
    return VitPoseImageProcessor(size={'height': height, 'width': width})


def random_network() -> tuple[Any, Any]:
    """A very small network with reproducible random weights, for tests."""
    config = config_of(
        {
            'hidden_size': 16, 'num_hidden_layers': 1, 'num_attention_heads': 2,
            'image_size': [64, 48], 'patch_size': [16, 16], 'mlp_ratio': 2,
        }
    )  # fmt: skip
    state = torch.get_rng_state()
    torch.manual_seed(0)
    model: Any = VitPoseForPoseEstimation(config)
    with torch.no_grad():
        for parameter in model.parameters():  # as it is made its maps are flat
            parameter.add_(0.1 * torch.randn_like(parameter))
        model.head.conv.bias.add_(0.5)
    torch.set_rng_state(state)
    return model, processor_of(config)
