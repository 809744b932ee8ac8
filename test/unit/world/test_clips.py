"""Clips: the same from the same seed, whole on disk, with a truth that fits the pictures."""

from __future__ import annotations

import numpy as np
import pytest

from mm_perception.world import clips
from mm_perception.world.clips import Clip, ClipPlan, clip_path, make_clips, render_clip
from mm_perception.world.variety import Split


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clips, 'SHAPES', ((64, 48),))


@pytest.mark.parametrize('seed', [0, 1])  # a street and a room
def test_a_seed_gives_the_same_clip(seed: int) -> None:
    plan = ClipPlan(seed, Split.TRAIN, 2)
    first, second = render_clip(plan), render_clip(plan)
    np.testing.assert_array_equal(first.rgb, second.rgb)
    np.testing.assert_array_equal(first.ids, second.ids)
    assert first.things == second.things


def test_seeds_and_splits_differ() -> None:
    shown = {
        render_clip(ClipPlan(seed, split, 1)).rgb.tobytes()
        for seed in (0, 2)
        for split in (Split.TRAIN, Split.HELD_OUT)
    }
    assert len(shown) == 4


def test_the_truth_fits_the_pictures() -> None:
    clip = render_clip(ClipPlan(4, Split.TRAIN, 3, 0.5))
    assert clip.rgb.shape == (3, 48, 64, 3)
    assert {t.instance for t in clip.things} == set(np.unique(clip.ids).tolist()) - {0}
    seen = np.array([[(frame == t.instance).any() for t in clip.things] for frame in clip.ids])
    np.testing.assert_array_equal(np.isfinite(clip.depth), seen)
    assert (clip.depth[seen] > 0).all()
    assert clip.place == 'street'


def test_time_passes() -> None:
    clip = render_clip(ClipPlan(0, Split.TRAIN, 2, 1.0))
    assert (clip.ids[0] != clip.ids[1]).mean() > 0.01


def test_kept_clips_are_read_not_made_again(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = ClipPlan(1, Split.TRAIN, 1)
    path = next(make_clips(tmp_path, [plan]))
    assert path == clip_path(tmp_path, plan)
    loaded, made = Clip.load(path), render_clip(plan)
    np.testing.assert_array_equal(loaded.rgb, made.rgb)
    np.testing.assert_array_equal(loaded.depth, made.depth)
    assert (loaded.things, loaded.place) == (made.things, 'room')
    monkeypatch.setattr(clips, 'render_clip', lambda plan: pytest.fail('made again'))
    assert list(make_clips(tmp_path, [plan])) == [path]


def test_workers_make_the_same(tmp_path) -> None:
    plans = [ClipPlan(seed, Split.TRAIN, 1) for seed in (0, 1)]
    # Workers are new processes: they have the full size.
    one, two = (Clip.load(path) for path in make_clips(tmp_path / 'a', plans, workers=2))
    assert one.rgb.shape[1] > 64
    assert (one.place, two.place) == ('street', 'room')
