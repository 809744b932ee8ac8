"""Conventions of BEVFormer's geometry, with worked numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from mm_perception.errors import ConfigError, ShapeError
from mm_perception.nets.bevformer import BevBoxes, EgoMotion, can_bus_vector, projection
from mm_perception.nets.bevformer.boxes import decode_codes, wrap
from mm_perception.nets.bevformer.configs import (
    CONFIGS,
    NUSCENES_HEADINGS_RAD,
    BackboneConfig,
    BevFormerConfig,
    PixelConfig,
)
from mm_perception.nets.bevformer.ego_motion import bev_shift
from mm_perception.nets.bevformer.geometry import (
    cell_centres,
    nearest_cameras,
    pillar_points,
    project_to_cameras,
    rotate_bev,
)
from mm_perception.nets.bevformer.preprocess import to_pixels
from test.unit.nets.bevformer import recipe


def test_convention_cells_and_pillars():
    centres = cell_centres((2, 4))
    assert centres[0].tolist() == [0.125, 0.25]
    assert centres[1].tolist() == [0.375, 0.25], 'columns run first'
    points = pillar_points((2, 4), (-4.0, -10.0, -5.0, 4.0, 10.0, 3.0), 4)
    assert points.shape == (8, 4, 3)
    assert points[0, :, :2].tolist() == [[-3.0, -5.0]] * 4
    np.testing.assert_allclose(
        points[0, :, 2], [-4.5, -4.5 + 7 / 3, -4.5 + 14 / 3, 2.5], atol=1e-6
    )


def test_convention_projection():
    # A camera one metre above the origin that looks along y, 100 px of focal length.
    camera_from_bev = np.array([[1, 0, 0, 0], [0, 0, -1, 1], [0, 1, 0, 0], [0, 0, 0, 1.0]])
    matrix = projection([[100, 0, 80], [0, 100, 60], [0, 0, 1]], camera_from_bev)
    points = torch.tensor([[[2.0, 10, 1]], [[2.0, -10, 1]], [[100.0, 10, 1]], [[0.0, 10, 0]]])
    places, hits, depth = project_to_cameras(
        points, torch.from_numpy(matrix)[None, None], (120, 160)
    )
    np.testing.assert_allclose(places[0, 0, 0, 0], [100 / 160, 0.5], rtol=1e-6)
    assert hits[0, 0, :, 0].tolist() == [True, False, False, True]
    np.testing.assert_allclose(places[0, 0, 3, 0], [0.5, 70 / 120], rtol=1e-6)
    assert depth.flatten().tolist() == pytest.approx([10, -10, 10, 10])


def test_convention_left_turn_moves_what_was_ahead_to_the_right():
    bev = torch.zeros(1, 25, 1)
    bev.view(5, 5)[4, 2] = 1  # straight ahead
    turned = rotate_bev(bev, [90.0], (5, 5), (2.5, 2.5)).view(5, 5)
    assert turned.nonzero().tolist() == [[2, 4]]


def test_convention_shift():
    assert bev_shift([EgoMotion(dx_m=1.0)], (100.0, 100.0))[0].tolist() == pytest.approx([0, 0.01])
    # A step to the left: the world moves to the right, so what is here was further left before.
    shift = bev_shift([EgoMotion(dy_m=2.0)], (100.0, 50.0))[0].tolist()
    assert shift == pytest.approx([-0.02, 0])
    # Forward by the old heading, then a left turn: by the new heading that was to the right.
    shift = bev_shift([EgoMotion(dx_m=1.0, dyaw_rad=math.pi / 2)], (100.0, 100.0))[0].tolist()
    assert shift == pytest.approx([0.01, 0], abs=1e-7)


def test_convention_ego_motion_between_poses():
    motion = EgoMotion.between((0, 0, math.pi / 2), (0, 2, math.pi / 2), 0.5)
    assert (motion.dx_m, motion.dy_m, motion.dyaw_rad) == pytest.approx((2, 0, 0))
    wrapped = EgoMotion.between((0, 0, math.radians(179)), (0, 0, math.radians(-179)), 0.5)
    assert math.degrees(wrapped.dyaw_rad) == pytest.approx(2)


def test_convention_can_bus():
    # North-bound (yaw 90 degrees) after a left turn by 30; 3 m along the old heading in 0.5 s.
    motion = EgoMotion(3.0, 0.0, math.pi / 6, 0.5, math.pi / 2)
    vector = can_bus_vector(motion)
    sine, cosine = math.sin(math.pi / 3), math.cos(math.pi / 3)
    assert vector[:3] == pytest.approx([3 * cosine, 3 * sine, 0])
    assert vector[3:7] == pytest.approx([math.cos(math.pi / 4), 0, 0, math.sin(math.pi / 4)])
    assert vector[7:10] == pytest.approx([0, 0, 9.81])
    assert vector[10:13] == pytest.approx([0, 0, math.pi / 3])
    assert vector[13:16] == pytest.approx([6 * sine, -6 * cosine, 0])
    assert vector[16:] == pytest.approx([math.pi / 2, 30])
    assert can_bus_vector(EgoMotion(yaw_rad=-0.1))[16] == pytest.approx(2 * math.pi - 0.1)


def test_motion_that_is_not_finite_is_refused():
    with pytest.raises(ConfigError, match='dyaw_rad is nan'):
        EgoMotion(dyaw_rad=math.nan)


def test_convention_box_codes_and_frames():
    code = torch.tensor([[0, 10, math.log(2), math.log(4), -1, math.log(1.5), 0, 1, 0, 3]])
    boxes, velocity = decode_codes(code)
    np.testing.assert_allclose(boxes[0], [0, 10, -1, 4, 2, 1.5, -math.pi / 2], rtol=1e-6)
    base_from_bev = torch.eye(4)
    base_from_bev[:2, :2] = torch.tensor([[0.0, 1], [-1, 0]])
    base_from_bev[2, 3] = 1.84
    moved = BevBoxes(boxes, velocity, torch.ones(1), torch.zeros(1)).moved(base_from_bev)
    np.testing.assert_allclose(moved.xyz_lwh_yaw[0, :6], [10, 0, 0.84, 4, 2, 1.5], atol=1e-6)
    assert abs(float(moved.xyz_lwh_yaw[0, 6])) == pytest.approx(math.pi), 'either end'
    np.testing.assert_allclose(moved.velocity_xy[0], [3, 0], atol=1e-6)
    ahead = torch.tensor([[0, 10, 0, 4, 2, 1, math.pi / 2]])
    moved = BevBoxes(ahead, velocity, torch.ones(1), torch.zeros(1)).moved(base_from_bev)
    np.testing.assert_allclose(moved.xyz_lwh_yaw[0, [0, 1, 6]], [10, 0, 0], atol=1e-6)
    assert len(moved.above(0.5)) == 1
    assert len(moved.above(1.5)) == 0


def test_convention_wrap():
    angles = torch.tensor([0.0, math.pi, 3 * math.pi / 2, -3 * math.pi / 2, 7.0])
    expected = [0, math.pi, -math.pi / 2, math.pi / 2, 7 - 2 * math.pi]
    np.testing.assert_allclose(wrap(angles), expected, atol=1e-6)


def test_cameras_of_any_rig_find_their_embedding():
    matrices = recipe.rig(160, 96)
    assert nearest_cameras(matrices, NUSCENES_HEADINGS_RAD).tolist() == [0, 1, 2, 3, 4, 5]
    assert nearest_cameras(matrices[[4, 0]], NUSCENES_HEADINGS_RAD).tolist() == [4, 0]
    with pytest.raises(ShapeError, match='image_from_bev'):
        nearest_cameras(np.eye(4), NUSCENES_HEADINGS_RAD)


def test_colours_are_in_the_order_of_each_network():
    red = np.zeros((90, 160, 3), np.uint8)
    red[..., 0] = 255
    matrix = np.eye(4)[None]
    tiny, _ = to_pixels([red], matrix, CONFIGS['tiny'].pixels)
    assert tiny[0, 0, :, 0, 0].tolist() == pytest.approx(
        [(255 - 123.675) / 58.395, -116.28 / 57.12, -103.53 / 57.375]
    )
    base, _ = to_pixels([red], matrix, CONFIGS['base'].pixels)
    assert base[0, 0, :, 0, 0].tolist() == pytest.approx([-103.53, -116.28, 255 - 123.675])


def test_convention_half_size_and_padding():
    config = PixelConfig(80, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), size_divisor=32)
    images = [np.full((90, 160, 3), 9, np.uint8), np.full((100, 80, 3), 7, np.uint8)]
    before = np.stack([np.diag([100.0, 100, 1, 1])] * 2)
    matrices = before.copy()
    pixels, scaled = to_pixels(images, matrices, config)
    assert np.array_equal(matrices, before)
    assert pixels.shape == (1, 2, 3, 128, 96)
    assert scaled[0, :, 0, 0].tolist() == [50, 100]
    assert scaled[0, :, 2, 2].tolist() == [1, 1]
    first = pixels[0, 0, 0]
    assert first[:45, :80].unique().tolist() == [9]
    assert first[45:].unique().tolist() == [0]
    assert first[:, 80:].unique().tolist() == [0]
    with pytest.raises(ShapeError, match='uint8'):
        to_pixels([np.zeros((4, 4, 3))], np.eye(4)[None], config)
    with pytest.raises(ShapeError, match='image_from_bev'):
        to_pixels([], np.zeros((0, 4, 4)), config)


@pytest.mark.parametrize(
    ('changes', 'what'),
    [
        ({'dims': 60}, 'dims'),
        ({'spatial_points': 6}, 'spatial_points'),
        ({'num_levels': 5}, 'num_levels'),
        ({'backbone': BackboneConfig(out_stages=(1, 2, 3))}, 'num_levels'),
        ({'range_m': (0, 0, 0, 0, 1, 1)}, 'range_m'),
    ],
)
def test_configurations_that_cannot_work_are_refused(changes, what):
    with pytest.raises(ConfigError, match=what):
        BevFormerConfig(**changes)


def test_published_rotation_centre_and_the_middle():
    assert CONFIGS['tiny'].rotate_center == (100, 100), 'as trained, although its grid has 50'
    assert BevFormerConfig(bev_size=(20, 30), rotate_center_px=None).rotate_center == (15, 10)
