"""Held-out rooms for bench_pointing: films of somebody who points, as samples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mm_perception.samples import CameraInfo, Image, Masks, Skeletons
from mm_perception.samples.sample import Array
from mm_perception.world.gesture import END_S, Aim, GestureRoom, Moment
from mm_perception.world.truth.people import VISIBLE
from mm_perception.world.variety import Split

FIRST_SEED = 900_000  # as mm_perception.evaluation.worlds
RATE_HZ = 5.0
LEAST_PX = 60
START_NS = 1_000_000_000


def ns(time_s: float) -> int:
    """Stamp of a moment."""
    return START_NS + round(time_s * 1e9)


@dataclass
class Film:
    """One room, rendered once for all ways."""

    room: GestureRoom
    first_s: float = 0.0
    last_s: float = END_S
    _moments: dict[float, Moment] = field(default_factory=dict)
    _samples: dict[float, dict[str, Any]] = field(default_factory=dict)

    @property
    def times(self) -> list[float]:
        """Of the pictures."""
        count = round((self.last_s - self.first_s) * RATE_HZ)
        return [self.first_s + index / RATE_HZ for index in range(count)]

    def at(self, time_s: float) -> Moment:
        """The truth at a moment."""
        if time_s not in self._moments:
            self._moments[time_s] = self.room.at(time_s)
        return self._moments[time_s]

    def lookup(self, target: str, source: str, stamp_ns: int) -> Array:
        """True transforms; the camera stands still."""
        poses = {'map': np.eye(4), self.room.camera.frame_id: self.room.room_from_camera}
        return np.asarray(np.linalg.inv(poses[target]) @ poses[source])

    def samples(self, time_s: float) -> dict[str, Any]:
        """Picture, true masks, calibration, and depth as noisy as a Kinect's.

        Depth: Nguyen et al., 3DIMPVT 2012: 1.2 mm + 1.9 mm (z - 0.4)^2.
        """
        if time_s not in self._samples:
            self._samples[time_s] = self._made(time_s)
        return self._samples[time_s]

    def _made(self, time_s: float) -> dict[str, Any]:
        view, camera = self.at(time_s).view, self.room.camera
        rng = np.random.default_rng((self.room.seed, round(time_s * 1000)))
        depth = view.depth.astype(np.float64)
        depth += rng.normal(0, 1, depth.shape) * (0.0012 + 0.0019 * (depth - 0.4) ** 2)
        stamp = {'stamp_ns': ns(time_s), 'frame_id': camera.frame_id}
        return {
            'image': Image(**stamp, data=view.rgb),
            'masks': self._masks(view.ids, stamp),
            'camera_info': self.info(time_s),
            'depth': Image(**stamp, data=depth.astype(np.float32), encoding='32FC1'),
            'cloud': None,
        }

    def info(self, time_s: float) -> CameraInfo:
        """The calibration."""
        return self.room.camera.info(ns(time_s))

    def _masks(self, instances: Array, stamp: dict[str, Any]) -> Masks:
        names = self.room.names
        ids, counts = np.unique(instances, return_counts=True)
        kept = [int(i) for i, n in zip(ids, counts, strict=True) if i in names and n >= LEAST_PX]
        return Masks(
            **stamp, id_map=np.where(np.isin(instances, kept), instances, 0).astype(np.uint16),
            ids=tuple(kept), labels=tuple(names[i] for i in kept),
            scores=np.ones(len(kept), np.float32),
        )  # fmt: skip

    def skeletons(self, time_s: float, noise_px: float) -> Skeletons:
        """True joints that are not hidden, with a normal error along x and y."""
        moment, camera = self.at(time_s), self.room.camera
        rng = np.random.default_rng((self.room.seed, round(time_s * 1000), 1))
        seen = set(np.unique(moment.view.ids).tolist())
        kept = [found for found in moment.keypoints if found.instance in seen]
        visible = [np.where((f.visible == VISIBLE)[:, None], f.pixels, np.nan) for f in kept]
        points = np.array(visible, np.float64).reshape(-1, 17, 2)
        points = points + rng.normal(0, 1, points.shape) * noise_px
        return Skeletons(
            stamp_ns=ns(time_s), frame_id=camera.frame_id, width=camera.width,
            height=camera.height, ids=tuple(found.instance for found in kept),
            points=points.astype(np.float32),
            scores=np.where(np.isfinite(points[..., 0]), 0.9, 0.0).astype(np.float32),
        )  # fmt: skip


def films(
    count: int, skip: int = 0, aim: Aim = 'eye', *, points: bool = True, **times: float
) -> Iterator[Film]:
    """Rooms in which somebody can point at something."""
    seed = FIRST_SEED + skip
    while count:
        try:
            room = GestureRoom(seed, Split.HELD_OUT, aim=aim, points=points)
        except ValueError:
            room = None
        if room is not None:
            count -= 1
            yield Film(room, **times)
        seed += 1
