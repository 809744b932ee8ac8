"""foxglove_msgs/ImageAnnotations for viewers to draw: outlines of masks, limbs of people."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from mm_perception.drawing.overlay import colour_of
from mm_perception.drawing.skeletons import limb_width
from mm_perception.ros.convert.header import time_message
from mm_perception.ros.wire import message_class
from mm_perception.samples import LIMBS, Masks, Skeletons
from mm_perception.samples.sample import Array

ANNOTATIONS = 'foxglove_msgs/msg/ImageAnnotations'
#: An outline may be so far off, pixels: it has fewer points, and nobody sees it.
_TOLERANCE_PX = 0.7
_THICKNESS_PX, _LIMB_PX = 2.0, 3.0
_FONT_PX = 14.0
#: How much of the picture shows through the filling and through the label's background.
_FILL, _PLATE = 0.2, 0.8


def annotations_to(sample: Masks) -> Any:
    """Masks to outline polygons, each instance with label, id and score.

    An instance in several pieces has several outlines; holes are not drawn. Colours are those of
    the overlay. Coordinates are pixels of the picture, the upper left corner of its upper left
    pixel is (0, 0): the centre of that pixel is (0.5, 0.5).

    Convention:
        The outline of a 2 x 2 square of pixels from (3, 5) on goes through (3.5, 5.5), (3.5, 6.5),
        (4.5, 6.5) and (4.5, 5.5).
    """
    stamp = time_message(sample.stamp_ns)
    message = message_class(ANNOTATIONS)()
    for instance_id, label, score in zip(sample.ids, sample.labels, sample.scores, strict=True):
        outlines = _outlines(sample.id_map, instance_id)
        if not outlines:
            continue  # hidden now
        rgb = tuple(value / 255 for value in colour_of(instance_id))
        message.points += [_polygon(stamp, outline, rgb) for outline in outlines]
        corner = np.concatenate(outlines).min(axis=0)
        words = f'{label} #{instance_id} {score:.2f}'.strip()
        message.texts.append(_label(stamp, words, corner, rgb))
    return _stamped(message, stamp)


def limbs_to(sample: Skeletons) -> Any:
    """Skeletons to lines in the colour of each id, white joints, and the id beside the head.

    Joints that are not known are left out, and limbs without one of their ends. Coordinates are
    as in `annotations_to`.

    Convention:
        A wrist at (3, 5) of the sample, the centre of a pixel, is drawn at (3.5, 5.5).
    """
    stamp, message = time_message(sample.stamp_ns), message_class(ANNOTATIONS)()
    for number, joints, known in zip(sample.ids, sample.points, sample.known(), strict=True):
        if not known.any():
            continue
        rgb = tuple(value / 255 for value in colour_of(number))
        places, width = joints.astype(np.float64) + 0.5, limb_width(joints, _LIMB_PX)
        ends = [places[end] for pair in LIMBS if known[list(pair)].all() for end in pair]
        if ends:
            message.points.append(_marks(stamp, 'LINE_LIST', ends, width, rgb))
        dots = list(places[known])
        message.points.append(_marks(stamp, 'POINTS', dots, 1.5 * width, (1.0, 1.0, 1.0)))
        top = dots[int(np.argmin([place[1] for place in dots]))]
        message.texts.append(_label(stamp, f'#{number}', top, rgb))
    return _stamped(message, stamp)


def _stamped(message: Any, stamp: Any) -> Any:
    """Say for which picture it is where there is nothing to draw: the message has no header.

    Foxglove shows a picture once the annotations of its stamp are there. Without a stamp it would
    wait, and go on showing the last picture in which something was found.
    """
    if not message.points and not message.texts:
        message.points.append(_marks(stamp, 'POINTS', [], 0.0, (0.0, 0.0, 0.0)))
    return message


def _marks(
    stamp: Any, kind: str, places: list[Array], thickness: float, rgb: tuple[float, ...]
) -> Any:
    marks_class = message_class('foxglove_msgs/msg/PointsAnnotation')
    return marks_class(
        timestamp=stamp, type=getattr(marks_class, kind), thickness=thickness,
        points=[_point(place) for place in places], outline_color=_colour(rgb, 1.0),
    )  # fmt: skip


def _outlines(id_map: Array, instance_id: int) -> list[Array]:
    """Outer boundaries of an instance, each (N, 2) float64 pixels."""
    mask = (id_map == instance_id).astype(np.uint8)
    found, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return [
        cv2.approxPolyDP(outline, _TOLERANCE_PX, True)[:, 0].astype(np.float64) + 0.5
        for outline in found
    ]


def _polygon(stamp: Any, outline: Array, rgb: tuple[float, ...]) -> Any:
    polygon_class = message_class('foxglove_msgs/msg/PointsAnnotation')
    return polygon_class(
        timestamp=stamp, type=polygon_class.LINE_LOOP, thickness=_THICKNESS_PX,
        points=[_point(place) for place in outline],
        outline_color=_colour(rgb, 1.0), fill_color=_colour(rgb, _FILL),
    )  # fmt: skip


def _label(stamp: Any, words: str, corner: Array, rgb: tuple[float, ...]) -> Any:
    return message_class('foxglove_msgs/msg/TextAnnotation')(
        timestamp=stamp, position=_point(corner), text=words, font_size=_FONT_PX,
        text_color=_colour((0.0, 0.0, 0.0), 1.0), background_color=_colour(rgb, _PLATE),
    )  # fmt: skip


def _point(place: Array) -> Any:
    return message_class('foxglove_msgs/msg/Point2')(x=float(place[0]), y=float(place[1]))


def _colour(rgb: tuple[float, ...], alpha: float) -> Any:
    return message_class('foxglove_msgs/msg/Color')(r=rgb[0], g=rgb[1], b=rgb[2], a=alpha)
