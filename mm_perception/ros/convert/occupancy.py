"""nav_msgs/OccupancyGrid: one message per layer of a BevGrid.

The layer `occupied` is on the topic itself, as Nav2's static layer takes it: -1 unknown, 0 free,
100 occupied. Each other layer is on `<topic>/<layer>`, with per cent of belief.
"""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np

from mm_perception.errors import MalformedMessageError, ShapeError
from mm_perception.ros.convert.boxes3d import unit_quats
from mm_perception.ros.convert.header import fields_of, header_of
from mm_perception.ros.wire import message_class
from mm_perception.samples import LAYERS, BevGrid, quats_of_yaws

GRID = 'nav_msgs/msg/OccupancyGrid'
#: A map that leans by more (sine of half the angle) has no yaw to speak of.
_LEAN = 1e-3


def suffix_of(layer: str) -> str:
    """What follows the topic of a grid for one of its layers."""
    return '' if layer == 'occupied' else f'/{layer}'


SUFFIXES = tuple(suffix_of(layer) for layer in LAYERS)


def grid_from(message: Any, received_ns: int, layer: str = 'occupied') -> BevGrid:
    """OccupancyGrid to a BevGrid of one layer.

    Raises:
        MalformedMessageError: There are more or fewer cells than width times height, a value that
            is neither -1 nor 0 to 100, a resolution that is none, or a map that does not lie flat.
    """
    info = message.info
    cells = np.array(message.data, np.int8)
    if len(cells) != info.width * info.height:
        raise MalformedMessageError(
            GRID, f'{info.width} x {info.height} cells are claimed, {len(cells)} are there'
        )
    turn, place = info.origin.orientation, info.origin.position
    x, y, z, w = unit_quats(GRID, np.array([[turn.x, turn.y, turn.z, turn.w]]))[0]
    if max(abs(x), abs(y)) > _LEAN:
        raise MalformedMessageError(GRID, 'the map does not lie flat', 'turn it about z alone')
    try:
        return BevGrid(
            **fields_of(message, received_ns),
            layers=(layer,),
            cells=cells.reshape(1, info.height, info.width),
            resolution_m=float(info.resolution),
            origin=(place.x, place.y, place.z, float(2 * np.arctan2(z, w))),
        )
    except ShapeError as error:
        raise MalformedMessageError(GRID, str(error), 'check the map') from error


def grids_to(sample: BevGrid) -> dict[str, Any]:
    """One OccupancyGrid per layer, by suffix of the topic."""
    return {suffix_of(layer): _grid_to(sample, layer) for layer in sample.layers}


def _grid_to(sample: BevGrid, layer: str) -> Any:
    message = message_class(GRID)(header=header_of(sample))
    cells = sample.cells[sample.layers.index(layer)]
    info = message.info
    info.map_load_time, info.resolution = message.header.stamp, sample.resolution_m
    info.height, info.width = cells.shape
    place, turn = info.origin.position, info.origin.orientation
    place.x, place.y, place.z = map(float, sample.origin[:3])
    turn.x, turn.y, turn.z, turn.w = quats_of_yaws(np.array(sample.origin[3])).tolist()
    message.data = array('b', np.ascontiguousarray(cells).tobytes())
    return message


def joined(grids: dict[str, BevGrid]) -> BevGrid:
    """One grid of the grids of its layers.

    Raises:
        MalformedMessageError: They do not cover the same cells.
    """
    first = next(iter(grids.values()))
    for layer, grid in grids.items():
        same = (grid.cells.shape, grid.resolution_m, grid.origin, grid.frame_id)
        if same != (first.cells.shape, first.resolution_m, first.origin, first.frame_id):
            raise MalformedMessageError(
                GRID, f'layer {layer!r} lies elsewhere than the others', 'connect one node'
            )
    layers = tuple(layer for layer in LAYERS if layer in grids)
    return BevGrid(
        stamp_ns=first.stamp_ns, frame_id=first.frame_id, layers=layers,
        cells=np.concatenate([grids[layer].cells for layer in layers]),
        resolution_m=first.resolution_m, origin=first.origin,
    )  # fmt: skip
