"""Which label every pixel of a picture gets, from how near each patch is to each text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from mm_perception.samples.sample import Array


@dataclass(frozen=True)
class Vocabulary:
    """What pixels can be called.

    Attributes:
        labels: N texts.
        ids: N ids.
        vectors: (N + M, D) of the labels, then of M backgrounds.
    """

    labels: tuple[str, ...]
    ids: tuple[int, ...]
    vectors: Array

    def shares(self, patches: Array, scale: float) -> Array:
        """Softmax over all texts, (h, w, N + M) float32, of (h, w, D) patches."""
        return softmax(scale * (patches @ self.vectors.T))


def paint(
    shares: Array, size: tuple[int, int], ids: Sequence[int], least: float
) -> tuple[Array, Array]:
    """The most likely text of every pixel.

    Args:
        shares: (h, w, N + M) of N labels and M backgrounds; between patches it is interpolated.
        size: Height and width of the picture, pixels.
        ids: N, of the labels.
        least: A label that is less likely is none.

    Returns:
        (H, W) uint16 ids, 0 for background; (N,) float32 mean share where each label was painted,
        0 where it was not.
    """
    height, width = size
    best, where = np.full(size, -1.0, np.float32), np.zeros(size, np.uint16)
    table = np.zeros(shares.shape[-1], np.uint16)
    table[: len(ids)] = ids
    scores = np.zeros(len(ids), np.float32)
    for index, number in enumerate(table):
        layer = cv2.resize(np.ascontiguousarray(shares[..., index]), (width, height))
        is_more = layer > best
        best[is_more], where[is_more] = layer[is_more], number
    where[best < least] = 0
    for index, label_id in enumerate(ids):
        own = where == label_id
        if own.any():
            scores[index] = best[own].mean()
    return where, np.clip(scores, 0, 1)


def softmax(logits: Array) -> Array:
    """Over the last axis, float32."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), np.float32)
