"""What is shipped: small, with card, log and scores, and good for something out of the box."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mm_perception.evaluation.masks import mask_iou
from mm_perception.nets.sam2 import ObjectPrompt, Sam2Engine
from mm_perception.training import NETS
from mm_perception.training.recipe import SCORES
from mm_perception.training.sam2_scores import box_of, visible
from mm_perception.weights import NANO
from mm_perception.world.clips import ClipPlan, render_clip
from mm_perception.world.variety import Split

SHIPPED = sorted(path.parent for path in NANO.glob('*/config.json'))
MIB = 2**20


def test_something_is_shipped() -> None:
    assert 'sam2' in {folder.name for folder in SHIPPED} <= set(NETS)


@pytest.mark.parametrize('folder', SHIPPED, ids=lambda folder: folder.name)
def test_weights_are_small_and_documented(folder: Path) -> None:
    assert sum(f.stat().st_size for f in folder.iterdir()) < 12 * MIB
    assert [f.name for f in folder.glob('*.safetensors')] == ['model.safetensors']
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
