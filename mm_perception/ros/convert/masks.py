"""Instance masks on the wire: a mono16 picture of ids, Detection2DArray, LabelInfo."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np

from mm_perception.errors import MalformedMessageError
from mm_perception.ros.convert.detections import DETECTIONS, detections_from, detections_to
from mm_perception.ros.convert.header import header_of, stamp_and_frame
from mm_perception.ros.convert.image import IMAGE, image_from, image_to
from mm_perception.ros.convert.outlines import annotations_to
from mm_perception.ros.wire import message_class
from mm_perception.samples import Image, Masks
from mm_perception.samples.sample import Array

#: Suffix of the topic with the outlines, which nothing reads back.
ANNOTATED = '/annotations'
LABEL_INFO = 'vision_msgs/msg/LabelInfo'


def masks_to(sample: Masks) -> dict[str, Any]:
    """Masks to a picture of ids, boxes with the same header, the table of labels, and outlines.

    Convention:
        Pixels of the picture, `id` of a detection and `class_id` of the table are the same number.
        A hidden instance is in the table only.
    """
    return {
        '': image_to(id_picture(sample)), **mask_tables(sample), ANNOTATED: annotations_to(sample)
    }  # fmt: skip


def id_picture(sample: Masks) -> Image:
    """The picture of ids, by reference."""
    return Image(
        stamp_ns=sample.stamp_ns, frame_id=sample.frame_id, data=sample.id_map, encoding='mono16'
    )


def mask_tables(sample: Masks) -> dict[str, Any]:
    """What accompanies the picture of ids, by suffix of the topic."""
    return {'/detections': detections_to(sample.detections()), '/label_info': _label_info(sample)}


def _label_info(sample: Masks) -> Any:
    vision_class = message_class('vision_msgs/msg/VisionClass')
    table = [vision_class(class_id=0, class_name='background')]
    table += [
        vision_class(class_id=int(instance_id), class_name=label)
        for instance_id, label in zip(sample.ids, sample.labels, strict=True)
    ]
    return message_class(LABEL_INFO)(header=header_of(sample), class_map=table, threshold=0.0)


class MasksAssembler:
    """Joins the picture of ids and the boxes of equal stamps back into Masks.

    Halves may arrive in either order. At most `_WAITING` halves wait; the oldest gives way. Each
    topic is in order of time, so a stamp that steps back means that a bag began again: halves
    that wait from before are dropped, or they would be joined with those of the next round.
    """

    _WAITING = 16
    #: Which topics to listen to.
    suffixes = ('', '/detections')

    def __init__(self) -> None:
        self._waiting: OrderedDict[int, dict[str, Any]] = OrderedDict()
        self._newest: dict[str, int] = {}

    def add(self, suffix: str, message: Any) -> Masks | None:
        """Take one message; return the sample when its other half is there too.

        Args:
            suffix: '' for the picture, '/detections' for the boxes; others are ignored.
            message: What came on the topic with that suffix.

        Raises:
            MalformedMessageError: The picture has ids that no box names.
        """
        if suffix not in self.suffixes:
            return None
        stamp_ns, _ = stamp_and_frame(message)
        if stamp_ns < self._newest.get(suffix, stamp_ns):
            self.reset()
        self._newest[suffix] = stamp_ns
        parts = self._waiting.setdefault(stamp_ns, {})
        parts[suffix] = message
        if len(parts) < 2:
            if len(self._waiting) > self._WAITING:
                self._waiting.popitem(last=False)
            return None
        del self._waiting[stamp_ns]
        return _join(parts[''], parts['/detections'])

    def reset(self) -> None:
        """Forget everything that waits."""
        self._waiting.clear()
        self._newest.clear()


def _join(picture: Any, boxes: Any) -> Masks:
    image = image_from(picture, 0)
    found = detections_from(boxes, 0)
    if image.encoding not in ('mono16', '16UC1'):
        raise MalformedMessageError(IMAGE, f'ids in {image.encoding}', 'use mono16')
    if len(found.track_ids) != len(found):
        raise MalformedMessageError(DETECTIONS, 'a box has no id', 'use the numbers of the mask')
    ids = tuple(_instance_id(text) for text in found.track_ids)
    in_picture = set(_distinct(image.data).tolist())
    unnamed = in_picture - {0, *ids}
    if unnamed or len(set(ids)) != len(ids):
        raise MalformedMessageError(
            DETECTIONS,
            f'boxes have the ids {sorted(ids)}, the picture has {sorted(in_picture)}',
            'connect the picture and the boxes of one node',
        )
    return Masks(
        stamp_ns=image.stamp_ns,
        frame_id=image.frame_id,
        id_map=image.data,
        ids=ids,
        labels=found.labels,
        scores=found.scores,
        visible=tuple(i in in_picture for i in ids),
    )


def _instance_id(text: str) -> int:
    if not (text.isdecimal() and len(text) <= 5 and 0 < int(text) < 65536):
        raise MalformedMessageError(DETECTIONS, f'id {text[:40]!r}', 'use 1 to 65535')
    return int(text)


def _distinct(id_map: Array) -> Array:
    """Values that occur; counting is ten times faster than the sort in `np.unique`."""
    return np.flatnonzero(np.bincount(id_map.ravel(), minlength=1))
