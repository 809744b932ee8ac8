"""The second stage of CLIP: where sides are said, and that texts and pictures say them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mm_perception.training import clip_sides
from mm_perception.training.clip import ClipTask
from mm_perception.training.clip_batches import Sizes
from mm_perception.training.clip_sides import (
    DIMENSIONS,
    LEANING,
    SidesTask,
    Spaces,
    fit,
    lean,
    made_up,
    sides_of,
)
from mm_perception.training.clip_sights import number_of
from mm_perception.training.loop import Settings, train
from mm_perception.world.clips import ThingTruth
from mm_perception.world.language import Scenery
from test.unit.training.clips import moving_square

CPU = torch.device('cpu')
CAR, VAN = ThingTruth(1, 'car', 'red'), ThingTruth(2, 'van', 'blue')


@pytest.fixture
def task(monkeypatch: pytest.MonkeyPatch) -> SidesTask:
    monkeypatch.setattr(clip_sides, '_SCENES', 24)
    monkeypatch.setattr(clip_sides, '_CROPS', 8)
    monkeypatch.setattr(clip_sides, '_PICTURES', 2)
    clip = moving_square()
    first = ClipTask([clip], [clip], Sizes(4, 4, 2, 2), Settings(1))
    return SidesTask(
        first,
        Settings(
            48, 3e-3, weight_decay=0.0, warm_up=5, validate_every=48, is_mixed=False, average=0.5,
            log_every=1, optimizer='muon',
        ),
    )  # fmt: skip


def test_left_counts_for_and_right_against() -> None:
    codes = {number_of(CAR): torch.tensor([1.0, 0]), number_of(VAN): torch.tensor([0, 1.0])}
    centres, depth = np.array([(10.0, 0), (100.0, 0)]), np.array([5.0, 5.0])
    found = sides_of(Scenery((CAR, VAN), centres, depth, 'street'), codes)
    assert found.tolist() == [[1, -1], [0, 0]]
    mirrored = sides_of(Scenery((CAR, VAN), centres * (-1, 1), depth, 'street'), codes)
    assert mirrored.tolist() == [[-1, 1], [0, 0]]
    near = np.array([5.0, 9.0])
    behind = sides_of(Scenery((CAR, VAN), np.zeros((2, 2)), near, 'street'), codes)
    assert behind.tolist() == [[0, 0], [1, -1]]
    assert not sides_of(Scenery((CAR,), centres[:1], depth[:1], 'street'), codes).any()


def test_sides_are_said_where_nothing_else_is() -> None:
    torch.manual_seed(0)
    basis = torch.linalg.qr(torch.randn(128, 128)).Q
    names, others = (torch.randn(n, 40) @ basis[:, :40].t() for n in (200, 300))
    spaces = Spaces.of(names, torch.cat([names, others]))
    both = torch.cat([spaces.words, *spaces.sides], dim=1)
    torch.testing.assert_close(both.t() @ both, torch.eye(3 * DIMENSIONS), atol=1e-4, rtol=0)
    assert torch.einsum('nd,adk->nak', others, spaces.sides).abs().max() < 1e-4
    torch.testing.assert_close(spaces.codes(names).norm(dim=1), torch.ones(200))


def test_heads_look_to_one_side_each(task: SidesTask) -> None:
    torch.manual_seed(0)
    visual = task._first.build().eval().model.visual
    lean(visual, torch.randn(4, 3, 128, 128))
    pool = visual.attnpool
    with torch.no_grad():
        key = pool.k_proj.weight[:, pool.positional_embedding[1:].std(0).argmax()]
        features = []
        visual.layer4.register_forward_hook(lambda module, given, out: features.append(out))
        visual(torch.randn(4, 3, 128, 128))
        query = pool.q_proj(features[0].mean((2, 3)) + pool.positional_embedding[0])
    query, key = (v.unflatten(-1, (pool.num_heads, -1)) for v in (query, key))
    slope = (query * key).sum(-1).mean(0) / query.shape[-1] ** 0.5
    expected = LEANING * torch.tensor([(-1.0) ** head for head in range(pool.num_heads)])
    torch.testing.assert_close(slope, expected, atol=0.3, rtol=0)


def test_the_last_layer_says_sides_and_what_it_said(
    task: SidesTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    visual = task._first.build().eval().model.visual
    pictures = [torch.rand(16, 3, 128, 128), torch.rand(16, 3, 128, 128)]
    for some in pictures:  # bright on the left or on the right
        some[::2, :, :, :64] += 3
        some[1::2, :, :, 64:] += 3
    sides = torch.linalg.qr(torch.randn(128, 2 * DIMENSIONS)).Q
    sides = torch.stack(sides.split(DIMENSIONS, dim=1))
    aims = torch.zeros(32, 2, DIMENSIONS)
    aims[::2, 0, 0], aims[1::2, 0, 0] = 1, -1
    with torch.no_grad():
        before = torch.cat([visual(some) for some in pictures])
    monkeypatch.setattr(clip_sides, '_RIDGE', 1e-3)
    fit(visual, pictures, aims, sides)
    with torch.no_grad():
        after = torch.cat([visual(some) for some in pictures])
    said = torch.einsum('nd,adk->nak', after, sides)
    assert torch.nn.functional.cosine_similarity(said[:, 0], aims[:, 0]).min() > 0.7
    flat = torch.cat(list(sides), dim=1)
    rest = torch.eye(128) - flat @ flat.t()
    torch.testing.assert_close(after @ rest, before @ rest, atol=1e-4, rtol=1e-3)


def test_texts_learn_sides_and_keep_the_rest(task: SidesTask, tmp_path) -> None:
    torch.manual_seed(0)
    lines: list[str] = []
    model = train(task, tmp_path, CPU, start=task._first.build(), report=lines.append)
    told = [line.split('"sides": ')[1] for line in lines if '"sides"' in line]
    losses = [float(text.split(',')[0]) for text in told]
    assert np.mean(losses[-8:]) < 0.75 * np.mean(losses[:8])
    assert model.sides.abs().sum() > 0, 'kept for a training that goes on'


def test_a_training_that_was_cut_goes_on_in_the_same_spaces(task: SidesTask) -> None:
    torch.manual_seed(0)
    model = task._first.build().eval()
    first = task._begin(model, CPU)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    again = task._begin(model, CPU)
    for name in ('middle', 'words', 'sides'):
        torch.testing.assert_close(getattr(again, name), getattr(first, name))
    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, state[name], msg=name)


def test_made_up_scenes_have_pairs_that_training_shows() -> None:
    rng, shown = np.random.default_rng(0), frozenset({number_of(CAR), number_of(VAN)})
    scenes = [made_up(rng, shown) for _ in range(50)]
    assert {number_of(t) for scene in scenes for t in scene.things} == shown
    assert {len(scene.things) for scene in scenes} == {2, 3, 4}
