"""The last stage of CLIP: captions of unshown pairs move towards pictures, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mm_perception.text.words import NOUNS
from mm_perception.training import clip_unshown
from mm_perception.training.clip import ClipTask
from mm_perception.training.clip_batches import NAMES, Sizes
from mm_perception.training.clip_unshown import (
    FALSE_CLAIMS,
    FARTHEST,
    UnshownTask,
    leanings,
    unshown_caption,
)
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
        assert set(caption.kinds) - {shown}, caption.text


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
    assert first['unshown'] > 1e-4
    assert first['rest'] == pytest.approx(0, abs=1e-5), 'where they were is where they should be'
    trained = train(task, tmp_path, CPU, start=start, report=lambda line: None)
    for name, value in trained.model.visual.state_dict().items():
        torch.testing.assert_close(value, pictures[name], msg=name)
    assert not torch.equal(trained.model.text_projection, start.model.text_projection)


def test_captions_go_as_far_as_they_claim_few_crops() -> None:
    chance = torch.Generator().manual_seed(0)
    crops = torch.nn.functional.normalize(torch.randn(4000, 8, generator=chance) + 2, dim=1)
    middle = torch.nn.functional.normalize(crops.mean(0), dim=0)
    captions = torch.nn.functional.normalize(torch.randn(3, 8, generator=chance), dim=1)
    captions[2] = crops[7]  # fits what training shows
    best, is_false = (crops @ middle) - 0.1, torch.ones(4000, 3, dtype=torch.bool)
    far = leanings(captions, is_false, crops, best, middle)

    def claims(way: torch.Tensor) -> torch.Tensor:
        there = torch.nn.functional.normalize(captions + way[:, None] * middle, dim=1)
        return ((crops @ there.t()) > best[:, None]).float().mean(0)

    is_inside = far.abs() < FARTHEST - 1e-6
    assert is_inside.any()
    assert (claims(far)[is_inside] <= FALSE_CLAIMS).all()
    assert (claims(far + 0.011)[is_inside] > FALSE_CLAIMS).all()
    assert far[2] < far[:2].min()
    moved = torch.nn.functional.normalize(captions + far[:, None] * middle, dim=1)
    again = leanings(moved, is_false, crops, best, middle)
    assert again[is_inside].abs().max() < 0.011


def test_claims_that_are_true_hold_no_caption_back() -> None:
    crops = torch.eye(4)
    best, caption = torch.full((4,), 0.5), torch.eye(4)[:1]
    middle = torch.nn.functional.normalize(torch.ones(4), dim=0)
    is_false = torch.ones(4, 1, dtype=torch.bool)
    held_back = leanings(caption, is_false, crops, best, middle)
    is_false[0] = False
    assert leanings(caption, is_false, crops, best, middle) > held_back


def test_what_pictures_show_does_not_move(task: UnshownTask) -> None:
    torch.manual_seed(0)
    moves = task.moves(task._first.build().eval(), CPU)
    assert moves.shape[:2] == (len(NAMES), len(COLOURS)) == task.is_unshown.shape
    assert not moves[~task.is_unshown].any()
    red, blue = list(COLOURS).index('red'), list(COLOURS).index('blue')
    assert not task.is_unshown[NAMES.index('car'), red]
    assert task.is_unshown[NAMES.index('car'), blue]
    assert task.is_unshown[NAMES.index('vehicle'), blue], 'it may mean a blue car, never shown'


def test_captions_are_moved_once_however_often_it_is_trained(
    task: UnshownTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clip_unshown, 'FALSE_CLAIMS', 1.0)  # only the distance holds them back
    torch.manual_seed(0)
    model = task._first.build().eval()
    first = task.moves(model, CPU)
    far = first.norm(dim=-1)[task.is_unshown]
    encode = model.model.encode_text
    texts = [f'a {colour} {name}' for name in NAMES for colour in COLOURS]
    ids = task._first.tokens(texts)

    def moved(asked: torch.Tensor, *, normalize: bool) -> torch.Tensor:
        said = encode(asked, normalize=normalize)
        is_caption = torch.equal(asked, ids)
        return said + first.flatten(0, 1) if is_caption else said

    model.model.encode_text = moved
    again = task.moves(model, CPU).norm(dim=-1)[task.is_unshown]
    assert float(far.mean()) > FARTHEST / 2
    assert float(again.mean()) < FARTHEST / 10
