"""Cards and logs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from mm_perception.errors import WeightsError
from mm_perception.training import recipe as recipes
from mm_perception.training.data import LateClips
from mm_perception.training.loop import Settings
from mm_perception.training.recipe import (
    CLIP_DATA,
    SCORES,
    Recipe,
    Worlds,
    card,
    clip_worlds,
    minutes_of,
    score_again,
    steps_of,
    train_net,
)


def test_minutes_are_those_of_all_stages_and_of_trainings_that_were_cut() -> None:
    seconds = [60.0, 120.0, 30.0, 90.0, 5.0]
    log = ''.join(json.dumps({'step': i, 'seconds': s}) + '\n' for i, s in enumerate(seconds))
    assert minutes_of(log) == round((120 + 90 + 5) / 60, 1)
    assert minutes_of('') == 0


def test_steps_are_those_that_each_training_did() -> None:
    log = ''.join(json.dumps({'step': step, 'seconds': 1}) + '\n' for step in (20, 40, 40, 20, 35))
    assert steps_of(log) == [40, 35]
    assert steps_of('') == []


class _Task:
    settings = Settings(steps=2, warm_up=0, validate_every=2, log_every=1)

    def build(self) -> nn.Module:
        return nn.Linear(1, 1)

    def batch(self, step: int) -> torch.Tensor:
        return torch.ones(1, 1)

    def loss(self, model: nn.Module, batch: Any, device: torch.device) -> dict[str, torch.Tensor]:
        return {'error': model(batch).square().sum()}

    def validate(self, model: nn.Module, device: torch.device) -> dict[str, float]:
        return {'score': 0.0}


def _save(model: nn.Module, folder: Path) -> None:
    save_file(model.state_dict(), folder / 'model.safetensors')


RECIPE = Recipe(
    net='line',
    title='A line.',
    num_held_out=1,
    make=lambda training, held_out, scale: [_Task()],
    save=_save,
    score=lambda weights, device, watch: {'share': 0.25},
    notes=('It is straight.',),
    worlds=lambda recipe, share, workers: Worlds([], [], {'points': 3}),
    data='{points} points.',
)


def test_scores_may_be_taken_later(tmp_path) -> None:
    out = tmp_path / 'out'
    found = train_net(
        RECIPE, tmp_path / 'work', out, 'cpu', is_scored=False, report=lambda line: None
    )
    assert found == {}
    assert '3 points.' in (out / 'README.md').read_text()
    assert '| share |' not in (out / 'README.md').read_text()
    assert score_again(RECIPE, out, 'cpu') == {'share': 0.25}
    assert '| share | 0.25 |' in (out / 'README.md').read_text()
    kept = json.loads((out / SCORES).read_text())
    assert kept['scores'] == {'share': 0.25}
    assert kept['training']['points'] == 3
    assert kept['training']['stages'][0]['steps'] == 2


def test_what_goes_on_sees_other_batches(tmp_path) -> None:
    seeds = []
    for number in range(3):
        out = tmp_path / f'{number}'
        start = tmp_path / f'{number - 1}' if number else None
        train_net(
            RECIPE, tmp_path / f'work-{number}', out, 'cpu', start=start, is_scored=False,
            report=lambda line: None,
        )  # fmt: skip
        kept = json.loads((out / SCORES).read_text())['training']
        seeds.append(kept['stages'][0]['seed'])
    assert seeds == [0, 100, 200]
    assert kept['steps done'] == [2, 2, 2]


def test_weights_without_a_record_cannot_be_scored_again(tmp_path) -> None:
    with pytest.raises(WeightsError, match='no record of its training'):
        score_again(RECIPE, tmp_path, 'cpu')


def test_worlds_are_read_when_one_is_asked_for() -> None:
    calls: list[int] = []

    def load() -> list[Any]:
        calls.append(1)
        return ['a', 'b', 'c']

    clips: Any = LateClips(load)
    assert not calls
    assert (len(clips), clips[1], clips[1:], list(clips)) == (3, 'b', ['b', 'c'], ['a', 'b', 'c'])
    assert len(calls) == 1


@pytest.mark.parametrize(('num_varied', 'told'), [(0, ''), (30, ' 30 of the split `varied`,')])
def test_a_card_tells_of_varied_worlds_where_there_are_some(
    num_varied: int, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, int] = {}
    monkeypatch.setattr(
        recipes, 'load_clips', lambda split, count, **_: asked.update({split.value: count}) or []
    )
    recipe = replace(RECIPE, num_clips=10, num_reshaped=20, num_varied=num_varied, data=CLIP_DATA)
    worlds = clip_worlds(recipe, 1.0, 1)
    assert len(worlds.training) == 0
    assert asked['varied'] == worlds.counts['training_varied'] == num_varied
    text = ' '.join(card(recipe, {}, {**worlds.counts, 'stages': [{'steps': 2}]}).split())
    assert f'20 of the split `reshaped`,{told} seeds from 0; no other data.' in text
