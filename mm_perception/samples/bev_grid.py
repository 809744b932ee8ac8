"""A map of the ground as seen from above, in named layers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mm_perception.errors import ShapeError
from mm_perception.samples.sample import Array, Sample, checked_length

#: Layers that exist. `occupied`: something one would collide with stands there. The next tell
#: what the ground is for: where vehicles may drive, lane markings and dividers, pedestrian
#: crossings, and pavements. `asked`: what a text names that somebody asked for.
LAYERS = ('occupied', 'drivable', 'lane', 'crossing', 'walkway', 'asked')
UNKNOWN, NO, YES = -1, 0, 100


@dataclass(frozen=True, kw_only=True, eq=False)
class BevGrid(Sample):
    """Named layers on one metric grid.

    Attributes:
        layers: L names of `LAYERS`, unique, at least one.
        cells: (L, H, W) int8: per cent of belief, 0 to 100, that the cell is what the layer's name
            says; -1 where nobody knows. Rows run along the grid's y axis, columns along x, as in
            nav_msgs/OccupancyGrid.
        resolution_m: Side of a cell, metres.
        origin: x, y and z in metres and yaw in radians, in `frame_id`, of the outer corner of cell
            [0, 0]; the grid's x axis is turned by the yaw from the frame's, towards y.

    Convention:
        With the origin (-20, -10, 0, 0) and cells of 0.5 m, the centre of cell [row 2, column 1]
        is at x = -19.25, y = -8.75.
    """

    layers: tuple[str, ...]
    cells: Array
    resolution_m: float
    origin: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._freeze('cells', ('L', 'H', 'W'), [np.int8])
        checked_length('BevGrid.layers', self.layers, len(self.cells))
        is_known = set(self.layers) <= set(LAYERS) and len(set(self.layers)) == len(self.layers)
        if not (self.layers and is_known):
            raise ShapeError('BevGrid.layers', f'some of {", ".join(LAYERS)}', f'{self.layers}')
        if not (0 < self.resolution_m < np.inf):
            raise ShapeError('BevGrid.resolution_m', 'metres above 0', f'{self.resolution_m}')
        if len(self.origin) != 4 or not np.isfinite(self.origin).all():
            raise ShapeError('BevGrid.origin', 'x, y, z and yaw', f'{self.origin}')
        if self.cells.size and not (self.cells.min() >= UNKNOWN and self.cells.max() <= YES):
            low, high = self.cells.min(), self.cells.max()
            raise ShapeError('BevGrid.cells', '-1, or 0 to 100', f'{low} to {high}')

    def layer(self, name: str) -> Array | None:
        """The cells (H, W) int8 of one layer; None where the grid does not have it."""
        return self.cells[self.layers.index(name)] if name in self.layers else None

    def lookup(self, name: str, xy: Array) -> Array:
        """What a layer says of some places.

        Args:
            name: Of the layer.
            xy: (N, 2) metres in `frame_id`.

        Returns:
            (N,) int8; -1 outside of the grid, and everywhere if there is no such layer.
        """
        found = np.full(len(xy), UNKNOWN, np.int8)
        cells = self.layer(name)
        if cells is None or cells.size == 0 or len(xy) == 0:
            return found
        cosine, sine = np.cos(self.origin[3]), np.sin(self.origin[3])
        away = (xy - np.array(self.origin[:2])) @ np.array([[cosine, -sine], [sine, cosine]])
        columns, rows = np.floor(away.T / self.resolution_m)
        height, width = cells.shape
        inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
        found[inside] = cells[rows[inside].astype(int), columns[inside].astype(int)]
        return found

    def places(self, name: str, least: int = 50) -> Array:
        """Centres (N, 2), metres in `frame_id`, of the cells of a layer from `least` per cent on.

        Empty if there is no such layer.
        """
        cells = self.layer(name)
        if cells is None:
            return np.zeros((0, 2))
        rows, columns = np.nonzero(cells >= least)
        away = (np.stack([columns, rows], axis=-1) + 0.5) * self.resolution_m
        cosine, sine = np.cos(self.origin[3]), np.sin(self.origin[3])
        turned = away @ np.array([[cosine, sine], [-sine, cosine]])
        return np.asarray(turned + np.array(self.origin[:2]), np.float64)
