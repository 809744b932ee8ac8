"""The second stage of CLIP: captions of unshown pairs move towards pictures, and nothing else."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mm_perception.text.words import NOUNS
from mm_perception.training.clip import ClipTask
from mm_perception.training.clip_batches import NAMES, Sizes
from mm_perception.training.clip_unshown import LEANING, UnshownTask, unshown_caption
from mm_perception.training.loop import Settings, train
from mm_perception.world.materials import COLOURS
from test.unit.training.clips import moving_square

CPU = torch.device('cpu')


@pytest.fixture(scope='module')
def task() -> UnshownTask:
    clip = moving_square()
    first = ClipTask([clip], [clip], Sizes(2, 6, 2, 2), Settings(1))
    settings = Settings(
        60, 2e-3, weight_decay=0.0, warm_up=5, validate_every=60, is_mixed=False, average=0.9
    )
    return UnshownTask(first, settings)


def test_captions_are_of_pairs_that_no_picture_shows(task: UnshownTask) -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        caption = unshown_caption(rng, task._index.shown)
        shown = {'red': 'car', 'blue': 'van'}.get(caption.colour, '')
        assert caption.colour in caption.text
        assert shown not in caption.kinds, caption.text


def test_texts_name_what_their_numbers_say(task: UnshownTask) -> None:
    batch = task.batch(0)
    texts = [
        task._first._tokenizer.decode(ids, skip_special_tokens=True) for ids in batch.input_ids
    ]
    for text, (noun, colour) in zip(texts, batch.pairs.tolist(), strict=False):
        assert NAMES[noun] in text
        assert list(COLOURS)[colour] in text
        assert NOUNS[NAMES[noun]]
    assert texts[-len(COLOURS) :] == list(COLOURS)


def test_texts_of_unshown_pairs_move_towards_pictures_and_pictures_stay(
    task: UnshownTask, tmp_path
) -> None:
    torch.manual_seed(0)
    start = task._first.build().eval()
    pictures = {k: v.clone() for k, v in start.model.visual.state_dict().items()}
    batch = task.batch(1)
    first = {name: float(part) for name, part in task.loss(start, batch, CPU).items()}
    assert first['rest'] == pytest.approx(0, abs=1e-5), 'where they were is where they should be'
    trained = train(task, tmp_path, CPU, start=start, report=lambda line: None)
    for name, value in trained.model.visual.state_dict().items():
        torch.testing.assert_close(value, pictures[name], msg=name)
    last = {name: float(part) for name, part in task.loss(trained, batch, CPU).items()}
    assert last['unshown'] < 0.5 * first['unshown']
    assert last['rest'] < 0.1


def test_unshown_texts_belong_at_the_sum_of_their_words_and_some_of_the_mean_picture(
    task: UnshownTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    model, batch = task._first.build().eval(), task.batch(1)
    monkeypatch.setattr(task, '_before', None)
    task.loss(model, batch, CPU)
    with torch.no_grad():
        said = model.model.encode_text(batch.input_ids, normalize=True)
    alone = said[-len(NAMES) - len(COLOURS) :]
    words = alone[batch.pairs[:, 0]] + alone[len(NAMES) + batch.pairs[:, 1]]
    aim = torch.nn.functional.normalize(words, dim=1) + LEANING * task._mean
    aim = torch.nn.functional.normalize(aim, dim=1)

    class Said:
        """Texts where they should point."""

        def encode_text(self, ids: torch.Tensor, *, normalize: bool) -> torch.Tensor:
            assert normalize
            return torch.cat([aim, said[len(aim) :]])

    parts = task.loss(SimpleNamespace(model=Said()), batch, CPU)
    assert [float(part) for part in parts.values()] == pytest.approx([0, 0], abs=1e-5)
