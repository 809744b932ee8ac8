"""mm_perception_msgs/SkeletonArray: joints of people in the order of hri_msgs/Skeleton2D."""

from __future__ import annotations

from typing import Any

import numpy as np

from mm_perception.errors import MalformedMessageError, ShapeError
from mm_perception.ros.convert.header import fields_of, header_of
from mm_perception.ros.wire import message_class
from mm_perception.samples import KEYPOINTS, Skeletons
from mm_perception.samples.sample import Array

SKELETONS = 'mm_perception_msgs/msg/SkeletonArray'
#: Order of the points in a message: that of OpenPose, as REP-155 has it.
POINTS = (
    'nose', 'neck', 'right_shoulder', 'right_elbow', 'right_wrist', 'left_shoulder', 'left_elbow',
    'left_wrist', 'right_hip', 'right_knee', 'right_ankle', 'left_hip', 'left_knee', 'left_ankle',
    'left_eye', 'right_eye', 'left_ear', 'right_ear',
)  # fmt: skip
_NECK = POINTS.index('neck')
_SHOULDERS = [KEYPOINTS.index('left_shoulder'), KEYPOINTS.index('right_shoulder')]
#: Place of each keypoint of COCO in a message.
_PLACES = [POINTS.index(name) for name in KEYPOINTS]


def skeletons_to(sample: Skeletons) -> Any:
    """Sample to message.

    Convention:
        A joint in the middle of the left upper pixel of a 10 x 20 picture is at 0.05, 0.025. The
        neck is the middle of the shoulders, and as sure as the less sure of them.
    """
    shares = np.full((len(sample), len(POINTS), 2), np.nan)
    scores = np.zeros((len(sample), len(POINTS)))
    shares[:, _PLACES] = (sample.points + 0.5) / (sample.width, sample.height)
    scores[:, _PLACES] = sample.scores
    shares[:, _NECK] = (sample.points[:, _SHOULDERS].mean(axis=1) + 0.5) / (
        sample.width, sample.height
    )  # fmt: skip
    scores[:, _NECK] = sample.scores[:, _SHOULDERS].min(axis=1)
    person_class = message_class('mm_perception_msgs/msg/Skeleton')
    people = [
        person_class(id=str(number), skeleton=_points(*found))
        for number, *found in zip(sample.ids, shares, scores, strict=True)
    ]
    return message_class(SKELETONS)(
        header=header_of(sample), width=sample.width, height=sample.height, skeletons=people
    )


def _points(shares: Array, scores: Array) -> list[Any]:
    point_class = message_class('mm_perception_msgs/msg/SkeletonPoint')
    return [
        point_class(x=x, y=y, c=c)
        for (x, y), c in zip(shares.tolist(), scores.tolist(), strict=True)
    ]


def skeletons_from(message: Any, received_ns: int) -> Skeletons:
    """Message to sample; the neck is left out, which COCO does not have.

    Raises:
        MalformedMessageError: An id that is no number, no size, or a point that cannot be.
    """
    ids = []
    for person in message.skeletons:
        if not person.id.isdecimal():
            fix = 'give the number of its mask, such as "3"'
            raise MalformedMessageError(SKELETONS, f'the id {person.id!r} is no number', fix)
        ids.append(int(person.id))
    found = np.array(
        [[(p.x, p.y, p.c) for p in person.skeleton] for person in message.skeletons], np.float64
    ).reshape(-1, len(POINTS), 3)[:, _PLACES]
    with np.errstate(over='ignore', invalid='ignore'):  # infinite ones are refused below
        points = (found[..., :2] * (message.width, message.height) - 0.5).astype(np.float32)
    try:
        return Skeletons(
            **fields_of(message, received_ns),
            width=message.width,
            height=message.height,
            ids=tuple(ids),
            points=points,
            scores=found[..., 2].astype(np.float32),
        )
    except ShapeError as error:
        raise MalformedMessageError(SKELETONS, str(error)) from error
