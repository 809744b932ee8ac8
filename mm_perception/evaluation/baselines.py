"""Two simple ways to answer a text, so that a score has something to be compared with.

- `kind_boxes` knows the truth: the boxes of everything of the right kind, linked by overlap. It
  does not read the colour, and its mask is the whole box. What it scores is what perfect
  detection of a closed set of classes is worth without an understanding of text or outline.
- `ClipGrid` knows nothing: CLIP compares each cell of a fixed grid with the text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from mm_perception.errors import ConfigError
from mm_perception.evaluation.naming import MIN_PIXELS, Answer, Name, map_of
from mm_perception.samples import Masks, mask_box
from mm_perception.samples.sample import Array

if TYPE_CHECKING:
    from mm_perception.nets.clip import ClipEngine

Box = tuple[float, float, float, float]  #: left, top, right, bottom in pixel edges
#: What a cell may show instead of what was asked for.
RIVALS = (
    'a road', 'a pavement', 'the sky', 'a building', 'a tree', 'a wall', 'the floor', 'background',
)  # fmt: skip


class BoxLinker:
    """Gives boxes the ids of tracks: the best overlap with the last box of each.

    Args:
        min_iou: Less overlap is another object.
        max_gap: Frames for which a track may be unseen and still go on.
    """

    def __init__(self, min_iou: float = 0.3, max_gap: int = 5) -> None:
        self._min_iou, self._max_gap = min_iou, max_gap
        self._tracks: dict[int, tuple[Box, int]] = {}  # id to its last box and frames since
        self._newest = 0

    def link(self, boxes: Sequence[Box]) -> list[int]:
        """Ids of the boxes of the next frame."""
        known = list(self._tracks)
        ious = np.array(
            [[box_iou(self._tracks[i][0], box) for box in boxes] for i in known]
        ).reshape(len(known), len(boxes))
        rows, columns = linear_sum_assignment(-ious)
        ids = {
            int(column): known[row]
            for row, column in zip(rows, columns, strict=True)
            if ious[row, column] >= self._min_iou
        }
        for index in range(len(boxes)):
            if index not in ids:
                self._newest += 1
                ids[index] = self._newest
        aged = {i: (box, gap + 1) for i, (box, gap) in self._tracks.items() if gap < self._max_gap}
        self._tracks = {**aged, **{ids[index]: (box, 0) for index, box in enumerate(boxes)}}
        return [ids[index] for index in range(len(boxes))]


def kind_boxes(truth: Sequence[Masks], name: Name, min_pixels: int = MIN_PIXELS) -> Answer:
    """Answer with the true boxes of everything of a kind, whatever its colour.

    Args:
        truth: T truths of one camera.
        name: What is asked for; its colour is not looked at.
        min_pixels: Smaller instances have no box.
    """
    linker, maps = BoxLinker(), []
    for masks in truth:
        ids = map_of(Name(name.kind), masks)
        numbers = [int(n) for n in np.unique(ids) if n and (ids == n).sum() >= min_pixels]
        found = [box for number in numbers if (box := mask_box(ids == number)) is not None]
        maps.append(paint_boxes(found, linker.link(found), masks.id_map.shape))
    return answer_of(maps)


class ClipGrid:
    """Answers a text with the cells of a grid that CLIP finds most like it.

    Cells in which the text has a larger share than every rival, by a margin, are joined with their
    neighbours; the box around each such group is an object, linked over time by overlap.

    Args:
        clip: The engine.
        cells: Columns and rows.
        margin: Lead over the strongest rival, in shares of a softmax over text and rivals.
        rivals: What else a cell may show.
    """

    def __init__(
        self,
        clip: ClipEngine,
        cells: tuple[int, int] = (12, 8),
        margin: float = 0.1,
        rivals: Sequence[str] = RIVALS,
    ) -> None:
        if not rivals:
            raise ConfigError('rivals', list(rivals), 'at least one phrase')
        self._clip, self._cells, self._margin, self._rivals = clip, cells, margin, tuple(rivals)
        self._linkers: dict[str, BoxLinker] = {}

    def look(self, rgb: Array, texts: Sequence[str]) -> dict[str, Array]:
        """Look at the next picture of a camera.

        Args:
            rgb: (H, W, 3) uint8.
            texts: What to look for.

        Returns:
            Per text a map of tracks, (H, W) uint16.
        """
        maps = {}
        for text, boxes in zip(texts, self.boxes(rgb, texts), strict=True):
            linker = self._linkers.setdefault(text, BoxLinker())
            maps[text] = paint_boxes(boxes, linker.link(boxes), rgb.shape[:2])
        return maps

    def boxes(self, rgb: Array, texts: Sequence[str]) -> list[list[Box]]:
        """Boxes in one picture for each text."""
        columns, rows = self._cells
        across = np.linspace(0, rgb.shape[1], columns + 1).round().astype(int)
        down = np.linspace(0, rgb.shape[0], rows + 1).round().astype(int)
        crops = [
            np.ascontiguousarray(rgb[down[r] : down[r + 1], across[c] : across[c + 1]])
            for r in range(rows)
            for c in range(columns)
        ]
        pictures = self._clip.embed_images(crops).astype(np.float64) * self._clip.logit_scale
        rivals = pictures @ self._clip.embed_texts(self._rivals).T
        wanted = pictures @ self._clip.embed_texts(texts).T
        found = []
        for column in range(len(texts)):
            lead = _lead(wanted[:, column], rivals).reshape(rows, columns)
            groups = _groups(lead >= self._margin)
            found.append([_edges(across, down, group) for group in groups])
        return found


def answer_of(maps: Sequence[Array]) -> Answer:
    """The answer of a baseline: it has no words of its own, where it marks nothing it denies."""
    is_claimed = any(ids.any() for ids in maps)
    return Answer(tuple(maps), is_claimed, not is_claimed)


def box_iou(one: Box, other: Box) -> float:
    """Overlap of two boxes, 0 to 1."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(width, 0.0) * max(height, 0.0)
    areas = sum((b[2] - b[0]) * (b[3] - b[1]) for b in (one, other))
    return shared / (areas - shared) if areas > shared else 0.0


def paint_boxes(boxes: Sequence[Box], ids: Sequence[int], size: tuple[int, ...]) -> Array:
    """A map of ids with boxes filled; where they overlap, the smaller is on top.

    Returns:
        (H, W) uint16.
    """
    painted = np.zeros(size, np.uint16)
    pairs = sorted(
        zip(boxes, ids, strict=True), key=lambda p: -(p[0][2] - p[0][0]) * (p[0][3] - p[0][1])
    )
    for (x0, y0, x1, y1), number in pairs:
        painted[round(y0) : round(y1), round(x0) : round(x1)] = number
    return painted


def _lead(
    wanted: npt.NDArray[np.float64], rivals: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """(N,) how much larger the text's share is than that of the strongest of its rivals."""
    logits = np.concatenate([wanted[:, None], rivals], axis=1)
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares = weights / weights.sum(axis=1, keepdims=True)
    return np.asarray(shares[:, 0] - shares[:, 1:].max(axis=1))


def _groups(cells: Array) -> list[Array]:
    """Masks of the groups of neighbouring cells, corners included."""
    count, labels = cv2.connectedComponents(cells.astype(np.uint8), connectivity=8)
    return [labels == number for number in range(1, count)]


def _edges(across: Array, down: Array, group: Array) -> Box:
    """Pixels of the box around a group of cells."""
    x0, y0, x1, y1 = (int(v) for v in mask_box(group) or (0, 0, 0, 0))
    return float(across[x0]), float(down[y0]), float(across[x1]), float(down[y1])
