"""The grounder's training: what it is asked, that all of it learns, and that the result runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torchvision.ops import generalized_box_iou

from mm_perception.nets.bevformer import BevFormerEngine
from mm_perception.nets.grounders import Found, Grounder, load_grounder
from mm_perception.nets.grounders.grounder import GrounderSettings
from mm_perception.text.words import NOUNS
from mm_perception.training.data import normalised
from mm_perception.training.grounder import IMAGE_SIDE, RECIPE, STRIDE, GrounderTask
from mm_perception.training.grounder_batches import Phase, absent_text, paste
from mm_perception.training.grounder_losses import generalised_iou
from mm_perception.training.grounder_scores import ask, questions
from mm_perception.training.grounder_truth import Lesson, lesson_of, relit
from mm_perception.training.loop import Settings, train
from mm_perception.world.variety import is_novel_pair
from test.unit.training.clips import moving_square

CPU = torch.device('cpu')
CELLS = IMAGE_SIDE // STRIDE


def task(*phases: Phase) -> GrounderTask:
    steps = sum(phase.steps for phase in phases)
    settings = Settings(steps, warm_up=2, validate_every=steps, log_every=1, is_mixed=False)
    clip = moving_square()
    return GrounderTask([clip], [clip], phases, settings)


def lesson(learner: GrounderTask, step: int = 0) -> Lesson:
    return lesson_of(learner.batch(step), CPU, STRIDE)


def texts_of(learner: GrounderTask, batch: Any) -> list[str]:
    return [
        str(learner._tokenizer.decode(ids, skip_special_tokens=True)) for ids in batch.input_ids
    ]


def means(text: str, colour: str, kind: str) -> bool:
    """Whether a text is true of a thing, read as a person would."""
    words = text.split()
    named = [kinds for noun, kinds in NOUNS.items() if set(noun.split()) <= set(words)]
    others = {'red', 'blue', 'green', 'white', 'black', 'grey', 'yellow', 'orange', 'purple',
              'pink', 'brown'} - {colour}  # fmt: skip
    return any(kind in kinds for kinds in named) and not others & set(words)


def test_texts_that_name_something_come_with_its_mask_and_box_and_others_with_none() -> None:
    learner = task(Phase(9, pictures=2, texts=4))
    counts = set()
    for step in range(9):
        batch = lesson(learner, step)
        assert batch.pixels.shape == (2, 3, IMAGE_SIDE, IMAGE_SIDE)
        assert batch.masks.shape[2:] == (CELLS, CELLS)
        for row, text in enumerate(texts_of(learner, batch)):
            count = int(batch.counts[row])
            counts.add(count)
            is_true = means(text, 'red', 'car') or means(text, 'blue', 'van')
            assert (count > 0) <= is_true, text
            for mask, box in zip(batch.masks[row, :count], batch.boxes[row, :count], strict=True):
                inside = torch.zeros(CELLS, CELLS)
                x0, y0, x1, y1 = (box * CELLS).tolist()
                inside[int(y0) : int(np.ceil(y1)), int(x0) : int(np.ceil(x1))] = 1
                assert mask.sum() > 0
                assert (mask * (1 - inside)).sum() == 0
                whole = torch.kron(mask == 1, torch.ones(STRIDE, STRIDE, dtype=torch.bool))
                red, _, blue = batch.pixels[row // 4][:, whole].mean(1)
                assert (red > 0) != (blue > 0), 'a thing that is red or blue, not grey noise'
                assert 'van' not in text or blue > red
                assert 'car' not in text or red > blue
            assert batch.masks[row, count:].sum() == 0
    assert {0, 1} <= counts


def test_a_pasted_thing_is_seen_and_keeps_its_class_and_colour() -> None:
    clip, things = moving_square(), []
    rgb, ids = np.zeros((200, 200, 3), np.uint8), np.zeros((200, 200), np.uint8)
    pasted, marked = paste(np.random.default_rng(3), clip, rgb, ids, things)
    (thing,) = things
    assert (thing.kind, thing.colour) in {('car', 'red'), ('van', 'blue')}
    own = marked == thing.instance
    assert own.sum() > 100
    channel = 0 if thing.colour == 'red' else 2
    assert (pasted[own].argmax(1) == channel).all()
    assert not pasted[~own].any()
    assert not rgb.any(), 'the picture of others is left alone'


def test_places_know_class_colour_and_reach() -> None:
    batch = lesson(task(Phase(1, pictures=3, texts=0)))
    assert not batch.counts.numel()
    assert set(batch.kinds.unique().tolist()) == {0, 1, 2}  # nothing, car, van
    assert torch.equal(batch.kinds == 0, batch.colours == 0)
    is_thing = batch.kinds > 0
    assert (batch.reach.amin(1)[is_thing] > -1 / CELLS).all()
    assert batch.reach.abs().sum(1)[~is_thing].sum() == 0


def test_answers_are_those_of_the_model_itself() -> None:
    learner = task(Phase(1, pictures=2, texts=2))
    torch.manual_seed(0)
    pupil: Any = learner.build().eval()
    batch = lesson(learner)
    with torch.no_grad():
        ours = pupil.answer(pupil.see(batch.pixels), batch.input_ids, batch.attention_mask)
        theirs = pupil.model(
            pixel_values=batch.pixels.repeat_interleave(2, 0), input_ids=batch.input_ids,
            attention_mask=batch.attention_mask,
        )  # fmt: skip
    pairs = (
        (ours.boxes[-1], theirs.pred_boxes), (ours.logits[-1], theirs.pred_logits),
        (ours.presence[-1], theirs.presence_logits[:, 0]), (ours.masks, theirs.pred_masks),
        (ours.semantic, theirs.semantic_seg[:, 0]),
    )  # fmt: skip
    for mine, real in pairs:
        torch.testing.assert_close(mine, real, atol=2e-4, rtol=1e-3)


def test_gradients_reach_all_but_the_prompts_by_box() -> None:
    learner = task(Phase(3, pictures=2, texts=4))
    model = learner.build().train()
    parts = learner.loss(model, learner.batch(0), CPU)
    sum(v for name, v in parts.items() if not name.startswith('_')).backward()
    untouched = {name.split('.')[1] for name, p in model.named_parameters() if p.grad is None}
    assert untouched <= {'geometry_encoder', 'text_encoder', 'vision_encoder'}
    names = {
        name for name, p in model.named_parameters()
        if p.grad is None and 'geometry_encoder' not in name
    }  # fmt: skip
    # The coarsest level and the pooled text are for other uses of the class.
    assert all('fpn_layers.3' in name or 'text_projection' in name for name in names), names


def test_training_lowers_the_loss_and_the_result_runs(tmp_path) -> None:
    learner = task(Phase(10, pictures=1, texts=2))
    lines: list[str] = []
    model = train(learner, tmp_path / 'work', CPU, report=lines.append)
    losses = [float(line.split('"loss": ')[1].split(',')[0]) for line in lines if '"loss"' in line]
    assert np.mean(losses[-3:]) < 0.8 * np.mean(losses[:2])
    RECIPE.save(model, tmp_path / 'weights')
    grounder = load_grounder('sam3', GrounderSettings(str(tmp_path / 'weights'), 'cpu'))
    grounder.ground(moving_square().rgb[0], ['a red car', 'a van'], 0.0)
    batch, loaded = lesson(learner), grounder._model
    kept: Any = model
    with torch.no_grad():
        ours, theirs = (
            net(
                pixel_values=batch.pixels, input_ids=batch.input_ids[:1],
                attention_mask=batch.attention_mask[:1],
            ).pred_masks
            for net in (kept.model.float(), loaded)
        )  # fmt: skip
    torch.testing.assert_close(ours, theirs, atol=1e-3, rtol=1e-3)


def test_absent_texts_are_true_of_other_pictures_and_name_no_pair_that_training_never_shows(
) -> None:  # fmt: skip
    rng, seen = np.random.default_rng(0), moving_square().things
    others = [('bus', 'blue'), ('ball', 'red'), ('car', 'green'), ('tree', ''), ('car', 'red')]
    asked = [
        absent_text(rng, seen, lambda: others[int(rng.integers(len(others)))]).phrase
        for _ in range(200)
    ]
    assert not any(said.means(thing) for said in asked for thing in seen)
    assert {said.colour for said in asked} <= {'blue', 'red', 'green', ''}
    near = [said for said in asked if 'car' in said.kinds or said.colour in ('red', 'blue')]
    assert len(near) > 120
    lost = [absent_text(rng, seen, lambda: ('car', 'red')).phrase for _ in range(200)]
    assert not any(said.means(thing) for said in lost for thing in seen)
    novel = [s for s in lost if all(is_novel_pair(s.colour, kind) for kind in s.kinds)]
    assert not novel


def test_generalised_iou_is_that_of_torchvision() -> None:
    torch.manual_seed(0)
    corners = torch.rand(2, 20, 2, 2).sort(2).values.flatten(2)
    mine = generalised_iou(corners[0][:, None], corners[1][None])
    torch.testing.assert_close(mine, generalized_box_iou(corners[0], corners[1]))


def test_light_is_that_of_the_trainings_on_the_cpu() -> None:
    rgb = moving_square().rgb[:1]
    plain = torch.tensor([[[1.0] * 3, [1.0] * 3, [0.0] * 3]])
    torch.testing.assert_close(
        relit(torch.from_numpy(rgb), plain), torch.from_numpy(normalised(rgb))
    )
    dark = relit(torch.from_numpy(rgb), plain * torch.tensor([1, 0.5, 1])[:, None])
    assert dark.mean() < relit(torch.from_numpy(rgb), plain).mean()


class Knows(Grounder):
    """Answers by a function."""

    weights_sha256 = 'none'

    def __init__(self, answer: Callable[[str], np.ndarray | None]) -> None:
        self._answer = answer

    def ground(self, image: Any, texts: Sequence[str], min_score: float) -> list[Found]:
        masks = [(i, self._answer(text)) for i, text in enumerate(texts)]
        return [Found(i, np.zeros(4, np.float32), 1.0, m) for i, m in masks if m is not None]


def test_scores_tell_who_knows_from_who_guesses() -> None:
    clip = moving_square()
    asked = questions([clip] * 10, 0)
    truth = {q.phrase.text: q.truth for q in asked if q.truth.any()}
    assert len(truth) > 2
    assert any(not q.truth.any() for q in asked)
    perfect = ask(Knows(truth.get), asked)
    assert perfect.overlaps == pytest.approx(1)
    assert not perfect.alarms.any()
    everywhere = ask(Knows(lambda text: np.ones((96, 128), bool)), asked)
    assert everywhere.alarms.all()
    assert everywhere.overlaps.max() < 0.25
    nowhere = ask(Knows(lambda text: None), asked)
    assert not nowhere.alarms.any()
    assert nowhere.overlaps == pytest.approx(0)


def test_its_eyes_begin_as_those_of_the_nano_bevformer() -> None:
    bevformer: Any = BevFormerEngine.load('nano', 'cpu').model
    encoder = task(Phase(1, pictures=1, texts=0)).build().model.vision_encoder.backbone.eval()
    pixels = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        hidden = encoder.embedder(pixels)
        levels = [hidden := stage(hidden) for stage in encoder.encoder.stages]
        expected = bevformer.backbone.eval()(pixels)
    assert [level.shape for level in levels[1:]] == [level.shape for level in expected]
    for level, other in zip(levels[1:], expected, strict=True):
        assert other.std() > 0.01
        torch.testing.assert_close(level, other, rtol=1e-4, atol=1e-5)
