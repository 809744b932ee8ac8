"""ResNets in the place of transformers as the image encoders of a small SAM 2 and a small SAM 3.

From scratch and from ten thousand pictures convolutions learn faster than attention, and on a CPU
they run faster. Both networks take their image encoder from the registry of transformers, which
this module adds to: import it before a checkpoint with such an encoder is loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoConfig, AutoModel, ResNetConfig, ResNetModel
from transformers.utils.generic import ModelOutput


class PyramidResNetConfig(ResNetConfig):  # type: ignore[no-untyped-call]
    """Settings of a ResNet of transformers, and what SAM 2 asks of an encoder.

    Attributes:
        image_size: Side of the square input in px.
    """

    model_type = 'mmp_pyramid_resnet'

    image_size: int | list[int] = 256


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


class FusedResNetConfig(ResNetConfig):  # type: ignore[no-untyped-call]
    """Settings of a ResNet of transformers, and what SAM 3 asks of an encoder.

    Attributes:
        image_size: Side of the square input in px.
        patch_size: Stride of the result in px: of the second stage.
        hidden_size: Channels of the result.
    """

    model_type = 'mmp_fused_resnet'

    image_size: int | list[int] = 320
    patch_size: int = 8
    hidden_size: int = 128


class FusedResNet(ResNetModel):  # type: ignore[no-untyped-call]
    """A ResNet whose second stage is told what the coarser ones see.

    SAM 3 makes all its levels from one map. From that of the last stage small things are gone; so
    it is the second one, to which the others are added from coarse to fine (Lin et al., Feature
    Pyramid Networks, 2017, section 3).
    """

    config_class = FusedResNetConfig

    def __init__(self, config: FusedResNetConfig) -> None:
        super().__init__(config)
        channels = list(config.hidden_sizes or ())[1:]
        self.lateral = nn.ModuleList(nn.Conv2d(c, config.hidden_size, 1) for c in channels)
        post_init: Any = self.post_init  # carries no types
        post_init()

    def forward(self, pixel_values: Tensor, **_: Any) -> Pyramid:
        """Features of pictures (B, 3, H, W)."""
        hidden = self.embedder(pixel_values)
        stages = []
        for stage in self.encoder.stages:
            hidden = stage(hidden)
            stages.append(hidden)
        fused = self.lateral[-1](stages[-1])
        for lateral, level in zip(self.lateral[-2::-1], stages[-2:0:-1], strict=True):
            fused = lateral(level) + functional.interpolate(fused, size=level.shape[-2:])
        return Pyramid(fused.flatten(2).transpose(1, 2))


AutoConfig.register(PyramidResNetConfig.model_type, PyramidResNetConfig)
AutoModel.register(PyramidResNetConfig, PyramidResNet)
AutoConfig.register(FusedResNetConfig.model_type, FusedResNetConfig)
AutoModel.register(FusedResNetConfig, FusedResNet)
