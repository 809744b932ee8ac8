"""Batches for BEVFormer: whatever chance does to a clip, what belongs together stays together."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from mm_perception.errors import ShapeError
from mm_perception.nets.bevformer.boxes import decode_codes
from mm_perception.nets.bevformer.configs import PixelConfig
from mm_perception.nets.bevformer.ego_motion import bev_shift
from mm_perception.nets.bevformer.geometry import rotate_bev
from mm_perception.nets.bevformer.preprocess import to_pixels
from mm_perception.training.bevformer_batches import (
    Setup,
    bev_batch,
    codes_of,
    fixed_batch,
    show,
    turned_maps,
)
from mm_perception.training.bevformer_frames import NO_LABEL, BoxTargets, normalised_pictures
from mm_perception.world.bev_clips import UNKNOWN
from test.unit.training.bev_clips import MOVING_MPS, SIZE, a_clip

SETUPS = (
    Setup(), Setup(turn_rad=0.7, north_rad=2.0), Setup(is_mirrored=True),
    Setup(turn_rad=-2.5, is_mirrored=True, north_rad=-1.0),
)  # fmt: skip


def test_without_turn_ahead_is_along_y_and_left_against_x() -> None:
    np.testing.assert_allclose(Setup().bev_from_base @ [10, 2, 1, 1], [-2, 10, 1, 1], atol=1e-12)


@pytest.mark.parametrize('setup', SETUPS, ids=str)
def test_a_place_appears_at_the_same_picture_content(setup: Setup) -> None:
    clip = a_clip()
    plain, shown = show(clip, Setup())[1], show(clip, setup)[1]
    place = np.array([8.0, 0.6, 1.1, 1.0])  # base_link, before the first camera
    pixels = []
    for moment, how in ((plain, Setup()), (shown, setup)):
        u, v, depth, _ = moment.image_from_bev[0] @ (how.bev_from_base @ place)
        assert depth == pytest.approx(8.0 - 0.3, abs=1e-4)
        pixels.append((u / depth, v / depth))
    assert 0 < pixels[0][0] < SIZE[0] - 1
    assert 0 < pixels[0][1] < SIZE[1] - 1
    expected = SIZE[0] - 1 - pixels[0][0] if setup.is_mirrored else pixels[0][0]
    assert pixels[1] == (pytest.approx(expected, abs=1e-3), pytest.approx(pixels[0][1], abs=1e-3))
    column = 17
    own = SIZE[0] - 1 - column if setup.is_mirrored else column
    np.testing.assert_array_equal(shown.images[:, :, own], plain.images[:, :, column])


def corners(box: np.ndarray) -> np.ndarray:
    """(4, 2) of the ground, in a fixed order from the front left one on."""
    x, y, _, length, width, _, yaw = box
    cos, sin = math.cos(yaw), math.sin(yaw)
    ends = [(1, 1), (1, -1), (-1, -1), (-1, 1)]
    return np.array(
        [
            (x + cos * a * length / 2 - sin * b * width / 2,
             y + sin * a * length / 2 + cos * b * width / 2)
            for a, b in ends
        ]
    )  # fmt: skip


@pytest.mark.parametrize('setup', SETUPS, ids=str)
def test_boxes_and_velocities_move_with_the_frame(setup: Setup) -> None:
    truth = a_clip().boxes[1]
    decoded, speeds = decode_codes(torch.from_numpy(codes_of(truth, setup)))
    matrix = setup.bev_from_base
    for index in range(len(truth)):
        row = np.concatenate([truth.centres[index], truth.sizes[index], truth.yaws[index, None]])
        moved = corners(row) @ matrix[:2, :2].T
        found = corners(decoded[index].double().numpy())
        if setup.is_mirrored:  # the front left one is now the front right one
            found = found[[1, 0, 3, 2]]
        np.testing.assert_allclose(found, moved, atol=1e-4)
        assert decoded[index, 2].item() == pytest.approx(float(truth.centres[index, 2]))
        assert decoded[index, 5].item() == pytest.approx(float(truth.sizes[index, 2]), rel=1e-5)
        np.testing.assert_allclose(
            speeds[index], matrix[:2, :2] @ truth.velocities[index], atol=1e-5
        )


@pytest.mark.parametrize('setup', SETUPS, ids=str)
def test_what_stands_stays_in_place_after_alignment(setup: Setup) -> None:
    moments = show(a_clip(), setup)
    for before, now in pairwise(moments):
        row_before, row_now = (list(m.labels).index(0) for m in (before, now))
        was, is_ = before.codes[row_before, :2], now.codes[row_now, :2]
        motion = now.motion
        ahead, left = is_[1], -is_[0]  # along the axes of the robot that the frame belongs to
        cos, sin = math.cos(motion.dyaw_rad), math.sin(motion.dyaw_rad)
        back = (cos * ahead - sin * left + motion.dx_m, sin * ahead + cos * left + motion.dy_m)
        assert (-back[1], back[0]) == (pytest.approx(was[0], abs=1e-4),
                                       pytest.approx(was[1], abs=1e-4))  # fmt: skip
        # and the same as the network does it, to a cell of 0.5 m
        cells = torch.zeros(128, 128)
        column, row = ((was + 32) / 0.5).astype(int)
        cells[row - 1 : row + 2, column - 1 : column + 2] = 1
        turned = rotate_bev(
            cells.reshape(1, -1, 1), [math.degrees(motion.dyaw_rad)], (128, 128), (64, 64)
        ).reshape(128, 128)
        rows, columns = turned.nonzero().double().mean(0).tolist()
        shift = bev_shift([motion], (64.0, 64.0))[0]
        assert columns + 0.5 == pytest.approx((is_[0] + 32) / 0.5 + float(shift[0]) * 128, abs=1)
        assert rows + 0.5 == pytest.approx((is_[1] + 32) / 0.5 + float(shift[1]) * 128, abs=1)


@pytest.mark.parametrize('setup', SETUPS, ids=str)
def test_what_moves_goes_where_its_velocity_says(setup: Setup) -> None:
    """In the fixed frame of the poses, as the robot of the turned frame knows them."""
    clip, north = a_clip(), setup.north_rad
    moments = show(clip, setup)
    x = y = 0.0
    places, speeds = [], []
    for moment in moments:
        motion, code = moment.motion, moment.codes[list(moment.labels).index(2)]
        heading = motion.yaw_rad
        cos, sin = math.cos(heading), math.sin(heading)
        before = heading - motion.dyaw_rad
        x += math.cos(before) * motion.dx_m - math.sin(before) * motion.dy_m
        y += math.sin(before) * motion.dx_m + math.cos(before) * motion.dy_m
        ahead, left = float(code[1]), -float(code[0])
        places.append((x + cos * ahead - sin * left, y + sin * ahead + cos * left))
        ahead, left = float(code[9]), -float(code[8])
        speeds.append((cos * ahead - sin * left, sin * ahead + cos * left))
    moved = np.diff(places, axis=0) / 0.5
    np.testing.assert_allclose(moved, speeds[1:], atol=1e-4)
    cos, sin = math.cos(north), math.sin(north)
    expected = np.array([[cos, -sin], [sin, cos]]) @ (MOVING_MPS * [1, setup.side])
    np.testing.assert_allclose(speeds[0], expected, atol=1e-5)


@pytest.mark.parametrize('setup', SETUPS, ids=str)
def test_points_and_map_move_with_the_boxes(setup: Setup) -> None:
    moment = show(a_clip(), setup)[2]
    car = moment.codes[list(moment.labels).index(0)]
    np.testing.assert_allclose(moment.points[0], [car[0], car[1], 0.8, 1.0], atol=1e-4)
    along = (np.arange(128) + 0.5) * 0.5 - 32
    places = np.stack(np.meshgrid(along, along), axis=-1)
    base = places @ np.linalg.inv(setup.bev_from_base)[:2, :2].T
    beyond = np.abs(base).max(axis=-1)
    assert (moment.maps[:, beyond > 32.01] == UNKNOWN).all()
    for layer, away in ((0, base[..., 0] - 3), (1, base[..., 1])):
        sure = (np.abs(away) > 0.36) & (beyond < 31.99)  # half the diagonal of a cell
        np.testing.assert_array_equal(moment.maps[layer][sure], (away > 0)[sure])


def test_an_unturned_map_is_only_reordered() -> None:
    maps = np.arange(16, dtype=np.uint8).reshape(4, 4)  # row 0 right, column 0 behind
    bev = turned_maps(maps, Setup())
    assert bev[0, 0] == maps[3, 0]  # rear left
    assert bev[3, 0] == maps[3, 3]  # front left
    np.testing.assert_array_equal(bev, maps[::-1].T)


def test_smaller_rigs_are_padded_with_masked_cameras() -> None:
    batch = fixed_batch([a_clip(2), a_clip(5)])
    frame = batch.frames[0]
    assert frame.images.shape == (2, 5, SIZE[1], SIZE[0], 3)
    assert frame.camera_mask.tolist() == [[True, True, False, False, False], [True] * 5]
    assert frame.image_from_bev.shape == (2, 5, 4, 4)
    assert not frame.image_from_bev[0, 2:].any()
    assert frame.image_from_bev.dtype == frame.points.dtype == torch.float32
    assert frame.point_sample.tolist() == [0] * 50 + [1] * 50
    # The first pose is the fixed frame, and the first moment has no motion.
    assert frame.motions[0].yaw_rad == pytest.approx(0)
    assert (frame.motions[0].dx_m, frame.motions[0].dt_s) == (0, 0)
    assert batch.frames[1].motions[0].dx_m == pytest.approx(1.5)
    assert batch.frames[1].motions[0].dyaw_rad == pytest.approx(0.3)
    assert batch.frames[2].as_first().motions[0].dx_m == 0


@pytest.mark.parametrize(
    ('modality', 'labels'), [('both', {0, 2, 4}), ('cameras', {0, 2}), ('lidar', {0, 4})]
)
def test_targets_are_what_the_given_sensors_can_see(modality, labels) -> None:
    frame = fixed_batch([a_clip()], modality).frames[-1]
    found = frame.boxes.labels[0]
    assert set(found[found != NO_LABEL].tolist()) == labels
    assert frame.boxes.unjudged_xy.shape[1] == 4 - len(labels)
    assert bool(frame.camera_mask.any()) == (modality != 'lidar')
    has_points = len(frame.clouds().values) > 0
    assert bool(frame.lidar_mask[0]) == has_points == (modality != 'cameras')
    hidden = frame.boxes.unjudged_xy[0, -1:] + torch.tensor([[0.0, 1.9]])
    assert frame.boxes.is_open(hidden[None]).all()
    assert not frame.boxes.is_open(hidden[None] + 4).any()


def test_the_corners_beyond_the_truth_are_open() -> None:
    targets = BoxTargets(
        torch.zeros(2, 0, 10), torch.zeros(2, 0, dtype=torch.int64), torch.zeros(2, 0, 2),
        torch.tensor([0.0, math.pi / 4]),
    )  # fmt: skip
    corner = torch.tensor([[[31.0, 31.0]], [[31.0, 31.0]]])
    assert targets.is_open(corner).tolist() == [[False], [True]]
    assert not targets.is_open(torch.tensor([[[0.0, 31.9]], [[0.0, 31.9]]])).any()


def test_chance_varies_clips_and_a_seed_repeats_them() -> None:
    clips = [a_clip(2, seed) for seed in range(3)]
    first, again = (bev_batch(np.random.default_rng(5), clips, 2, 2) for _ in range(2))
    for one, other in zip(first.frames, again.frames, strict=True):
        torch.testing.assert_close(one.images, other.images)
        torch.testing.assert_close(one.points, other.points)
        assert one.motions == other.motions
    frames = [bev_batch(np.random.default_rng(s), clips, 3, 2).frames[-1] for s in range(40)]
    cameras = torch.cat([frame.camera_mask for frame in frames]).float()
    lidar = torch.cat([frame.lidar_mask for frame in frames])
    assert 0.6 < float(cameras.mean()) < 0.8  # 0.75 of the clips, 0.95 of their cameras
    assert 0.6 < float(lidar.float().mean()) < 0.9
    assert (cameras.any(1) | lidar).all()
    assert len({float(turn) for f in frames for turn in f.boxes.turn_rad}) == 120
    assert any(0 < int((f.clouds().sample == 0).sum()) < 50 for f in frames)


def test_a_clip_is_turned_alike_at_all_moments() -> None:
    batch = bev_batch(np.random.default_rng(1), [a_clip()], 1, 3)
    turns = {float(frame.boxes.turn_rad[0]) for frame in batch.frames}
    assert len(turns) == 1
    dt_s = [frame.motions[0].dt_s for frame in batch.frames]
    assert dt_s == [0.0, 0.5, 0.5]


def test_pictures_become_what_the_engine_makes_of_them() -> None:
    config = replace(PixelConfig(), width_px=SIZE[0])
    for is_rgb in (True, False):
        own = replace(config, is_rgb=is_rgb)
        images = a_clip().rgb[0]
        expected, _ = to_pixels(list(images), np.stack([np.eye(4)] * 2), own)
        found = normalised_pictures(torch.from_numpy(images)[None], own)
        torch.testing.assert_close(found, expected)
    with pytest.raises(ShapeError, match='800 px wide'):
        normalised_pictures(torch.from_numpy(images)[None], PixelConfig())
