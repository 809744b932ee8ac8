"""What was seen where: embeddings of cells around a vehicle, in a frame that stands still.

As VLMaps (Huang et al., 2023, section III-B) every cell keeps the mean of what all sights of it
gave. Unlike there the map rolls along with the vehicle, later sights count more, since things
move, and where something comes or leaves the mean begins anew.
"""

from __future__ import annotations

import cv2
import numpy as np

from mm_perception.samples.sample import Array

_NEVER = -1  # stamp of a cell that nobody saw
_AROUND_M = 1.5  # where the ground below a thing may be seen
_SLAB_M = 0.3  # from above one sees of a cell what is at most so far below its top
_SHORT_M = 0.5  # before its end a ray tells nothing
_HOLD_NS = 500_000_000  # so long what stands in a cell hides what is lower
_FAR = np.float32(1e6)  # metres, stands for: no ground known


class CellMemory:
    """A square of cells that rolls along.

    Memory is bounded: (4 D + 20) bytes per cell.

    A cell has a slot by its place in the fixed frame, modulo the side of the square. So nothing is
    copied when the vehicle moves; slots of cells that fall out are cleared for those that come in.

    Args:
        reach_m: From the middle to each side.
        resolution_m: Side of a cell.
        most_sights: A mean forgets as if it were over so many sights.
    """

    def __init__(self, reach_m: float, resolution_m: float, most_sights: int) -> None:
        self.resolution_m = resolution_m
        self._side = 2 * max(1, round(reach_m / resolution_m))
        self._most_sights = most_sights
        self._corner: Array | None = None  # (2,) cell numbers, x and y
        num = self._side**2
        self._mean = np.zeros((num, 0), np.float32)
        self._sights = np.zeros(num, np.int32)
        self._top, self._floor = np.zeros(num, np.float32), np.full(num, _FAR)
        self._seen_ns = np.full(num, _NEVER, np.int64)

    @property
    def corner_m(self) -> tuple[float, float]:
        """Outer corner of the first cell, x and y in metres."""
        corner = np.zeros(2) if self._corner is None else self._corner * self.resolution_m
        return float(corner[0]), float(corner[1])

    @property
    def newest_ns(self) -> int:
        """Stamp of the newest sight; -1 if there is none."""
        return int(self._seen_ns.max())

    def move(self, centre: Array) -> None:
        """Put the middle at (2,) x and y, metres; what falls out is forgotten."""
        corner = np.floor(centre / self.resolution_m).astype(np.int64) - self._side // 2
        if self._corner is not None:
            for axis, step in enumerate((corner - self._corner).tolist()):
                self._leave(axis, int(self._corner[axis]), step)
        self._corner = corner

    def add(self, points: Array, kinds: Array, vectors: Array, stamp_ns: int) -> None:
        """One sight.

        Args:
            points: (N, 3) metres in the fixed frame.
            kinds: (N, K) int, rows of `vectors` that each point carries, -1 for none.
            vectors: (R, D) float32 unit vectors.
            stamp_ns: When.
        """
        inside, slots = self._slots_at(points)
        points, kinds = points[inside], kinds[inside]
        if not len(slots):
            return
        cells, index = np.unique(slots, return_inverse=True)
        tops, floors = np.full(len(cells), -_FAR), np.full(len(cells), _FAR)
        z = points[:, 2].astype(np.float32)
        np.maximum.at(tops, index, z)
        np.minimum.at(floors, index, z)
        from_above = z >= tops[index] - _SLAB_M
        shares = np.zeros((len(cells), len(vectors)), np.float32)
        for column in kinds.T:
            used = from_above & (column >= 0)
            np.add.at(shares, (index[used], column[used]), 1.0)
        means = shares @ vectors
        lengths = np.linalg.norm(means, axis=1)
        told = lengths > 0
        cells, means = cells[told], means[told] / lengths[told, None]
        self._merge(cells, means, tops[told], floors[told], stamp_ns)

    def _merge(
        self, cells: Array, means: Array, tops: Array, floors: Array, stamp_ns: int
    ) -> None:
        if self._mean.shape[1] != means.shape[1]:
            self._mean = np.zeros((self._side**2, means.shape[1]), np.float32)
        # A ray that passes a thing and meets the ground in its cell does not tell that it left.
        above, below = tops - self._top[cells], self._top[cells] - tops
        held = (below > _SLAB_M) & (stamp_ns - self._seen_ns[cells] < _HOLD_NS)
        held &= self._seen_ns[cells] != _NEVER
        self._floor[cells] = np.minimum(self._floor[cells], floors)
        is_other = np.maximum(above, below)[~held] > _SLAB_M
        cells, means, tops = cells[~held], means[~held], tops[~held]
        sights = np.where(is_other, 0, self._sights[cells])
        self._sights[cells] = np.minimum(sights + 1, self._most_sights)
        weight = (1 / self._sights[cells]).astype(np.float32)
        self._mean[cells] += weight[:, None] * (means - self._mean[cells])
        self._top[cells] += weight * (tops - self._top[cells])
        self._seen_ns[cells] = np.maximum(self._seen_ns[cells], stamp_ns)

    def look_through(self, origin: Array, points: Array, stamp_ns: int) -> None:
        """Forget what a ray went through: it has left.

        Args:
            origin: (3,) where the rays begin, metres in the fixed frame.
            points: (N, 3) where they end.
            stamp_ns: When.
        """
        is_old = (self._seen_ns != _NEVER) & (stamp_ns - self._seen_ns >= _HOLD_NS)
        if not is_old.any():
            return
        rays = points - origin
        lengths = np.linalg.norm(rays, axis=1)
        counts = np.maximum((lengths - _SHORT_M) / self.resolution_m, 0).astype(int)
        first = np.repeat(np.cumsum(counts) - counts, counts)
        metres = (np.arange(counts.sum()) - first + 1) * self.resolution_m
        passed = (
            origin
            + np.repeat(rays / np.maximum(lengths, 1e-9)[:, None], counts, 0) * (metres[:, None])
        )
        inside, slots = self._slots_at(passed)
        z = passed[inside, 2]
        is_through = (z > self._floor[slots] + _SLAB_M) & (z < self._top[slots] - _SLAB_M)
        self._clear(np.unique(slots[is_through & is_old[slots]]))

    def forget(self, before_ns: int) -> None:
        """Forget cells that were last seen before a moment."""
        self._clear(np.flatnonzero((self._seen_ns != _NEVER) & (self._seen_ns < before_ns)))

    def clear(self) -> None:
        """Forget everything."""
        self._clear(self.slots())
        self._corner = None

    def known(self) -> tuple[Array, Array, Array]:
        """What is known, of the M cells that were seen.

        Returns:
            Numbers (M,) of their slots, for `grid`; unit vectors (M, D) float32; heights (M,)
            float32 of their tops over the lowest that was seen around them, metres.
        """
        slots = np.flatnonzero(self._seen_ns != _NEVER)
        means = self._mean[slots]
        unit = means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-9)
        reach = 2 * round(_AROUND_M / self.resolution_m) + 1
        floor = cv2.erode(self._unrolled(self._floor), np.ones((reach, reach), np.uint8))
        ground = np.roll(floor, self._shift(), (0, 1)).ravel()
        return slots, unit, self._top[slots] - ground[slots]

    def slots(self) -> Array:
        """Numbers of all slots, seen or not, for `grid`."""
        return np.arange(self._side**2)

    def grid(self, slots: Array, values: Array, fill: int) -> Array:
        """Values of some slots as (H, W) int8, rows along y and columns along x."""
        cells = np.full(self._side**2, fill, np.int8)
        cells[slots] = values
        return self._unrolled(cells)

    def places(self, slots: Array) -> Array:
        """Centres (M, 3) of slots in the fixed frame, metres; z is that of their tops."""
        corner = np.zeros(2, np.int64) if self._corner is None else self._corner
        numbers = np.stack([slots % self._side, slots // self._side], axis=1)
        xy = corner + (numbers - corner) % self._side
        return np.column_stack([(xy + 0.5) * self.resolution_m, self._top[slots]])

    def _shift(self) -> tuple[int, int]:
        corner = np.zeros(2, np.int64) if self._corner is None else self._corner
        return int(corner[1] % self._side), int(corner[0] % self._side)

    def _unrolled(self, values: Array) -> Array:
        square = values.reshape(self._side, self._side)
        rows, columns = self._shift()
        return np.roll(square, (-rows, -columns), (0, 1))

    def _slots_at(self, points: Array) -> tuple[Array, Array]:
        """(N,) bool of the points that lie on the grid, and the slots of those."""
        if self._corner is None:
            raise RuntimeError('move comes before add')
        numbers = np.floor(points[:, :2] / self.resolution_m).astype(np.int64)
        away = numbers - self._corner
        inside = np.asarray(((away >= 0) & (away < self._side)).all(1))
        x, y = (numbers[inside] % self._side).T
        return inside, y * self._side + x

    def _leave(self, axis: int, first: int, step: int) -> None:
        """Clear the rows or columns that the square leaves when it moves by `step` cells."""
        count = min(abs(step), self._side)
        if count == 0:
            return
        begin = first if step > 0 else first + self._side - count
        gone = (begin + np.arange(count)) % self._side
        square = self.slots().reshape(self._side, self._side)
        self._clear((square[:, gone] if axis == 0 else square[gone]).ravel())

    def _clear(self, slots: Array) -> None:
        self._sights[slots], self._seen_ns[slots] = 0, _NEVER
        self._top[slots], self._floor[slots] = 0.0, _FAR
        if self._mean.shape[1]:
            self._mean[slots] = 0.0
