"""Boxes and instance masks: vision_msgs/Detection2DArray, LabelInfo, and ids as a mono16 picture."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np

from mm_perception.errors import MalformedMessageError
from mm_perception.ros.convert.header import fields_of, header_of
from mm_perception.ros.convert.image import image_from, image_to
from mm_perception.ros.wire import message_class
from mm_perception.samples import Detections, Image, Masks
from mm_perception.samples.sample import Sample

DETECTIONS = 'vision_msgs/msg/Detection2DArray'
LABEL_INFO = 'vision_msgs/msg/LabelInfo'


def detections_from(message: Any, received_ns: int) -> Sample:
    """Detection2DArray to Detections; of each box the best hypothesis counts.

    Raises:
        MalformedMessageError: A box without a hypothesis, or not finite.
    """
    boxes, scores, labels, ids = [], [], [], []
    for detection in message.detections:
        if not detection.results:
            raise MalformedMessageError(DETECTIONS, 'a detection has no result', 'give it a class')
        best = max(detection.results, key=lambda result: float(result.hypothesis.score))
        centre, box = detection.bbox.center.position, detection.bbox
        half_x, half_y = box.size_x / 2, box.size_y / 2
        boxes.append((centre.x - half_x, centre.y - half_y, centre.x + half_x, centre.y + half_y))
        scores.append(best.hypothesis.score)
        labels.append(best.hypothesis.class_id)
        ids.append(detection.id)
    xyxy = np.array(boxes, np.float32).reshape(-1, 4)
    if not np.isfinite(xyxy).all():
        raise MalformedMessageError(DETECTIONS, 'a box is not finite', 'check the detector')
    return Detections(
        **fields_of(message, received_ns),
        xyxy=xyxy,
        scores=np.array(scores, np.float32),
        labels=tuple(labels),
        track_ids=tuple(ids) if any(ids) else (),
    )


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


def masks_to(sample: Masks) -> dict[str, Any]:
    """Masks to a picture of ids, boxes with the same header, and the table of labels."""
    fields = {'stamp_ns': sample.stamp_ns, 'frame_id': sample.frame_id}
    picture = Image(**fields, data=sample.id_map, encoding='mono16')
    return {
        '': image_to(picture),
        '/detections': detections_to(sample.detections()),
        '/label_info': _label_info(sample),
    }


def _label_info(sample: Masks) -> Any:
    vision_class = message_class('vision_msgs/msg/VisionClass')
    table = [vision_class(class_id=0, class_name='background')]
    table += [
        vision_class(class_id=instance_id, class_name=label)
        for instance_id, label in zip(sample.ids, sample.labels, strict=True)
    ]
    return message_class(LABEL_INFO)(header=header_of(sample), class_map=table, threshold=0.0)


class MasksAssembler:
    """Joins the picture of ids and the boxes of equal stamps back into Masks."""

    _WAITING = 16

    def __init__(self) -> None:
        self._waiting: OrderedDict[int, dict[str, Any]] = OrderedDict()

    def add(self, suffix: str, message: Any) -> Sample | None:
        """Take one message; return the sample when its other half is there too.

        Raises:
            MalformedMessageError: The picture has ids that no box names.
        """
        if suffix not in ('', '/detections'):
            return None
        stamp_ns = fields_of(message, 0)['stamp_ns']
        parts = self._waiting.setdefault(stamp_ns, {})
        parts[suffix] = message
        if len(parts) < 2:
            while len(self._waiting) > self._WAITING:
                self._waiting.popitem(last=False)
            return None
        del self._waiting[stamp_ns]
        return _join(parts[''], parts['/detections'])


def _join(picture: Any, boxes: Any) -> Sample:
    image = image_from(picture, 0)
    found = detections_from(boxes, 0)
    if not isinstance(image, Image) or not isinstance(found, Detections):
        raise MalformedMessageError(DETECTIONS, 'no masks', 'connect ids and boxes of one node')
    if image.encoding not in ('mono16', '16UC1'):
        raise MalformedMessageError(
            'sensor_msgs/msg/Image', f'ids in {image.encoding}', 'use mono16'
        )
    numbers = [i for i in found.track_ids if i.isdecimal()]
    ids = tuple(int(i) for i in numbers)
    unnamed = set(np.unique(image.data).tolist()) - {0, *ids}
    if unnamed or len(numbers) < len(found):
        raise MalformedMessageError(
            DETECTIONS, f'ids {sorted(unnamed)} of the picture have no box'
        )
    return Masks(
        stamp_ns=image.stamp_ns,
        frame_id=image.frame_id,
        id_map=image.data,
        ids=ids,
        labels=found.labels,
        scores=found.scores,
    )
