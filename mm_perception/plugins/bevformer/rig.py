"""Pictures, calibrations, mounts and a scan of one moment, in the terms of the network.

Frame BEV: x right, y forward, z up; below the origin of base_link, the ground is where the
network has learned it to be.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from mm_perception.errors import MissingInputError, MmPerceptionError, ShapeError
from mm_perception.geometry.cameras import intrinsics, picture_size
from mm_perception.geometry.scans import points_at
from mm_perception.plugins.bevformer.ego import Ego
from mm_perception.samples import CameraInfo, Image, PointCloud
from mm_perception.samples.sample import Array

if TYPE_CHECKING:
    from mm_perception.nets.bevformer import Lens

_FISHEYES = ('equidistant', 'fisheye')
_MOST_COEFFICIENTS = 8


def base_from_bev(ground_z_m: float) -> Array:
    """(4, 4) from frame BEV to base_link (REP 103, origin on the ground).

    Args:
        ground_z_m: Height of the ground in frame BEV, m.

    Convention:
        With the ground at -1.84, (3, 10, -1.84) is 10 m ahead and 3 m to the right on the ground:
        (10, -3, 0) in base_link.
    """
    matrix = np.eye(4)
    matrix[:2, :2] = (0, 1), (-1, 0)
    matrix[2, 3] = -ground_z_m
    return matrix


@dataclass
class Pictures:
    """What can be used of the cameras, in parallel lists.

    Attributes:
        images: (H, W, 3) uint8 RGB.
        lenses: What distorts them.
        image_from_bev: (4, 4) projections to px once undistorted, at the moment of each picture.
    """

    images: list[Array] = field(default_factory=list)
    lenses: list[Lens] = field(default_factory=list)
    image_from_bev: list[Array] = field(default_factory=list)


def pictures_of(
    images: Mapping[str, Image],
    infos: Mapping[str, CameraInfo],
    ego: Ego,
    frame: str,
    bev: Array,
    report: Callable[[MmPerceptionError], None],
) -> Pictures:
    """Bring the cameras to one moment; one that cannot be used is reported and left out.

    Args:
        images: By name of the camera.
        infos: Likewise.
        ego: Of the robot at the moment.
        frame: Of the robot.
        bev: (4, 4), see `base_from_bev`.
        report: Takes what is wrong.
    """
    found = Pictures()
    for name, image in images.items():
        try:
            rgb, lens, matrix = _picture(name, image, infos.get(name), ego, frame)
        except MmPerceptionError as error:
            report(error)
            continue
        found.images.append(rgb)
        found.lenses.append(lens)
        found.image_from_bev.append(matrix @ bev)
    return found


def _picture(
    name: str, image: Image, info: CameraInfo | None, ego: Ego, frame: str
) -> tuple[Array, Lens, Array]:
    """Picture, lens, and (4, 4) from the robot at the moment to px."""
    if info is None:
        label = f'camera_info/{name}' if name else 'camera_info'
        reason = 'the camera is left out, for nothing tells its calibration'
        raise MissingInputError(label, reason, 'publish CameraInfo beside its pictures')
    rgb, (wide, high) = image.rgb(), picture_size(info)
    if (image.width, image.height) != (wide, high):
        raise ShapeError(
            f'images/{name}', f'{wide}x{high}, as its CameraInfo', f'{image.width}x{image.height}'
        )
    base_from_camera = ego.lookup(frame, image.frame_id, image.stamp_ns)
    padded = np.eye(4)
    padded[:3, :3] = intrinsics(info)
    camera_from_base = np.linalg.inv(base_from_camera) @ ego.then_from_now(image.stamp_ns)
    return rgb, lens_of(info), padded @ camera_from_base


def lens_of(info: CameraInfo) -> Lens:
    """The lens of a calibration, in px of the published picture.

    Raises:
        ConfigError: A model that ROS does not define, or a wrong number of coefficients.
    """
    from mm_perception.nets.bevformer import Lens

    matrix = intrinsics(info)
    most = 4 if info.distortion_model in _FISHEYES else _MOST_COEFFICIENTS
    # Drivers fill up with zeros: OpenCV has up to 14 coefficients, ROS defines 8.
    kept = info.d if info.d[most:].any() else info.d[:most]
    is_straight = info.distortion_model not in _FISHEYES and not info.d.any()
    return Lens(
        float(matrix[0, 0]), float(matrix[1, 1]), float(matrix[0, 2]), float(matrix[1, 2]),
        info.distortion_model, () if is_straight else tuple(kept.tolist()),
    )  # fmt: skip


def scan_of(cloud: PointCloud, ego: Ego, frame: str, stamp_ns: int, bev: Array) -> Array:
    """(P, 4) float32 x, y, z in m, frame BEV at the moment, and intensity in 0..1.

    Args:
        cloud: Intensities are of 0..255; without a field of that name they are 0.
        ego: Of the robot at the moment.
        frame: Of the robot.
        stamp_ns: The moment.
        bev: (4, 4), see `base_from_bev`.

    Raises:
        TransformUnavailableError: Nobody knows where the scanner is.
        ShapeError: The cloud has no x, y, z.
    """
    points = points_at(cloud, frame, stamp_ns, ego.fixed_frame, ego.lookup)
    turned = (points - bev[:3, 3]) @ bev[:3, :3]  # the inverse, for it is a turn and a shift
    rows = np.zeros((len(points), 4), np.float32)
    rows[:, :3] = turned
    if 'intensity' in cloud.fields:
        values = np.asarray(cloud.points['intensity'], np.float32).reshape(-1)
        rows[:, 3] = np.clip(np.nan_to_num(values) / 255, 0, 1)
    return np.asarray(rows[np.isfinite(rows).all(axis=1)])
