"""A detector that does not exist: true boxes, spoilt as detectors spoil them.

It makes what a tracker or a planner takes, long before a network does, and with known faults.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mm_perception.samples import BevGrid, Boxes3D, quats_of_yaws
from mm_perception.world.drive import NOT_NAMED, Drive
from mm_perception.world.scene import Array
from mm_perception.world.truth import CLASSES, Bird, Box, boxes_of

_STREAM = 91
#: Layers of a map by the classes of ground that they are of.
_LAYERS = {
    'drivable': ('road', 'marking', 'crossing'), 'lane': ('marking',), 'crossing': ('crossing',),
    'walkway': ('pavement',),
}  # fmt: skip
#: What a false alarm looks like: class to length, width and height in metres.
_ALARMS = {'car': (4.4, 1.8, 1.5), 'pedestrian': (0.6, 0.6, 1.7), 'cyclist': (1.7, 0.6, 1.7)}


@dataclass(frozen=True)
class Detector:
    """Faults of a detector; distances are from base_link.

    Attributes:
        reach_m: It sees no farther.
        position_std_m: Of centres, at 0 m; at `reach_m` it is twice that.
        yaw_std_rad: Of headings.
        size_std: Of sizes, relative.
        velocity_std_mps: Of velocities; None for a detector that gives none.
        missed: Share of boxes that are missed, each on its own.
        hidden: Share of spans of `hidden_s` in which a thing is not seen at all.
        hidden_s: Length of such spans, seconds.
        alarms: Mean number of false boxes per moment.
    """

    reach_m: float = 50.0
    position_std_m: float = 0.2
    yaw_std_rad: float = 0.1
    size_std: float = 0.05
    velocity_std_mps: float | None = None
    missed: float = 0.1
    hidden: float = 0.05
    hidden_s: float = 0.6
    alarms: float = 1.0

    def detect(self, drive: Drive, time_s: float, boxes: Sequence[Box], stamp_ns: int) -> Boxes3D:
        """What it sees at a moment; the same each time it is asked.

        Args:
            drive: Whose seed decides what goes wrong.
            time_s: When.
            boxes: True ones in base_link.
            stamp_ns: Of the moment.
        """
        rng = np.random.default_rng((drive.seed, _STREAM, round(time_s * 1e6)))
        seen = [b for b in boxes if self._sees(drive, time_s, b, rng)]
        truth = boxes_sample(seen, stamp_ns, 'base_link')
        spread = self.position_std_m * (1 + _far(truth) / self.reach_m)
        centres = truth.centres + rng.normal(size=(len(seen), 3)) * spread[:, None] * [1, 1, 0.3]
        yaws = truth.yaws() + rng.normal(0, self.yaw_std_rad, len(seen))
        sizes = truth.sizes * np.exp(rng.normal(0, self.size_std, (len(seen), 3)))
        scores = np.clip(rng.normal(0.75, 0.12, len(seen)), 0.15, 1)
        alarms = self._alarms(rng, stamp_ns)
        speeds = None
        if self.velocity_std_mps is not None and truth.velocities is not None:
            noise = rng.normal(0, self.velocity_std_mps, (len(seen), 3)) * [1, 1, 0.1]
            speeds = np.vstack([truth.velocities + noise, np.zeros((len(alarms), 3))])
        return Boxes3D(
            stamp_ns=stamp_ns, frame_id='base_link', labels=truth.labels + alarms.labels,
            centres=np.vstack([centres, alarms.centres]), sizes=np.vstack([sizes, alarms.sizes]),
            quats_xyzw=np.vstack([quats_of_yaws(yaws), alarms.quats_xyzw]), velocities=speeds,
            scores=np.concatenate([scores, alarms.scores]).astype(np.float32),
        )  # fmt: skip

    def _sees(self, drive: Drive, time_s: float, box: Box, rng: np.random.Generator) -> bool:
        span = (drive.seed, _STREAM, box.instance, int(time_s / self.hidden_s))
        is_hidden = np.random.default_rng(span).uniform() < self.hidden
        is_missed = rng.uniform() < self.missed
        return not (is_hidden or is_missed or np.hypot(*box.centre[:2]) > self.reach_m)

    def _alarms(self, rng: np.random.Generator, stamp_ns: int) -> Boxes3D:
        num = int(rng.poisson(self.alarms))
        labels = tuple(str(label) for label in rng.choice(list(_ALARMS), num))
        centres = rng.uniform(-self.reach_m, self.reach_m, (num, 3)) * [1, 0.4, 0] + [0, 0, 0.8]
        return Boxes3D(
            stamp_ns=stamp_ns, frame_id='base_link', centres=centres, labels=labels,
            sizes=np.array([_ALARMS[label] for label in labels]).reshape(-1, 3),
            quats_xyzw=quats_of_yaws(rng.uniform(-np.pi, np.pi, num)),
            scores=np.clip(rng.normal(0.4, 0.15, num), 0.05, 1).astype(np.float32),
        )  # fmt: skip


def true_boxes(drive: Drive, time_s: float, kinds: Sequence[str] = ()) -> list[Box]:
    """Named things of some classes, or of all, in base_link at a moment."""
    at, turn = drive.ego(time_s)
    return [
        box.seen_from(at, turn)
        for box in boxes_of(drive.stage, time_s)
        if box.kind not in NOT_NAMED and (not kinds or box.kind in kinds)
    ]


def boxes_sample(boxes: Sequence[Box], stamp_ns: int, frame_id: str) -> Boxes3D:
    """True boxes as a sample; the class is the label, the instance the track id."""

    def rows(name: str) -> Array:
        values = [getattr(box, name) for box in boxes]
        return np.array(values, np.float64).reshape(-1, 3)

    return Boxes3D(
        stamp_ns=stamp_ns, frame_id=frame_id, centres=rows('centre'), sizes=rows('size'),
        velocities=rows('velocity'), quats_xyzw=quats_of_yaws(np.array([b.yaw for b in boxes])),
        scores=np.ones(len(boxes), np.float32), labels=tuple(box.kind for box in boxes),
        track_ids=tuple(str(box.instance) for box in boxes),
    )  # fmt: skip


def grid_sample(bird: Bird, stamp_ns: int, frame_id: str) -> BevGrid:
    """A true map from above as a sample; below what stands on it the ground is unknown."""
    covered = (bird.instances > 0) | (bird.classes == 0)
    layers = {'occupied': bird.occupancy()}
    for layer, kinds in _LAYERS.items():
        own = np.isin(bird.classes, [CLASSES.index(kind) for kind in kinds])
        layers[layer] = np.where(covered, -1, 100 * own).astype(np.int8)
    return BevGrid(
        stamp_ns=stamp_ns, frame_id=frame_id, layers=tuple(layers),
        cells=np.stack(list(layers.values())), resolution_m=bird.grid.resolution,
        origin=(*bird.grid.origin, 0.0, 0.0),
    )  # fmt: skip


def _far(boxes: Boxes3D) -> Array:
    return np.asarray(np.linalg.norm(boxes.centres[:, :2], axis=1), np.float64)
