"""Cards and logs."""

from __future__ import annotations

import json

from mm_perception.training.recipe import minutes_of


def test_minutes_are_those_of_all_stages_and_of_trainings_that_were_cut() -> None:
    seconds = [60.0, 120.0, 30.0, 90.0, 5.0]
    log = ''.join(json.dumps({'step': i, 'seconds': s}) + '\n' for i, s in enumerate(seconds))
    assert minutes_of(log) == round((120 + 90 + 5) / 60, 1)
    assert minutes_of('') == 0
