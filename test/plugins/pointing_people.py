"""People made of balls before a wall, as a depth camera at the origin sees them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mm_perception.geometry.cameras import project
from mm_perception.samples import CameraInfo, Image, PointCloud, Skeletons
from mm_perception.samples.sample import Array
from mm_perception.samples.skeletons import KEYPOINTS

WIDTH, HEIGHT, FOCAL = 320, 240, 220.0
WALL_M = 3.2
#: From the axes of the room (x ahead, y left, z up; the camera is 1.2 m high) to optical ones.
OPTICAL = np.array([[0.0, -1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]])
CAMERA = np.array([0.0, 0.0, 1.2])
_TALL = 1.7
_LIMBS = (
    ('left_shoulder', 'left_elbow', 0.048), ('left_elbow', 'left_wrist', 0.042),
    ('right_shoulder', 'right_elbow', 0.048), ('right_elbow', 'right_wrist', 0.042),
    ('left_shoulder', 'right_shoulder', 0.05), ('left_shoulder', 'left_hip', 0.06),
    ('right_shoulder', 'right_hip', 0.06), ('left_hip', 'right_hip', 0.1),
    ('left_hip', 'left_knee', 0.07), ('right_hip', 'right_knee', 0.07),
    ('left_knee', 'left_ankle', 0.05), ('right_knee', 'right_ankle', 0.05),
)  # fmt: skip


def room_from_camera() -> Array:
    """(4, 4) from optical axes to the room."""
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = OPTICAL.T, CAMERA
    return pose


def lookup(target: str, source: str, stamp_ns: int) -> Array:
    """The camera stands still."""
    known = {'room': np.eye(4), 'camera': room_from_camera()}
    return np.asarray(np.linalg.inv(known[target]) @ known[source])


def info(stamp_ns: int) -> CameraInfo:
    """The calibration."""
    k = np.array([[FOCAL, 0, WIDTH / 2 - 0.5], [0, FOCAL, HEIGHT / 2 - 0.5], [0, 0, 1]])
    return CameraInfo(
        stamp_ns=stamp_ns, frame_id='camera', width=WIDTH, height=HEIGHT, d=np.zeros(5), k=k,
        r=np.eye(3), p=np.hstack([k, np.zeros((3, 1))]),
    )  # fmt: skip


@dataclass
class Person:
    """Somebody who stands and looks at the camera or aside; joints in the room, metres.

    Attributes:
        at: Place of the feet.
        yaw: Where they look, radians; pi at the camera.
        joints: By COCO name.
    """

    at: tuple[float, float]
    yaw: float = np.pi
    joints: dict[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        places = {
            'nose': (0.1, 0, 1.55), 'shoulder': (0, 0.2, 1.4), 'elbow': (0, 0.24, 1.12),
            'wrist': (0.02, 0.25, 0.84), 'hip': (0, 0.12, 0.9), 'knee': (0, 0.12, 0.5),
            'ankle': (0, 0.12, 0.08), 'eye': (0.09, 0.03, 1.58), 'ear': (0.0, 0.085, 1.57),
        }  # fmt: skip
        for name, (x, y, z) in places.items():
            sides = {'': 0.0} if name == 'nose' else {'left_': 1.0, 'right_': -1.0}
            for side, sign in sides.items():
                self.joints[side + name] = self._placed(x, sign * y, z)

    def _placed(self, x: float, y: float, z: float) -> Array:
        c, s = np.cos(self.yaw), np.sin(self.yaw)
        return np.array([self.at[0] + c * x - s * y, self.at[1] + s * x + c * y, z])

    @property
    def eye(self) -> Array:
        """(3,) between the eyes."""
        return np.asarray((self.joints['left_eye'] + self.joints['right_eye']) / 2)

    def point_at(self, target: Array, side: str = 'right', bend_deg: float = 0.0) -> None:
        """Stretch an arm so that eye, wrist and target lie on a line; the elbow sags by a bend."""
        shoulder, reach = self.joints[f'{side}_shoulder'], 0.56 * np.cos(np.radians(bend_deg) / 2)
        along = (target - self.eye) / np.linalg.norm(target - self.eye)
        ahead = float(along @ (shoulder - self.eye))
        away2 = float(np.sum((shoulder - self.eye) ** 2)) - ahead**2
        wrist = self.eye + (ahead + np.sqrt(reach**2 - away2)) * along
        arm = (wrist - shoulder) / np.linalg.norm(wrist - shoulder)
        down = np.array([0.0, 0.0, -1.0]) + arm[2] * arm
        sag = 0.28 * np.sin(np.radians(bend_deg) / 2)
        self.joints[f'{side}_wrist'] = wrist
        self.joints[f'{side}_elbow'] = (shoulder + wrist) / 2 + sag * down / np.linalg.norm(down)

    def balls(self) -> list[tuple[Array, float]]:
        """Centres and radii."""
        found = [(self._placed(0, 0, 1.57), 0.1), (self._placed(0, 0, 1.62), 0.1)]
        for first, last, radius in _LIMBS:
            start, end = self.joints[first], self.joints[last]
            found += [(start + s * (end - start), radius) for s in np.linspace(0, 1, 25)]
        return found


def depth_of(people: list[Person]) -> Array:
    """(H, W) float32 metres along the optical axis: people before a wall."""
    depth = np.full((HEIGHT, WIDTH), WALL_M, np.float32)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    along = np.stack([
        (columns - WIDTH / 2 + 0.5) / FOCAL, (rows - HEIGHT / 2 + 0.5) / FOCAL, np.ones(rows.shape)
    ], axis=-1)  # fmt: skip
    lengths2 = (along**2).sum(-1)
    for centre, radius in [ball for person in people for ball in person.balls()]:
        middle = OPTICAL @ (centre - CAMERA)
        dot = along @ middle
        inside = dot**2 - lengths2 * (middle @ middle - radius**2)
        hit = np.where(inside > 0, (dot - np.sqrt(np.maximum(inside, 0))) / lengths2, np.inf)
        depth = np.minimum(depth, hit.astype(np.float32))
    return depth


def pixels_of(person: Person, stamp_ns: int = 0) -> Array:
    """(17, 2) float32 exact keypoints, hidden ones too."""
    joints = np.array([person.joints[name] for name in KEYPOINTS])
    return project(info(stamp_ns), (joints - CAMERA) @ OPTICAL.T).astype(np.float32)


def skeletons_of(people: dict[int, Array], stamp_ns: int) -> Skeletons:
    """Of pixels (17, 2) by id."""
    points = np.array(list(people.values()), np.float32).reshape(-1, 17, 2)
    return Skeletons(
        stamp_ns=stamp_ns, frame_id='camera', width=WIDTH, height=HEIGHT, ids=tuple(people),
        points=points, scores=np.where(np.isfinite(points[..., 0]), 0.9, 0).astype(np.float32),
    )  # fmt: skip


def depth_image(depth: Array, stamp_ns: int) -> Image:
    """As a sample."""
    return Image(stamp_ns=stamp_ns, frame_id='camera', data=depth, encoding='32FC1')


def scan_of(depth: Array, stamp_ns: int, every: int) -> PointCloud:
    """What a LiDAR beside the camera sees, in the frame of the camera."""
    rows, columns = np.mgrid[:HEIGHT:every, :WIDTH:every]
    metres = depth[rows, columns].ravel()
    points = np.zeros(metres.size, [(axis, np.float32) for axis in 'xyz'])
    points['x'] = (columns.ravel() - WIDTH / 2 + 0.5) / FOCAL * metres
    points['y'] = (rows.ravel() - HEIGHT / 2 + 0.5) / FOCAL * metres
    points['z'] = metres
    return PointCloud(stamp_ns=stamp_ns, frame_id='camera', points=points)


def samples_of(people: dict[int, Person], stamp_ns: int, **changes: Any) -> dict[str, Any]:
    """What the ports take."""
    depth = depth_of(list(people.values()))
    return {
        'skeletons': skeletons_of({n: pixels_of(p) for n, p in people.items()}, stamp_ns),
        'camera_info': info(stamp_ns), 'depth': depth_image(depth, stamp_ns), 'cloud': None,
        **changes,
    }  # fmt: skip
