"""Boxes in space: what stands where, how large it is, and where it goes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mm_perception.errors import ShapeError
from mm_perception.samples.sample import Array, Sample, checked_length

#: What single precision leaves of a unit quaternion, with room.
_UNIT_TOLERANCE = 1e-4
#: Covariances are symmetric up to this share of their largest entry.
_SYMMETRY = 1e-6


@dataclass(frozen=True, kw_only=True, eq=False)
class Boxes3D(Sample):
    """Boxes of one moment, in parallel arrays; N = 0 means: looked, found nothing.

    Attributes:
        centres: (N, 3) float64, metres, frame `frame_id` (REP-103 bodies: x ahead, y left, z up).
        sizes: (N, 3) float64, metres: whole length, width and height along the box's own x, y, z.
        quats_xyzw: (N, 4) float64 unit quaternions: rotation from the box's axes to `frame_id`;
            the box's x axis points where it is heading.
        scores: (N,) float32 in [0, 1].
        labels: N label texts.
        track_ids: N track ids, unique; an empty tuple where nothing tracks.
        velocities: (N, 3) float64, m/s over ground (not relative to the sensor) along the axes of
            `frame_id`; None where nobody measured them.
        covariances: (N, 6, 6) float64 of centre (m^2) and of the rotation about the fixed x, y
            and z axes (rad^2), as in geometry_msgs/PoseWithCovariance; None where unknown.
        velocity_covariances: (N, 3, 3) float64, m^2/s^2; None where unknown.
    """

    centres: Array
    sizes: Array
    quats_xyzw: Array
    scores: Array
    labels: tuple[str, ...]
    track_ids: tuple[str, ...] = ()
    velocities: Array | None = None
    covariances: Array | None = None
    velocity_covariances: Array | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._freeze('centres', ('N', 3), [np.float64])
        self._freeze('sizes', ('N', 3), [np.float64])
        self._freeze('quats_xyzw', ('N', 4), [np.float64])
        self._freeze('scores', ('N',), [np.float32])
        for name in ('sizes', 'quats_xyzw', 'scores', 'labels'):
            checked_length(f'Boxes3D.{name}', getattr(self, name), len(self))
        for name, shape in (
            ('velocities', (3,)), ('covariances', (6, 6)), ('velocity_covariances', (3, 3)),
        ):  # fmt: skip
            if getattr(self, name) is not None:
                self._freeze(name, ('N', *shape), [np.float64])
                checked_length(f'Boxes3D.{name}', getattr(self, name), len(self))
        if self.track_ids:
            checked_length('Boxes3D.track_ids', self.track_ids, len(self))
            if len(set(self.track_ids)) != len(self):
                raise ShapeError('Boxes3D.track_ids', 'unique ids', f'{self.track_ids}')
        self._check_values()

    def _check_values(self) -> None:
        for name in ('centres', 'sizes', 'quats_xyzw', 'scores', 'velocities'):
            value = getattr(self, name)
            if value is not None and not np.isfinite(value).all():
                raise ShapeError(f'Boxes3D.{name}', 'finite numbers', 'NaN or infinity')
        if (self.sizes < 0).any():
            raise ShapeError('Boxes3D.sizes', 'metres from 0 on', f'{self.sizes.min()}')
        norms = np.linalg.norm(self.quats_xyzw, axis=1)
        if (np.abs(norms - 1) > _UNIT_TOLERANCE).any():
            raise ShapeError('Boxes3D.quats_xyzw', 'unit quaternions', f'norms {norms}')
        for name in ('covariances', 'velocity_covariances'):
            value = getattr(self, name)
            if value is not None and not is_covariance(value):
                raise ShapeError(
                    f'Boxes3D.{name}', 'symmetric matrices with variances from 0 on', 'others'
                )

    def __len__(self) -> int:
        return len(self.centres)

    def yaws(self) -> Array:
        """Headings about the z axis of `frame_id`, (N,) radians in [-pi, pi], from x towards y.

        Convention:
            The quaternion (0, 0, sin 45 deg, cos 45 deg) has the yaw 90 degrees.
        """
        x, y, z, w = self.quats_xyzw.T
        yaw: Array = np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))
        return yaw


def is_covariance(matrices: Array) -> bool:
    """Whether all of (N, K, K) are finite and symmetric, with no negative variance."""
    if not np.isfinite(matrices).all():
        return False
    scale = np.abs(matrices).max(axis=(1, 2), initial=0.0)[:, None, None]
    is_symmetric = np.abs(matrices - np.swapaxes(matrices, 1, 2)) <= _SYMMETRY * scale
    return bool(is_symmetric.all() and (np.diagonal(matrices, axis1=1, axis2=2) >= 0).all())


def quats_of_yaws(yaws: Array) -> Array:
    """Quaternions x, y, z, w of turns about z: (N,) radians to (N, 4) float64."""
    half = np.asarray(yaws, np.float64) / 2
    zero = np.zeros_like(half)
    return np.stack([zero, zero, np.sin(half), np.cos(half)], axis=-1)
