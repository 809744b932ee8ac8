"""The real nuScenes key frame of the shared data: pictures, projections, and what is in it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from test.parity.reference import DATA

FRAME = DATA / 'real' / 'nuscenes_frame'
#: In the order of the public BEVFormer weights.
CAMERAS = ('front', 'front_right', 'front_left', 'back', 'back_left', 'back_right')


@dataclass(frozen=True)
class NuscenesFrame:
    """One moment.

    Attributes:
        images: Six of (900, 1600, 3) uint8 RGB.
        image_from_lidar: (6, 4, 4) projections from the LiDAR's frame to px, with the motion of
            the car between the LiDAR's stamp and each camera's taken out.
    """

    images: list[np.ndarray]
    image_from_lidar: np.ndarray


def matrix(transform: Any) -> np.ndarray:
    """(4, 4) of a geometry_msgs/Transform."""
    rotation, translation = transform.rotation, transform.translation
    result = np.eye(4)
    quat_xyzw = [rotation.x, rotation.y, rotation.z, rotation.w]
    result[:3, :3] = Rotation.from_quat(quat_xyzw).as_matrix()
    result[:3, 3] = translation.x, translation.y, translation.z
    return result


def read_frame() -> NuscenesFrame:
    """From the bag, with no code of this project."""
    from rosbags.highlevel import AnyReader

    base_from, map_from_base, stamps, images, intrinsics = {}, {}, {}, {}, {}
    with AnyReader([FRAME]) as reader:
        for connection, _, raw in reader.messages():
            message: Any = reader.deserialize(raw, connection.msgtype)
            name = connection.topic.split('/')[2] if connection.topic.count('/') > 1 else ''
            if connection.topic == '/tf_static':
                for item in message.transforms:
                    base_from[item.child_frame_id] = matrix(item.transform)
            elif connection.topic == '/tf':
                for item in message.transforms:
                    map_from_base[stamp_ns(item.header)] = matrix(item.transform)
            elif connection.topic.endswith('compressed'):
                bgr = cv2.imdecode(np.frombuffer(message.data, np.uint8), cv2.IMREAD_COLOR)
                images[name] = np.ascontiguousarray(bgr[..., ::-1])
                stamps[name] = stamp_ns(message.header)
            elif connection.topic.endswith('camera_info'):
                intrinsics[name] = np.asarray(message.k).reshape(3, 3)
            elif connection.topic == '/lidar/points':
                stamps['lidar'] = stamp_ns(message.header)
    map_from_lidar = map_from_base[stamps['lidar']] @ base_from['lidar_top']
    projections = []
    for name in CAMERAS:
        map_from_camera = map_from_base[stamps[name]] @ base_from[f'cam_{name}_optical']
        padded = np.eye(4)
        padded[:3, :3] = intrinsics[name]
        projections.append(padded @ np.linalg.inv(map_from_camera) @ map_from_lidar)
    return NuscenesFrame([images[name] for name in CAMERAS], np.stack(projections))


def stamp_ns(header: Any) -> int:
    return int(header.stamp.sec) * 10**9 + int(header.stamp.nanosec)


def truth() -> list[dict[str, Any]]:
    """Annotated boxes in the LiDAR's frame, see the README of the shared data."""
    boxes: list[dict[str, Any]] = json.loads((FRAME / 'ground_truth.json').read_text())['boxes']
    return boxes
