"""How a detector of mmdetection3d wants its points: columns, past scans, and what is left out.

Read from the test pipeline of its config, so that points come as they did in training.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mm_perception.errors import ConfigError, ShapeError
from mm_perception.geometry.scans import Lookup, points_at
from mm_perception.samples import PointCloud
from mm_perception.samples.sample import Array

_TIME_COLUMN = 4  # where mmdetection3d puts the age of a scan
_INTENSITY_COLUMN, _ELONGATION_COLUMN = 3, 4
_NEAR_M = 1.0  # what LoadPointsFromMultiSweeps takes for the vehicle itself
_POINTS, _SWEEPS = 'LoadPointsFromFile', 'LoadPointsFromMultiSweeps'
_ONE_PICTURE = ('LoadImageFromFile',)
#: Loaders of many pictures, and whether they give RGB; the others of mmdetection3d give BGR.
_MANY_PICTURES = {'LoadMultiViewImageFromFiles': False, 'BEVLoadMultiViewImageFromFiles': True}


@dataclass(frozen=True)
class Loading:
    """The loading steps of a test pipeline.

    Attributes:
        columns: Of the points of the newest scan, numbers of the data set's columns.
        width: How many columns the data set has.
        sweeps: Most past scans that are added; 0 means that there is no time column either.
        sweep_columns: Those of `columns` that go on when past scans were added.
        pads: A scan without past ones is repeated in their place.
        drops_near: Points of past scans within 1 m of both axes are left out.
        squashed: Columns that pass through tanh.
        pictures: How many pictures it takes: 'none', 'one' or 'many'.
        is_rgb: Pictures are RGB, not BGR.
        is_float: Pictures are float32, not uint8.
    """

    columns: tuple[int, ...]
    width: int
    sweeps: int = 0
    sweep_columns: tuple[int, ...] = ()
    pads: bool = False
    drops_near: bool = False
    squashed: tuple[int, ...] = ()
    pictures: str = 'none'
    is_rgb: bool = False
    is_float: bool = False

    @property
    def needed(self) -> tuple[int, ...]:
        """Columns that reach the network and have to come from the scan."""
        if not self.sweep_columns:
            return self.columns
        kept = [self.columns[i] for i in self.sweep_columns if i != _TIME_COLUMN]
        return tuple(kept)


def is_loader(step: Mapping[str, Any]) -> bool:
    """Whether a step of a pipeline reads files; the rest of a pipeline is run as it is."""
    return 'Load' in str(step['type'])


def read_loading(pipeline: Sequence[Mapping[str, Any]]) -> Loading:
    """The loading steps of a test pipeline.

    Args:
        pipeline: `test_dataloader.dataset.pipeline` of a config.

    Raises:
        ConfigError: It has no points in LiDAR axes, or adds columns for indoor scenes.
    """
    steps = {str(step['type']).rpartition('.')[2]: step for step in pipeline}
    points, sweeps = steps.get(_POINTS), steps.get(_SWEEPS, {})
    if points is None or points.get('coord_type') != 'LIDAR':
        raise ConfigError('config', list(steps), f'a pipeline with {_POINTS} in LIDAR coordinates')
    if points.get('shift_height') or points.get('use_color'):
        raise ConfigError(
            'config', dict(points), 'no shift_height and no use_color: no indoor one'
        )
    columns = _numbers(points.get('use_dim', 3))
    if sweeps and len(columns) <= _TIME_COLUMN:
        raise ConfigError(
            'config', dict(points), f'a use_dim with column {_TIME_COLUMN}, for time'
        )
    many = next((name for name in _MANY_PICTURES if name in steps), '')
    one = next((name for name in _ONE_PICTURE if name in steps), '')
    squashed = (('norm_intensity', _INTENSITY_COLUMN), ('norm_elongation', _ELONGATION_COLUMN))
    return Loading(
        columns=columns,
        width=int(points.get('load_dim', 6)),
        sweeps=int(sweeps.get('sweeps_num', 10)) if sweeps else 0,
        sweep_columns=_numbers(sweeps.get('use_dim', (0, 1, 2, 4))) if sweeps else (),
        pads=bool(sweeps.get('pad_empty_sweeps', False)),
        drops_near=bool(sweeps.get('remove_close', False)),
        squashed=tuple(column for name, column in squashed if points.get(name)),
        pictures='many' if many else 'one' if one else 'none',
        is_rgb=_MANY_PICTURES.get(many, False),
        is_float=bool(steps.get(many or one, {}).get('to_float32', False)),
    )


def _numbers(value: Any) -> tuple[int, ...]:
    return tuple(range(value)) if isinstance(value, int) else tuple(int(v) for v in value)


@dataclass(frozen=True)
class Scanner:
    """How the scans of this robot become points of the data set.

    Attributes:
        fields: Names of the cloud's fields in the order of the data set's columns.
        intensity_scale: The data set's unit of intensity over the driver's.
        fixed_frame: What stands still between two scans.
        lookup: Transforms.
    """

    fields: tuple[str, ...]
    intensity_scale: float
    fixed_frame: str
    lookup: Lookup

    def points(
        self, cloud: PointCloud, past: Sequence[PointCloud], loading: Loading, frame: str
    ) -> Array:
        """Points (N, C) float32 as the network takes them: x, y, z in metres first.

        Args:
            cloud: The newest scan.
            past: Scans before it, the newest first.
            loading: What the network was trained with.
            frame: Of the answer, at the stamp of the newest scan.

        Raises:
            ShapeError: The cloud lacks a field that the network needs.
            TransformUnavailableError: There is no way from a scan to the frame.

        Convention:
            The age of a scan is in seconds before the newest one, 0 or more.
        """
        newest = self._rows(cloud, cloud, loading, frame)
        now = newest[:, list(loading.columns)]
        for column in loading.squashed:
            now[:, column] = np.tanh(now[:, column])
        if not loading.sweep_columns:
            return now
        now[:, _TIME_COLUMN] = 0.0
        parts = [now]
        if not past and loading.pads:
            parts += [_without_near(now) if loading.drops_near else now] * loading.sweeps
        for scan in past:
            rows = self._rows(scan, cloud, loading, frame)
            rows[:, _TIME_COLUMN] = (cloud.stamp_ns - scan.stamp_ns) * 1e-9
            rows = rows[:, list(loading.columns)]
            parts.append(_without_near(rows) if loading.drops_near else rows)
        return np.concatenate(parts)[:, list(loading.sweep_columns)]

    def _rows(self, scan: PointCloud, at: PointCloud, loading: Loading, frame: str) -> Array:
        """All columns of the data set (N, `width`) float32 of the finite points of a scan."""
        rows = np.zeros((len(scan), loading.width), np.float32)
        if scan is at and frame == scan.frame_id:
            rows[:, :3] = scan.xyz()  # no transform is needed, nor asked for
        else:
            rows[:, :3] = points_at(scan, frame, at.stamp_ns, self.fixed_frame, self.lookup)
        flat = scan.points.reshape(-1)
        for column in range(3, loading.width):
            name = self.fields[column] if column < len(self.fields) else f'column {column}'
            if name in scan.fields:
                rows[:, column] = flat[name]
            elif column in loading.needed:
                has = ', '.join(scan.fields)
                raise ShapeError('PointCloud fields', f'{name}, as the detector needs it', has)
        if loading.width > _INTENSITY_COLUMN:
            rows[:, _INTENSITY_COLUMN] *= self.intensity_scale
        return np.asarray(rows[np.isfinite(rows).all(axis=1)])


def _without_near(points: Array) -> Array:
    return np.asarray(points[(np.abs(points[:, :2]) >= _NEAR_M).any(axis=1)])


class PastScans:
    """The newest scans of each LiDAR.

    Args:
        count: Most that are kept of one.
        memory_s: None is older than the newest by more than this.
    """

    def __init__(self, count: int, memory_s: float) -> None:
        self._count, self._memory_ns = count, round(memory_s * 1e9)
        self._of: dict[str, deque[PointCloud]] = {}

    def before(self, stream: str, cloud: PointCloud) -> list[PointCloud]:
        """Past scans of a LiDAR, the newest first; from now on `cloud` is one of them."""
        known = self._of.setdefault(stream, deque(maxlen=self._count))
        oldest = cloud.stamp_ns - self._memory_ns
        past = [scan for scan in known if oldest <= scan.stamp_ns < cloud.stamp_ns]
        known.appendleft(cloud)
        return past

    def forget(self, stream: str) -> None:
        """Drop the scans of one LiDAR."""
        self._of.pop(stream, None)

    def clear(self) -> None:
        """Drop all."""
        self._of.clear()
