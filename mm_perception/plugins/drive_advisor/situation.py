"""What the rules look at: who is where along the way that the vehicle is about to take.

The way is straight ahead, or the arc of the present turn. All places are in its frame: x metres
along the way from base_link, y metres to its left; so to a rule the way is always straight.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mm_perception.geometry import moved, pose_matrix
from mm_perception.samples import BevGrid, Boxes3D, Odometry
from mm_perception.samples.sample import Array

#: Slower than this a turn rate says nothing about the way.
_CREEPS_MPS = 0.5


#: People on foot go in any direction; everybody else that moves goes where it is heading.
PEOPLE = ('pedestrian', 'person', 'child', 'adult')
#: What never moves, whatever a tracker makes of its noise.
_FIXED = ('cone', 'barrier', 'light', 'sign', 'tree')


@dataclass(frozen=True)
class Way:
    """The way ahead: a straight line, or an arc.

    Attributes:
        curvature: 1/m, positive to the left; 0 for straight on.

    Convention:
        On an arc of radius 10 m to the left, the place (10, 10) is a quarter of a circle ahead:
        x = 5 pi along the way, y = 0.
    """

    curvature: float = 0.0

    def along(self, xy: Array) -> tuple[Array, Array]:
        """Places (N, 2) of base_link in the frame of the way, and its heading there, radians.

        What lies more than a quarter of a circle ahead is infinitely far along the way.
        """
        if self.curvature == 0:
            return xy, np.zeros(len(xy))
        bend = self.curvature
        turn = np.arctan2(bend * xy[:, 0], 1 - bend * xy[:, 1])
        radius = np.hypot(xy[:, 0], xy[:, 1] - 1 / bend)
        aside = 1 / bend - np.sign(bend) * radius
        ahead = np.where(np.abs(turn) <= np.pi / 2 + 1e-9, turn / bend, np.inf)
        return np.stack([ahead, aside], axis=1), turn

    def places(self, xy: Array) -> Array:
        """The inverse of `along`: places (N, 2) in the frame of base_link."""
        if self.curvature == 0:
            return xy
        bend = self.curvature
        turn, reach = bend * xy[:, 0], 1 / bend - xy[:, 1]
        return np.stack([np.sin(turn) * reach, 1 / bend - np.cos(turn) * reach], axis=1)


@dataclass(frozen=True)
class Other:
    """Somebody or something else.

    Attributes:
        track_id: Of its track.
        label: Its class.
        x: Metres along the way, from base_link.
        y: Metres to the left of it.
        vx: Speed over ground along the way, m/s.
        vy: To its left.
        half_x: Half of its extent along the way, metres.
        half_y: Half of its extent across.
        sigma_m: Standard deviation of its place.
        sigma_mps: Standard deviation of its velocity.
    """

    track_id: str
    label: str
    x: float
    y: float
    vx: float
    vy: float
    half_x: float
    half_y: float
    sigma_m: float = 0.0
    sigma_mps: float = 0.0

    @property
    def name(self) -> str:
        """Such as 'car 7'."""
        return f'{self.label} {self.track_id}'.strip()

    @property
    def kind(self) -> str:
        """The last word of the label, see `kind_of`."""
        return kind_of(self.label)


@dataclass(frozen=True)
class Car:
    """The vehicle itself, metres from base_link.

    Attributes:
        front_m: To its foremost point.
        rear_m: To its rearmost point.
        half_width_m: To either side, with the room that it wants there.
    """

    front_m: float = 2.3
    rear_m: float = 2.3
    half_width_m: float = 1.0


@dataclass(frozen=True, eq=False)
class Ground:
    """The map, as seen along the way.

    Attributes:
        grid: The layers.
        base_from_grid: (4, 4) from the frame of the grid to base_link now.
        way: The way.
        age_s: How old the map is.
    """

    grid: BevGrid
    base_from_grid: Array
    way: Way = field(default_factory=Way)
    age_s: float = 0.0

    def lookup(self, layer: str, xy: Array) -> Array:
        """What a layer says of places (N, 2) in the frame of the way; -1 where it says nothing."""
        base = self.way.places(xy)
        turn, at = self.base_from_grid[:2, :2], self.base_from_grid[:2, 3]
        return self.grid.lookup(layer, (base - at) @ turn)

    def places(self, layer: str) -> Array:
        """Cells (N, 2) of a layer in the frame of the way."""
        turn, at = self.base_from_grid[:2, :2], self.base_from_grid[:2, 3]
        return self.way.along(self.grid.places(layer) @ turn.T + at)[0]


@dataclass(frozen=True, eq=False)
class Situation:
    """Everything that a rule may know.

    Attributes:
        speed: Of the vehicle along the way, m/s.
        others: Where everybody is now.
        ground: The map; None if there is none.
        car: The vehicle.
    """

    speed: float
    others: tuple[Other, ...] = ()
    ground: Ground | None = None
    car: Car = field(default_factory=Car)


def kind_of(label: str) -> str:
    """The last word of a label.

    Convention:
        'red car' is a car; 'traffic_cone', as nuScenes has it, a cone.
    """
    words = label.replace('_', ' ').split()
    return words[-1] if words else ''


def way_of(odometry: Odometry, turning_rad_s: float) -> Way:
    """The way on which the vehicle is.

    Args:
        odometry: Of now.
        turning_rad_s: Below that rate it only weaves, and means to go straight on.
    """
    speed, rate = float(odometry.linear[0]), float(odometry.angular[2])
    if abs(rate) < turning_rad_s or speed < _CREEPS_MPS:
        return Way()
    return Way(rate / speed)


def others_of(
    tracks: Boxes3D, odom_from_tracks: Array, odometry: Odometry, way: Way
) -> tuple[Other, ...]:
    """Who is where now.

    Args:
        tracks: In any frame; they move on with constant velocity until now.
        odom_from_tracks: (4, 4) at the stamp of the tracks.
        odometry: Of now.
        way: On which the vehicle is.
    """
    base_from_odom = np.linalg.inv(pose_matrix(odometry.position, odometry.quat_xyzw))
    there = moved(tracks, base_from_odom @ odom_from_tracks, odometry.child_frame_id)
    speeds = _likely_speeds(there)
    passed_s = (odometry.stamp_ns - tracks.stamp_ns) / 1e9
    xy, heading = way.along(there.centres[:, :2] + speeds * passed_s)
    yaws, ids = there.yaws() - heading, tracks.track_ids or ('',) * len(tracks)
    cosine, sine = np.abs(np.cos(yaws)), np.abs(np.sin(yaws))
    length, width = there.sizes[:, 0] / 2, there.sizes[:, 1] / 2
    rows = np.column_stack(
        [
            xy,
            speeds[:, 0] * np.cos(heading) + speeds[:, 1] * np.sin(heading),
            speeds[:, 1] * np.cos(heading) - speeds[:, 0] * np.sin(heading),
            cosine * length + sine * width,
            sine * length + cosine * width,
            _spread(there.covariances, len(there)),
            _spread(there.velocity_covariances, len(there)),
        ]
    )
    return tuple(
        Other(track_id, label, *row)
        for track_id, label, row in zip(ids, tracks.labels, rows.tolist(), strict=True)
        if np.isfinite(row[0])
    )


def _likely_speeds(boxes: Boxes3D) -> Array:
    """Velocities (N, 2) on the ground without what cannot be: cars do not go sideways."""
    if boxes.velocities is None:
        return np.zeros((len(boxes), 2))
    yaws, speeds = boxes.yaws(), boxes.velocities[:, :2]
    ahead = np.stack([np.cos(yaws), np.sin(yaws)], axis=1)
    rolling = (speeds * ahead).sum(axis=1, keepdims=True) * ahead
    kinds = [kind_of(label) for label in boxes.labels]
    walks = np.array([kind in PEOPLE for kind in kinds], np.bool_)[:, None]
    stands = np.array([kind in _FIXED for kind in kinds], np.bool_)[:, None]
    return np.where(stands, 0.0, np.where(walks, speeds, rolling))


def _spread(covariances: Array | None, num: int) -> Array:
    """Largest standard deviation on the ground, (N,)."""
    if covariances is None or num == 0:
        return np.zeros(num)
    largest = np.linalg.eigvalsh(covariances[:, :2, :2])[:, -1]
    return np.sqrt(np.maximum(largest, 0))


def ground_of(grid: BevGrid, odom_from_grid: Array, odometry: Odometry, way: Way) -> Ground:
    """The map as it lies now; odom_from_grid: (4, 4) at the stamp of the map."""
    base_from_odom = np.linalg.inv(pose_matrix(odometry.position, odometry.quat_xyzw))
    age_s = (odometry.stamp_ns - grid.stamp_ns) / 1e9
    return Ground(grid, base_from_odom @ odom_from_grid, way, age_s)
