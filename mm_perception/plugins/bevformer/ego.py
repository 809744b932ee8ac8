"""How the robot itself moves around one moment, from odometry or from TF."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from mm_perception.errors import TransformUnavailableError
from mm_perception.geometry import pose_matrix
from mm_perception.geometry.scans import Lookup
from mm_perception.samples import Odometry
from mm_perception.samples.sample import Array


class Ego:
    """Poses of the robot near one moment, in a frame that stands still.

    A sample of odometry is carried on to other moments by the velocity that it tells.

    Args:
        odometry: The sample nearest to the moment; None takes TF.
        frame: Of the robot.
        fixed_frame: Frame that stands still, where TF is taken.
        stamp_ns: The moment.
        lookup: Transforms, of mounts at least.

    Attributes:
        fixed_frame: In which poses are: that of the odometry, if there is one.
        now: (4, 4) `fixed_from_robot` at the moment; None where nobody knows it.
        problem: Why not; empty if it is known.
    """

    def __init__(
        self,
        odometry: Odometry | None,
        frame: str,
        fixed_frame: str,
        stamp_ns: int,
        lookup: Lookup,
    ) -> None:
        self._odometry, self._frame, self._lookup = odometry, frame, lookup
        self.fixed_frame = fixed_frame if odometry is None else odometry.frame_id
        self.now: Array | None = None
        self.problem = ''
        self._child_from_frame = np.eye(4)
        try:
            if odometry is not None:
                self._child_from_frame = self._mount(odometry.child_frame_id, frame, stamp_ns)
            self.now = self._at(stamp_ns)
        except TransformUnavailableError as error:
            self.problem = str(error)

    @property
    def xy_yaw(self) -> tuple[float, float, float] | None:
        """Place in m and heading in rad, in `fixed_frame`."""
        if self.now is None:
            return None
        yaw = float(np.arctan2(self.now[1, 0], self.now[0, 0]))
        return float(self.now[0, 3]), float(self.now[1, 3]), yaw

    def then_from_now(self, stamp_ns: int) -> Array:
        """(4, 4) from the robot at the moment to the robot at another one close by.

        The identity where nobody knows: cameras of a rig look at nearly the same moment.
        """
        if self.now is None:
            return np.eye(4)
        try:
            return np.asarray(np.linalg.inv(self._at(stamp_ns)) @ self.now)
        except TransformUnavailableError:  # what is known ends between the two
            return np.eye(4)

    def lookup(self, target: str, source: str, stamp_ns: int) -> Array:
        """As `Context.lookup_transform`, between `fixed_frame`, the robot and its sensors.

        Where the pose of the robot is not known it is taken to stand.

        Raises:
            TransformUnavailableError: A mount, or a pose, is not known.
        """
        if self.fixed_frame not in (target, source):
            return self._mount(target, source, stamp_ns)
        pose = np.eye(4) if self.now is None else self._at(stamp_ns)
        if target == self.fixed_frame:
            return np.asarray(pose @ self._mount(self._frame, source, stamp_ns))
        return np.asarray(self._mount(target, self._frame, stamp_ns) @ np.linalg.inv(pose))

    def _mount(self, target: str, source: str, stamp_ns: int) -> Array:
        if target == source:  # a robot without any TF has one frame at least
            return np.eye(4)
        return self._lookup(target, source, stamp_ns)

    def _at(self, stamp_ns: int) -> Array:
        """(4, 4) `fixed_from_robot`."""
        if self._odometry is None:
            return self._lookup(self.fixed_frame, self._frame, stamp_ns)
        after_s = (stamp_ns - self._odometry.stamp_ns) / 1e9
        turned = Rotation.from_rotvec(self._odometry.angular * after_s)
        halfway = Rotation.from_rotvec(self._odometry.angular * (after_s / 2)).as_matrix()
        driven = pose_matrix(halfway @ self._odometry.linear * after_s, turned.as_quat())
        pose = pose_matrix(self._odometry.position, self._odometry.quat_xyzw)
        return np.asarray(pose @ driven @ self._child_from_frame)
