"""When the text tracker shows a track again, and when a text is rather not found."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mm_perception.plugins.text_tracker import TextTrackerConfig
from mm_perception.samples import PromptState
from test.plugins.text_tracker_rig import RANDOM, Rig, text

pytestmark = pytest.mark.usefixtures('one_thread')

FOUND, NOT_FOUND = PromptState.FOUND, PromptState.NOT_FOUND


def test_a_mask_that_comes_back_is_shown_when_a_search_has_confirmed_it() -> None:
    rig = Rig(redetect_every_s=0.3)
    rig.grounder.put('cup', 10)
    rig.see(text())
    rig.grounder.scene.clear()
    settings = {**RANDOM, 'redetect_every_s': 0.3}
    rig.plugin.reconfigure(TextTrackerConfig(min_visible=1.0, **settings))  # SAM: it is hidden
    for _ in range(6):
        masks, _ = rig.see()
    rig.plugin.reconfigure(TextTrackerConfig(**settings))  # SAM: there it is again
    masks, _ = rig.see()
    assert (masks.ids, masks.visible, masks.id_map.any()) == ((1,), (False,), False)
    searches = len(rig.grounder.asked)
    masks, _ = rig.see()
    assert masks.visible == (False,)
    assert len(rig.grounder.asked) > searches, 'asked at once'
    searches = len(rig.grounder.asked)
    rig.see()
    assert len(rig.grounder.asked) == searches, 'and then no more often than ever'
    rig.grounder.put('cup', 10)
    masks, _ = rig.see(after_s=0.3)
    assert (masks.ids, masks.visible) == ((1,), (True,))
    assert masks.id_map.any()
    rig.plugin.close()


@pytest.mark.parametrize(
    ('changes', 'place', 'score', 'state'),
    [
        ({}, 10, 0.8, NOT_FOUND),
        ({}, 10, 0.65, FOUND),
        ({'num_rivals': 0}, 10, 0.8, FOUND),
        ({}, 40, 0.8, FOUND),
    ],
    ids=['surer to be another', 'hardly surer', 'nobody asks', 'the other is elsewhere'],
)
def test_no_track_begins_on_what_is_rather_another_thing(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], place: int, score: float,
    state: PromptState,
) -> None:  # fmt: skip
    likeness = 'mm_perception.nets.clip.likeness.likeness'
    monkeypatch.setattr(likeness, lambda clip, rgb, boxes, texts: np.ones(len(texts)))
    rivals = 'mm_perception.plugins.text_tracker.rivals.likely_rivals'
    monkeypatch.setattr(rivals, lambda clip, rgb, box, text, count: ['the yellow car'])
    rig = Rig(verifier_weights='random', **changes)
    rig.grounder.put('the yellow van', 10, 0.6)
    rig.grounder.put('the yellow car', place, score)
    _, told = rig.see(text('the yellow van'))
    assert told[-1].state == state
    rig.plugin.close()


def test_rivals_end_no_track_that_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    likeness = 'mm_perception.nets.clip.likeness.likeness'
    monkeypatch.setattr(likeness, lambda clip, rgb, boxes, texts: np.ones(len(texts)))
    rivals = 'mm_perception.plugins.text_tracker.rivals.likely_rivals'
    monkeypatch.setattr(rivals, lambda clip, rgb, box, text, count: ['the yellow car'])
    rig = Rig(verifier_weights='random', match_iou=0.01)
    rig.grounder.put('the yellow van', 10, 0.6)
    rig.see(text('the yellow van'))
    (track,) = rig.plugin._cameras['left'].book.tracks.values()
    mask = np.zeros((48, 64), bool)
    mask[8:28, 10:30] = True
    track.see(mask, rig.stamp_ns)
    rig.grounder.put('the yellow car', 10, 0.9)
    searches = len(rig.grounder.asked)
    masks, _ = rig.see(after_s=1.0)
    assert masks.ids == (track.track_id,)
    assert rig.grounder.asked[searches:] == [('the yellow van',)]
    rig.plugin.close()
