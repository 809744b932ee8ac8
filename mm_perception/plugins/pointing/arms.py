"""Arms in space: how straight, how far up, and the line that somebody points along.

People aim over the fingertip with the eye: the line from the head through the hand meets what is
meant better than that along the forearm (Nickel and Stiefelhagen, Visual recognition of pointing
gestures for human-robot interaction, Image and Vision Computing 2007).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mm_perception.errors import ShapeError
from mm_perception.geometry.joints import FACE
from mm_perception.geometry.rays import Ray, ray_through
from mm_perception.samples.sample import Array

SIDES = ('left', 'right')
#: Where a line begins that ends at the hand.
LINES = ('head-hand', 'shoulder-hand', 'elbow-hand')
#: COCO's shoulder, elbow and wrist.
JOINTS = {'left': (5, 7, 9), 'right': (6, 8, 10)}
_EYES, _NOSE, _EARS = slice(1, 3), slice(0, 1), slice(3, 5)
#: Upper arms and forearms are so long, metres; another length means that a joint is wrong.
_SHORTEST_M, _LONGEST_M = 0.1, 0.5
#: In the picture: how bent an arm may look that might be stretched in space, degrees.
_LOOKS_STRAIGHT_DEG = 30.0


@dataclass(frozen=True, eq=False)
class Arm:
    """One arm and the head, in one frame whose z axis points up, metres.

    Attributes:
        head: (3,) between the eyes; NaN where unknown.
        shoulder: (3,).
        elbow: (3,).
        wrist: (3,).
    """

    head: Array
    shoulder: Array
    elbow: Array
    wrist: Array

    @property
    def elbow_deg(self) -> float:
        """Angle between upper arm and forearm; 180 is straight."""
        return angle_deg(self.shoulder - self.elbow, self.wrist - self.elbow)

    @property
    def raised_deg(self) -> float:
        """Angle between straight down and the way from shoulder to wrist."""
        return angle_deg(np.array([0.0, 0.0, -1.0]), self.wrist - self.shoulder)

    def line(self, kind: str, hand_m: float) -> Ray | None:
        """From the fingertip on, away from the head, the shoulder or the elbow.

        Args:
            kind: One of `LINES`.
            hand_m: The fingertip is so far beyond the wrist, along the forearm.

        Returns:
            None where the head is not known.
        """
        start = {'head-hand': self.head, 'shoulder-hand': self.shoulder}.get(kind, self.elbow)
        forearm = self.wrist - self.elbow
        tip = self.wrist + hand_m * forearm / max(float(np.linalg.norm(forearm)), 1e-9)
        try:
            return Ray(tip, ray_through(start, tip).direction)
        except ShapeError:
            return None


def angle_deg(one: Array, other: Array) -> float:
    """Between two vectors (3,), degrees; 0 where one of them is none."""
    across, along = float(np.linalg.norm(np.cross(one, other))), float(np.dot(one, other))
    return float(np.degrees(np.arctan2(across, along)))


def arm_of(joints: Array, side: str, *, needs_head: bool) -> tuple[Arm | None, str]:
    """The arm of a person, or why there is none.

    Args:
        joints: (17, 3) of COCO in a frame whose z axis points up, NaN where unknown.
        side: left or right.
        needs_head: Without a head there is no arm.

    Returns:
        The arm and '', or None and the reason: a joint without depth, or a length that no arm has.
    """
    places = dict(zip(('shoulder', 'elbow', 'wrist'), joints[list(JOINTS[side])], strict=True))
    places['head'] = _head(joints)
    unknown = [
        name for name, place in places.items()
        if not np.isfinite(place).all() and (needs_head or name != 'head')
    ]  # fmt: skip
    if unknown:
        return None, f'keypoint or depth of {", ".join(unknown)} is not known'
    arm = Arm(**places)
    lengths = {
        'upper arm': float(np.linalg.norm(arm.elbow - arm.shoulder)),
        'forearm': float(np.linalg.norm(arm.wrist - arm.elbow)),
    }
    for name, length in lengths.items():
        if not _SHORTEST_M <= length <= _LONGEST_M:
            usual = f'not {_SHORTEST_M} to {_LONGEST_M} m'
            return None, f'the {name} would be {length:.2f} m long, {usual}: a joint is hidden'
    return arm, ''


def _head(joints: Array) -> Array:
    """(3,) between the eyes, else the nose, else between the ears, else one of these; or NaN."""
    face = joints[FACE]
    for part in (_EYES, _NOSE, _EARS):
        known = face[part][np.isfinite(face[part]).all(1)]
        if len(known):
            return np.asarray(known.mean(0))
    return np.full(3, np.nan)


def may_point(keypoints: Array, side: str, raised_deg: float) -> bool:
    """Whether an arm might point, by the picture alone: known, straight there and not hanging.

    Who is seen from the side hides one shoulder with the other: where one is not known, the other
    stands in for it.

    Args:
        keypoints: (17, 2) pixels, NaN where unknown.
        side: left or right.
        raised_deg: Angle from straight down from which on an arm does not hang.
    """
    shoulder, elbow, wrist = np.pad(keypoints[list(JOINTS[side])], ((0, 0), (0, 1)))
    if not np.isfinite(shoulder).all():
        other = JOINTS['right' if side == 'left' else 'left'][0]
        shoulder = np.pad(keypoints[other], (0, 1))
    if not np.isfinite([shoulder, elbow, wrist]).all():
        return False
    is_up = angle_deg(np.array([0.0, 1.0, 0.0]), wrist - shoulder) >= raised_deg
    return is_up and angle_deg(elbow - shoulder, wrist - elbow) <= _LOOKS_STRAIGHT_DEG
