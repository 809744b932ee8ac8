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
from mm_perception.nets.bevformer.depth import DepthHead
from mm_perception.nets.bevformer.ego_motion import EgoMotion
from mm_perception.nets.bevformer.encoder import BevEncoder
from mm_perception.nets.bevformer.motion import MotionHead
from mm_perception.nets.bevformer.neck import FeaturePyramid
from mm_perception.nets.bevformer.pillars import Clouds, PillarEncoder
from mm_perception.nets.bevformer.trunk import BevTrunk, HeatHead, MapHead


@dataclass(frozen=True)
class BevOutput:
    """What the network says of one moment, for a batch of samples.

    Attributes:
        bev: (B, rows * columns, C), the memory for the next frame.
        logits: (layers, B, Q, classes) of all decoder layers; the last one counts.
        codes: (layers, B, Q, 10), see `BoxDecoder`.
        map_logits: (B, layers of the map, *map_size), row 0 rearmost, column 0 leftmost; None for
            a net without a map.
        heat: (B, classes, rows, columns) logits of centres; None for a net without proposals.
        depth: (B, N, bins, h, w) logits of pictures; None for a net that does not tell it.
    """

    bev: Tensor
    logits: Tensor
    codes: Tensor
    map_logits: Tensor | None = None
    heat: Tensor | None = None
    depth: Tensor | None = None


class BevFormer(nn.Module):
    """Boxes, and where configured a map, from any number of cameras, a LiDAR and memory.

    Departures from the reference: a batch of several samples keeps their memories and their
    camera geometries apart; cameras can be masked; the previous BEV is not written to.
    """

    def __init__(self, config: BevFormerConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = self.neck = None
        if config.backbone is not None:
            self.backbone = ResNet(config.backbone)
            channels = config.backbone.out_channels
            self.neck = FeaturePyramid(channels, config.dims, config.num_levels)
        self.depth_head = DepthHead(config, config.depth) if config.depth else None
        self.encoder = BevEncoder(config)
        self.pillars = PillarEncoder(config, config.pillars) if config.pillars else None
        self.trunk = BevTrunk(config) if config.trunk_blocks else None
        self.heat_head = HeatHead(config) if config.has_proposals else None
        self.map_head = MapHead(config) if config.map_layers else None
        self.motion_head = MotionHead(config) if config.has_motion else None
        self.decoder = BoxDecoder(config)

    def forward(
        self,
        images: Tensor,
        image_from_bev: Tensor,
        motions: Sequence[EgoMotion],
        previous: Tensor | None = None,
        camera_mask: Tensor | None = None,
        camera_ids: Tensor | None = None,
        clouds: Clouds | None = None,
    ) -> BevOutput:
        """One moment.

        Args:
            images: (B, N, 3, H, W) as `to_pixels` makes them.
            image_from_bev: (B, N, 4, 4) projections from frame BEV (m) to their px.
            motions: Since `previous`, one per sample.
            previous: (B, rows * columns, C), `bev` of the frame before; None without history.
            camera_mask: (B, N) bool, False where a picture is missing, whatever it holds.
            camera_ids: (N,) int64, the learned embedding of each camera; None counts up, or takes
                the only one.
            clouds: Scans, for a net with a LiDAR branch; None where there is none.

        Raises:
            ShapeError: sizes that do not belong together.
        """
        self._check(images, image_from_bev, motions, previous, camera_mask, camera_ids)
        levels, size = self.extract(images, camera_mask), (images.shape[-2], images.shape[-1])
        return self.look(
            levels, size, image_from_bev, motions, previous, camera_mask, camera_ids, clouds
        )

    def look(
        self,
        levels: Sequence[Tensor],
        image_size: tuple[int, int],
        image_from_bev: Tensor,
        motions: Sequence[EgoMotion],
        previous: Tensor | None = None,
        camera_mask: Tensor | None = None,
        camera_ids: Tensor | None = None,
        clouds: Clouds | None = None,
    ) -> BevOutput:
        """One moment, from what `extract` gave of pictures of `image_size`; see `forward`."""
        depth = None
        if self.depth_head is not None and levels:
            depth = self.depth_head(levels[0])
        bev = self.encoder(
            levels, image_from_bev, image_size, motions, previous, camera_mask, camera_ids, depth
        )
        if self.trunk is not None:
            bev = self.trunk(bev, self._of_lidar(bev, clouds))
        heat = None if self.heat_head is None else self.heat_head(bev)
        logits, codes = self.decoder(bev, heat)
        if self.motion_head is not None:
            codes = self._with_velocities(codes, bev, previous, motions)
        map_logits = None if self.map_head is None else self.map_head(bev)
        return BevOutput(bev, logits, codes, map_logits, heat, depth)

    def extract(self, images: Tensor, camera_mask: Tensor | None = None) -> list[Tensor]:
        """Features (B, N, C, h, w) of pictures (B, N, 3, H, W), fine to coarse.

        Those of missing pictures are zero: what they hold never goes through the network. None
        where there are no cameras, or from a net of a LiDAR alone.
        """
        if self.backbone is None or self.neck is None or not images.shape[1]:
            return []
        flat = images.flatten(0, 1)
        if camera_mask is None:
            levels = self.neck(self.backbone(flat))
        else:
            index = camera_mask.flatten().nonzero()[:, 0]
            if not len(index):  # sizes come from a picture; that of a missing one must be finite
                index, flat = index.new_zeros(1), torch.zeros_like(flat)
            levels = [
                level.new_zeros(len(flat), *level.shape[1:]).index_copy(0, index, level)
                for level in self.neck(self.backbone(flat[index]))
            ]
        return [level.reshape(*images.shape[:2], *level.shape[1:]) for level in levels]

    def _of_lidar(self, bev: Tensor, clouds: Clouds | None) -> Tensor | None:
        if self.pillars is None:
            return None
        if clouds is None:
            return bev.new_zeros(len(bev), self.config.dims, *self.config.bev_size)
        out: Tensor = self.pillars(clouds)
        return out

    def _with_velocities(
        self, codes: Tensor, bev: Tensor, previous: Tensor | None, motions: Sequence[EgoMotion]
    ) -> Tensor:
        """Box codes whose last two numbers are what the motion head says at their centres, m/s.

        Without a frame before, all is said to stand.
        """
        speeds = torch.zeros_like(codes[..., -2:])
        if previous is not None and self.motion_head is not None:
            layers, batch, queries = codes.shape[:3]
            centres = codes[..., :2].detach().float().transpose(0, 1).flatten(1, 2)
            steps = self.motion_head(bev, previous, motions, centres)
            steps = steps.reshape(batch, layers, queries, 2).transpose(0, 1)
            rates = [1 / motion.dt_s if motion.dt_s > 0 else 0.0 for motion in motions]
            speeds = steps * torch.tensor(rates, device=codes.device)[:, None, None]
        return torch.cat((codes[..., :-2], speeds.to(codes.dtype)), dim=-1)

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
        if camera_ids is None and cameras > embeds > 1:
            raise ShapeError(
                'images', f'at most {embeds} cameras without camera_ids', str(cameras)
            )
