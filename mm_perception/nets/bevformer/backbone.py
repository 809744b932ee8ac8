"""ResNet (arXiv 1512.03385) with modulated deformable convolutions (DCNv2, arXiv 1811.11168)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torchvision.ops import deform_conv2d

from mm_perception.nets.bevformer.configs import BackboneConfig


class DeformableConv2d(nn.Module):
    """A 3x3 convolution that looks where `conv_offset` sends it (DCNv2, section 3.2).

    `conv_offset` gives 27 channels: (dy, dx) of the nine taps in px, then nine modulations
    before their sigmoid. It starts at zero, which makes this half of a plain convolution.
    """

    def __init__(self, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.stride = stride
        self.weight = nn.Parameter(torch.empty(channels, channels, 3, 3))
        self.conv_offset = nn.Conv2d(channels, 27, 3, stride, padding=1)
        nn.init.kaiming_normal_(self.weight, mode='fan_out', nonlinearity='relu')
        nn.init.zeros_(self.conv_offset.weight)
        nn.init.zeros_(self.conv_offset.bias)  # type: ignore[arg-type]  # it has one

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C, H / stride, W / stride)."""
        offsets, modulation = self.conv_offset(features).split((18, 9), dim=1)
        out: Tensor = deform_conv2d(
            features,
            offsets.nan_to_num(),  # torchvision reads beyond its memory where an offset is NaN
            self.weight,
            stride=self.stride,
            padding=1,
            mask=modulation.sigmoid(),
        )
        return out


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 and a shortcut (ResNet, figure 5 right)."""

    def __init__(
        self, inputs: int, width: int, stride: int, *, is_caffe: bool, is_deformable: bool
    ) -> None:
        super().__init__()
        first, second = (stride, 1) if is_caffe else (1, stride)
        self.conv1 = nn.Conv2d(inputs, width, 1, first, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2: nn.Module = (
            DeformableConv2d(width, second)
            if is_deformable
            else nn.Conv2d(width, width, 3, second, padding=1, bias=False)
        )
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or inputs != 4 * width:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, 4 * width, 1, stride, bias=False), nn.BatchNorm2d(4 * width)
            )

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) to (B, 4 * width, H / stride, W / stride)."""
        out = self.bn1(self.conv1(features)).relu()
        out = self.bn2(self.conv2(out)).relu()
        out = self.bn3(self.conv3(out))
        summed: Tensor = out + self.downsample(features)
        return summed.relu()


class ResNet(nn.Module):
    """Features of pictures at strides 4, 8, 16 and 32, of which the asked ones come out."""

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        self.out_stages = config.out_stages
        self.conv1 = nn.Conv2d(3, config.width, 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(config.width)
        self.maxpool = nn.MaxPool2d(3, 2, padding=1)
        self.stages = nn.ModuleList()
        inputs = config.width
        for stage, blocks in enumerate(config.blocks):
            width = config.width * 2**stage
            layers = []
            for block in range(blocks):
                layers.append(
                    Bottleneck(
                        inputs,
                        width,
                        stride=2 if stage and not block else 1,
                        is_caffe=config.is_caffe,
                        is_deformable=config.deformable_stages[stage],
                    )
                )
                inputs = 4 * width
            self.stages.append(nn.Sequential(*layers))

    def forward(self, images: Tensor) -> list[Tensor]:
        """(B, 3, H, W) normalised pictures to features (B, C, h, w), fine to coarse."""
        hidden = self.maxpool(self.bn1(self.conv1(images)).relu())
        outputs = []
        for index, stage in enumerate(self.stages):
            hidden = stage(hidden)
            if index in self.out_stages:
                outputs.append(hidden)
        return outputs
