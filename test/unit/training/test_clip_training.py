"""CLIP's training: what pictures and captions belong together, and that the result runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from mm_perception.nets.clip.engine import load_clip
from mm_perception.training.clip import (
    IMAGE_SIDE,
    PATCH,
    RECIPE,
    ClipTask,
    box_around,
    is_main,
)
from mm_perception.training.clip_scores import crops, zero_shot
from mm_perception.training.loop import Settings, train
from test.unit.training.clips import moving_square

CPU = torch.device('cpu')


def task(steps: int, size: int = 6) -> ClipTask:
    settings = Settings(steps, warm_up=2, validate_every=steps, log_every=1, is_mixed=False)
    clip = moving_square()
    return ClipTask([clip], [clip], size, settings)


def test_a_caption_belongs_to_every_crop_that_it_is_true_of() -> None:
    learner = task(1, size=12)
    batch = learner.batch(0)
    texts = [learner._tokenizer.decode(i, skip_special_tokens=True) for i in batch.input_ids]
    for row in range(1, 12, 2):
        own = {word for word in ('red', 'blue') if word in texts[row]}
        for column in range(1, 12, 2):
            other = {word for word in ('red', 'blue') if word in texts[column]}
            if own and other:
                assert bool(batch.same[row, column]) == (own == other), (texts[row], texts[column])
    assert batch.same.diagonal().all()
    scenes = list(range(0, 12, 2))
    assert batch.same[scenes][:, scenes].sum() == len(scenes)


def test_patches_say_what_share_of_them_is_what() -> None:
    batch = task(1).batch(0)
    patches = (IMAGE_SIDE // PATCH) ** 2
    assert batch.content.shape[:2] == (6, patches)
    torch.testing.assert_close(batch.content.sum(-1), torch.full((6, patches), 2.0))
    # A whole scene: the two things cover 900 and 1200 of 96 x 128 pixels.
    share_of_nothing = float(batch.content[0, :, 0].mean())
    assert share_of_nothing == pytest.approx(1 - 2100 / (96 * 128), abs=0.02)


def test_crops_are_square_around_the_thing_and_stay_in_the_picture() -> None:
    mask = np.zeros((100, 200), bool)
    mask[40:60, 80:120] = True
    assert box_around(mask, 0.1) == (76, 26, 124, 74)
    mask[:, :] = False
    mask[0:10, 190:200] = True
    x0, y0, x1, y1 = box_around(mask, 0.5)
    assert (y0, x1) == (0, 200)
    assert (x0, y1) == (185, 15)


def test_what_is_mostly_behind_another_thing_is_not_the_main_one_of_its_box() -> None:
    ids = np.zeros((40, 40), np.uint8)
    ids[0:30, 0:30] = 1
    ids[5:30, 5:30] = 2
    assert is_main(ids, 2)
    assert not is_main(ids, 1)
    ids[5:30, 5:20] = 0
    assert is_main(ids, 1)


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
    pictures, things = crops([moving_square()], (0,))
    assert [(t.colour, t.kind) for t in things] == [('blue', 'van'), ('red', 'car')]
    assert zero_shot(engine, pictures, things).shape == (2,)
