"""Points and pixels of every lens model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mm_perception.errors import ConfigError, MissingInputError
from mm_perception.geometry.cameras import intrinsics, picture_size, project, unproject
from mm_perception.samples import CameraInfo
from mm_perception.world.camera import Camera

LENSES = {
    '': (),
    'plumb_bob': (-0.15, 0.02, 0.001, -0.002, 0.0),
    'rational_polynomial': (-0.1, 0.01, 0.0, 0.0, 0.001, 0.02, 0.0, 0.001),
    'equidistant': (0.02, -0.004, 0.001, 0.0),
}


def info_of(model: str = '', d: tuple[float, ...] = ()) -> CameraInfo:
    return replace(
        Camera('c', 640, 360, 420.0).info(0), distortion_model=model, d=np.array(d, np.float64)
    )


@pytest.mark.parametrize('model', LENSES)
def test_pixels_and_rays_are_each_others_inverse(model: str) -> None:
    info = info_of(model, LENSES[model])
    columns, rows = np.meshgrid(np.linspace(0, 639, 9), np.linspace(0, 359, 7))
    pixels = np.stack([columns.ravel(), rows.ravel()], axis=1)
    rays = unproject(info, pixels)
    np.testing.assert_allclose(np.linalg.norm(rays, axis=1), 1.0)
    np.testing.assert_allclose(project(info, rays * 7.5), pixels, atol=0.02)


def test_a_pinhole_is_what_the_formula_says() -> None:
    info = info_of()
    (pixel,) = project(info, np.array([[1.0, -0.5, 2.0]]))
    np.testing.assert_allclose(pixel, [319.5 + 420 / 2, 179.5 - 420 / 4])


@pytest.mark.parametrize('distortion', [(), (-0.15, 0.0, 0.0, 0.0, 0.0)])
def test_it_agrees_with_the_renderer(distortion: tuple[float, ...]) -> None:
    camera = Camera('c', 320, 240, 200.0, distortion)
    points = np.random.default_rng(0).uniform([-4, -3, -2], [4, 3, 9], (200, 3))
    ours, theirs = project(camera.info(0), points), camera.project(points)
    both = np.isfinite(ours[:, 0]) & np.isfinite(theirs[:, 0])
    assert both.sum() > 50
    np.testing.assert_allclose(ours[both], theirs[both], atol=1e-6)


def test_what_is_behind_or_far_off_the_axis_has_no_pixel() -> None:
    info = info_of('plumb_bob', LENSES['plumb_bob'])
    points = np.array([[0, 0, 5.0], [0, 0, -5.0], [9.0, 0, 0.5], [0, 0, 0]])
    assert np.isfinite(project(info, points)[:, 0]).tolist() == [True, False, False, False]


def test_binning_and_region_of_interest_move_pixels_as_image_geometry_does() -> None:
    info = replace(info_of(), binning=(2, 2), roi=(100, 40, 400, 200))
    assert picture_size(info) == (200, 100)
    point = np.array([[0.1, 0.1, 3.0]])
    (whole,) = project(info_of(), point)
    (part,) = project(info, point)
    np.testing.assert_allclose(part, (whole - [100, 40]) / 2)
    assert intrinsics(info)[0, 0] == 210.0


def test_an_unknown_lens_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"distortion_model is 'mei'; expected one of plumb_bob"):
        project(info_of('mei', (0.1,)), np.ones((1, 3)))


@pytest.mark.parametrize('model', LENSES)
def test_lens_without_coefficients_does_not_bend(model: str) -> None:
    info = info_of(model)
    pixels = np.array([[0.0, 0], [319.5, 179.5], [639, 359]])
    np.testing.assert_allclose(project(info, unproject(info, pixels)), pixels, atol=1e-6)


@pytest.mark.parametrize('model', ['plumb_bob', 'equidistant', ''])
def test_camera_that_nobody_calibrated_is_an_error_and_not_nowhere(model: str) -> None:
    info = replace(info_of(model), k=np.zeros((3, 3)), frame_id='front')
    for call in (lambda: project(info, np.ones((1, 3))), lambda: unproject(info, np.ones((1, 2)))):
        with pytest.raises(MissingInputError, match=r"'front' has fx = 0, fy = 0.*calibrate"):
            call()
