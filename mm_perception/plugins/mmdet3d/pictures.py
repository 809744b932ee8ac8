"""Pictures as mmdetection3d loads them, with where the points of a scan fall in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from mm_perception.errors import ShapeError
from mm_perception.geometry.cameras import FISHEYES, distortion, intrinsics, picture_size
from mm_perception.plugins.mmdet3d.loading import Loading
from mm_perception.samples import CameraInfo, Image
from mm_perception.samples.sample import Array


@dataclass(frozen=True)
class View:
    """One camera around a scan.

    Attributes:
        rgb: (H, W, 3) uint8, without distortion.
        matrix: (3, 3) intrinsics, px.
        camera_from_points: (4, 4), from the frame of the points at the stamp of the scan to the
            optical axes at the stamp of the picture.
    """

    rgb: Array
    matrix: Array
    camera_from_points: Array


def make_view(image: Image, info: CameraInfo, camera_from_points: Array) -> View:
    """A picture without its distortion.

    Raises:
        ShapeError: The picture is not of the size of its calibration, or has no colour.
    """
    if (image.width, image.height) != picture_size(info):
        wide, high = picture_size(info)
        raise ShapeError(
            'picture', f'{wide}x{high}, as CameraInfo', f'{image.width}x{image.height}'
        )
    matrix, rgb = intrinsics(info), image.rgb()
    if info.distortion_model in FISHEYES:
        rgb = cv2.fisheye.undistortImage(rgb, matrix, distortion(info), Knew=matrix)
    elif info.d.any():
        rgb = cv2.undistort(rgb, matrix, info.d)
    return View(np.asarray(rgb), matrix, camera_from_points)


def picture_entries(views: Sequence[View], loading: Loading) -> dict[str, Any]:
    """What the picture loaders of mmdetection3d would have put into the pipeline.

    Lower or narrower pictures of a rig get zeros below and to the right, as there.

    Args:
        views: At least one; exactly one for a detector of a single picture.
        loading: Colour order, type, and how many.
    """
    height = max(view.rgb.shape[0] for view in views)
    width = max(view.rgb.shape[1] for view in views)
    kind = np.float32 if loading.is_float else np.uint8
    pictures = []
    for view in views:
        rgb = view.rgb if loading.is_rgb else view.rgb[..., ::-1]
        padded = np.zeros((height, width, 3), kind)
        padded[: rgb.shape[0], : rgb.shape[1]] = rgb
        pictures.append(padded)
    matrices = np.tile(np.eye(4), (len(views), 1, 1))
    matrices[:, :3, :3] = [view.matrix for view in views]
    camera_from_points = np.stack([view.camera_from_points for view in views])
    entries: dict[str, Any] = {
        'cam2img': matrices.astype(np.float32),
        'ori_cam2img': matrices.astype(np.float32),
        'lidar2cam': camera_from_points.astype(np.float32),
        'cam2lidar': np.linalg.inv(camera_from_points),
        'lidar2img': (matrices @ camera_from_points).astype(np.float32),
    }
    if loading.pictures == 'one':  # its loader gives no scale: the step that resizes does
        entries = {key: value[0] for key, value in entries.items()}
        entries['img'] = pictures[0]
    else:
        entries |= {'img': pictures, 'num_views': len(views), 'scale_factor': 1.0}
    shape = (height, width)
    return {**entries, 'img_shape': shape, 'ori_shape': shape, 'pad_shape': shape}
