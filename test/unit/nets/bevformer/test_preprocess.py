"""Undistorting, scaling and normalising in one pass, against OpenCV and torch, one by one."""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from torch.nn import functional

from mm_perception.errors import ConfigError, ShapeError
from mm_perception.nets.bevformer import CONFIGS, BevFormerEngine, BevState, EgoMotion
from mm_perception.nets.bevformer.configs import PixelConfig
from mm_perception.nets.bevformer.preprocess import Preprocessor
from mm_perception.nets.bevformer.undistort import Lens, distort, fold_radius, sampling_grid

WIDTH, HEIGHT = 320, 180
MATRIX = np.array([[190.0, 0, 161.3], [0, 188.0, 88.6], [0, 0, 1]])
PLAIN = PixelConfig(WIDTH // 2, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), size_divisor=1)
LENSES = {
    'plumb_bob': (-0.32, 0.11, 0.002, -0.003, -0.01),
    'plumb_bob of four': (-0.32, 0.11, 0.002, -0.003),
    'rational_polynomial': (0.6, -0.2, 0.001, 0.002, 0.02, 0.9, -0.05, 0.01),
    'equidistant': (0.05, -0.02, 0.01, -0.003),
}


def lens(name: str, matrix: np.ndarray = MATRIX) -> Lens:
    model = name.split(' ', maxsplit=1)[0]
    return Lens(matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2], model, LENSES[name])


def smooth(width: int = WIDTH, height: int = HEIGHT, seed: int = 0) -> np.ndarray:
    small = np.random.default_rng(seed).integers(0, 256, (9, 16, 3), np.uint8)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC))


def undistorted(picture: np.ndarray, name: str) -> np.ndarray:
    d = np.array(LENSES[name])
    if name == 'equidistant':
        return np.asarray(cv2.fisheye.undistortImage(picture, MATRIX, d, Knew=MATRIX))
    return np.asarray(cv2.undistort(picture, MATRIX, d))


def identity(count: int = 1) -> np.ndarray:
    return np.tile(np.eye(4), (count, 1, 1))


@pytest.mark.parametrize('name', LENSES)
def test_rays_bend_as_in_opencv(name: str) -> None:
    rays = np.random.default_rng(1).uniform(-0.7, 0.7, (200, 2))
    ours = distort(lens(name), torch.from_numpy(rays)).numpy() * [190.0, 188.0] + [161.3, 88.6]
    points, still = np.c_[rays, np.ones(200)][:, None], np.zeros(3)
    project = cv2.fisheye.projectPoints if name == 'equidistant' else cv2.projectPoints
    theirs, _ = project(points, still, still, MATRIX, np.array(LENSES[name]))
    np.testing.assert_allclose(ours, theirs[:, 0], atol=1e-6)


@pytest.mark.parametrize('name', LENSES)
def test_one_pass_equals_undistort_then_resize(name: str) -> None:
    picture = smooth()
    pixels, _ = Preprocessor(PLAIN)([picture], identity(), [lens(name)])
    flat = torch.from_numpy(undistorted(picture, name)).permute(2, 0, 1)[None].float()
    expected = functional.interpolate(flat, (HEIGHT // 2, WIDTH // 2), mode='bilinear')
    apart = (pixels[0] - expected).abs()
    # At the border of what the lens saw one of them blends with black, so that pixel is left out.
    inside = functional.max_pool2d((expected.sum(1, True) < 1).float(), 5, 1, 2)[0] == 0
    assert inside.float().mean() > 0.7
    assert apart.where(inside, 0).max() < 2.0, 'of 255; OpenCV rounds twice'
    assert apart.where(inside, 0).mean() < 0.4
    plain, _ = Preprocessor(PLAIN)([picture], identity())
    assert (plain[0] - expected).abs().mean() > 3, 'the lens matters'


@pytest.mark.parametrize('name', ['tiny', 'base'])
@pytest.mark.parametrize('size', [(900, 1600), (150, 201), (90, 100)])
def test_without_distortion_it_is_torch_interpolation(name: str, size: tuple[int, int]) -> None:
    config = replace(CONFIGS[name].pixels, width_px=320)
    picture = np.random.default_rng(2).integers(0, 256, (*size, 3), np.uint8)
    pixels, matrices = Preprocessor(config)([picture], identity())
    rows = int(size[0] * (320 / size[1]))
    order = [0, 1, 2] if config.is_rgb else [2, 1, 0]
    flat = torch.from_numpy(picture[..., order].copy()).permute(2, 0, 1)[None].float()
    scaled = functional.interpolate(flat, (rows, 320), mode='bilinear')[0]
    mean, std = (torch.tensor(v)[:, None, None] for v in (config.mean, config.std))
    torch.testing.assert_close(pixels[0, 0, :, :rows], (scaled - mean) / std, atol=5e-2, rtol=0)
    assert not pixels[0, 0, :, rows:].any(), 'zeros below'
    assert pixels.shape[-2] % 32 == 0
    np.testing.assert_allclose(np.diag(matrices[0, 0]), [320 / size[1]] * 2 + [1, 1], rtol=1e-6)


def test_cameras_of_different_sizes_and_lenses_keep_their_places() -> None:
    pictures = [smooth(), smooth(200, 150, 1), smooth(seed=2), smooth(200, 150, 3)]
    lenses = [lens('plumb_bob'), None, None, lens('equidistant')]
    config = CONFIGS['base'].pixels
    config = replace(config, width_px=96)
    together, matrices = Preprocessor(config)(pictures, identity(4), lenses)
    assert together.shape == (1, 4, 3, 96, 96)
    for index, picture in enumerate(pictures):
        alone, matrix = Preprocessor(config)([picture], identity(), [lenses[index]])
        rows = alone.shape[-2]
        torch.testing.assert_close(together[0, index, :, :rows], alone[0, 0], atol=1e-5, rtol=0)
        assert not together[0, index, :, rows:].any()
        assert torch.equal(matrices[0, index], matrix[0, 0])


def test_grids_are_made_once_per_calibration() -> None:
    preprocess = Preprocessor(PLAIN)
    first, second = lens('plumb_bob'), lens('rational_polynomial')
    pictures = [smooth(), smooth(seed=1)]
    a, _ = preprocess(pictures, identity(2), [first, second])
    b, _ = preprocess(pictures, identity(2), [lens('plumb_bob'), second])
    assert preprocess.num_grids_made == 2
    assert torch.equal(a, b)
    preprocess(pictures[:1], identity(), [second])
    assert preprocess.num_grids_made == 2
    changed = replace(first, cx=first.cx + 5)
    c, _ = preprocess(pictures[:1], identity(), [changed])
    assert preprocess.num_grids_made == 3
    assert not torch.equal(a[:, :1], c)
    for number in range(100):  # a calibration that wanders fills no memory
        preprocess([np.zeros((8, 8, 3), np.uint8)], identity(), [replace(first, cx=number / 9)])
    assert len(preprocess._grids) <= 32


def test_one_result_outlives_the_next_call() -> None:
    preprocess = Preprocessor(PLAIN)
    first, _ = preprocess([smooth()], identity())
    kept = first.clone()
    preprocess([smooth(seed=5)], identity())
    assert torch.equal(first, kept)


def test_what_the_polynomial_folds_back_is_black() -> None:
    # r - 0.5 r^3 is largest at r = sqrt(2 / 3); farther rays come back into the picture.
    folding = Lens(100.0, 100.0, 100.0, 5.0, 'plumb_bob', (-0.5, 0.0, 0.0, 0.0))
    rays = torch.tensor([[1.2, 0.0]], dtype=torch.float64)
    assert fold_radius(folding, rays) == pytest.approx(math.sqrt(2 / 3), abs=2e-3)
    _, is_seen = sampling_grid(folding, (10, 200), (10, 200), 'cpu')
    assert is_seen is not None
    row = is_seen[5]
    assert row[100 - 80 : 100 + 80].all()
    assert not row[: 100 - 83].any()
    white = np.full((10, 200, 3), 255, np.uint8)
    config = PixelConfig(200, (0.0,) * 3, (1.0,) * 3, size_divisor=1)
    pixels, _ = Preprocessor(config)([white], identity(), [folding])
    assert (pixels[0, 0, :, 5, :15] == 0).all()
    assert (pixels[0, 0, :, 5, 100] == 255).all()


def test_a_fisheye_without_coefficients_is_no_pinhole() -> None:
    fisheye = Lens(100.0, 100.0, 160.0, 90.0, 'equidistant', (0.0,) * 4)
    assert not fisheye.is_straight
    grid, _ = sampling_grid(fisheye, (HEIGHT, WIDTH), (HEIGHT, WIDTH), 'cpu')
    x = ((grid[90, 260, 0] + 1) * WIDTH - 1) / 2  # one unit beside the axis: 45 degrees
    assert float(x) == pytest.approx(160 + 100 * math.pi / 4, abs=1e-3)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'model': 'thin_prism'}, "distortion_model is 'thin_prism'; expected one of plumb_bob"),
        ({'coefficients': (0.1, 0.2)}, 'distortion coefficients'),
        ({'coefficients': (0.1, 0.2, float('nan'), 0.0)}, 'finite'),
        ({'fx': 0.0}, 'focal lengths above 0'),
        ({'model': 'equidistant', 'coefficients': (0.0,) * 5}, 'distortion coefficients'),
    ],
)
def test_impossible_lenses_are_refused(changes: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        replace(lens('plumb_bob of four'), **changes)


def test_wrong_use_is_named() -> None:
    with pytest.raises(ShapeError, match='lenses: expected 2'):
        Preprocessor(PLAIN)([smooth(), smooth()], identity(2), [None])
    with pytest.raises(ShapeError, match='uint8'):
        Preprocessor(PLAIN)([smooth().astype(np.float32)], identity())


def test_the_engine_undistorts() -> None:
    engine = BevFormerEngine.load('random')
    matrices = identity(2)
    pictures = [smooth(), None]
    plain, bent, named = BevState(), BevState(), BevState()
    engine.step(plain, pictures, matrices, EgoMotion())
    engine.step(named, pictures, matrices, EgoMotion(), lenses=[None, lens('plumb_bob')])
    engine.step(bent, pictures, matrices, EgoMotion(), lenses=[lens('plumb_bob'), None])
    assert torch.equal(plain.bev, named.bev), 'the lens of a missing picture is none of ours'
    assert not torch.allclose(plain.bev, bent.bev, atol=1e-3)
