"""CLIP's training: what pictures and captions belong together, and that the result runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from mm_perception.nets.clip.engine import load_clip
from mm_perception.training.clip import IMAGE_SIDE, PATCH, RECIPE, ClipTask
from mm_perception.training.clip_batches import NAMES, Sizes
from mm_perception.training.clip_scores import box_around, crops, zero_shot
from mm_perception.training.clip_sights import NUM_COLOURS
from mm_perception.training.loop import Settings, train
from test.unit.training.clips import moving_square

CPU = torch.device('cpu')
SIZES = Sizes(2, 6, 2, 2)


def task(steps: int) -> ClipTask:
    settings = Settings(steps, warm_up=2, validate_every=steps, log_every=1, is_mixed=False)
    clip = moving_square()
    return ClipTask([clip], [clip], SIZES, settings)


def test_a_caption_belongs_to_every_crop_that_it_is_true_of() -> None:
    learner = task(1)
    batch = learner.batch(0)
    texts = [learner._tokenizer.decode(i, skip_special_tokens=True) for i in batch.input_ids]
    crop_rows = range(SIZES.scenes, SIZES.told)
    colours = ['red' if 'red' in texts[row] else 'blue' for row in crop_rows]
    assert set(colours) == {'red', 'blue'}
    for row, own in zip(crop_rows, colours, strict=True):
        for column, other in zip(crop_rows, colours, strict=True):
            assert bool(batch.same[row, column]) == (own == other), (texts[row], texts[column])
    assert batch.same.diagonal().all()
    assert not batch.same[: SIZES.scenes, SIZES.scenes :].any()
    # Red goes with cars alone, so what differs in one differs in both, and is no rival.
    crop = slice(SIZES.scenes, SIZES.told)
    assert torch.equal(batch.rival[crop, crop] & ~batch.same[crop, crop], _is_vehicle(texts, crop))
    assert batch.rival[: SIZES.scenes].all()
    assert batch.rival[:, : SIZES.scenes].all()


def _is_vehicle(texts: list[str], crop: slice) -> torch.Tensor:
    """A vehicle of the other colour is of the own class: the one rival there is."""
    own = texts[crop]
    return torch.tensor(
        [['vehicle' in b and ('red' in a) != ('red' in b) for b in own] for a in own]
    )


def test_texts_are_captions_then_each_noun_and_each_colour_as_the_tokenizer_has_them() -> None:
    learner = task(1)
    batch = learner.batch(0)
    assert len(batch.input_ids) == SIZES.told + len(NAMES) + NUM_COLOURS - 1
    texts = [learner._tokenizer.decode(i, skip_special_tokens=True) for i in batch.input_ids]
    again = learner._tokenizer(
        texts, padding='max_length', max_length=batch.input_ids.shape[1], return_tensors='pt'
    )
    torch.testing.assert_close(batch.input_ids, again['input_ids'])
    for row, noun in zip(range(SIZES.scenes, SIZES.told), batch.nouns, strict=True):
        assert NAMES[noun] in texts[row]


def test_patches_say_what_is_in_a_pixel_of_theirs() -> None:
    learner = task(1)
    batch = learner.batch(0)
    pixels, inside = learner.pixels(batch, CPU)
    assert pixels.shape == (SIZES.total, 3, IMAGE_SIDE, IMAGE_SIDE)
    assert inside.shape == (SIZES.total, (IMAGE_SIDE // PATCH) ** 2, 2)
    # A whole scene: the two things cover 900 and 1200 of 96 x 128 pixels.
    share = float((inside[: SIZES.scenes, :, 0] > 0).float().mean())
    assert share == pytest.approx(2100 / (96 * 128), abs=0.08)
    tinted = inside[SIZES.told : SIZES.told + SIZES.tinted]
    kinds, colours = tinted.unbind(-1)
    own = batch.shown[SIZES.told : SIZES.told + SIZES.tinted, :1]
    assert not colours[kinds == own].any()  # it has no colour that could be named


def test_pairs_that_training_never_shows_are_no_negatives() -> None:
    """In this world red goes with cars alone, and cars with red: there is nothing to learn."""
    learner = task(1)
    parts = learner.loss(learner.build().train(), learner.batch(0), CPU)
    shown = learner.batch(0).shown
    logits = torch.randn(SIZES.total, NUM_COLOURS - 1)
    assert float(learner._colours(logits, shown)) == pytest.approx(0, abs=1e-6)
    # Of classes, a colour leaves the own one's nouns: two, with 'vehicle'; a tinted thing all.
    names = torch.zeros(SIZES.total, len(NAMES))
    mean = (SIZES.plain * np.log(2) + SIZES.tinted * np.log(len(NAMES))) / (
        SIZES.plain + SIZES.tinted
    )
    assert float(learner._classes(names, shown)) == pytest.approx(mean, rel=1e-5)
    assert all(torch.isfinite(value) for value in parts.values())


def test_sizes_share_a_batch() -> None:
    sizes = Sizes.of(1280)
    assert (sizes.scenes, sizes.plain, sizes.tinted, sizes.broken) == (256, 640, 256, 128)
    assert sizes.total == 1280


def test_crops_are_square_around_the_thing_and_stay_in_the_picture() -> None:
    mask = np.zeros((100, 200), bool)
    mask[40:60, 80:120] = True
    assert box_around(mask, 0.1) == (76, 26, 124, 74)
    mask[:, :] = False
    mask[0:10, 190:200] = True
    x0, y0, x1, y1 = box_around(mask, 0.5)
    assert (y0, x1) == (0, 200)
    assert (x0, y1) == (185, 15)


def test_a_batch_and_its_pixels_are_a_pure_function_of_seed_and_step() -> None:
    first, second = task(1), task(1)
    torch.testing.assert_close(
        first.pixels(first.batch(3), CPU)[0], second.pixels(second.batch(3), CPU)[0]
    )


def test_gradients_reach_everything() -> None:
    learner = task(1)
    model = learner.build().train()
    parts = learner.loss(model, learner.batch(0), CPU)
    sum(v for name, v in parts.items() if not name.startswith('_')).backward()
    assert not [name for name, p in model.named_parameters() if p.grad is None]


def test_training_lowers_the_loss_and_the_result_runs(tmp_path) -> None:
    learner = task(12)
    lines: list[str] = []
    model = train(learner, tmp_path / 'work', CPU, report=lines.append)
    losses = [float(line.split('"loss": ')[1].split(',')[0]) for line in lines if '"loss"' in line]
    assert np.mean(losses[-3:]) < 0.8 * np.mean(losses[:2])
    RECIPE.save(model, tmp_path / 'weights')
    engine: Any = load_clip(str(tmp_path / 'weights'))
    pictures, things, _ = crops([moving_square()], (0,))
    assert [(t.colour, t.kind) for t in things] == [('blue', 'van'), ('red', 'car')]
    assert zero_shot(engine, pictures, things).shape == (2,)
