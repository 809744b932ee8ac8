"""Crops of people and maps of where their joints are, as ViTPose learns from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mm_perception.nets.pose.engine import PADDING, coco_boxes, crops_of
from mm_perception.training.data import jittered, normalised
from mm_perception.world.pose_views import PoseViews
from mm_perception.world.truth import KEYPOINTS

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
#: Deviation of a bump in cells of the map: ViTPose has 2 where cells are half as wide.
SIGMA = 1.5
#: Whom it learns from is that tall or wide at least, pixels.
SMALLEST_PX = 24
#: Where each keypoint is after left and right are swapped.
SWAPPED = [
    KEYPOINTS.index(
        name.replace('left', 'RIGHT').replace('right', 'left').replace('RIGHT', 'right')
    )
    for name in KEYPOINTS
]
_UPPER = [i for i, name in enumerate(KEYPOINTS) if not name.endswith(('hip', 'knee', 'ankle'))]
_LOWER = [i for i in range(len(KEYPOINTS)) if i not in _UPPER]
_MIRRORED, _TURNED, _HALVED, _COVERED, _COARSE, _NOISY = 0.5, 0.3, 0.06, 0.12, 0.2, 0.2


@dataclass(frozen=True, eq=False)
class Person:
    """Somebody in a picture.

    Attributes:
        rgb: (H, W, 3) the whole picture.
        box: (4,) x0, y0, x1, y1: edges of what is seen, pixels.
        pixels: (17, 2) keypoints, NaN where out of the picture.
        visible: (17,) 0 not in the picture, 1 hidden, 2 visible.
        doing: See `PoseViews`.
    """

    rgb: Pixels
    box: npt.NDArray[np.float32]
    pixels: npt.NDArray[np.float32]
    visible: Pixels
    doing: str


@dataclass(frozen=True, eq=False)
class Batch:
    """N crops.

    Attributes:
        pixels: (N, 3, H, W) float32, normalised.
        places: (N, 17, 2) float32 x and y of the keypoints in pixels of the crop; those that are
            not to be found are somewhere.
        is_there: (N, 17) bool, in the crop and in the picture, hidden or not.
    """

    pixels: Tensor
    places: Tensor
    is_there: Tensor


def people_of(views: Sequence[PoseViews]) -> list[Person]:
    """Everybody who is large enough, picture by picture."""
    return [
        Person(
            scene.rgb[scene.picture[i]], scene.boxes[i], scene.pixels[i], scene.visible[i],
            scene.doing[i],
        )
        for scene in views
        for i in range(len(scene.picture))
        if max(scene.boxes[i, 2:] - scene.boxes[i, :2]) >= SMALLEST_PX
    ]  # fmt: skip


@dataclass(frozen=True)
class Window:
    """What a crop shows of a picture.

    Attributes:
        middle: x and y, pixels of the picture.
        size: Width and height there.
        angle: Of its axes in the picture, clockwise, radians.
        is_mirrored: Left for right.
    """

    middle: tuple[float, float]
    size: tuple[float, float]
    angle: float = 0.0
    is_mirrored: bool = False

    def matrix(self, shape: tuple[int, int]) -> Floats:
        """(2, 3) from pixels of the picture to those of a crop of width and height.

        Convention:
            The middle goes to ((width - 1) / 2, (height - 1) / 2), and the size to width - 1 and
            height - 1, as in the processor (unbiased data processing, Huang et al., 2020).
        """
        width, height = shape
        c, s = np.cos(self.angle), np.sin(self.angle)
        scale = np.array([(width - 1) / self.size[0], (height - 1) / self.size[1]])
        if self.is_mirrored:
            scale[0] = -scale[0]
        turn = np.array([[c, s], [-s, c]]) * scale[:, None]
        shift = (np.array([width, height]) - 1) / 2 - turn @ np.array(self.middle)
        return np.concatenate([turn, shift[:, None]], axis=1)


def window_of(box: npt.NDArray[np.float32], shape: tuple[int, int]) -> Window:
    """What the engine crops for a box (4,), for crops of width and height."""
    middle, size = crops_of(coco_boxes(box[None]), shape[0] / shape[1])
    x, y = middle[0].tolist()
    width, height = size[0].tolist()
    return Window((x, y), (width, height))


def cut(
    person: Person, window: Window, shape: tuple[int, int]
) -> tuple[Pixels, npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Picture (H, W, 3), keypoints (17, 2) in it, and (17,) whether each is there to be found."""
    matrix = window.matrix(shape)
    picture = cv2.warpAffine(person.rgb, matrix, shape, flags=cv2.INTER_LINEAR)
    known = person.visible > 0
    places = np.where(known[:, None], person.pixels, 0.0) @ matrix[:, :2].T + matrix[:, 2]
    if window.is_mirrored:
        places, known = places[SWAPPED], known[SWAPPED]
    inside = np.all((places >= -0.5) & (places < np.array(shape) - 0.5), axis=1)
    return np.asarray(picture, np.uint8), places.astype(np.float32), known & inside


def any_window(rng: np.random.Generator, person: Person, shape: tuple[int, int]) -> Window:
    """Around a box that is not quite right, at an angle, mirrored or not; or of half a body."""
    box = person.box.astype(np.float64)
    if rng.random() < _HALVED:
        half = _UPPER if rng.random() < 0.65 else _LOWER
        some = person.pixels[half][person.visible[half] > 0]
        if len(some) >= 4:
            margin = 0.12 * max(np.ptp(some, axis=0).max(), 8.0)
            box = np.concatenate([some.min(0) - margin, some.max(0) + margin])
    size = box[2:] - box[:2]
    # Each edge of a found box is off by some of its size, as those of detectors are.
    edges = rng.normal(0, 0.05, 4) * np.tile(size, 2)
    edges = np.clip(edges, -0.15 * np.tile(size, 2), 0.15 * np.tile(size, 2))
    base = window_of((box + edges).astype(np.float32), shape)
    scale = float(np.exp(np.clip(rng.normal(0, 0.1), -0.3, 0.3)))
    shift = rng.normal(0, 0.04, 2) * base.size
    angle = float(np.clip(rng.normal(0, 0.2), -0.6, 0.6)) if rng.random() < _TURNED else 0.0
    return Window(
        (base.middle[0] + float(shift[0]), base.middle[1] + float(shift[1])),
        (base.size[0] * scale, base.size[1] * scale), angle, bool(rng.random() < _MIRRORED),
    )  # fmt: skip


def spoiled(rng: np.random.Generator, picture: Pixels, other: Pixels) -> Pixels:
    """Other light, fewer pixels, noise, and something in front of it that is cut from `other`."""
    height, width = picture.shape[:2]
    picture = jittered(rng, picture)
    if rng.random() < _COVERED:
        for _ in range(int(rng.integers(1, 3))):
            w, h = (int(side * rng.uniform(0.1, 0.45)) for side in (width, height))
            x, y = int(rng.integers(0, width - w)), int(rng.integers(0, height - h))
            if rng.random() < 0.5:
                picture[y : y + h, x : x + w] = rng.integers(0, 256, 3)
            else:
                picture[y : y + h, x : x + w] = other[y : y + h, x : x + w]
    if rng.random() < _COARSE:
        factor = rng.uniform(1.4, 4.0)
        small = cv2.resize(
            picture, (round(width / factor), round(height / factor)), interpolation=cv2.INTER_AREA
        )
        picture = np.asarray(cv2.resize(small, (width, height)), np.uint8)
    if rng.random() < _NOISY:
        noise = rng.normal(0, rng.uniform(2, 9), picture.shape)
        picture = np.clip(picture + noise, 0, 255).astype(np.uint8)
    return picture


def make_batch(
    rng: np.random.Generator, people: Sequence[Person], count: int, shape: tuple[int, int]
) -> Batch:
    """Draw N crops of people by chance.

    Args:
        rng: Random numbers.
        people: Whom.
        count: N.
        shape: Width and height of a crop.
    """
    pictures, places, there = [], [], []
    before = np.zeros((shape[1], shape[0], 3), np.uint8)
    for _ in range(count):
        person = people[int(rng.integers(len(people)))]
        picture, at, is_there = cut(person, any_window(rng, person, shape), shape)
        pictures.append(spoiled(rng, picture, before))
        places.append(at)
        there.append(is_there)
        before = picture
    return Batch(
        torch.from_numpy(np.ascontiguousarray(normalised(np.stack(pictures)))),
        torch.from_numpy(np.stack(places)), torch.from_numpy(np.stack(there)),
    )  # fmt: skip


def bumps(
    places: Tensor, is_there: Tensor, shape: tuple[int, int], cells: tuple[int, int]
) -> Tensor:
    """Maps (N, 17, h, w) with a bump of height 1 at each keypoint that is there, else 0.

    Args:
        places: (N, 17, 2) in pixels of crops.
        is_there: (N, 17).
        shape: Width and height of crops.
        cells: Width and height of maps.

    Convention:
        Corner pixels of the crop are corner cells of the map, as the processor decodes them: with
        crops 145 wide and maps 25 wide, pixel 72 is cell 72 * 24 / 144 = 12.
    """
    scale = (torch.tensor(cells) - 1) / (torch.tensor(shape) - 1)
    at = places * scale
    along = [
        torch.exp(-((torch.arange(size) - at[..., axis, None]) ** 2) / (2 * SIGMA**2))
        for axis, size in enumerate(cells)
    ]
    maps = along[1][..., :, None] * along[0][..., None, :]
    return maps * is_there[..., None, None]


__all__ = [
    'PADDING', 'SWAPPED', 'Batch', 'Person', 'Window', 'any_window', 'bumps', 'cut', 'make_batch',
    'people_of', 'spoiled', 'window_of',
]  # fmt: skip
