"""Views of people: the same from the same seed, whole on disk, with joints that fit."""

from __future__ import annotations

import numpy as np
import pytest

from mm_perception.world import pose_views
from mm_perception.world.pose_views import PoseViews, make_views, render_views, views_path
from mm_perception.world.variety import Split


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pose_views, 'SHAPES', ((80, 96),))
    monkeypatch.setattr(pose_views, 'OTHER_SHAPES', ((112, 80),))
    monkeypatch.setattr(pose_views, 'NUM_VIEWS', 3)


@pytest.mark.parametrize('seed', [0, 1])  # a street and a room
def test_a_seed_gives_the_same_views(seed: int) -> None:
    first, second = render_views(seed, Split.TRAIN), render_views(seed, Split.TRAIN)
    for name in ('rgb', 'picture', 'boxes', 'pixels', 'visible'):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    assert first.doing == second.doing
    assert first.place == ('street', 'room')[seed]


def test_splits_differ_and_held_out_worlds_have_other_cameras() -> None:
    shown = [render_views(3, split) for split in (Split.TRAIN, Split.RESHAPED, Split.HELD_OUT)]
    assert len({views.rgb.tobytes() for views in shown}) == 3
    assert [views.rgb.shape[1:] for views in shown] == [(96, 80, 3), (96, 80, 3), (80, 112, 3)]


def test_joints_fit_the_pictures() -> None:
    people = 0
    for seed in range(4):
        views = render_views(seed, Split.TRAIN)
        people += len(views.boxes)
        assert set(views.picture.tolist()) == set(range(len(views.rgb)))  # each shows somebody
        assert len(views.doing) == len(views.boxes) == len(views.visible)
        np.testing.assert_array_equal(np.isnan(views.pixels).any(2), views.visible == 0)
        assert ((views.visible == 2).sum(1) >= 4).all()
        size = np.array([80, 96])
        inside = np.nan_to_num(views.pixels, nan=0.0)
        assert ((inside >= -0.5) & (inside <= size - 0.5)).all()
        assert (views.boxes[:, :2] >= 0).all()
        assert (views.boxes[:, 2:] <= size).all()
        assert (views.boxes[:, 2:] > views.boxes[:, :2]).all()
        for box, pixels, visible in zip(views.boxes, views.pixels, views.visible, strict=True):
            seen = pixels[visible == 2]  # those are within what is seen, but for rounding
            assert (seen >= box[:2] - 1).all()
            assert (seen <= box[2:] + 0.5).all()
    assert people > 8


def test_views_are_made_once_and_come_back_whole(tmp_path) -> None:
    plans = [(0, Split.TRAIN), (1, Split.HELD_OUT)]
    paths = list(make_views(tmp_path, plans))
    assert paths == [views_path(tmp_path, plan) for plan in plans]
    kept, made = PoseViews.load(paths[1]), render_views(*plans[1])
    np.testing.assert_array_equal(kept.rgb, made.rgb)
    np.testing.assert_array_equal(kept.pixels, made.pixels)
    assert (kept.doing, kept.place) == (made.doing, made.place)
    before = paths[0].stat().st_mtime_ns
    list(make_views(tmp_path, plans))
    assert paths[0].stat().st_mtime_ns == before
