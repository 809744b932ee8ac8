"""DINOv2's training: what patches and pictures are told, and that the result runs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from mm_perception.nets.clip import load_clip
from mm_perception.nets.dino import clip_of, load_dino
from mm_perception.training import dino, dino_scores
from mm_perception.training.dino_batches import (
    NAMES,
    PAIRS,
    PLACES,
    names_classes,
    noun_of,
    pasted,
    some_thing,
)
from mm_perception.training.dino_losses import tables
from mm_perception.training.loop import Settings, train
from mm_perception.training.recipe import restored
from mm_perception.training.sam2_batches import KINDS
from mm_perception.training.vocabulary import make_tokenizer
from mm_perception.weights import locate
from mm_perception.world.materials import COLOURS
from mm_perception.world.variety import is_novel_pair
from test.unit.training.clips import moving_square

CPU = torch.device('cpu')


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (dino, dino_scores):
        monkeypatch.setattr(module, 'IMAGE_SIDE', 48)
        monkeypatch.setattr(module, 'PATCH', 8)
    monkeypatch.setattr(dino, '_HEADS', 4)
    monkeypatch.setattr(dino, '_WIDTH', 32)
    monkeypatch.setattr(dino, '_LAYERS', 1)
    monkeypatch.setattr(dino, '_POOL', 64)
    monkeypatch.setattr(dino, '_FIT_TEXTS', 32)
    monkeypatch.setattr(dino, '_PHRASES', 16)


def task(steps: int, pictures: int = 8) -> dino.DinoTask:
    settings = Settings(steps, warm_up=2, validate_every=steps, log_every=1, is_mixed=False)
    clip = moving_square()
    return dino.DinoTask([clip], [clip], settings, pictures)


def test_names_mean_classes_and_places_mean_what_is_behind() -> None:
    table = names_classes()
    assert table[NAMES.index('car'), 1 + KINDS.index('car')]
    assert table[NAMES.index('vehicle')].sum() == 4
    assert table[NAMES.index('street'), 0]
    assert table[NAMES.index('room'), -1]
    assert table.any(0).all()  # every class has a name


def test_pairs_that_are_kept_from_training_are_never_told_apart() -> None:
    _, goes, names = tables(CPU)
    for kind in {kind for kind, _ in PAIRS}:
        for index, colour in enumerate(COLOURS):
            is_known = not is_novel_pair(colour, kind)
            assert bool(goes[1 + KINDS.index(kind), 1 + index]) == is_known
    assert goes[:, 0].all()
    assert names[:, 0].all()


def test_a_coloured_patch_is_told_that_it_is_no_street_and_no_tree() -> None:
    _, goes, names = tables(CPU)
    assert goes[0].all()
    assert goes[-1].all()
    assert goes[1 + KINDS.index('tree')].all()
    assert names[-len(PLACES) :].all()


def test_patches_say_what_is_in_pixels_of_theirs() -> None:
    learner = task(1)
    lesson = learner._sampler.lesson(learner.batch(0), CPU)
    assert lesson.pixels.shape == (8, 3, 48, 48)
    assert lesson.classes.shape == lesson.colours.shape == (8, 36, 2)
    # Two things cover 900 and 1200 of 96 x 128 pixels; first come whole scenes.
    share = float((lesson.classes[:4] > 0).float().mean())
    assert share == pytest.approx(2100 / (96 * 128), abs=0.1)
    car, red = 1 + KINDS.index('car'), 1 + list(COLOURS).index('red')
    assert (lesson.colours[:4][lesson.classes[:4] == car] == red).all()


def test_things_are_pasted_with_their_truth() -> None:
    rgb = torch.stack([torch.zeros(3, 4, 4), torch.ones(3, 4, 4)])
    ids = torch.zeros(2, 4, 4, dtype=torch.int64)
    ids[1, :, :2] = 3
    own = some_thing(ids, torch.Generator().manual_seed(0))
    assert torch.equal(own, ids > 0)
    points = torch.tensor([0, 3])
    shown = torch.tensor([[[0, 0], [0, 0]], [[7, 2], [9, 9]]])
    picture, truth = pasted(rgb, shown, own, points, slice(0, 1))
    assert torch.equal(picture[0, 0] > 0, ids[1] > 0)
    assert truth[0].tolist() == [[7, 2], [0, 0]]
    assert torch.equal(picture[1], rgb[1])


def test_texts_are_read_as_the_tokenizer_reads_them() -> None:
    rng = np.random.default_rng(0)
    texts = [dino.any_text(rng) for _ in range(300)]
    assert len(set(texts)) > 200
    assert any(' in a street' in text or ' in a room' in text for text in texts)
    found = make_tokenizer(dino.TEXT_LENGTH)(
        texts, padding='max_length', max_length=dino.TEXT_LENGTH, return_tensors='pt'
    )
    assert torch.equal(dino.Tokens()(texts), found['input_ids'])
    assert NAMES[noun_of('a red traffic light')] == 'traffic light'


def test_a_batch_and_its_pixels_are_a_pure_function_of_seed_and_step() -> None:
    first, second = task(1), task(1)
    torch.testing.assert_close(
        first._sampler.lesson(first.batch(3), CPU).pixels,
        second._sampler.lesson(second.batch(3), CPU).pixels,
    )


def test_gradients_reach_everything_that_is_not_fitted_later() -> None:
    learner = task(1)
    model = learner.build().train()
    parts = learner.loss(model, learner.batch(0), CPU)
    assert all(torch.isfinite(value) for value in parts.values())
    sum(v for name, v in parts.items() if not name.startswith('_')).backward()
    idle = {name for name, p in model.named_parameters() if p.grad is None}
    assert all(name.startswith('text_map') or name.endswith('mask_token') for name in idle), idle


def test_training_lowers_the_loss_the_map_follows_and_the_result_runs(tmp_path: Path) -> None:
    learner, lines = task(10), []
    model = train(learner, tmp_path / 'work', CPU, report=lines.append)
    losses = [json.loads(line)['loss'] for line in lines if '"loss"' in line]
    assert np.mean(losses[-3:]) < 0.8 * np.mean(losses[:2])
    settings = Settings(
        40, learning_rate=1e-2, warm_up=2, validate_every=40, log_every=5, average=0.9,
        is_mixed=False,
    )  # fmt: skip
    fit = dino.FitTask([moving_square()], settings)
    lines.clear()
    fitted = train(fit, tmp_path / 'fit', CPU, start=model, report=lines.append)
    apart = [json.loads(line)['apart'] for line in lines if '"apart"' in line]
    assert apart[-1] < 0.6 * apart[0]
    assert torch.equal(fitted.teacher.last.weight, model.teacher.last.weight)

    dino.RECIPE.save(fitted, tmp_path / 'weights')
    clip = load_clip(locate('nano', 'clip'))
    assert clip_of(str(tmp_path / 'weights'), '') == 'nano'
    engine = load_dino(str(tmp_path / 'weights'), '', clip)
    sight = engine.look(moving_square().rgb[0])
    assert sight.patches.shape == (6, 6, 32)
    assert engine.whole_vectors(['a red car']).shape[1] == len(sight.whole)

    again = restored(dino.RECIPE, learner, tmp_path / 'weights')
    torch.testing.assert_close(
        again.teacher.last.weight, fitted.teacher.last.weight.half().float()
    )
    pixels = torch.rand(1, 3, 48, 48)
    with torch.no_grad():
        torch.testing.assert_close(again.see(pixels).whole, fitted.float().see(pixels).whole)
    assert float(again.fine) == pytest.approx(float(fitted.fine), abs=1e-5)


def test_mean_iou_counts_the_classes_that_are_there() -> None:
    real, found = np.array([0, 0, 1, 1]), np.array([0, 0, 1, 2])
    assert dino_scores.mean_iou(found, real, 4) == (pytest.approx((1 + 0.5) / 2), 2)


def test_clip_alone_looks_at_patches_of_two_sizes() -> None:
    class Bright:
        def embed_images(self, images: list[np.ndarray]) -> np.ndarray:
            means = np.array([[image.mean(), 1.0] for image in images], np.float32)
            return means / np.linalg.norm(means, axis=1, keepdims=True)

    rgb = np.zeros((96, 128, 3), np.uint8)
    rgb[:16] = 255
    found = dino_scores.patches_of(Bright(), rgb)  # type: ignore[arg-type]
    assert found.shape == (6, 8, 2)
    assert found[0, 0, 0] > found[1, 0, 0] > found[5, 0, 0]
