"""Drawings of what cameras see: pictures, calibrations, masks, boxes and where one pointed."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import rerun as rr

from mm_perception.drawing import colour_of
from mm_perception.geometry.cameras import intrinsics, is_calibrated, picture_size
from mm_perception.samples import CameraInfo, Detections, Image, Masks, Prompt
from mm_perception.samples.sample import Array
from mm_perception.viewing.stage import Path, Stage, parts

#: Of pictures that are kept as JPEG: what a memory of gigabytes holds is minutes, not seconds.
_QUALITY = 85
#: How far from the camera its picture hangs in space, metres.
_PLANE_M = 1.5
_MASK_OPACITY = 0.5
_MILLIMETRES, _METRES = 1000.0, 1.0
_PICTURE, _MASKS, _BOXES, _POINTED = 0.0, 10.0, 20.0, 30.0  # from the lowest to the topmost


def draw_image(stage: Stage, topic: str, image: Image) -> None:
    """The picture, as a child of its camera; depth also as points in space."""
    pieces = parts(topic)
    if 'debug' in pieces or not image.frame_id:  # drawn by a node, not seen by a camera
        stage.log(['pictures', *pieces], _archetype(image))
        stage.layout.add_loose(['pictures', *pieces])
        return
    camera = stage.camera(image.frame_id, topic)
    stage.log([*camera, *pieces], _archetype(image))
    stage.layout.add_picture(camera, [*camera, *pieces], topic)


def _archetype(image: Image) -> Any:
    if image.encoding in ('16UC1', '32FC1'):
        unit = _MILLIMETRES if image.encoding == '16UC1' else _METRES
        return rr.DepthImage(image.data, meter=unit, draw_order=_PICTURE - 1)
    if image.encoding == 'mono16':
        return rr.Image(image.data, draw_order=_PICTURE)
    return rr.Image(image.rgb(), draw_order=_PICTURE).compress(jpeg_quality=_QUALITY)


def draw_camera_info(stage: Stage, topic: str, info: CameraInfo) -> None:
    """The pinhole of the lens, without its distortion, which rerun does not know."""
    if not is_calibrated(info):
        return
    camera = stage.camera(info.frame_id, topic)
    matrix, size = intrinsics(info), picture_size(info)
    known = matrix.tobytes(), size, tuple(camera)
    if stage.memory.get(topic) == known:
        return
    stage.memory[topic] = known
    stage.log(
        camera,
        rr.Pinhole(image_from_camera=matrix, resolution=size, image_plane_distance=_PLANE_M),
    )
    if len(camera) > 1:
        stage.layout.add_space(camera[0])


def draw_masks(stage: Stage, topic: str, masks: Masks) -> None:
    """Every pixel in the colour of its instance, and a box with label, id and score."""
    path = [*stage.camera(masks.frame_id, topic), *parts(topic)]
    table = [
        rr.AnnotationInfo(id=i, label=f'{label} #{i}', color=colour_of(i))
        for i, label in zip(masks.ids, masks.labels, strict=True)
    ]
    known = tuple((info.id, info.label) for info in table)
    if stage.memory.get(topic) != known:
        stage.memory[topic] = known
        stage.log(path, rr.AnnotationContext([(0, 'background', (0, 0, 0, 0)), *table]))
    picture = rr.SegmentationImage(masks.id_map, opacity=_MASK_OPACITY, draw_order=_MASKS)
    stage.log(path, picture)
    _draw_boxes(stage, [*path, 'boxes'], masks.detections())
    stage.layout.add_mark(path)


def draw_detections(stage: Stage, topic: str, found: Detections) -> None:
    """Boxes with label, id and score."""
    path = [*stage.camera(found.frame_id, topic), *parts(topic)]
    _draw_boxes(stage, path, found)
    stage.layout.add_mark(path)


def _draw_boxes(stage: Stage, path: Path, found: Detections) -> None:
    ids = found.track_ids or ('',) * len(found)
    names = [
        f'{label} #{i} {score:.2f}' if i else f'{label} {score:.2f}'
        for label, i, score in zip(found.labels, ids, found.scores, strict=True)
    ]
    colours = [colour_of_track(i, label) for i, label in zip(ids, found.labels, strict=True)]
    stage.log(path, boxes2d(found.xyxy, names, colours, _BOXES))


def boxes2d(xyxy: Array, names: list[str], colours: Any, order: float = _POINTED) -> rr.Boxes2D:
    """Boxes (N, 4) xyxy in pixel edges."""
    return rr.Boxes2D(
        array=xyxy, array_format=rr.Box2DFormat.XYXY, labels=names, colors=colours,
        draw_order=order,
    )  # fmt: skip


def draw_pointed(stage: Stage, topic: str, prompt: Prompt) -> None:
    """Points and box of a prompt, over the picture of its camera; it stays until the next one."""
    path = stage.camera_named(prompt.stream)
    if path is None:
        return
    path = [*path, *parts(topic)]
    colours = [(60, 220, 90) if label else (235, 70, 60) for label in prompt.point_labels]
    stage.log([*path, 'points'], rr.Points2D(prompt.points, colors=colours, radii=4.0))
    box = np.zeros((0, 4), np.float32) if prompt.box is None else prompt.box[None]
    stage.log([*path, 'box'], boxes2d(box, [], [(255, 255, 255)]))
    if prompt.mask is not None:
        mask = rr.SegmentationImage(prompt.mask.astype(np.uint8), opacity=_MASK_OPACITY)
        stage.log([*path, 'mask'], mask)
    stage.layout.add_mark(path)


def colour_of_track(track_id: str, label: str) -> tuple[int, int, int]:
    """The colour of a track, as in films; without an id, of its label."""
    if track_id:
        number = int(track_id) if track_id.isdecimal() else zlib.crc32(track_id.encode())
        return colour_of(number % 65536)
    return colour_of(zlib.crc32(label.encode()) % 97)
