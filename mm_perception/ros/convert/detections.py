"""vision_msgs/Detection2DArray."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mm_perception.errors import MalformedMessageError
from mm_perception.ros.convert.header import fields_of, header_of
from mm_perception.ros.wire import message_class
from mm_perception.samples import Detections

DETECTIONS = 'vision_msgs/msg/Detection2DArray'


def detections_from(message: Any, received_ns: int) -> Detections:
    """Detection2DArray to Detections.

    Of each box the best hypothesis counts. A turned box (`theta`) becomes the upright box around
    it, because `Detections` has no angle.

    Raises:
        MalformedMessageError: A box without a hypothesis, of negative size, or not finite.
    """
    boxes, scores, labels, ids = [], [], [], []
    for detection in message.detections:
        if not detection.results:
            raise MalformedMessageError(DETECTIONS, 'a detection has no result', 'give it a class')
        best = max(detection.results, key=lambda result: float(result.hypothesis.score))
        boxes.append(_xyxy(detection.bbox))
        scores.append(best.hypothesis.score)
        labels.append(best.hypothesis.class_id)
        ids.append(detection.id)
    with np.errstate(over='ignore'):  # what overflows is found below
        xyxy = np.array(boxes, np.float32).reshape(-1, 4)
        confidence = np.array(scores, np.float32)
    if not (np.isfinite(xyxy).all() and np.isfinite(confidence).all()):
        raise MalformedMessageError(DETECTIONS, 'a number is not finite', 'check the detector')
    return Detections(
        **fields_of(message, received_ns),
        xyxy=xyxy,
        scores=confidence,
        labels=tuple(labels),
        track_ids=tuple(ids) if any(ids) else (),
    )


def _xyxy(box: Any) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of the upright box around a BoundingBox2D."""
    centre, theta = box.center.position, box.center.theta
    if box.size_x < 0 or box.size_y < 0 or not math.isfinite(theta):
        raise MalformedMessageError(
            DETECTIONS, f'a box is {box.size_x} x {box.size_y}, turned by {theta}'
        )
    cosine, sine = abs(math.cos(theta)), abs(math.sin(theta))
    half_x = (cosine * box.size_x + sine * box.size_y) / 2
    half_y = (sine * box.size_x + cosine * box.size_y) / 2
    return centre.x - half_x, centre.y - half_y, centre.x + half_x, centre.y + half_y


def detections_to(sample: Detections) -> Any:
    """Detections to Detection2DArray; label text in class_id, track id in id, boxes in pixels."""
    message = message_class(DETECTIONS)(header=header_of(sample))
    detection_class = message_class('vision_msgs/msg/Detection2D')
    result_class = message_class('vision_msgs/msg/ObjectHypothesisWithPose')
    ids = sample.track_ids or ('',) * len(sample)
    for box, score, label, track_id in zip(
        sample.xyxy.tolist(), sample.scores.tolist(), sample.labels, ids, strict=True
    ):
        detection = detection_class(header=message.header, id=track_id)
        detection.bbox.center.position.x = (box[0] + box[2]) / 2
        detection.bbox.center.position.y = (box[1] + box[3]) / 2
        detection.bbox.size_x, detection.bbox.size_y = box[2] - box[0], box[3] - box[1]
        result = result_class()
        result.hypothesis.class_id, result.hypothesis.score = label, score
        detection.results = [result]
        message.detections.append(detection)
    return message
