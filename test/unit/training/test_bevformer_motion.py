"""The motion head learns from what a network that stands still remembers."""

from __future__ import annotations

import json

import torch

from mm_perception.training import loop
from mm_perception.training.bevformer_motion import MotionTask
from mm_perception.training.loop import Settings
from test.unit.training.bev_clips import a_clip
from test.unit.training.test_bevformer_training import CPU, SMALL


def test_only_the_motion_head_learns(tmp_path) -> None:
    clips = [a_clip(2, seed) for seed in range(3)]
    settings = Settings(
        24, learning_rate=1e-2, warm_up=4, validate_every=24, average=0.9, is_mixed=False,
        log_every=6,
    )  # fmt: skip
    task = MotionTask(clips, clips[:1], settings, 2, SMALL)
    torch.manual_seed(1)
    start = task.build()
    before = {name: value.clone() for name, value in start.state_dict().items()}
    said: list[str] = []
    trained = loop.train(task, tmp_path, CPU, start=start, report=said.append)
    after = trained.state_dict()
    changed = {name for name, value in before.items() if not torch.equal(value, after[name])}
    assert changed
    assert all(name.startswith('net.motion_head.') for name in changed)
    losses = [json.loads(line)['motion'] for line in said if 'motion' in line]
    assert losses[-1] < 0.7 * losses[0], losses
