"""BEV clips: pictures, points, boxes and maps of one moment fit together; the seed is all."""

from __future__ import annotations

import numpy as np
import pytest

from mm_perception.world import bev_clips, rigs
from mm_perception.world.bev_clips import (
    BEV_CLASSES,
    MAP_GRID,
    MAP_LAYERS,
    BevClip,
    BevPlan,
    TrueBoxes,
    bev_clip_path,
    make_bev_clips,
    render_bev_clip,
)
from mm_perception.world.motion import turn_about
from mm_perception.world.rigs import RigSplit
from mm_perception.world.variety import Split

PLAN = BevPlan(15, Split.TRAIN, 2, RigSplit.STANDARD)


@pytest.fixture(scope='module')
def clip() -> BevClip:
    return render_bev_clip(PLAN)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rigs, 'SIZE', (64, 36))


def on_axes(boxes: TrueBoxes, index: int, points: np.ndarray) -> np.ndarray:
    """Points (P, 3) in base_link along the axes of a box: how far out of it, in metres."""
    turn = turn_about(2, float(boxes.yaws[index]))
    return np.abs((points - boxes.centres[index]) @ turn) - boxes.sizes[index] / 2


def test_shapes_and_types(clip) -> None:
    assert clip.rgb.shape == (2, 6, 180, 320, 3)
    assert clip.maps.shape == (2, len(MAP_LAYERS), 128, 128)
    assert set(np.unique(clip.maps)) <= {0, 1, 255}
    assert (clip.intrinsics.shape, clip.base_from_camera.shape) == ((6, 3, 3), (6, 4, 4))
    assert 0.2 <= clip.times_s[1] <= 0.6
    for points, boxes in zip(clip.points, clip.boxes, strict=True):
        assert points.dtype == np.float32
        assert len(points) > 5000
        assert 0 <= points[:, 3].min() < points[:, 3].max() <= 255
        assert np.abs(boxes.centres[:, :2]).max() <= 32
        assert len(boxes) == len(boxes.num_points) == len(boxes.num_pixels)


def test_points_lie_on_the_boxes_that_they_are_counted_for(clip) -> None:
    judged = 0
    for points, boxes in zip(clip.points, clip.boxes, strict=True):
        for index in np.flatnonzero(boxes.num_points >= 30):
            slack = 0.12 + 0.06 * np.linalg.norm(boxes.velocities[index])
            near = on_axes(boxes, index, points[:, :3]).max(1) < slack
            assert near.sum() >= 0.95 * boxes.num_points[index]
            judged += 1
    assert judged >= 8


def test_boxes_are_where_the_pictures_show_them(clip) -> None:
    boxes, shown = clip.boxes[0], 0
    for index in np.flatnonzero(boxes.num_pixels >= 300):
        for matrix, pose in zip(clip.intrinsics, clip.base_from_camera, strict=True):
            x, y, ahead = matrix @ (pose[:3, :3].T @ (boxes.centres[index] - pose[:3, 3]))
            is_ahead = ahead > 0 and 0 <= x / ahead < 320 and 0 <= y / ahead < 180
            shown += is_ahead
    assert shown >= 0.7 * (boxes.num_pixels >= 300).sum() > 0


def test_velocities_are_those_of_the_centres(clip) -> None:
    first, second = clip.boxes
    step_s, checked = clip.times_s[1] - clip.times_s[0], 0
    (_, _, yaw), (_, _, yaw_then) = clip.poses
    for index in np.flatnonzero(np.isin(first.classes, (0, 1))):
        (later,) = np.nonzero(second.instances == first.instances[index])
        if not len(later):
            continue
        before = turn_about(2, yaw)[:2, :2] @ first.centres[index, :2] + clip.poses[0, :2]
        turn_then = turn_about(2, yaw_then)[:2, :2]
        after = turn_then @ second.centres[later[0], :2] + clip.poses[1, :2]
        expected = turn_about(2, yaw)[:2, :2].T @ (after - before) / step_s
        np.testing.assert_allclose(first.velocities[index], expected, atol=0.01)
        checked += np.linalg.norm(expected) > 1
    assert checked > 0


def test_the_map_is_around_the_body(clip) -> None:
    drivable = clip.maps[:, MAP_LAYERS.index('drivable')]
    assert (drivable[:, 63:65, 63:65] == 1).all()
    occupied = clip.maps[0, MAP_LAYERS.index('occupied')] == 1
    centres = MAP_GRID.centres()
    boxes = clip.boxes[0]
    for index in np.flatnonzero(np.isin(boxes.classes, (0, 1))):
        cell = np.abs(centres - boxes.centres[index, :2]).max(-1).argmin()
        assert occupied.reshape(-1)[cell]
        assert drivable[0].reshape(-1)[cell] == 255


@pytest.mark.parametrize('seed', range(4))
def test_nothing_small_is_within_a_vehicle(seed: int, small: None) -> None:
    for boxes in render_bev_clip(BevPlan(seed, Split.TRAIN, 2)).boxes:
        vehicles = np.flatnonzero(np.isin(boxes.classes, (0, 1)))
        others = boxes.centres[~np.isin(boxes.classes, (0, 1))]
        for index in vehicles:
            assert (on_axes(boxes, index, others)[:, :2].max(1) > 0).all()


def test_what_is_not_seen_is_not_judged() -> None:
    rows = np.zeros((3, 3), np.float32)
    counts = np.array([0, 1, 0]), np.array([11, 0, 12])
    boxes = TrueBoxes(rows, rows, rows[:, 0], rows[:, :2], *(np.arange(3),) * 2, *counts)
    assert boxes.is_judged.tolist() == [False, True, True]


def test_a_seed_gives_the_same_clip(small: None) -> None:
    one, same = (render_bev_clip(BevPlan(3, Split.TRAIN, 1)) for _ in range(2))
    np.testing.assert_array_equal(one.rgb, same.rgb)
    np.testing.assert_array_equal(one.points[0], same.points[0])
    np.testing.assert_array_equal(one.maps, same.maps)
    np.testing.assert_array_equal(one.boxes[0].centres, same.boxes[0].centres)
    np.testing.assert_array_equal(one.poses, same.poses)


def test_splits_differ(small: None) -> None:
    train = render_bev_clip(BevPlan(3, Split.TRAIN, 1))
    other_world = render_bev_clip(BevPlan(3, Split.HELD_OUT, 1))
    other_rig = render_bev_clip(BevPlan(3, Split.TRAIN, 1, RigSplit.HELD_OUT))
    assert (train.poses != other_world.poses).any()
    assert len(train.intrinsics) != len(other_rig.intrinsics)
    np.testing.assert_array_equal(train.poses, other_rig.poses)
    np.testing.assert_array_equal(train.boxes[0].centres, other_rig.boxes[0].centres)


def test_boxes_have_the_sizes_of_their_classes(clip) -> None:
    boxes = clip.boxes[0]
    long, tall = boxes.sizes[:, 0], boxes.sizes[:, 2]
    names = np.array(BEV_CLASSES)[boxes.classes]
    assert set(names) == set(BEV_CLASSES)
    assert (long[names == 'truck'] > 5).all()
    assert ((long[names == 'car'] > 3) & (long[names == 'car'] < 7)).all()
    assert ((tall[names == 'pedestrian'] > 1) & (long[names == 'pedestrian'] < 1.5)).all()
    assert (tall[names == 'cone'] < 1.2).all()


def test_what_is_kept_is_nearly_what_was_made(clip, tmp_path) -> None:
    clip.save(tmp_path / 'clip.npz')
    loaded = BevClip.load(tmp_path / 'clip.npz')
    assert np.abs(loaded.rgb.astype(int) - clip.rgb).mean() < 4
    for one, two in zip(loaded.points, clip.points, strict=True):
        np.testing.assert_allclose(one[:, :3], two[:, :3], atol=0.0051)
        np.testing.assert_allclose(one[:, 3], two[:, 3], atol=0.51)
    for one, two in zip(loaded.boxes, clip.boxes, strict=True):
        for name in TrueBoxes.__dataclass_fields__:
            np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    np.testing.assert_array_equal(loaded.maps, clip.maps)
    np.testing.assert_array_equal(loaded.base_from_camera, clip.base_from_camera)
    np.testing.assert_array_equal(loaded.poses, clip.poses)


def test_kept_clips_are_not_made_again(small, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = BevPlan(1, Split.TRAIN, 1)
    (path,) = make_bev_clips(tmp_path, [plan])
    assert path == bev_clip_path(tmp_path, plan)
    monkeypatch.setattr(bev_clips, 'render_bev_clip', lambda plan: pytest.fail('made again'))
    assert list(make_bev_clips(tmp_path, [plan])) == [path]
    assert len(BevClip.load(path).points) == 1
