"""Boxes and instance masks in one picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mm_perception.errors import ShapeError
from mm_perception.samples.sample import Array, Sample, checked_length


@dataclass(frozen=True, kw_only=True, eq=False)
class Detections(Sample):
    """Boxes of one picture, in parallel arrays; N = 0 means: looked, found nothing.

    Attributes:
        xyxy: (N, 4) float32: left, top, right, bottom in pixels of the original picture, pixel
            edges (a box over the whole of a W x H picture is 0, 0, W, H).
        scores: (N,) float32 in [0, 1].
        labels: N label texts.
        track_ids: N track ids; an empty tuple where nothing tracks.
    """

    xyxy: Array
    scores: Array
    labels: tuple[str, ...]
    track_ids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        self._freeze('xyxy', ('N', 4), [np.float32])
        self._freeze('scores', ('N',), [np.float32])
        for name, value in (('scores', self.scores), ('labels', self.labels)):
            checked_length(f'Detections.{name}', value, len(self.xyxy))
        if self.track_ids:
            checked_length('Detections.track_ids', self.track_ids, len(self.xyxy))

    def __len__(self) -> int:
        return len(self.xyxy)


@dataclass(frozen=True, kw_only=True, eq=False)
class Masks(Sample):
    """Instance masks of one picture as a map of ids; N = 0 means: looked, found nothing.

    Attributes:
        id_map: (H, W) uint16; 0 is background, otherwise an entry of `ids`. Where objects overlap
            the one with the higher mask logit has the pixel.
        ids: N instance ids in 1..65535, unique. An id stays with its track.
        labels: N label texts (the prompt that the object answers).
        scores: (N,) float32 in [0, 1].
        visible: N flags: False while the object is tracked but hidden in this picture.
    """

    id_map: Array
    ids: tuple[int, ...]
    labels: tuple[str, ...]
    scores: Array
    visible: tuple[bool, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        self._freeze('id_map', ('H', 'W'), [np.uint16])
        self._freeze('scores', ('N',), [np.float32])
        if not self.visible:
            object.__setattr__(self, 'visible', (True,) * len(self.ids))
        for name in ('labels', 'scores', 'visible'):
            checked_length(f'Masks.{name}', getattr(self, name), len(self.ids))
        if len(set(self.ids)) != len(self.ids) or any(not 0 < i < 65536 for i in self.ids):
            raise ShapeError('Masks.ids', 'unique ids in 1..65535', f'{self.ids}')

    def __len__(self) -> int:
        return len(self.ids)

    def mask(self, instance_id: int) -> Array:
        """Pixels of one instance, (H, W) bool."""
        return np.equal(self.id_map, instance_id)

    def detections(self) -> Detections:
        """The tight box of every instance that has a pixel; hidden ones are left out."""
        boxes = [mask_box(self.mask(instance_id)) for instance_id in self.ids]
        seen = [i for i, box in enumerate(boxes) if box is not None]
        xyxy = np.array([boxes[i] for i in seen], dtype=np.float32).reshape(-1, 4)
        return Detections(
            stamp_ns=self.stamp_ns,
            frame_id=self.frame_id,
            xyxy=xyxy,
            scores=self.scores[seen] if seen else np.zeros(0, np.float32),
            labels=tuple(self.labels[i] for i in seen),
            track_ids=tuple(str(self.ids[i]) for i in seen),
        )


def mask_box(mask: Array) -> tuple[float, float, float, float] | None:
    """Tight box of a mask.

    Args:
        mask: (H, W) bool.

    Returns:
        Left, top, right, bottom in pixel edges, or None for an empty mask.

    Convention:
        A single pixel at row 2, column 5 has the box 5, 2, 6, 3.
    """
    columns = np.flatnonzero(mask.any(axis=0))
    rows = np.flatnonzero(mask.any(axis=1))
    if len(columns) == 0:
        return None
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def merge_masks(logits: Array, ids: Sequence[int]) -> Array:
    """Paint masks into one map of ids; the highest positive logit takes the pixel.

    Args:
        logits: (N, H, W) float32 mask logits; a pixel belongs to an object where it is positive.
        ids: N instance ids in 1..65535.

    Returns:
        (H, W) uint16 id map, 0 for background.
    """
    lut = np.array([0, *ids], dtype=np.uint16)
    if len(ids) == 0:
        return np.zeros(logits.shape[1:], np.uint16)
    best = np.argmax(logits, axis=0)
    owner = np.where(np.take_along_axis(logits, best[None], axis=0)[0] > 0, best + 1, 0)
    return lut[owner]
