"""Pictures that CLIP's training makes on its device."""

from __future__ import annotations

import colorsys

import numpy as np
import torch

from mm_perception.training.clip_pixels import (
    NAMELESS_HUES,
    Album,
    other_light,
    patch_points,
    shuffled,
    tinted,
)
from mm_perception.training.data import Crop
from mm_perception.world.materials import COLOURS
from test.unit.training.clips import moving_square

CPU = torch.device('cpu')


def chance(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_cut_is_the_crop_of_that_box() -> None:
    clip = moving_square(2)
    boxes = np.array([[10.0, 20, 42, 52], [41.8, 20.3, 9.7, 51.9]], np.float32)
    cuts = Album([moving_square(1), clip]).cut([2, 2], boxes, 16)
    want = Crop((10, 20, 42, 52), 16).picture(clip.rgb[1])
    rgb = cuts.planes()
    np.testing.assert_allclose(rgb[0].permute(1, 2, 0) * 255, want, atol=0.1)
    torch.testing.assert_close(rgb[1], rgb[0].flip(-1))
    assert cuts.ids[0, 8, 8] == 1
    shown = cuts.shown(torch.tensor([8 * 16 + 8, 0]))
    assert shown[0].tolist() == [[1, 1], [0, 0]]  # a car in red; nothing


def test_what_is_narrower_than_a_pixel_is_cut_as_one() -> None:
    cuts = Album([moving_square(1)]).cut([0], np.array([[5.0, 5, 5.2, 5.3]], np.float32), 8)
    assert cuts.rgb.shape == (1, 8, 8, 3)


def test_no_tint_has_a_hue_with_a_name() -> None:
    named = [
        limits[0] for name, limits in COLOURS.items() if name not in ('white', 'grey', 'black')
    ]
    for low, high in NAMELESS_HUES:
        assert all(high < start or low > end for start, end in named)
    rgb, mask = torch.rand(32, 3, 24, 24, generator=chance()), torch.zeros(32, 24, 24).bool()
    mask[:, 6:18, 6:18] = True
    painted = tinted(rgb, mask, chance(1))
    torch.testing.assert_close(painted[:, :, :6], rgb[:, :, :6])
    for pixel in painted[:, :, 6:18, 6:18].permute(0, 2, 3, 1).reshape(-1, 3)[::7].numpy():
        hue, saturation, value = colorsys.rgb_to_hsv(*pixel)
        if 0.1 < value < 0.999:
            assert saturation > 0.6
            assert any(low - 1 < hue * 360 < high + 1 for low, high in NAMELESS_HUES)


def test_shuffled_tiles_are_the_same_tiles() -> None:
    rgb = torch.rand(2, 3, 16, 16, generator=chance())
    mixed = shuffled(rgb, chance(2))
    assert not torch.equal(mixed, rgb)
    torch.testing.assert_close(mixed.flatten().sort().values, rgb.flatten().sort().values)
    corner = mixed[0, :, :4, :4]
    assert any(
        torch.equal(corner, rgb[0, :, y : y + 4, x : x + 4])
        for y in range(0, 16, 4) for x in range(0, 16, 4)
    )  # fmt: skip


def test_other_light_keeps_grey_from_white() -> None:
    grey, white = torch.full((64, 3, 8, 8), 0.58), torch.full((64, 3, 8, 8), 0.86)
    assert other_light(grey, chance()).mean((1, 2, 3)).max() < 0.75
    assert other_light(white, chance()).mean((1, 2, 3)).min() > 0.75


def test_each_patch_has_its_point() -> None:
    points = patch_points(32, 8, chance(), CPU)
    rows, columns = points // 32, points % 32
    assert (rows // 8 * 4 + columns // 8).tolist() == list(range(16))
