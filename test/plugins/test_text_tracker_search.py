"""What the text tracker makes of what a grounder finds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from mm_perception.nets.sam2 import Sam2Session
from test.plugins.test_text_tracker import FOUND, Rig, states, text


@pytest.mark.parametrize('kind', ['box', 'mask'])
def test_a_track_begins_from_what_the_settings_say(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    rig = Rig(segment_from=kind)
    rig.grounder.put('cup', 10)
    given: list[Any] = []
    real = Sam2Session.step

    def step(session: Any, rgb: Any, prompts: Sequence[Any] = (), removed: Any = ()) -> Any:
        given.extend(prompts)
        return real(session, rgb, prompts, removed)

    monkeypatch.setattr(Sam2Session, 'step', step)
    rig.see(text())
    (prompt,) = given
    if kind == 'mask':
        assert prompt.box is None
        assert prompt.mask.sum() == 400
    else:
        assert prompt.mask is None
        assert list(prompt.box) == [10, 8, 30, 28]
    rig.plugin.close()


def test_what_is_far_less_sure_than_the_best_answer_is_no_track() -> None:
    rig = Rig(birth_score=0.3)
    rig.grounder.put('cup', 10, score=0.9)
    rig.grounder.put('cup', 40, score=0.4)
    rig.grounder.put('dog', 40, score=0.4)
    _, told = rig.see(text(prompt_id='mine'))
    assert states(told)[-1] == ('mine', FOUND, ('1',))
    _, told = rig.see(text('dog'))
    assert states(told)[-1] == ('dog', FOUND, ('2',)), 'each text by itself'
    rig.plugin.close()
