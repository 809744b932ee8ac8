"""Grounders on small checkpoints of the public classes: the same code that loads the real ones."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as PilImage
from transformers import Owlv2ForObjectDetection, Owlv2Processor

from mm_perception.errors import WeightsError
from mm_perception.nets.grounders import (
    Found,
    Grounder,
    grounder_names,
    load_grounder,
    without_twins,
)
from mm_perception.nets.grounders.clip_proposals import crop_of, without_parts
from mm_perception.nets.grounders.grounder import GrounderSettings
from mm_perception.nets.grounders.owlv2 import boxes_to_found
from mm_perception.nets.grounders.sam3 import without_specks
from mm_perception.nets.sam2.proposals import Proposal
from test.plugins.samples import picture
from test.unit.nets_grounders.tiny_checkpoints import MAKERS

pytestmark = pytest.mark.usefixtures('one_thread')

TEXTS = ['a red car', 'dog']
IMAGE = picture().data
HEIGHT, WIDTH = IMAGE.shape[:2]


@pytest.fixture(scope='session')
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    made = {}
    for name, save in MAKERS.items():
        made[name] = tmp_path_factory.mktemp(name)
        save(made[name])
    return made


def settings(name: str, folders: dict[str, Path]) -> GrounderSettings:
    weights = str(folders[name]) if name in folders else 'random'
    return GrounderSettings(
        weights, 'cpu', segmenter_weights='random', grid=4, background=('nothing',),
        min_iou=0.5, min_stability=0.5,
    )  # fmt: skip


@pytest.fixture(params=grounder_names())
def grounder(request: pytest.FixtureRequest, folders: dict[str, Path]) -> Iterator[Grounder]:
    loaded = load_grounder(request.param, settings(request.param, folders))
    yield loaded
    loaded.close()


def test_found_things_are_inside_the_picture_and_best_first(grounder: Grounder) -> None:
    found = grounder.ground(IMAGE, TEXTS, 0.0)
    assert found
    assert {f.text_index for f in found} == {0, 1}
    scores = [f.score for f in found]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= s <= 1 for s in scores)
    for f in found:
        x0, y0, x1, y1 = f.box
        assert f.box.dtype == np.float32
        assert 0 <= x0 < x1 <= WIDTH
        assert 0 <= y0 < y1 <= HEIGHT
        if f.mask is not None:
            assert (f.mask.shape, f.mask.dtype) == ((HEIGHT, WIDTH), np.bool_)
            assert f.mask.any()


def test_a_higher_threshold_leaves_a_part_of_the_same(grounder: Grounder) -> None:
    all_found = grounder.ground(IMAGE, TEXTS, 0.0)
    limit = float(np.median([f.score for f in all_found]))
    some = grounder.ground(IMAGE, TEXTS, limit)
    assert all(f.score >= limit for f in some)
    assert len(some) <= len(all_found)
    assert grounder.ground(IMAGE, TEXTS, 1.01) == []


def test_nothing_asked_is_nothing_found(grounder: Grounder) -> None:
    assert grounder.ground(IMAGE, [], 0.0) == []


def test_a_text_is_answered_alike_alone_and_among_others(grounder: Grounder) -> None:
    alone = list(grounder.ground(IMAGE, TEXTS[1:], 0.0))
    among = [f for f in grounder.ground(IMAGE, TEXTS, 0.0) if f.text_index == 1]
    assert len(alone) == len(among)
    assert [f.score for f in alone] == pytest.approx([f.score for f in among], abs=1e-4)


def test_very_long_texts_are_cut_not_fatal(grounder: Grounder) -> None:
    grounder.ground(IMAGE, ['a very long text ' * 30], 0.5)


def test_cut_texts_are_logged(folders: dict[str, Path], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        load_grounder('owlv2', settings('owlv2', folders)).ground(IMAGE, ['word ' * 30], 0.5)
    assert 'reads 16 of 32 tokens' in caplog.text


def test_the_hash_of_the_weights_is_known(grounder: Grounder) -> None:
    assert grounder.weights_sha256


@pytest.mark.parametrize('name', MAKERS)
def test_a_checkpoint_of_another_class_is_refused(name: str, folders: dict[str, Path]) -> None:
    other = next(n for n in MAKERS if n != name)
    with pytest.raises(WeightsError):
        load_grounder(name, GrounderSettings(str(folders[other]), 'cpu'))


@pytest.mark.parametrize('name', grounder_names())
def test_absent_weights_are_an_error_with_the_fix(name: str) -> None:
    with pytest.raises(WeightsError, match='mmp fetch nobody/has-this'):
        load_grounder(name, GrounderSettings('nobody/has-this', 'cpu', segmenter_weights='random'))


def test_owlv2_equals_the_pipeline_of_transformers(folders: dict[str, Path]) -> None:
    ours = load_grounder('owlv2', settings('owlv2', folders)).ground(IMAGE, TEXTS, 0.0)
    model = Owlv2ForObjectDetection.from_pretrained(folders['owlv2']).eval()
    processor = Owlv2Processor.from_pretrained(folders['owlv2'])
    inputs = processor(
        text=[TEXTS], images=PilImage.fromarray(IMAGE), return_tensors='pt', max_length=16
    )
    with torch.no_grad():
        outputs = model(**inputs)
    theirs = processor.post_process_grounded_object_detection(
        outputs, threshold=0.0, target_sizes=[(HEIGHT, WIDTH)]
    )[0]
    boxes = theirs['boxes'].numpy().clip(0, [WIDTH, HEIGHT, WIDTH, HEIGHT])
    has_area = ((boxes[:, 2:] - boxes[:, :2]) >= 1).all(1)
    assert has_area.sum() >= 2
    for score, box in zip(theirs['scores'].numpy()[has_area], boxes[has_area], strict=True):
        same = [f.score for f in ours if np.allclose(f.box, box, atol=0.1)]
        # Theirs answers each box with its best text only, ours with every text.
        assert np.isclose(max(same), score, atol=1e-4)


def test_boxes_without_area_are_left_out() -> None:
    boxes = np.array([[-5, -5, 20, 10], [30, 5, 30, 9], [70, 5, 90, 9]], np.float32)
    found = boxes_to_found(boxes, np.array([0.5, 0.9, 0.9], 'f'), np.zeros(3, int), (48, 64))
    assert [f.box.tolist() for f in found] == [[0, 0, 20, 10]]


def mask(x0: int, x1: int) -> np.ndarray:
    pixels = np.zeros((HEIGHT, WIDTH), bool)
    pixels[10:20, x0:x1] = True
    return pixels


def test_a_part_of_a_better_mask_is_dropped_but_not_for_another_text() -> None:
    box = np.zeros(4, np.float32)
    whole, part = Found(0, box, 0.9, mask(0, 30)), Found(0, box, 0.8, mask(20, 30))
    other, apart = Found(1, box, 0.7, mask(20, 30)), Found(0, box, 0.6, mask(40, 50))
    kept = without_parts([whole, part, other, apart])
    assert [f.score for f in kept] == [0.9, 0.7, 0.6]


def test_crops_are_square_dim_the_surroundings_and_may_leave_the_picture() -> None:
    white = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    pixels = np.zeros((HEIGHT, WIDTH), bool)
    pixels[0:10, 0:20] = True
    crop = crop_of(white, Proposal(pixels, np.array([0, 0, 20, 10], np.float32), 0.9))
    assert crop.shape[0] == crop.shape[1] >= 20
    assert (crop[0, 0] == 127).all(), 'outside of the picture'
    assert (crop == 255).any()
    assert ((crop > 127) & (crop < 255)).any(), 'dimmed surroundings'


def test_specks_do_not_belong_to_what_sam3_found_but_both_sides_of_a_pole_do() -> None:
    mask = np.zeros((20, 30), bool)
    assert not without_specks(mask).any()
    mask[2:9, 3:11] = True
    mask[2:9, 13:15] = True
    whole = mask.copy()
    mask[18, 28] = True
    mask[15, 1:4] = True
    assert np.array_equal(without_specks(mask), whole)


@pytest.mark.parametrize(('rule', 'score'), [('', 0.9 * 0.6), ('least', 0.6)])
def test_a_checkpoint_says_how_presence_counts(rule: str, score: float, tmp_path: Path) -> None:
    MAKERS['sam3'](tmp_path)
    config = json.loads((tmp_path / 'config.json').read_text())
    (tmp_path / 'config.json').write_text(json.dumps({**config, 'score_rule': rule}))
    grounder: Any = load_grounder('sam3', GrounderSettings(str(tmp_path), 'cpu'))
    forward = grounder._model.forward

    def sure(**inputs: Any) -> Any:
        found = forward(**inputs)
        found.pred_logits = torch.full_like(found.pred_logits, 0.9).logit()
        found.presence_logits = torch.full_like(found.presence_logits, 0.6).logit()
        found.pred_masks = torch.ones_like(found.pred_masks)
        return found

    grounder._model.forward = sure
    found = grounder.ground(np.zeros((HEIGHT, WIDTH, 3), np.uint8), ['a red car'], 0.1)
    assert found
    assert [f.score for f in found] == pytest.approx([score] * len(found), abs=1e-3)


def test_of_boxes_that_are_nearly_the_same_the_surest_stays() -> None:
    def found(text: int, x: float, score: float) -> Found:
        return Found(text, np.array([x, 0, x + 20, 20], np.float32), score)

    items = [found(0, 0, 0.5), found(0, 1, 0.9), found(0, 15, 0.3), found(1, 1, 0.2)]
    assert without_twins(items) == [items[1], items[2], items[3]]
    assert without_twins([]) == []
