"""Pictures: repeatable, and right where geometry says what must be seen."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mm_perception.world.camera import OPTICAL, Camera
from mm_perception.world.drive import Drive, one_camera, render_frame
from mm_perception.world.materials import scaled
from mm_perception.world.motion import turn_about
from mm_perception.world.render import Optics, look
from mm_perception.world.scene import Solid
from test.unit.world.scenes import GREY, see, stage_of, thing

CAMERA = Camera('camera', 96, 72, 80.0)


def tiny_drive(seed: int) -> Drive:
    return Drive(seed=seed, cameras=one_camera(64, 36), lidar=None)


def test_same_seed_same_pixels() -> None:
    first, second = (render_frame(tiny_drive(3), 2).views['camera_front'] for _ in range(2))
    for name in ('rgb', 'depth', 'ids', 'solids'):
        assert np.array_equal(getattr(first, name), getattr(second, name))


def test_another_seed_is_another_street() -> None:
    first, second = (render_frame(tiny_drive(seed), 0).views['camera_front'] for seed in (3, 4))
    assert (first.solids != second.solids).mean() > 0.1
    assert (first.rgb != second.rgb).mean() > 0.5


def test_noise_differs_from_frame_to_frame() -> None:
    first, second = (render_frame(tiny_drive(3), index).views['camera_front'] for index in (0, 1))
    still = (first.solids == second.solids) & (first.solids == -1)
    assert (first.rgb[still] != second.rgb[still]).mean() > 0.3


@pytest.mark.parametrize('distortion', [(), (-0.2, 0.05, 0.002, -0.001, 0.01)])
def test_depth_of_a_sphere_is_that_of_geometry(distortion) -> None:
    camera = Camera('camera', 96, 72, 80.0, distortion)
    centre, radius = np.array([8.0, 0.6, -0.3]), 1.5
    stage = stage_of(thing('ball', Solid('sphere', (radius,), tuple(centre), GREY)))
    view = see(stage, camera)
    rays = camera.rays() @ OPTICAL.T
    along = rays @ centre
    inside = along**2 - centre @ centre + radius**2
    depth = (along - np.sqrt(np.maximum(inside, 0))) * camera.rays()[:, 2]
    sure = (np.abs(inside) > 0.05).reshape(72, 96)  # not the rim, where a ray may just miss
    expected = np.where(inside > 0, depth, np.inf).reshape(72, 96)
    assert 500 < np.isfinite(expected).sum() < 2000
    np.testing.assert_allclose(view.depth[sure], expected[sure], atol=1e-3)


def test_ids_are_of_the_nearest_thing_and_0_for_what_is_none() -> None:
    near = thing('crate', Solid('box', (0.1, 0.5, 0.5), (4.1, 0, 0), GREY))
    far = thing('crate', Solid('box', (0.1, 2.0, 0.5), (8.1, 0, 0), GREY))
    floor = Solid('plane', (50, 50, 1), (0, 0, -1), GREY)
    view = see(stage_of(far, near, ground=(floor,)), CAMERA)
    assert (far.instance, near.instance) == (1, 2)
    row = view.ids[36]
    pixels = {number: np.flatnonzero(row == number) for number in (0, 1, 2)}
    assert len(pixels[2]) == 20  # 1 m at 4 m with a focal length of 80 pixels
    assert len(pixels[1]) == 20  # 4 m at 8 m, less what the near one hides
    assert pixels[1].min() < pixels[2].min() < pixels[2].max() < pixels[1].max()
    assert set(np.unique(view.ids[60:])) == {0}
    assert np.isfinite(view.depth[60:]).all()
    assert view.solids[0, 0] == -1
    assert np.isinf(view.depth[0, 0])


@pytest.mark.parametrize('fineness', [1, 3])
@pytest.mark.parametrize('distortion', [(), (-0.28, 0.09, 0.001, -0.002, -0.01)])
@pytest.mark.parametrize('pinhole', [{}, {'principal': (14.0, 21.5), 'stretch': 1.2}])
def test_rays_are_the_inverse_of_projection(distortion, fineness, pinhole) -> None:
    camera = Camera('camera', 40, 30, 32.0, distortion, **pinhole)
    rays = camera.rays(fineness)
    assert rays.shape == (40 * 30 * fineness**2, 3)
    np.testing.assert_allclose(np.linalg.norm(rays, axis=1), 1)
    found, _ = cv2.projectPoints(
        rays, np.zeros(3), np.zeros(3), camera.matrix, np.array(distortion or (0.0,) * 5)
    )
    # Pixel centres have whole coordinates; the finer grid lies evenly within each pixel.
    step = (np.arange(fineness) + 0.5) / fineness - 0.5
    u = (np.arange(40)[:, None] + step).reshape(-1)
    v = (np.arange(30)[:, None] + step).reshape(-1)
    expected = np.stack(np.meshgrid(u, v), -1).reshape(-1, 2)
    np.testing.assert_allclose(found[:, 0], expected, atol=1e-3)


def test_calibration_says_what_the_rays_do() -> None:
    camera = Camera('camera', 40, 30, 32.0, (-0.1, 0.0, 0.0, 0.0, 0.0), turn=turn_about(2, 1.0))
    info = camera.info(5)
    assert (info.stamp_ns, info.width, info.height) == (5, 40, 30)
    assert info.frame_id == 'camera_optical'
    np.testing.assert_array_equal(info.k, camera.matrix)
    np.testing.assert_array_equal(info.d, [-0.1, 0, 0, 0, 0])


def test_convention_any_pinhole() -> None:
    camera = Camera('camera', 40, 30, 20.0, principal=(14.0, 21.5), stretch=1.5)
    np.testing.assert_array_equal(camera.info(0).k, [[20, 0, 14], [0, 30, 21.5], [0, 0, 1]])
    ahead, beside = camera.project(np.array([[0.0, 0.0, 2.0], [1.0, -1.0, 2.0]]))
    np.testing.assert_allclose(ahead, [14, 21.5], atol=1e-9)
    np.testing.assert_allclose(beside, [24, 6.5], atol=1e-9)


def test_a_box_throws_a_shadow() -> None:
    floor = Solid('plane', (50, 50, 1), (0, 0, -1), GREY)
    roof = thing('roof', Solid('box', (1.0, 1.0, 0.05), (6, 0, 1.5), GREY))
    shaded, open_sky = (
        see(stage_of(*things, ground=(floor,)), CAMERA) for things in ((roof,), ())
    )
    under, beside = (50, 47), (50, 5)  # the floor near (6, 0) and (6, 3) metres
    assert shaded.depth[under] == pytest.approx(80 / 14.5, abs=1e-3)  # nothing is in between
    assert shaded.rgb[under].mean() < 0.8 * shaded.rgb[beside].mean()
    assert np.abs(open_sky.rgb[under].astype(int) - open_sky.rgb[beside]).max() <= 2
    assert np.abs(open_sky.rgb[beside].astype(int) - shaded.rgb[beside]).max() <= 2


def test_finer_pictures_have_the_same_size_and_truth() -> None:
    stage = stage_of(thing('ball', Solid('sphere', (1.0,), (6, 0, 0), GREY)))
    camera = Camera('camera', 48, 36, 40.0)
    coarse = see(stage, camera)
    rng = np.random.default_rng(0)
    fine = look(stage, camera, np.zeros(3), np.eye(3), Optics(1.0, 0.0, 0.0, 3), rng)
    assert fine.rgb.shape == coarse.rgb.shape
    np.testing.assert_array_equal(fine.ids, coarse.ids)
    np.testing.assert_allclose(fine.depth, coarse.depth)


def test_scaled_colours() -> None:
    assert scaled((0.5, 0.2, 0.0), 0.5) == (0.25, 0.1, 0.0)
