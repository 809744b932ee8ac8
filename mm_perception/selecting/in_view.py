"""One picture with what is known of its depth: where its things are, and what a ray means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import cast

import numpy as np

from mm_perception.errors import ShapeError
from mm_perception.geometry.cameras import intrinsics, picture_size, project
from mm_perception.geometry.rays import (
    Ray,
    depth_in_metres,
    error_in_pixels,
    hit_on_depth,
    hit_on_points,
    path_of,
    ray_of,
)
from mm_perception.geometry.scans import points_at, points_of_depth
from mm_perception.plugin import Inputs
from mm_perception.samples import CameraInfo, Image, Masks, PointCloud, Pose
from mm_perception.samples.sample import Array
from mm_perception.selecting.pointing import Sight, pointed_shares, pointed_shares_in_space
from mm_perception.selecting.surfaces import Surface, points_by_id, surface_of

#: Of a ray that ends outside of the picture, a thing has at least so much if it passes it closely.
_PASSES = 0.1
#: Between the points of a depth picture that are used.
_SPACING_PX = 2.0


@dataclass(frozen=True, eq=False)
class InView:
    """Masks, and points on them.

    Attributes:
        masks: Of the picture.
        info: Its calibration.
        fixed_from_camera: (4, 4) at its moment.
        points: (N, 3) metres in optical axes; None where neither depth nor scan is there.
        depth: (H, W) metres; None where there is no depth picture.
        fixed_from_depth: (4, 4) of its camera at its own moment, which may be a little before.
    """

    masks: Masks
    info: CameraInfo
    fixed_from_camera: Array
    points: Array | None = None
    depth: Array | None = field(default=None, repr=False)
    fixed_from_depth: Array | None = None

    @cached_property
    def points_on(self) -> dict[int, Array]:
        """The points that fall on each thing, by its id in the masks."""
        if self.points is None:
            return {}
        return points_by_id(self.points, self.info, self.masks.id_map)

    def surfaces(self, smallest_px: int) -> dict[int, Surface]:
        """The seen sides of the things, by their ids in the masks, in the fixed frame."""
        found = {}
        for number, points in self.points_on.items():
            mask = self.masks.mask(number)
            surface = None
            if np.count_nonzero(mask) >= smallest_px:
                surface = surface_of(mask, points, self.info)
            if surface is not None and number in self.masks.ids:
                found[number] = surface.moved(self.fixed_from_camera)
        return found

    def pointed(self, ray: Ray, spread_rad: float) -> tuple[dict[int, float] | None, Array | None]:
        """How probable it is of each thing that a ray means it, and where the ray hits.

        Args:
            ray: In the fixed frame.
            spread_rad: Error of its direction (1 sigma).

        Returns:
            Ids to shares, None where the ray does not come into the picture; and (3,) metres in
            the fixed frame, None where nothing tells.
        """
        own = ray.moved(np.linalg.inv(self.fixed_from_camera))
        distance = self._distance(ray, spread_rad)
        hit = None if distance is None else ray.at(np.array([distance]))[0]
        if self.depth is not None:
            shares = self._shares_in_space(own, spread_rad)
            is_off = hit is None and max(shares.values(), default=0.0) < _PASSES
            return None if is_off else shares, hit
        if distance is not None:
            distances = np.array([distance])
            pixels = project(self.info, own.at(distances))
        else:
            pixels, distances = path_of(own, self.info)
        height, width = self.masks.id_map.shape
        sights = [
            Sight(pixel, error_in_pixels(own, float(far), self.info, spread_rad))
            for pixel, far in zip(pixels, distances, strict=True)
            if np.isfinite(pixel).all()
            and (pixel >= -0.5).all()
            and (pixel < (width, height)).all()
        ]
        return (pointed_shares(self.masks, sights) if sights else None), hit

    def _shares_in_space(self, own: Ray, spread_rad: float) -> dict[int, float]:
        focal = float(intrinsics(self.info)[0, 0])
        view_sr = self.masks.id_map.size / focal**2
        known = {i: points for i, points in self.points_on.items() if i in self.masks.ids}
        spread = max(spread_rad, _SPACING_PX / focal)
        return pointed_shares_in_space(known, own, spread, view_sr)

    def _distance(self, ray: Ray, spread_rad: float) -> float | None:
        if self.depth is not None and self.fixed_from_depth is not None:
            seen = ray.moved(np.linalg.inv(self.fixed_from_depth))
            return hit_on_depth(seen, self.depth, self.info)
        if self.points is not None:
            own = ray.moved(np.linalg.inv(self.fixed_from_camera))
            return hit_on_points(own, self.points, max(spread_rad, 0.01))
        return None


def view_of(inputs: Inputs, fixed_frame: str, lookup: Callable[[str, str, int], Array]) -> InView:
    """What the ports masks, camera_info, depth and cloud give.

    Args:
        inputs: Of a plugin with these ports.
        fixed_frame: That stands still between a scan and a picture.
        lookup: Transforms.

    Raises:
        ShapeError: The masks are not of the size of the calibration, or depth not of theirs.
        TransformUnavailableError: TF does not know the camera, or the scan.
    """
    masks, info = cast(Masks, inputs.one('masks')), cast(CameraInfo, inputs.one('camera_info'))
    height, width = masks.id_map.shape
    if (width, height) != picture_size(info):
        wide, high = picture_size(info)
        raise ShapeError('Masks.id_map', f'{wide}x{high}, as CameraInfo', f'{width}x{height}')
    pose = lookup(fixed_frame, masks.frame_id, masks.stamp_ns)
    depth, cloud = inputs.maybe('depth'), inputs.maybe('cloud')
    if isinstance(depth, Image):
        points = points_of_depth(depth, info, np.ones((height, width), bool))
        then = lookup(fixed_frame, depth.frame_id, depth.stamp_ns)
        change = np.linalg.inv(pose) @ then  # it may be of the moment before
        points = points @ change[:3, :3].T + change[:3, 3]
        return InView(masks, info, pose, points[points[:, 2] > 0], depth_in_metres(depth), then)
    if isinstance(cloud, PointCloud):
        points = points_at(cloud, masks.frame_id, masks.stamp_ns, fixed_frame, lookup)
        return InView(masks, info, pose, points[points[:, 2] > 0])
    return InView(masks, info, pose)


def ray_in(
    pose: Pose, axis: str, fixed_frame: str, lookup: Callable[[str, str, int], Array]
) -> Ray:
    """The ray of a pose in the fixed frame, at the moment of the pose.

    Raises:
        TransformUnavailableError: TF does not know its frame then.
    """
    return ray_of(pose, axis).moved(lookup(fixed_frame, pose.frame_id, pose.stamp_ns))
