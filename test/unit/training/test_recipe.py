"""Cards and logs."""

from __future__ import annotations

import json

import torch
from torch import nn

from mm_perception.training.recipe import blend, minutes_of


def test_minutes_are_those_of_all_stages_and_of_trainings_that_were_cut() -> None:
    seconds = [60.0, 120.0, 30.0, 90.0, 5.0]
    log = ''.join(json.dumps({'step': i, 'seconds': s}) + '\n' for i, s in enumerate(seconds))
    assert minutes_of(log) == round((120 + 90 + 5) / 60, 1)
    assert minutes_of('') == 0


def test_a_blend_is_the_mean_of_two_stages() -> None:
    one, two = nn.Linear(2, 2), nn.Linear(2, 2)
    expected = 0.25 * two.weight.detach() + 0.75 * one.weight.detach()
    blend(one, two, 0.25)
    torch.testing.assert_close(two.weight.detach(), expected)
