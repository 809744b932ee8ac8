"""What CLIP's training finds in clips."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mm_perception.training.clip_sights import index_of, is_main, number_of, pairs_of
from mm_perception.world.clips import ClipPlan, ThingTruth, render_clip
from mm_perception.world.language import relation, scenery_of
from mm_perception.world.variety import Split
from test.unit.training.clips import moving_square


def test_what_is_mostly_behind_another_thing_is_not_the_main_one_of_its_box() -> None:
    ids = np.zeros((40, 40), np.uint8)
    ids[0:30, 0:30] = 1
    ids[5:30, 5:30] = 2
    assert is_main(ids, 2)
    assert not is_main(ids, 1)
    ids[5:30, 5:20] = 0
    assert is_main(ids, 1)


def test_the_index_finds_things_by_pair_and_scenes() -> None:
    index = index_of([moving_square(3)])
    assert [[s.picture for s in pair] for pair in index.pairs] == [[0, 1, 2], [0, 1, 2]]
    red = index.pairs[0][1]
    assert (red.thing.kind, red.box, red.size) == ('car', (16, 20, 46, 50), (128, 96))
    assert [view.picture for view in index.views] == [0, 1, 2]


def test_what_is_hardly_visible_is_not_learned_from_but_spoken_of() -> None:
    clip = moving_square(1)
    index = index_of([replace(clip, visible=np.array([[0.1, 0.5]], np.float32))])
    assert [[sight.thing.kind for sight in sights] for sights in index.pairs] == [['van']]
    assert {thing.kind for thing in index.views[0].scenery.things} == {'car', 'van'}


def test_views_say_what_scenery_says() -> None:
    clip = render_clip(ClipPlan(300_001, Split.TRAIN, 1))
    (view,) = index_of([clip]).views
    full = scenery_of(clip, 0, 250)
    assert {t.instance for t in view.scenery.things} == {t.instance for t in full.things}
    rows = {t.instance: i for i, t in enumerate(full.things)}
    for row, thing in enumerate(view.scenery.things):
        np.testing.assert_allclose(
            view.scenery.centres[row], full.centres[rows[thing.instance]], atol=1.5
        )


def test_a_mirrored_view_has_left_for_right() -> None:
    (view,) = index_of([moving_square(1)]).views
    assert relation(view.scenery, 0, 1) == 'right of'
    assert relation(view.mirrored().scenery, 0, 1) == 'left of'
    np.testing.assert_allclose(view.mirrored().mirrored().scenery.centres, view.scenery.centres)


def test_pairs_are_those_that_are_shown_and_nothing_goes_with_all() -> None:
    seen = pairs_of([moving_square(1)])
    car, red = number_of(ThingTruth(1, 'car', 'red'))
    van, blue = number_of(ThingTruth(2, 'van', 'blue'))
    assert seen[car, red]
    assert seen[van, blue]
    assert not seen[car, blue]
    assert not seen[van, red]
    assert seen[0].all()
    assert seen[:, 0].all()


def test_a_thing_without_a_colour_has_colour_0() -> None:
    assert number_of(ThingTruth(1, 'tree', ''))[1] == 0
