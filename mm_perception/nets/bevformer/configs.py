"""Architectures of BEVFormer as dataclasses: tiny, small and base as published.

Figures come from the configuration files of the reference code (github
fundamentalvision/BEVFormer, `projects/configs/bevformer`, commit 66b65f3).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from mm_perception.errors import ConfigError

#: Headings of the cameras in the order in which the public weights know them (front, front right,
#: front left, back, back left, back right), rad, counter-clockwise from straight ahead.
NUSCENES_HEADINGS_RAD = tuple(math.radians(d) for d in (0.0, -55.0, 55.0, 180.0, 110.0, -110.0))
NUSCENES_CLASSES = (
    'car',
    'truck',
    'construction_vehicle',
    'bus',
    'trailer',
    'barrier',
    'motorcycle',
    'bicycle',
    'pedestrian',
    'traffic_cone',
)


#: What the nets that are trained here tell apart, and the layers of their map.
OWN_CLASSES = ('car', 'truck', 'pedestrian', 'cyclist', 'cone')
OWN_LAYERS = ('drivable', 'lane', 'crossing', 'walkway', 'occupied')


@dataclass(frozen=True)
class BackboneConfig:
    """A ResNet (arXiv 1512.03385) of bottleneck blocks, with DCNv2 (1811.11168) where asked.

    Attributes:
        blocks: Bottlenecks of the four stages.
        width: Channels of the stem; a stage has `4 * width * 2**stage` at its end.
        deformable_stages: Which stages convolve 3x3 with DCNv2.
        out_stages: Which stages the neck gets, fine to coarse.
        is_caffe: Whether a stage halves the resolution in its first 1x1 convolution (caffe)
            instead of its 3x3 (torchvision).
    """

    blocks: tuple[int, int, int, int] = (3, 4, 6, 3)
    width: int = 64
    deformable_stages: tuple[bool, bool, bool, bool] = (False, False, False, False)
    out_stages: tuple[int, ...] = (3,)
    is_caffe: bool = False

    @property
    def out_channels(self) -> tuple[int, ...]:
        """Channels of each output, fine to coarse."""
        return tuple(4 * self.width * 2**stage for stage in self.out_stages)


@dataclass(frozen=True)
class PixelConfig:
    """How pictures become input. The channel order is the trap: tiny wants RGB, the others BGR.

    Attributes:
        width_px: Pictures are scaled to this width, whatever their own.
        mean: Per channel in the order of the network, of values 0..255.
        std: Likewise.
        is_rgb: Whether the network's first channel is red; blue otherwise.
        size_divisor: Zeros fill up to multiples of this at the right and at the bottom.
    """

    width_px: int = 800
    mean: tuple[float, float, float] = (123.675, 116.28, 103.53)
    std: tuple[float, float, float] = (58.395, 57.12, 57.375)
    is_rgb: bool = True
    size_divisor: int = 32


@dataclass(frozen=True)
class PillarConfig:
    """The LiDAR branch (PointPillars, arXiv 1812.05784).

    Attributes:
        scale: Pillars per BEV cell along x and along y.
        channels: Of a pillar.
    """

    scale: int = 2
    channels: int = 48


@dataclass(frozen=True)
class DepthConfig:
    """What is told of the depth of pictures, see `nets/bevformer/depth.py`.

    Attributes:
        bins: Depths that are told apart, evenly on a logarithmic scale.
        range_m: The first and the last.
    """

    bins: int = 40
    range_m: tuple[float, float] = (1.0, 50.0)


@dataclass(frozen=True)
class BevFormerConfig:
    """One BEVFormer (arXiv 2203.17270).

    `depth` and what follows are ours; the defaults are the published architectures.

    Attributes:
        bev_size: Rows (along y, forward) and columns (along x, right) of the BEV grid.
        range_m: x, y, z minimum and x, y, z maximum of the grid, m, frame BEV.
        num_levels: Feature maps per picture that the neck makes.
        num_pillar_points: Heights at which a BEV cell is projected into the pictures.
        spatial_points: Samples per head and level around these, a multiple of the heights.
        center_limits_m: Boxes with centres outside are dropped, as `range_m`.
        rotate_center_px: Column and row around which the previous BEV is turned. The public
            weights were trained with (100, 100) whatever their grid: right for base, a corner
            far outside for tiny. None is the middle of the grid.
        ground_z_m: Height of the ground in frame BEV; the public weights have their origin in a
            LiDAR on the roof.
        camera_headings_rad: Which way the camera of each learned camera embedding looks,
            counter-clockwise from straight ahead.
        backbone: Of the pictures; None for a net of a LiDAR alone.
        depth: Of the pictures; None for plain spatial cross-attention.
        pillars: Of the LiDAR branch; None for a net of cameras alone.
        map_layers: What the map head tells, twice as fine as the BEV grid; empty for no map.
        trunk_blocks: Residual blocks at each of three resolutions that the BEV goes through
            before it is read and remembered; 0 for none. A LiDAR branch needs them.
        has_proposals: Whether object queries start where a heat map peaks (TransFusion, arXiv
            2203.11496, section 3.2) instead of at learned places.
        knows_heading: Whether the CAN vector tells the heading in a fixed frame. Where the robot
            looks must not matter, but the public weights were trained so.
        has_motion: Whether velocities come from how far things have moved since the frame before,
            see `motion.py`, and not from the box branch, which does not know the time between.
        memory_age_s: The youngest previous frame that it was trained with; what a sensor gives
            faster is compared with an older one.
        tells_velocity: Whether velocities were learned; else what the box branch says of them
            means nothing.
    """

    name: str = 'tiny'
    backbone: BackboneConfig | None = field(default_factory=BackboneConfig)
    pixels: PixelConfig = field(default_factory=PixelConfig)
    classes: tuple[str, ...] = NUSCENES_CLASSES
    bev_size: tuple[int, int] = (50, 50)
    range_m: tuple[float, ...] = (-51.2, -51.2, -5.0, 51.2, 51.2, 3.0)
    center_limits_m: tuple[float, ...] = (-61.2, -61.2, -10.0, 61.2, 61.2, 10.0)
    ground_z_m: float = 0.0
    dims: int = 256
    heads: int = 8
    ffn_dims: int = 512
    num_levels: int = 1
    num_encoder_layers: int = 3
    num_decoder_layers: int = 6
    num_queries: int = 900
    num_pillar_points: int = 4
    spatial_points: int = 8
    temporal_points: int = 4
    decoder_points: int = 4
    num_level_embeds: int = 4
    camera_headings_rad: tuple[float, ...] = NUSCENES_HEADINGS_RAD
    rotate_center_px: tuple[float, float] | None = (100.0, 100.0)
    max_boxes: int = 300
    dropout: float = 0.1
    depth: DepthConfig | None = None
    pillars: PillarConfig | None = None
    map_layers: tuple[str, ...] = ()
    trunk_blocks: int = 0
    has_proposals: bool = False
    knows_heading: bool = True
    has_motion: bool = False
    memory_age_s: float = 0.0
    tells_velocity: bool = True

    def __post_init__(self) -> None:
        """Check what the layers take for granted.

        Raises:
            ConfigError: with the value.
        """
        if self.dims % self.heads or self.dims % 2:
            raise ConfigError('dims', self.dims, f'an even multiple of heads ({self.heads})')
        if self.spatial_points % self.num_pillar_points:
            raise ConfigError(
                'spatial_points', self.spatial_points, f'a multiple of {self.num_pillar_points}'
            )
        if self.backbone is None and self.pillars is None:
            raise ConfigError('backbone', None, 'one, or pillars')
        if self.backbone is not None and self.num_levels < len(self.backbone.out_stages):
            raise ConfigError('num_levels', self.num_levels, 'one per stage of the backbone')
        if self.num_levels > self.num_level_embeds:
            raise ConfigError('num_levels', self.num_levels, f'at most {self.num_level_embeds}')
        if len(self.range_m) != 6 or any(
            low >= high for low, high in zip(self.range_m[:3], self.range_m[3:], strict=True)
        ):
            raise ConfigError('range_m', self.range_m, 'three minima below three maxima')
        if self.backbone is None and self.depth is not None:
            raise ConfigError('depth', self.depth, 'None without a backbone')
        if self.pillars is not None and not self.trunk_blocks:
            raise ConfigError('trunk_blocks', 0, 'at least 1 with a LiDAR branch')

    @property
    def extent_m(self) -> tuple[float, float, float]:
        """Size of the grid along x, y and z, m."""
        low, high = self.range_m[:3], self.range_m[3:]
        return high[0] - low[0], high[1] - low[1], high[2] - low[2]

    @property
    def rotate_center(self) -> tuple[float, float]:
        """Column and row around which the previous BEV turns, px from the grid's corner."""
        rows, columns = self.bev_size
        return self.rotate_center_px or (columns / 2, rows / 2)

    @property
    def map_size(self) -> tuple[int, int]:
        """Rows and columns of the map head."""
        return 2 * self.bev_size[0], 2 * self.bev_size[1]

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> BevFormerConfig:
        """From what `dataclasses.asdict` gives, also after JSON made lists of its tuples.

        Raises:
            TypeError: An unknown or missing name.
        """
        found = dict(values)
        parts = {
            'backbone': BackboneConfig, 'pixels': PixelConfig, 'depth': DepthConfig,
            'pillars': PillarConfig,
        }  # fmt: skip
        for name, part in parts.items():
            if found.get(name) is not None:
                found[name] = part(**_with_tuples(found[name]))
        return cls(**_with_tuples(found))


def _with_tuples(values: dict[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}


#: Of the ground under the LiDAR of nuScenes' car.
_ROOF_Z_M = -1.84
_CAFFE_BGR = PixelConfig(1280, (103.530, 116.280, 123.675), (1.0, 1.0, 1.0), is_rgb=False)
_DEFORMABLE_101 = BackboneConfig((3, 4, 23, 3), 64, (False, False, True, True), (3,), True)

_NANO = BevFormerConfig(
    name='nano',
    backbone=BackboneConfig((2, 2, 3, 2), 24, out_stages=(1, 2, 3)),
    pixels=PixelConfig(width_px=320),
    classes=OWN_CLASSES,
    bev_size=(64, 64),
    range_m=(-32.0, -32.0, -1.0, 32.0, 32.0, 4.0),
    center_limits_m=(-32.0, -32.0, -1.0, 32.0, 32.0, 4.0),
    dims=96,
    heads=4,
    ffn_dims=192,
    num_levels=3,
    num_encoder_layers=2,
    num_decoder_layers=3,
    num_queries=128,
    spatial_points=4,
    camera_headings_rad=(0.0,),
    rotate_center_px=None,
    max_boxes=128,
    depth=DepthConfig(),
    pillars=PillarConfig(),
    map_layers=OWN_LAYERS,
    trunk_blocks=2,
    has_proposals=True,
    knows_heading=False,
    has_motion=True,
    memory_age_s=0.2,
)

CONFIGS = {
    'tiny': BevFormerConfig(ground_z_m=_ROOF_Z_M),
    'small': BevFormerConfig(
        name='small',
        backbone=_DEFORMABLE_101,
        pixels=_CAFFE_BGR,
        bev_size=(150, 150),
        ground_z_m=_ROOF_Z_M,
    ),
    'base': BevFormerConfig(
        name='base',
        backbone=BackboneConfig((3, 4, 23, 3), 64, (False, False, True, True), (1, 2, 3), True),
        pixels=PixelConfig(1600, _CAFFE_BGR.mean, _CAFFE_BGR.std, is_rgb=False),
        bev_size=(200, 200),
        ground_z_m=_ROOF_Z_M,
        num_levels=4,
        num_encoder_layers=6,
    ),
    'nano': _NANO,
}
