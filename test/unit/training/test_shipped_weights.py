"""What is shipped: small, with card, log and scores, and good for something out of the box."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mm_perception import registry
from mm_perception.evaluation.masks import mask_iou
from mm_perception.nets.clip import load_clip
from mm_perception.nets.grounders import load_grounder
from mm_perception.nets.grounders.grounder import GrounderSettings
from mm_perception.nets.sam2 import ObjectPrompt, Sam2Engine
from mm_perception.training import NETS
from mm_perception.training.clip_scores import crops, zero_shot
from mm_perception.training.grounder_scores import ask, questions
from mm_perception.training.recipe import SCORES
from mm_perception.training.sam2_scores import box_of, visible
from mm_perception.weights import NANO
from mm_perception.world.clips import Clip, ClipPlan, render_clip
from mm_perception.world.variety import Split

SHIPPED = sorted(path.parent for path in NANO.glob(f'*/{SCORES}'))
MIB = 2**20
ROOT = NANO.parents[1]


def test_whatever_can_be_trained_is_shipped() -> None:
    assert {folder.name for folder in SHIPPED} == set(NETS)


@pytest.mark.parametrize('name', registry.names())
def test_every_plugin_runs_out_of_the_box(name: str) -> None:
    if name == 'mmdet3d':
        pytest.skip('it runs the config and checkpoint that its user names')
    plugin_class = registry.load(name)
    plugin = plugin_class(plugin_class.Config())
    plugin.load('cpu')
    weights = {k: v for k, v in plugin.model_info().items() if k.endswith('weights')}
    assert set(weights.values()) <= {'nano'}
    plugin.close()


@pytest.mark.parametrize('folder', SHIPPED, ids=lambda folder: folder.name)
def test_readme_tells_the_scores(folder: Path) -> None:
    scores = json.loads((folder / SCORES).read_text())['scores']
    (row,) = [
        line for line in (ROOT / 'README.md').read_text().splitlines()
        if line.startswith(f'| `{folder.name}` |') and 'on held-out' not in line
        and any(str(value) in line for value in scores.values())
    ]  # fmt: skip
    assert str(next(iter(scores.values()))) in row


@pytest.mark.parametrize('folder', SHIPPED, ids=lambda folder: folder.name)
def test_weights_are_small_and_documented(folder: Path) -> None:
    assert sum(f.stat().st_size for f in folder.iterdir()) < 12 * MIB
    further = {'dino': {'text_map.safetensors', 'teacher.safetensors'}}.get(folder.name, set())
    assert {f.name for f in folder.glob('*.safetensors')} == {'model.safetensors', *further}
    facts = json.loads((folder / SCORES).read_text())
    assert any(name.startswith(('baseline', 'chance')) for name in facts['scores'])
    assert all('seed' in stage for stage in facts['training']['stages'])
    card = (folder / 'README.md').read_text()
    assert all(str(value) in card for value in facts['scores'].values())
    records = [json.loads(line) for line in (folder / 'log.jsonl').open()]
    assert any('held_out' in record for record in records)


def test_all_weights_together_are_small() -> None:
    assert sum(f.stat().st_size for f in NANO.rglob('*') if f.is_file()) < 120 * MIB


@pytest.fixture(scope='module')
def sam2() -> Sam2Engine:
    return Sam2Engine.load(str(NANO / 'sam2'))


@pytest.mark.parametrize('seed', [200_000, 200_001])  # a street and a room
def test_sam2_follows_large_things_of_worlds_it_never_saw(sam2: Sam2Engine, seed: int) -> None:
    clip = render_clip(ClipPlan(seed, Split.HELD_OUT, 3, 0.1))
    masks = [mask for mask in visible(clip.ids[0]) if mask.sum() > 2500][:3]
    numbers = [int(clip.ids[0][mask][0]) for mask in masks]
    session = sam2.open_session()
    prompts = [ObjectPrompt(i + 1, box=box_of(mask)) for i, mask in enumerate(masks)]
    first = session.step(clip.rgb[0], prompts).masks()
    session.step(clip.rgb[1])
    last = session.step(clip.rgb[2]).masks()
    assert np.mean([mask_iou(t, f) for t, f in zip(masks, first, strict=True)]) > 0.5
    truth = [clip.ids[2] == number for number in numbers]
    assert np.mean([mask_iou(t, f) for t, f in zip(truth, last, strict=True)]) > 0.4


@pytest.fixture(scope='module')
def new_worlds() -> list[Clip]:
    """Of new seeds, with nothing that training never shows."""
    return [render_clip(ClipPlan(300_000 + i, Split.TRAIN, 1)) for i in range(16)]


def test_clip_tells_colours_and_classes_apart_far_better_than_chance(
    new_worlds: list[Clip],
) -> None:
    pictures, things, _ = crops(new_worlds, (0,))
    assert len(things) > 25
    assert zero_shot(load_clip(str(NANO / 'clip')), pictures, things).mean() > 0.6  # of 198


def test_the_grounder_prefers_what_is_there(new_worlds: list[Clip]) -> None:
    grounder = load_grounder('sam3', GrounderSettings(str(NANO / 'grounder'), 'cpu'))
    scores = ask(grounder, questions(new_worlds, 0, most=2))
    assert (scores.overlaps > 0).mean() > scores.alarms.mean() + 0.2
    assert scores.overlaps.mean() > 0.2
