"""The last stage of CLIP: captions of unshown pairs move towards pictures, and nothing else."""

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
        4, 2e-3, weight_decay=0.0, warm_up=1, validate_every=4, is_mixed=False, average=0.5
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


def test_texts_learn_and_pictures_stay(task: UnshownTask, tmp_path) -> None:
    torch.manual_seed(0)
    start = task._first.build().eval()
    pictures = {k: v.clone() for k, v in start.model.visual.state_dict().items()}
    batch = task.batch(1)
    first = {name: float(part) for name, part in task.loss(start, batch, CPU).items()}
    assert first['unshown'] > 1e-3
    assert first['rest'] == pytest.approx(0, abs=1e-5), 'where they were is where they should be'
    trained = train(task, tmp_path, CPU, start=start, report=lambda line: None)
    for name, value in trained.model.visual.state_dict().items():
        torch.testing.assert_close(value, pictures[name], msg=name)
    assert not torch.equal(trained.model.text_projection, start.model.text_projection)


def test_captions_are_moved_once_however_often_it_is_trained(task: UnshownTask) -> None:
    torch.manual_seed(0)
    model, batch = task._first.build().eval(), task.batch(1)
    first = task._from_here(model, batch.input_ids, batch.pairs, CPU)
    with torch.no_grad():
        said = model.model.encode_text(batch.input_ids, normalize=True)
    mean = torch.nn.functional.normalize(first, dim=0)
    count = len(batch.pairs)
    alone = said[-len(NAMES) - len(COLOURS) :]
    words = alone[batch.pairs[:, 0]] + alone[len(NAMES) + batch.pairs[:, 1]]
    words = torch.nn.functional.normalize(words, dim=1)
    # Ahead of the sum of their words by as much as they should be, in the mean.
    ahead = float(((said[:count] + first - words) @ mean).mean())
    assert abs(ahead) == pytest.approx(LEANING, abs=1e-5)

    class Moved:
        """Texts where they should point."""

        visual = model.model.visual

        def encode_text(self, ids: torch.Tensor, *, normalize: bool) -> torch.Tensor:
            assert normalize
            return torch.cat([said[:count] + first, said[count:]])

    pupil = SimpleNamespace(
        model=Moved(), training=False, eval=lambda: None, train=lambda mode: None, see=model.see
    )
    again = task._from_here(pupil, batch.input_ids, batch.pairs, CPU)
    assert float(again.norm()) < 0.01 * float(first.norm())
