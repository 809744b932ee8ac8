"""The whole network (BEVFormer, arXiv 2203.17270, figure 2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mm_perception.errors import ShapeError
from mm_perception.nets.bevformer.backbone import ResNet
from mm_perception.nets.bevformer.boxes import BevBoxes, decode_boxes
from mm_perception.nets.bevformer.configs import BevFormerConfig
from mm_perception.nets.bevformer.decoder import BoxDecoder
from mm_perception.nets.bevformer.ego_motion import EgoMotion
from mm_perception.nets.bevformer.encoder import BevEncoder
from mm_perception.nets.bevformer.neck import FeaturePyramid


@dataclass(frozen=True)
class BevOutput:
    """What the network says of one moment, for a batch of samples.

    Attributes:
        bev: (B, rows * columns, C), the memory for the next frame.
        logits: (layers, B, Q, classes) of all decoder layers; the last one counts.
        codes: (layers, B, Q, 10), see `BoxDecoder`.
    """

    bev: Tensor
    logits: Tensor
    codes: Tensor


class BevFormer(nn.Module):
    """Boxes from any number of cameras and from memory.

    Departures from the reference: a batch of several samples keeps their memories and their
    camera geometries apart; cameras can be masked; the previous BEV is not written to.
    """

    def __init__(self, config: BevFormerConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = ResNet(config.backbone)
        self.neck = FeaturePyramid(config.backbone.out_channels, config.dims, config.num_levels)
        self.encoder = BevEncoder(config)
        self.decoder = BoxDecoder(config)

    def forward(
        self,
        images: Tensor,
        image_from_bev: Tensor,
        motions: Sequence[EgoMotion],
        previous: Tensor | None = None,
        camera_mask: Tensor | None = None,
        camera_ids: Tensor | None = None,
    ) -> BevOutput:
        """One moment.

        Args:
            images: (B, N, 3, H, W) as `to_pixels` makes them.
            image_from_bev: (B, N, 4, 4) projections from frame BEV (m) to their px.
            motions: Since `previous`, one per sample.
            previous: (B, rows * columns, C), `bev` of the frame before; None without history.
            camera_mask: (B, N) bool, False where a picture is missing, whatever it holds.
            camera_ids: (N,) int64, the learned embedding of each camera; None counts up.

        Raises:
            ShapeError: sizes that do not belong together.
        """
        self._check(images, image_from_bev, motions, previous, camera_mask, camera_ids)
        if camera_mask is not None:
            # Else what is not a number there could reach the gradients of all others.
            images = torch.where(camera_mask[..., None, None, None], images, 0)
        bev = self.encoder(
            self.extract(images),
            image_from_bev,
            (images.shape[-2], images.shape[-1]),
            motions,
            previous,
            camera_mask,
            camera_ids,
        )
        logits, codes = self.decoder(bev)
        return BevOutput(bev, logits, codes)

    def extract(self, images: Tensor) -> list[Tensor]:
        """Features (B, N, C, h, w) of pictures (B, N, 3, H, W), fine to coarse."""
        levels = self.neck(self.backbone(images.flatten(0, 1)))
        return [level.reshape(*images.shape[:2], *level.shape[1:]) for level in levels]

    def boxes(self, output: BevOutput) -> list[BevBoxes]:
        """Of the last decoder layer, one per sample, frame BEV."""
        pairs = zip(output.logits[-1], output.codes[-1], strict=True)
        return [decode_boxes(logits, codes, self.config) for logits, codes in pairs]

    def _check(
        self,
        images: Tensor,
        image_from_bev: Tensor,
        motions: Sequence[EgoMotion],
        previous: Tensor | None,
        camera_mask: Tensor | None,
        camera_ids: Tensor | None,
    ) -> None:
        if images.ndim != 5 or images.shape[2] != 3:
            raise ShapeError('images', '(B, N, 3, H, W)', str(tuple(images.shape)))
        batch, cameras = images.shape[:2]
        rows, columns = self.config.bev_size
        embeds = len(self.config.camera_headings_rad)
        expected = {
            'image_from_bev': (image_from_bev, (batch, cameras, 4, 4)),
            'previous': (previous, (batch, rows * columns, self.config.dims)),
            'camera_mask': (camera_mask, (batch, cameras)),
            'camera_ids': (camera_ids, (cameras,)),
        }
        for name, (tensor, shape) in expected.items():
            if tensor is not None and tuple(tensor.shape) != shape:
                raise ShapeError(name, str(shape), str(tuple(tensor.shape)))
        if len(motions) != batch:
            raise ShapeError('motions', f'{batch}, one per sample', str(len(motions)))
        if camera_ids is None and cameras > embeds:
            raise ShapeError(
                'images', f'at most {embeds} cameras without camera_ids', str(cameras)
            )
