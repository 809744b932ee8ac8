"""How much of a thing a picture shows, against shares that follow from where things stand."""

from __future__ import annotations

import numpy as np
import pytest

from mm_perception.world.camera import Camera
from mm_perception.world.clips import ClipPlan, render_clip
from mm_perception.world.scene import Solid, Thing
from mm_perception.world.variety import Split
from mm_perception.world.visibility import visible_share
from test.unit.world.scenes import GREY, stage_of, thing

CAMERA = Camera('camera', 100, 100, 100.0)  # sees half as far to each side as ahead
HERE = np.zeros(3), np.eye(3)


def wall(ahead: float, left: float, half: float) -> Thing:
    """A flat square that faces the camera."""
    return thing('wall', Solid('box', (0.01, half, half), (ahead, left, 0.0), GREY))


@pytest.mark.parametrize(
    ('left', 'share'),
    [(0.0, 1.0), (4.0, 1.0), (5.0, 0.5), (5.5, 0.25), (7.0, 0.0), (-5.0, 0.5)],
)
def test_what_lies_beyond_the_picture(left: float, share: float) -> None:
    stage = stage_of(wall(10.0, left, 1.0))
    assert visible_share(stage, 1, CAMERA, *HERE) == pytest.approx(share, abs=0.05)


@pytest.mark.parametrize(
    ('left', 'half', 'share'),
    [(2.0, 0.25, 1.0), (0.5, 0.5, 0.5), (0.0, 0.5, 0.0), (0.0, 0.25, 0.75)],
)
def test_what_stands_behind_something(left: float, half: float, share: float) -> None:
    # Seen from here, what is 5 m away covers twice its size of what is 10 m away.
    stage = stage_of(wall(10.0, 0.0, 1.0), wall(5.0, left, half))
    assert visible_share(stage, 1, CAMERA, *HERE) == pytest.approx(share, abs=0.05)
    assert visible_share(stage, 2, CAMERA, *HERE) == pytest.approx(1.0, abs=0.05)


def test_what_is_behind_the_camera_is_not_seen() -> None:
    assert visible_share(stage_of(wall(-10.0, 0.0, 1.0)), 1, CAMERA, *HERE) == 0.0


def test_a_camera_that_turns() -> None:
    stage = stage_of(wall(10.0, 0.0, 1.0))
    away = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    assert visible_share(stage, 1, CAMERA, np.zeros(3), away) == 0.0
    assert visible_share(stage, 1, CAMERA, np.array([10.0, 10.0, 0.0]), away.T) == 1.0


def test_clips_carry_it() -> None:
    cut, whole = [], []
    for seed in range(6):
        clip = render_clip(ClipPlan(seed, Split.TRAIN, 1))
        assert clip.visible.shape == clip.depth.shape
        assert ((clip.visible >= 0) & (clip.visible <= 1)).all()
        for column, seen in enumerate(clip.things):
            mask = clip.ids[0] == seen.instance
            inside = mask[1:-1, 1:-1].sum()
            if inside > 400:
                (whole if inside == mask.sum() else cut).append(clip.visible[0, column])
    assert min(len(cut), len(whole)) > 3
    assert np.mean(cut) < np.mean(whole) - 0.1
