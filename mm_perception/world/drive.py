"""A drive through a street, or a look around in a room: which sensors there are, what they see."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from enum import IntEnum
from functools import lru_cache, partial
from typing import Literal

import numpy as np

from mm_perception.world.camera import OPTICAL, Camera
from mm_perception.world.damage import Damage
from mm_perception.world.ego import ego_path
from mm_perception.world.gesture import GestureRoom
from mm_perception.world.inertial import Imu, Wheels
from mm_perception.world.lidar import Lidar, Points
from mm_perception.world.microphone import MicrophoneArray
from mm_perception.world.motion import turn_about
from mm_perception.world.render import Optics, View, look
from mm_perception.world.robot import robot_path
from mm_perception.world.room import make_room
from mm_perception.world.scene import Array, Motion, Stage
from mm_perception.world.spoken import Saying
from mm_perception.world.street import make_street
from mm_perception.world.variety import Split
from mm_perception.world.workers import render_pool

NOT_NAMED = ('tree',)
#: A vehicle drives through a street, a robot looks around in a room.
Place = Literal['street', 'room']


class Stream(IntEnum):
    """What random numbers are for: what one purpose draws does not change another."""

    PICTURE = 1
    SCAN = 2
    IMU = 3
    WHEELS = 4
    DROPS = 5
    DAMAGE = 6
    STAMPS = 7
    MOUNTS = 8
    WORDS = 9
    SPEECH = 10
    MICROPHONES = 11


def one_camera(width: int = 640, height: int = 360, place: Place = 'street') -> tuple[Camera, ...]:
    """One camera that looks ahead."""
    ahead, up = (0.6, 1.5) if place == 'street' else (0.15, 1.2)
    return (Camera('camera_front', width, height, 0.62 * width, at=np.array([ahead, 0.0, up])),)


def ring_of_cameras(
    width: int = 480, height: int = 270, place: Place = 'street'
) -> tuple[Camera, ...]:
    """Six cameras around a car, or a robot."""
    names = ('front', 'front_left', 'back_left', 'back', 'back_right', 'front_right')
    ahead, up = (0.8, 1.5) if place == 'street' else (0.15, 1.2)
    cameras = []
    for index, name in enumerate(names):
        yaw = index * np.pi / 3
        turn = turn_about(2, yaw)
        at = turn @ np.array([ahead, 0.0, 0.0]) + np.array([0.0, 0.0, up])
        focal = 0.62 * width
        cameras.append(Camera(f'camera_{name}', width, height, focal, at=at, turn=turn @ OPTICAL))
    return tuple(cameras)


@dataclass(frozen=True)
class Drive:
    """What is driven and recorded.

    Attributes:
        seed: Of the place, of the way through it and of all noise.
        seconds: Length.
        rate_hz: Of the cameras.
        cameras: On the vehicle.
        lidar: On the vehicle; None for none.
        optics: Of all cameras.
        imu: On the vehicle.
        wheels: What the odometry is made from.
        damage: What goes wrong.
        microphones: On the vehicle; with them people near the way speak. None for none.
        sayings: What the user says to the robot, beside the microphones.
        has_passers_by: Whether people near the way speak too; that needs espeak-ng.
        has_depth: Record the true depth of pictures; it takes more room than the pictures.
        split: What may appear in the place.
        place: street or room.
        has_gesture: In the room somebody points at a thing, and base_link stands still, with the
            camera of `watching_camera` above it.
    """

    seed: int = 1
    seconds: float = 6.0
    rate_hz: float = 10.0
    cameras: tuple[Camera, ...] = field(default_factory=one_camera)
    lidar: Lidar | None = field(default_factory=Lidar)
    optics: Optics = field(default_factory=Optics)
    imu: Imu = field(default_factory=Imu)
    wheels: Wheels = field(default_factory=Wheels)
    damage: Damage = field(default_factory=Damage)
    microphones: MicrophoneArray | None = None
    sayings: tuple[Saying, ...] = ()
    has_passers_by: bool = True
    has_depth: bool = False
    split: Split = Split.ANY
    place: Place = 'street'
    has_gesture: bool = False

    @property
    def num_frames(self) -> int:
        """Moments at which all cameras look."""
        return round(self.seconds * self.rate_hz)

    def time_s(self, index: int) -> float:
        """Moment of a frame from the start."""
        return index / self.rate_hz

    def ego(self, time_s: float) -> tuple[Array, Array]:
        """True place and rotation of base_link (on the ground) in the world."""
        return _path(self.seed, self.split, self.place, self.has_gesture)(time_s)

    def rng(self, stream: Stream, *key: int) -> np.random.Generator:
        """Random numbers for one purpose."""
        return np.random.default_rng((self.seed, stream, *key))

    @property
    def stage(self) -> Stage:
        """The street or room, at whatever moment it was left."""
        return _stage(self.seed, self.split, self.place, self.has_gesture)

    @property
    def names(self) -> dict[int, str]:
        """Instance to name, such as 'red car', for what has one."""
        return {
            thing.instance: f'{thing.colour} {thing.kind}'.strip()
            for thing in self.stage.scene.things
            if thing.kind not in NOT_NAMED
        }


@dataclass(frozen=True)
class Frame:
    """What all cameras saw at once, by name of the camera; a lost picture is not there."""

    index: int
    time_s: float
    views: dict[str, View]


@dataclass(frozen=True)
class Scan:
    """What the LiDAR saw in one turn that began at `start_s`."""

    index: int
    start_s: float
    points: Points


def observe(drive: Drive, workers: int = 1) -> Iterator[tuple[float, Frame | Scan]]:
    """What cameras and LiDAR give, with the second at which it is complete, in that order.

    It is the same whatever the number of workers.

    Args:
        drive: The drive.
        workers: Processes; 1 means this one.
    """
    jobs: list[tuple[float, Callable[[], Frame | Scan]]] = [
        (drive.time_s(index), partial(render_frame, drive, index))
        for index in range(drive.num_frames)
    ]
    if drive.lidar is not None:
        rate_hz = drive.lidar.rate_hz
        jobs += [
            ((index + 1) / rate_hz, partial(make_scan, drive, drive.lidar, index))
            for index in range(int(drive.seconds * rate_hz + 1e-6))
        ]
    jobs.sort(key=lambda job: job[0])
    times, calls = zip(*jobs, strict=True)
    if workers <= 1:
        yield from zip(times, map(_call, calls), strict=True)
        return
    with render_pool(workers) as pool:
        yield from zip(times, pool.map(_call, calls), strict=True)


def _call(job: Callable[[], Frame | Scan]) -> Frame | Scan:
    return job()


def render_frame(drive: Drive, index: int) -> Frame:
    """All cameras at one moment, with their damage."""
    stage, time_s, damage = drive.stage, drive.time_s(index), drive.damage
    stage.set_time(time_s)
    at, turn = drive.ego(time_s)
    views = {}
    for number, camera in enumerate(drive.cameras):
        if damage.drops(drive.rng(Stream.DROPS, index, number)):
            continue
        rng = drive.rng(Stream.PICTURE, index, number)
        view = look(stage, camera, at, turn, drive.optics, rng)
        rgb = damage.picture(view.rgb, time_s, drive.rng(Stream.DAMAGE, index, number))
        views[camera.name] = replace(view, rgb=rgb)
    return Frame(index, time_s, views)


def make_scan(drive: Drive, lidar: Lidar, index: int) -> Scan:
    """One turn of the LiDAR, with its damage."""
    start_s = index / lidar.rate_hz
    points = lidar.scan(drive.stage, drive.ego, start_s, drive.rng(Stream.SCAN, index))
    rng = drive.rng(Stream.DAMAGE, index, len(drive.cameras))
    return Scan(index, start_s, drive.damage.cloud(points, rng))


def gesture_camera(seed: int, width: int = 640) -> tuple[Camera, ...]:
    """The one camera of a drive with a gesture: high up in a corner, looking into the room.

    Args:
        seed: Of the drive.
        width: Of its pictures, pixels.

    Raises:
        ValueError: There is no place in that room from which somebody could point at a thing.
    """
    return (_gesture(seed, Split.ANY).mounted(width)[0],)


@lru_cache(maxsize=2)
def _stage(seed: int, split: Split, place: Place, has_gesture: bool) -> Stage:
    if has_gesture:
        return _gesture(seed, split).stage
    return Stage((make_street if place == 'street' else make_room)(seed, split))


@lru_cache(maxsize=2)
def _path(seed: int, split: Split, place: Place, has_gesture: bool) -> Motion:
    if has_gesture:
        return _gesture(seed, split).mounted(640)[1]
    if place == 'street':
        return ego_path(seed)
    return robot_path(_stage(seed, split, place, has_gesture).scene, seed)


@lru_cache(maxsize=2)
def _gesture(seed: int, split: Split) -> GestureRoom:
    return GestureRoom(seed, split)
