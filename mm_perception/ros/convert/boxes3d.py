"""vision_msgs/Detection3DArray, and the velocities for which it has no field.

vision_msgs knows no velocity, and no common message is a list of twists. So velocities travel
beside the boxes, on `<topic>/velocities`, as radars publish theirs: a sensor_msgs/PointCloud2 with
the header and the order of the boxes, one point each, and the fields x, y, z (centre, m), vx, vy,
vz (m/s over ground, along the axes of the frame), and cov_xx, cov_xy, cov_xz, cov_yy, cov_yz,
cov_zz (m^2/s^2; all 0 where unknown), float32. Boxes whose velocity nobody knows have no such
message. For people there are arrows among the markers.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from mm_perception.errors import MalformedMessageError, ShapeError
from mm_perception.ros.convert.header import fields_of, header_of, stamp_and_frame
from mm_perception.ros.convert.point_cloud import CLOUD, cloud_from, cloud_to
from mm_perception.ros.wire import message_class
from mm_perception.samples import Boxes3D, PointCloud
from mm_perception.samples.sample import Array

BOXES = 'vision_msgs/msg/Detection3DArray'
#: Publishers whose quaternions are off by more did not mean a rotation.
_NORM_TOLERANCE = 0.01
_UPPER = np.triu_indices(3)
VELOCITY_FIELDS = (
    'x', 'y', 'z', 'vx', 'vy', 'vz', 'cov_xx', 'cov_xy', 'cov_xz', 'cov_yy', 'cov_yz', 'cov_zz',
)  # fmt: skip


def boxes3d_from(message: Any, received_ns: int) -> Boxes3D:
    """Detection3DArray to Boxes3D, without velocities.

    Of each box the best hypothesis counts; pose and size are those of `bbox`, the covariance that
    of the hypothesis. Covariances of zeros alone mean that nobody knows.

    Raises:
        MalformedMessageError: A box without a hypothesis or in another frame than the array, of
            negative size, with a quaternion that is no rotation, a matrix that is no covariance, a
            number that is not finite, or ids of which some are missing or equal.
    """
    poses, sizes, scores, labels, ids, covariances = [], [], [], [], [], []
    for detection in message.detections:
        best = _best(detection, message.header.frame_id)
        centre, turn = detection.bbox.center.position, detection.bbox.center.orientation
        poses.append((centre.x, centre.y, centre.z, turn.x, turn.y, turn.z, turn.w))
        sizes.append((detection.bbox.size.x, detection.bbox.size.y, detection.bbox.size.z))
        scores.append(best.hypothesis.score)
        labels.append(best.hypothesis.class_id)
        ids.append(detection.id)
        covariances.append(best.pose.covariance)
    rows = np.array(poses, np.float64).reshape(-1, 7)
    errors = np.array(covariances, np.float64).reshape(-1, 6, 6)
    with np.errstate(over='ignore'):  # what overflows is found below
        confidence = np.array(scores, np.float32)
    try:
        return Boxes3D(
            **fields_of(message, received_ns),
            centres=rows[:, :3],
            sizes=np.array(sizes, np.float64).reshape(-1, 3),
            quats_xyzw=unit_quats(BOXES, rows[:, 3:]),
            scores=confidence,
            labels=tuple(labels),
            track_ids=tuple(ids) if any(ids) else (),
            covariances=errors if errors.any() else None,
        )
    except ShapeError as error:
        raise MalformedMessageError(BOXES, str(error), 'check the detector') from error


def _best(detection: Any, frame_id: str) -> Any:
    """The surest hypothesis of a detection."""
    if not detection.results:
        raise MalformedMessageError(BOXES, 'a detection has no result', 'give it a class')
    own = detection.header.frame_id
    if own not in ('', frame_id):
        raise MalformedMessageError(
            BOXES, f'a box is in frame {own!r}, the array in {frame_id!r}', 'use one frame'
        )
    return max(detection.results, key=lambda result: float(result.hypothesis.score))


def unit_quats(type_name: str, quats: Array) -> Array:
    """Quaternions (N, 4) of a message, made exactly as long as they should be.

    Raises:
        MalformedMessageError: One is not nearly of length 1.
    """
    with np.errstate(over='ignore', invalid='ignore'):
        norms = np.linalg.norm(quats, axis=1, keepdims=True)
    if not (np.abs(norms - 1) < _NORM_TOLERANCE).all():  # also catches NaN
        raise MalformedMessageError(
            type_name, f'quaternions have the lengths {norms.ravel()}', 'set w to 1 for no turn'
        )
    unit: Array = quats / norms
    return unit


def boxes3d_to(sample: Boxes3D) -> Any:
    """Boxes3D to Detection3DArray; label text in class_id, track id in id."""
    message = message_class(BOXES)(header=header_of(sample))
    detection_class = message_class('vision_msgs/msg/Detection3D')
    result_class = message_class('vision_msgs/msg/ObjectHypothesisWithPose')
    ids = sample.track_ids or ('',) * len(sample)
    rows = np.hstack([sample.centres, sample.quats_xyzw, sample.sizes]).tolist()
    for index, (row, label, track_id) in enumerate(zip(rows, sample.labels, ids, strict=True)):
        detection = detection_class(header=message.header, id=track_id)
        centre, turn = detection.bbox.center.position, detection.bbox.center.orientation
        centre.x, centre.y, centre.z = row[:3]
        turn.x, turn.y, turn.z, turn.w = row[3:7]
        size = detection.bbox.size
        size.x, size.y, size.z = row[7:]
        result = result_class()
        result.hypothesis.class_id = label
        result.hypothesis.score = float(sample.scores[index])
        result.pose.pose = detection.bbox.center
        if sample.covariances is not None:
            result.pose.covariance = sample.covariances[index].reshape(-1)
        detection.results = [result]
        message.detections.append(detection)
    return message


def velocities_to(sample: Boxes3D) -> Any | None:
    """The velocities as a PointCloud2, or None where there are none."""
    if sample.velocities is None:
        return None
    points = np.zeros(len(sample), [(name, np.float32) for name in VELOCITY_FIELDS])
    for names, values in (('xyz', sample.centres), (('vx', 'vy', 'vz'), sample.velocities)):
        for axis, name in enumerate(names):
            points[name] = values[:, axis]
    if sample.velocity_covariances is not None:
        for name, row, column in zip(VELOCITY_FIELDS[6:], *_UPPER, strict=True):
            points[name] = sample.velocity_covariances[:, row, column]
    cloud = PointCloud(stamp_ns=sample.stamp_ns, frame_id=sample.frame_id, points=points)
    return cloud_to(cloud)


def velocities_from(message: Any) -> tuple[Array, Array | None]:
    """Velocities (N, 3) and their covariances (N, 3, 3), or None, in a PointCloud2.

    Raises:
        MalformedMessageError: It is no cloud, or not one of velocities.
    """
    cloud = cloud_from(message, 0)
    dtype = cloud.points.dtype
    missing = [n for n in VELOCITY_FIELDS if n not in cloud.fields or dtype[n].shape]
    if missing or cloud.points.ndim != 1:
        raise MalformedMessageError(
            CLOUD, f'velocities lack {", ".join(missing) or "a list"}', 'connect the right topic'
        )
    columns = np.stack([cloud.points[n] for n in VELOCITY_FIELDS[3:]], axis=1).astype(np.float64)
    covariances = np.zeros((len(cloud), 3, 3))
    covariances[:, _UPPER[0], _UPPER[1]] = columns[:, 3:]
    covariances[:, _UPPER[1], _UPPER[0]] = columns[:, 3:]
    return columns[:, :3], covariances if covariances.any() else None


def with_velocities(boxes: Boxes3D, message: Any) -> Boxes3D:
    """Boxes with the velocities of the message beside them.

    Raises:
        MalformedMessageError: They are not of the same boxes.
    """
    velocities, covariances = velocities_from(message)
    if stamp_and_frame(message) != (boxes.stamp_ns, boxes.frame_id):
        raise MalformedMessageError(
            CLOUD, 'velocities have another header than their boxes', 'connect one node'
        )
    try:
        return replace(boxes, velocities=velocities, velocity_covariances=covariances)
    except ShapeError as error:
        raise MalformedMessageError(CLOUD, str(error), 'connect topics of one node') from error
