"""What a user may say about an object, and the checks that keep nonsense out of a session."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.nn import functional

from mm_perception.errors import PromptError, ShapeError

_BOX_CORNER_LABELS = (2, 3)  # of the prompt encoder: top left, bottom right


@dataclass(frozen=True)
class ObjectPrompt:
    """Points and/or a box, or a mask, for one object on the frame it is given with.

    Convention:
        Coordinates are px of the original image, x right, y down; (0, 0) is the outer corner of
        the top left pixel, so the middle of a 640x480 image is (320, 240). Boxes are xyxy.
    """

    object_id: int
    kind: Literal['add', 'refine'] = 'add'
    points: ArrayLike | None = None  # (N, 2) px
    labels: ArrayLike | None = None  # (N,) 1: on the object, 0: not; default all 1
    box: ArrayLike | None = None  # (4,) px, xyxy
    mask: ArrayLike | None = None  # (H, W) bool


@dataclass(frozen=True)
class CheckedPrompt:
    """A prompt in the coordinates of the network's input (S, S)."""

    object_id: int
    is_new: bool
    points: Tensor | None  # (N, 2) float32, box corners first
    labels: Tensor | None  # (N,) int32
    mask: Tensor | None  # (1, S, S) float32 of 0 and 1


def check_prompts(
    prompts: Sequence[ObjectPrompt], tracked: Collection[int], image_hw: tuple[int, int], size: int
) -> list[CheckedPrompt]:
    """Check all prompts of one step against the image and the objects that are tracked.

    Args:
        prompts: at most one per object.
        tracked: ids that exist.
        image_hw: height and width of the image, px.
        size: side of the network's input, px.

    Raises:
        PromptError: naming the value that cannot be used.
        ShapeError: an array of the wrong shape.
    """
    ids = [prompt.object_id for prompt in prompts]
    for prompt in prompts:
        if ids.count(prompt.object_id) > 1:
            raise PromptError('two prompts for one object', prompt.object_id, 'merge them')
        if prompt.kind not in ('add', 'refine'):
            raise PromptError('unknown kind of prompt', prompt.kind, 'use add or refine')
        if prompt.kind == 'add' and prompt.object_id in tracked:
            raise PromptError(
                'object exists already', prompt.object_id, 'use refine, or remove it'
            )
        if prompt.kind == 'refine' and prompt.object_id not in tracked:
            known = f'tracked are {sorted(tracked)}'
            raise PromptError('no such object to refine', prompt.object_id, known)
    return [_check(prompt, image_hw, size) for prompt in prompts]


def _check(prompt: ObjectPrompt, image_hw: tuple[int, int], size: int) -> CheckedPrompt:
    is_new = prompt.kind == 'add'
    if prompt.mask is not None:
        if prompt.points is not None or prompt.box is not None:
            raise PromptError('mask together with points or box', prompt.object_id, 'give one')
        mask = _check_mask(prompt.mask, image_hw, size)
        return CheckedPrompt(prompt.object_id, is_new, None, None, mask)
    height, width = image_hw
    coordinates, labels = [], []
    if prompt.box is not None:
        coordinates.append(_check_box(prompt.box, height, width).reshape(2, 2))
        labels.append(np.array(_BOX_CORNER_LABELS, np.int32))
    if prompt.points is not None:
        points, point_labels = _check_points(prompt, height, width)
        coordinates.append(points)
        labels.append(point_labels)
    elif prompt.labels is not None:
        raise PromptError('labels without points', prompt.object_id, 'give both or none')
    if not labels or not any(map(len, labels)):
        raise PromptError(
            'nothing asked of object', prompt.object_id, 'give points, a box or a mask'
        )
    # The arithmetic of the reference, in its order, for equal rounding.
    xy = torch.from_numpy(np.concatenate(coordinates)) / torch.tensor([width, height]) * size
    return CheckedPrompt(
        prompt.object_id, is_new, xy, torch.from_numpy(np.concatenate(labels)), None
    )


def _check_points(
    prompt: ObjectPrompt, height: int, width: int
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    points = _as_float('points', prompt.points)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ShapeError('points of a prompt', '(N, 2)', str(points.shape))
    is_inside = (points >= 0).all(axis=1) & (points < (width, height)).all(axis=1)  # NaN: outside
    if not is_inside.all():
        bad = points[~is_inside][0].tolist()
        raise PromptError('point outside the image', bad, f'x in 0..{width}, y in 0..{height}')
    if prompt.labels is None:
        return points, np.ones(len(points), np.int32)
    labels = np.asarray(prompt.labels)
    if labels.shape != (len(points),):
        raise ShapeError('labels of a prompt', f'({len(points)},)', str(labels.shape))
    if not np.isin(labels, (0, 1)).all():
        raise PromptError(
            'unknown point label', labels.tolist(), 'use 1 (object) or 0 (background)'
        )
    return points, labels.astype(np.int32)


def _check_box(box: ArrayLike, height: int, width: int) -> NDArray[np.float32]:
    xyxy = _as_float('box', box)
    if xyxy.shape != (4,):
        raise ShapeError('box of a prompt', '(4,) xyxy', str(xyxy.shape))
    x0, y0, x1, y1 = xyxy
    if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
        fix = f'give x0 < x1 in 0..{width} and y0 < y1 in 0..{height}'
        raise PromptError('box is empty or leaves the image', xyxy.tolist(), fix)
    return xyxy


def _check_mask(mask: ArrayLike, image_hw: tuple[int, int], size: int) -> Tensor:
    pixels = np.asarray(mask)
    if pixels.shape != image_hw or pixels.dtype != np.bool_:
        actual = f'{pixels.shape} {pixels.dtype}'
        raise ShapeError('mask of a prompt', f'{image_hw} bool, as the image', actual)
    area = int(pixels.sum())
    if not area:
        raise PromptError('mask is empty; its area is', area, 'mark at least one pixel')
    planes = torch.from_numpy(pixels.astype(np.float32))[None]
    if image_hw != (size, size):
        planes = functional.interpolate(
            planes[None], (size, size), mode='bilinear', antialias=True
        )[0]
        planes = (planes >= 0.5).float()
    if not planes.any():
        fix = f'it vanishes at the network input of {size} px; give a point or a box'
        raise PromptError('mask is too small; its area in px is', area, fix)
    return planes


def _as_float(what: str, value: ArrayLike | None) -> NDArray[np.float32]:
    try:
        return np.asarray(value, np.float32)
    except (TypeError, ValueError) as error:
        raise PromptError(f'{what} of a prompt are no numbers', value, str(error)) from error
