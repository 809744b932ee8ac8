"""Limbs and joints over a picture."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from mm_perception.drawing import colour_of, draw_skeletons
from mm_perception.drawing.skeletons import limb_width
from mm_perception.samples import KEYPOINTS, Skeletons

GREY = 90
ELBOW, WRIST = KEYPOINTS.index('left_elbow'), KEYPOINTS.index('left_wrist')


def ground(height: int = 180, width: int = 320) -> Any:
    picture = np.full((height, width, 3), GREY, np.uint8)
    picture.flags.writeable = False
    return picture


def forearm(*ids: int) -> Skeletons:
    """Elbow at 100, 90 and wrist at 200, 90; the first one has a wrist only."""
    points = np.full((len(ids), 17, 2), np.nan, np.float32)
    points[:, WRIST] = 200, 90
    points[1:, ELBOW] = 100, 90
    return Skeletons(
        stamp_ns=1, frame_id='camera', width=320, height=180, ids=ids, points=points,
        scores=np.full((len(ids), 17), 0.5, np.float32),
    )  # fmt: skip


def test_a_limb_has_the_colour_of_its_id_and_joints_are_white() -> None:
    drawn = draw_skeletons(ground(), forearm(1, 5))
    assert tuple(drawn[90, 150]) == colour_of(5)
    assert tuple(drawn[90, 200]) == (255, 255, 255)
    assert (drawn[60] == GREY).all()


def test_without_one_of_its_ends_a_limb_is_not_drawn() -> None:
    drawn = draw_skeletons(ground(), forearm(1))
    assert tuple(drawn[90, 200]) == (255, 255, 255)
    assert (drawn[:, :190] == GREY).all()


def test_a_picture_of_another_size_is_drawn_to_scale() -> None:
    drawn = draw_skeletons(ground(360, 640), forearm(1, 5))
    assert tuple(drawn[180, 300]) == colour_of(5)
    assert tuple(drawn[180, 400]) == (255, 255, 255)


def test_nobody_changes_nothing() -> None:
    assert (draw_skeletons(ground(), forearm()) == GREY).all()


def test_who_is_far_away_is_drawn_with_thin_limbs() -> None:
    near = forearm(1, 5)
    far = replace(near, points=(near.points - np.float32(90)) / 10 + np.float32(90))
    assert (draw_skeletons(ground(), far) != GREY).any(axis=2).sum() < 80
    assert limb_width(near.points[1], 4.0) == 2.5
    assert limb_width(far.points[1], 4.0) == 1.0
    assert limb_width(near.points[1] * 9, 4.0) == 4.0
    assert limb_width(np.full((17, 2), np.nan), 4.0) == 1.0, 'nothing is known'
