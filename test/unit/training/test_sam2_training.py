"""SAM 2's training: what it is asked, that gradients reach all of it, that it saves and runs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mm_perception.nets.sam2 import ObjectPrompt, Sam2Engine
from mm_perception.training.loop import Settings, train
from mm_perception.training.losses import dice_loss, mask_iou
from mm_perception.training.recipe import restored
from mm_perception.training.sam2 import RECIPE, Sam2Task
from mm_perception.training.sam2_batches import (
    Phase,
    bare_batch,
    clip_batch,
    forth_and_back,
    middle_of,
)
from mm_perception.training.sam2_scores import score_clips, score_pictures
from test.unit.training.clips import moving_square

SIZE = 128
CPU = torch.device('cpu')


def task(*phases: Phase) -> Sam2Task:
    steps = sum(phase.steps for phase in phases)
    settings = Settings(steps, warm_up=4, validate_every=steps, log_every=1, is_mixed=False)
    clip = moving_square()
    return Sam2Task([clip], [clip], phases, SIZE, settings)


@pytest.mark.parametrize('frames', [1, 4])
def test_prompts_lie_on_their_objects(frames: int) -> None:
    kinds = set()
    for seed in range(12):
        batch = clip_batch(
            np.random.default_rng(seed), [moving_square()], Phase(1, 2, frames, 2), SIZE
        )
        assert batch.pixels.shape == (2, frames, 3, SIZE, SIZE)
        assert batch.masks.shape == (2, frames, 2, SIZE // 2, SIZE // 2)
        for points, labels, mask in zip(
            batch.points, batch.labels.tolist(), batch.masks[:, 0].flatten(0, 1), strict=True
        ):
            kinds.add(labels[0])
            if labels[0] == 1:
                column, row = (points[0] / 2).long().tolist()
                assert mask[row, column] == 1
            else:
                (x0, y0), (x1, y1) = (points / 2).round().long().tolist()
                assert mask[y0:y1, x0:x1].sum() > 0.6 * mask.sum()
    assert kinds == {1, 2}


def test_batches_are_functions_of_seed_and_step() -> None:
    one, two = task(Phase(5, 1, 2, 2)), task(Phase(5, 1, 2, 2))
    torch.testing.assert_close(one.batch(3).pixels, two.batch(3).pixels)
    assert not torch.equal(one.batch(3).pixels, one.batch(4).pixels)


def test_bare_prompts_mean_what_is_in_them() -> None:
    batch = bare_batch(np.random.default_rng(1), 8, SIZE)
    masks = batch.masks[:, 0, 0]
    for points, labels, mask in zip(batch.points, batch.labels.tolist(), masks, strict=True):
        if labels[0] == 2:
            width, height = (points[1] - points[0]).tolist()
            assert mask.sum() == pytest.approx(width * height / 4, rel=0.25)
        column, row = (points.mean(0) / 2).long().tolist()
        assert mask[row, column] == 1


def test_a_clip_that_is_too_short_is_played_forth_and_back() -> None:
    assert forth_and_back(3, 7) == (0, 1, 2, 1, 0, 1, 2)
    assert forth_and_back(4, 3) == (0, 1, 2)
    assert forth_and_back(1, 3) == (0, 0, 0)
    batch = task(Phase(1, 1, 2, 2, before=10)).batch(0)
    assert batch.pixels.shape[1] == len(moving_square().rgb)
    assert len(batch.order) == 12


def test_frames_before_those_that_teach_change_what_is_learned_but_carry_no_gradient() -> None:
    learner = task(Phase(1, 1, 2, 2, before=4))
    torch.manual_seed(0)
    model = learner.build().train()
    seen = []
    model.model.mask_decoder.register_forward_hook(
        lambda _, inputs, output: seen.append(output[0].requires_grad)
    )
    batch = next(b for b in map(learner.batch, range(50)) if not b.is_mask)
    parts = learner.loss(model, batch, CPU)
    assert seen == [True, False, False, False, False, True]
    assert parts['mask'].requires_grad


def test_gradients_reach_everything() -> None:
    learner = task(Phase(1, 1, 3, 2))
    torch.manual_seed(0)
    model = learner.build().train()
    batches = [learner.batch(step) for step in range(20)]
    by_mask = [batch for batch in batches if batch.is_mask]
    total = torch.zeros(())
    for batch in (by_mask[0], *batches[:3]):
        parts = learner.loss(model, batch, CPU)
        total = total + sum(v for name, v in parts.items() if not name.startswith('_'))
    total.backward()
    untouched = {
        name.split('.')[1] for name, p in model.named_parameters()
        if p.grad is None and not name.startswith('model.prompt_encoder')
    }  # fmt: skip
    # A constant that public checkpoints carry and that neither the library nor we read.
    assert untouched <= {'no_memory_positional_encoding', 'occlusion_spatial_embedding_parameter'}


def test_training_lowers_the_loss_and_the_result_runs(tmp_path) -> None:
    learner = task(Phase(16, 1, 1, 2), Phase(2, 1, 3, 2))
    lines: list[str] = []
    model = train(learner, tmp_path / 'work', CPU, report=lines.append)
    losses = [float(line.split('"mask": ')[1].split(',')[0]) for line in lines if '"mask"' in line]
    assert np.mean(losses[12:16]) < 0.8 * np.mean(losses[:3])
    RECIPE.save(model, tmp_path / 'weights')
    engine = Sam2Engine.load(str(tmp_path / 'weights'))
    buffers = {b.dtype for b in engine.model.buffers() if b.is_floating_point()}
    assert buffers == {torch.float32}
    session, clip = engine.open_session(), moving_square()
    session.step(clip.rgb[0], [ObjectPrompt(1, box=(10, 20, 40, 50))])
    assert session.step(clip.rgb[1]).masks().shape == (1, 96, 128)
    scores = score_pictures(engine.model, [clip])
    assert scores['objects'] == 2
    assert 0 <= scores['box_iou'] <= 1
    assert 0 <= score_clips(engine.model, [clip]) <= 1


def test_the_middle_is_farthest_from_the_edge() -> None:
    mask = np.zeros((20, 30), bool)
    mask[5:16, 4:25] = True
    mask[0:5, 4:6] = True
    x, y = middle_of(mask)
    assert y == 10
    assert 9 <= x <= 19


def test_losses() -> None:
    target = torch.zeros(1, 8, 8)
    target[:, 2:6, 2:6] = 1
    sure = 40 * target - 20
    assert dice_loss(sure, target).item() == pytest.approx(0, abs=1e-4)
    assert dice_loss(-sure, target).item() > 0.9
    assert mask_iou(sure, target).item() == 1
    half = torch.zeros(1, 8, 8) - 1
    half[:, 2:6, 2:4] = 1
    assert mask_iou(half, target).item() == pytest.approx(0.5)
    assert mask_iou(-torch.ones(1, 8, 8), torch.zeros(1, 8, 8)).item() == 1


def test_a_later_stage_starts_from_saved_weights_at_another_size(tmp_path) -> None:
    first = task(Phase(1, 1, 1, 1)).build()
    RECIPE.save(first, tmp_path)
    settings = Settings(1, is_mixed=False)
    clip = moving_square()
    larger = Sam2Task([clip], [clip], [Phase(1, 1, 2, 1)], 2 * SIZE, settings)
    model = restored(RECIPE, larger, tmp_path)
    for name, value in first.model.named_parameters():
        torch.testing.assert_close(dict(model.model.named_parameters())[name], value.float())
    assert model.model.image_size == 2 * SIZE
    assert all(v.isfinite() for v in larger.loss(model, larger.batch(0), CPU).values())
