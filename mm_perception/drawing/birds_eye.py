"""The surroundings from above, for people: ahead is up, as the driver sees it."""

from __future__ import annotations

import zlib

import cv2
import numpy as np

from mm_perception.drawing.overlay import colour_of
from mm_perception.samples import BevGrid, Boxes3D
from mm_perception.samples.sample import Array

_Colour = tuple[int, int, int]
_UNKNOWN: _Colour = (24, 26, 30)
_GROUND: _Colour = (46, 49, 55)
#: Layers of a map, from the lowest to the topmost.
LAYER_COLOURS: dict[str, _Colour] = {
    'drivable': (86, 90, 98), 'walkway': (104, 92, 76), 'crossing': (112, 140, 168),
    'lane': (214, 206, 150), 'occupied': (196, 84, 62),
}  # fmt: skip
_RING: _Colour = (70, 75, 84)
_WHITE: _Colour = (255, 255, 255)
_RING_EVERY_M = 10.0
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def draw_birds_eye(
    boxes: Boxes3D, grid: BevGrid | None, reach_m: float, *, side_px: int = 640
) -> Array:
    """Draw a map, rings every 10 m, and boxes with their headings and velocities.

    Args:
        boxes: In the frame of the robot (x ahead, y left).
        grid: In the same frame; None for none. Its yaw must be 0.
        reach_m: To each side.
        side_px: Of the picture.

    Returns:
        (side_px, side_px, 3) uint8 RGB.

    Convention:
        What is ahead is above the middle, what is to the left is left of it.
    """
    scale = side_px / (2 * reach_m)
    picture = np.empty((side_px, side_px, 3), np.uint8)
    picture[:] = _GROUND if grid is None else _UNKNOWN
    if grid is not None:
        _draw_grid(picture, grid, reach_m)
    middle = side_px / 2
    for ring_m in np.arange(_RING_EVERY_M, reach_m, _RING_EVERY_M):
        centre, radius = (round(middle), round(middle)), round(ring_m * scale)
        cv2.circle(picture, centre, radius, _RING, 1, cv2.LINE_AA)
    _draw_robot(picture, scale)
    for index in range(len(boxes)):
        _draw_box(picture, boxes, index, scale)
    return picture


def _draw_grid(picture: Array, grid: BevGrid, reach_m: float) -> None:
    side = len(picture)
    at = reach_m - (np.arange(side) + 0.5) * (2 * reach_m / side)  # x of rows, y of columns
    xy = np.stack(np.meshgrid(at, at, indexing='ij'), axis=-1).reshape(-1, 2)
    for layer in ('', *LAYER_COLOURS):
        values = grid.lookup(layer or grid.layers[0], xy).reshape(side, side)
        if not layer:
            picture[values >= 0] = _GROUND
            continue
        share = (np.clip(values, 0, 100) / 100.0)[..., None]
        picture[:] = (picture * (1 - share) + np.array(LAYER_COLOURS[layer]) * share).astype(
            np.uint8
        )


def _draw_robot(picture: Array, scale: float) -> None:
    shape = np.array([[2.0, 0.0], [-1.2, 1.1], [-0.6, 0.0], [-1.2, -1.1]])
    cv2.fillPoly(picture, [_pixels(picture, shape, scale)], _WHITE, cv2.LINE_AA)


def _draw_box(picture: Array, boxes: Boxes3D, index: int, scale: float) -> None:
    centre, size, yaw = boxes.centres[index, :2], boxes.sizes[index], boxes.yaws()[index]
    ahead = np.array([np.cos(yaw), np.sin(yaw)])
    aside = np.array([-ahead[1], ahead[0]])
    front, left = ahead * size[0] / 2, aside * size[1] / 2
    corners = centre + np.array([front + left, front - left, -front - left, left - front])
    colour = colour_of(zlib.crc32(boxes.labels[index].encode()) % 97)
    outline = _pixels(picture, corners, scale)
    cv2.polylines(picture, [outline], isClosed=True, color=colour, thickness=2, lineType=16)
    nose = _pixels(picture, np.array([centre, centre + front]), scale)
    cv2.polylines(picture, [nose], isClosed=False, color=colour, thickness=2, lineType=16)
    if boxes.velocities is not None:
        start, end = _pixels(
            picture, np.array([centre, centre + boxes.velocities[index, :2]]), scale
        )
        cv2.arrowedLine(picture, start.tolist(), end.tolist(), _WHITE, 1, cv2.LINE_AA)
    text = f'{boxes.labels[index]} {boxes.scores[index]:.2f}'
    plain = text.encode('ascii', 'replace').decode()
    place = (int(outline[:, 0].max()) + 3, int(outline[:, 1].min()))
    cv2.putText(picture, plain, place, _FONT, 0.36, colour, 1, cv2.LINE_AA)


def _pixels(picture: Array, xy: Array, scale: float) -> Array:
    """(N, 2) int32 columns and rows of places in m; far ones are cut to what OpenCV can draw."""
    middle = len(picture) / 2
    place = np.stack([middle - xy[:, 1] * scale, middle - xy[:, 0] * scale], axis=1)
    return np.clip(np.rint(place), -10_000, 10_000).astype(np.int32)
