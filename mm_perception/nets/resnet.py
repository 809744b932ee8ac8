"""A ResNet in the place of Hiera as the image encoder of a small SAM 2.

From scratch and from ten thousand pictures convolutions learn faster than attention, and on a CPU
they run faster. SAM 2 takes its image encoder from the registry of transformers, which this module
adds to: import it before a checkpoint with such an encoder is loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor
from transformers import AutoConfig, AutoModel, ResNetConfig, ResNetModel
from transformers.utils.generic import ModelOutput


class PyramidResNetConfig(ResNetConfig):  # type: ignore[no-untyped-call]
    """Settings of a ResNet of transformers, and what SAM 2 asks of an encoder.

    Attributes:
        image_size: Side of the square input in px.
        patch_size: Stride of the last stage in px.
        hidden_size: Channels of the last stage.
    """

    model_type = 'mmp_pyramid_resnet'

    image_size: int | list[int] = 256
    patch_size: int = 16
    hidden_size: int = 192


@dataclass
class Pyramid(ModelOutput):
    """What a picture looks like.

    Attributes:
        last_hidden_state: (B, h * w, C) of the last stage, row by row.
        intermediate_hidden_states: Of every stage, (B, h, w, C) each, fine to coarse.
    """

    last_hidden_state: Tensor | None = None
    intermediate_hidden_states: tuple[Tensor, ...] | None = None
    hidden_states: None = None
    attentions: None = None


class PyramidResNet(ResNetModel):  # type: ignore[no-untyped-call]
    """A ResNet that answers like Hiera."""

    config_class = PyramidResNetConfig

    def forward(self, pixel_values: Tensor, **_: Any) -> Pyramid:
        """Features of pictures (B, 3, H, W)."""
        hidden = self.embedder(pixel_values)
        stages = []
        for stage in self.encoder.stages:
            hidden = stage(hidden)
            stages.append(hidden.permute(0, 2, 3, 1))
        return Pyramid(stages[-1].flatten(1, 2), tuple(stages))


AutoConfig.register(PyramidResNetConfig.model_type, PyramidResNetConfig)
AutoModel.register(PyramidResNetConfig, PyramidResNet)
