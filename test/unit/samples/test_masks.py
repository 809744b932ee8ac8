from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mm_perception.samples import Masks, mask_box, merge_masks


def test_convention_box_of_a_single_pixel() -> None:
    mask = np.zeros((6, 9), bool)
    mask[2, 5] = True
    assert mask_box(mask) == (5, 2, 6, 3)


def test_convention_box_of_everything_and_nothing() -> None:
    assert mask_box(np.ones((3, 4), bool)) == (0, 0, 4, 3)
    assert mask_box(np.zeros((3, 4), bool)) is None


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 5)), min_size=1, max_size=9))
def test_box_is_tight(pixels) -> None:
    mask = np.zeros((8, 6), bool)
    for row, column in pixels:
        mask[row, column] = True
    left, top, right, bottom = (int(v) for v in mask_box(mask))
    inside = mask[top:bottom, left:right]
    assert inside.sum() == mask.sum()
    assert inside[0].any()
    assert inside[-1].any()
    assert inside[:, 0].any()
    assert inside[:, -1].any()


def test_convention_highest_positive_logit_takes_the_pixel() -> None:
    logits = np.array([[[1, 3, -1, 0]], [[2, 2, -2, -1]]], np.float32)
    merged = merge_masks(logits, (7, 300))
    assert merged.dtype == np.uint16
    assert merged.tolist() == [[300, 7, 0, 0]]


def test_merge_of_no_masks_is_background() -> None:
    merged = merge_masks(np.zeros((0, 2, 3), np.float32), ())
    assert merged.shape == (2, 3)
    assert not merged.any()


@pytest.mark.parametrize('visible', [(), (True, True)])
def test_detections_of_masks_leave_out_what_has_no_pixel(visible) -> None:
    id_map = np.zeros((4, 5), np.uint16)
    id_map[1:3, 2] = 9
    masks = Masks(
        stamp_ns=3, frame_id='f', id_map=id_map, ids=(4, 9), labels=('a', 'b'),
        scores=np.array([0.1, 0.5], np.float32), visible=visible,
    )  # fmt: skip
    assert masks.visible == (True, True)
    found = masks.detections()
    assert found.xyxy.tolist() == [[2, 1, 3, 3]]
    assert (found.labels, found.track_ids, found.scores.tolist()) == (('b',), ('9',), [0.5])
    assert (found.stamp_ns, found.frame_id) == (3, 'f')
    assert masks.mask(9).sum() == 2


def test_detections_of_no_masks() -> None:
    masks = Masks(
        stamp_ns=0, id_map=np.zeros((2, 2), np.uint16), ids=(), labels=(),
        scores=np.zeros(0, np.float32),
    )  # fmt: skip
    assert len(masks.detections()) == 0
