"""SAM 2's training: what it is asked, that gradients reach all of it, that it saves and runs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mm_perception.nets.sam2 import ObjectPrompt, Sam2Engine
from mm_perception.nets.sam2.configs import NANO_IMAGE_SIZE_PX
from mm_perception.nets.sam2.heads import Candidates
from mm_perception.nets.sam2.weights import load_model
from mm_perception.training.loop import Settings, renew_statistics, train
from mm_perception.training.losses import dice_loss, mask_iou
from mm_perception.training.recipe import restored
from mm_perception.training.sam2 import RECIPE, Sam2Task
from mm_perception.training.sam2_batches import Batch, Phase, bare_batch, clip_batch, middle_of
from mm_perception.training.sam2_films import choose_frames, forth_and_back, make_film
from mm_perception.training.sam2_scores import engine_of, score_clips, score_pictures
from mm_perception.training.sam2_unrolled import Pupil, Unrolled, losses_of
from mm_perception.world.clips import Clip
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
            np.random.default_rng(seed), [[moving_square()]], Phase(1, 2, frames, 2), SIZE
        )
        assert batch.pixels.shape == (2, frames, SIZE, SIZE, 3)
        assert batch.pixels.dtype == batch.kinds.dtype == torch.uint8
        assert batch.masks.shape == (2, frames, 2, SIZE // 2, SIZE // 2)
        for points, labels, mask in zip(
            batch.points, batch.labels.tolist(), batch.masks[:, 0].flatten(0, 1), strict=True
        ):
            kinds.add(labels[0])
            if labels[0] == 1:
                column, row = (points[0] / 2).long().tolist()
                assert mask[row, column]
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
    for seed in range(20):
        frames = choose_frames(np.random.default_rng(seed), 8, 12)
        assert frames in ([*range(8), 6, 5, 4, 3], [*range(7, -1, -1), 1, 2, 3, 4])
        few = np.diff(choose_frames(np.random.default_rng(seed), 8, 3))
        assert set(few.tolist()) in ({1}, {2}, {-1}, {-2})


def test_things_pass_in_front_and_what_is_behind_is_hidden() -> None:
    clip, changed, hidden = moving_square(1), 0, 0
    for seed in range(30):
        film = make_film(np.random.default_rng(seed), clip, [clip], 8, SIZE)
        assert film.rgb.shape == (8, SIZE, SIZE, 3)
        assert film.ids.shape == (8, SIZE // 2, SIZE // 2)
        passing = [n for n in np.unique(film.ids) if n > 2]
        assert bool(film.passed) >= bool(passing)
        assert all(
            film.kinds[n] == film.kinds[1] or film.kinds[n] == film.kinds[2] for n in passing
        )
        changed += bool(passing)
        hidden += any(not (ids == n).any() for n in film.passed if n < 3 for ids in film.ids)
    assert changed > 15
    assert hidden > 5


def test_a_camera_pans_over_single_pictures() -> None:
    film = make_film(np.random.default_rng(0), moving_square(1), [moving_square()], 6, SIZE)
    assert not np.array_equal(film.rgb[0], film.rgb[3])


@pytest.mark.parametrize('is_mixed', [False, True])
def test_frames_before_those_that_teach_change_what_is_learned_but_carry_no_gradient(
    is_mixed: bool,
) -> None:
    learner = task(Phase(1, 1, 2, 2, before=4))
    torch.manual_seed(0)
    model = learner.build().train()
    seen = []
    model.model.mask_decoder.register_forward_hook(
        lambda _, inputs, output: seen.append(output[0].requires_grad)
    )
    batch = next(b for b in map(learner.batch, range(50)) if not b.is_mask and b.before)
    with torch.autocast('cpu', torch.bfloat16, enabled=is_mixed):
        parts = learner.loss(model, batch, CPU)
    assert seen == [True, False, False, False, False, True]
    parts['mask'].backward()
    # Mixed precision keeps weights that it has converted: those of mute frames must not stay.
    assert all(p.grad is not None for p in model.model.memory_attention.parameters())


def _as_told(clip: Clip, lag: int) -> tuple[Batch, list[ObjectPrompt]]:
    """Pictures of the network's size, so that nothing is resized, and two boxes."""
    shape = (len(clip.rgb), SIZE, SIZE)
    rgb, ids = np.zeros((*shape, 3), np.uint8), np.zeros(shape, np.uint8)
    rgb[:, :96], ids[:, :96] = clip.rgb, clip.ids
    boxes = [(10, 20, 40, 50), (80, 60, 120, 90)]
    masks = np.stack([ids[:, ::2, ::2] == 1, ids[:, ::2, ::2] == 2], axis=1)
    points = torch.tensor(boxes, dtype=torch.float32).reshape(2, 2, 2)
    labels = torch.tensor([[2, 3], [2, 3]], dtype=torch.int32)
    batch = Batch(
        torch.from_numpy(rgb)[None], torch.from_numpy(masks)[None], points, labels,
        torch.from_numpy(ids[:, ::4, ::4].copy())[None], lag=lag,
    )  # fmt: skip
    return batch, [ObjectPrompt(i + 1, box=box) for i, box in enumerate(boxes)]


@pytest.mark.parametrize(('net', 'bias'), [('random', 4.0), ('random', -4.0), ('nano', 4.0)])
def test_what_is_trained_is_what_runs(net: str, bias: float) -> None:
    batch, prompts = _as_told(moving_square(14), 0)
    torch.manual_seed(0)
    nano = task(Phase(1, 1, 2, 1)).build().model
    model = nano.eval() if net == 'nano' else load_model(net).model
    with torch.no_grad():
        model.mask_decoder.pred_obj_score_head.proj_out.bias.fill_(bias)
    session = engine_of(model).open_session()
    unrolled = Unrolled(Pupil(model, keeps_statistics=True).train(), batch)
    if net == 'random':  # as in public, which of the masks a box gets depends on the mode
        model.mask_decoder.eval()
    for t, rgb in enumerate(batch.pixels[0].numpy()):
        ours = session.step(rgb, [] if t else prompts)
        with torch.no_grad():
            _, decoded = unrolled.frame(t)
        torch.testing.assert_close(decoded.mask_logits, ours.mask_logits, atol=2e-2, rtol=1e-3)
        torch.testing.assert_close(decoded.object_logits, ours.object_logits, atol=1e-3, rtol=1e-3)
        torch.testing.assert_close(decoded.iou, ours.iou, atol=1e-3, rtol=1e-3)


def test_a_lag_is_a_longer_wait_after_the_first_frame() -> None:
    clip, lag = moving_square(4), 20
    batch, _ = _as_told(clip, lag)
    pupil = Pupil(load_model('random').model, keeps_statistics=True)
    late, soon = Unrolled(pupil, batch), Unrolled(pupil, _as_told(clip, 0)[0])
    with torch.no_grad():
        for t in range(2):
            (_, one), (_, two) = late.frame(t), soon.frame(t)
    view = late._memory.view(lag + 2)
    assert view.pointer_ages == (lag + 2, 1)
    assert view.spatial_offsets == (0, 1)
    assert not torch.allclose(one.mask_logits, two.mask_logits)


def test_what_is_absent_teaches_presence_an_empty_mask_and_a_low_score() -> None:
    target = torch.zeros(2, 32, 32)
    target[0, 8:20, 8:20] = 1
    small = target[:, None, ::2, ::2]
    good = 20 * small - 10

    def said(logits: torch.Tensor, iou: float, presence: float) -> dict[str, float]:
        found = Candidates(
            logits,
            torch.tensor([[1.0], [iou]]),
            torch.zeros(2, 1, 4),
            torch.tensor([9.0, presence]),
        )
        return {name: float(value) for name, value in losses_of(found, target).items()}

    right = said(good, 0.0, -9.0)
    assert right['mask'] < 0.5
    assert right['iou'] + right['presence'] < 0.2
    assert right['_said_right'] == 1
    assert said(good, 0.0, 9.0)['presence'] > 5
    assert said(good, 1.0, -9.0)['iou'] > 0.9
    assert said(good.abs(), 0.0, -9.0)['mask'] > 10


def test_films_keep_the_statistics_of_the_stage_before() -> None:
    tracking, pictures = task(Phase(1, 1, 2, 2)), task(Phase(1, 1, 1, 2))
    for learner, stays in ((tracking, True), (pictures, False)):
        torch.manual_seed(0)
        model = learner.build().train()
        before = {name: value.clone() for name, value in model.named_buffers()}
        learner.loss(model, learner.batch(0), CPU)
        renew_statistics(learner, model, CPU)
        changed = [n for n, v in model.named_buffers() if not torch.equal(v, before[n])]
        assert (not changed) is stays
    with pytest.raises(ValueError, match='stages of their own'):
        task(Phase(1, 1, 1, 2), Phase(1, 1, 2, 2))


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
    learner, tracker = task(Phase(16, 1, 1, 2)), task(Phase(2, 1, 3, 2))
    lines: list[str] = []
    model = train(learner, tmp_path / 'pictures', CPU, report=lines.append)
    model = train(tracker, tmp_path / 'films', CPU, start=model, report=lines.append)
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


def test_the_recipe_ends_with_films_and_trains_at_the_size_that_runs() -> None:
    clips = [moving_square(), moving_square(1)]
    stages = RECIPE.make(clips, clips, 0.001)
    assert [stage.settings.steps for stage in stages] == [4, 3, 2]
    batch = stages[-1].batch(0)
    assert batch.pixels.shape[0] == 12
    assert batch.pixels.shape[1] in (5, 13)
    assert batch.pixels.shape[2] == NANO_IMAGE_SIZE_PX
    assert {len(stages[-1].batch(step).pixels[0]) for step in range(12)} == {5, 13}
    assert not stages[0].batch(0).pixels.numel()
