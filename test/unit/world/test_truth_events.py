"""Events begin and end when they do, and are what they are called."""

from __future__ import annotations

import numpy as np
import pytest

from mm_perception.world.truth import Box, Event, Watch


def box(instance: int, kind: str, x: float, y: float = 3.0, speed: float = 0.0) -> Box:
    return Box(
        instance, kind, 'red', (), np.array([x, y, 0.7]), np.array([4.0, 1.8, 1.4]), 0.0,
        np.array([speed, 0.0, 0.0]),
    )  # fmt: skip


def passing(kind: str, places: list[float], speed: float, y: float = 3.0) -> list[Event]:
    watch = Watch(near_m=0.1)
    for index, x in enumerate(places):
        watch.moment(0.1 * index, [box(1, kind, x, y, speed)], {})
    return watch.events()


def spans(events: list[Event]) -> list[tuple[float, float, bool, bool]]:
    return [(e.start_s, e.end_s, e.begins, e.ends) for e in events]


def test_a_pedestrian_steps_onto_the_road_and_off_it() -> None:
    watch = Watch(near_m=0.1)
    for index, ground in enumerate(['pavement', 'road', 'crossing', 'pavement', 'marking']):
        watch.moment(float(index), [box(1, 'pedestrian', 30), box(2, 'car', 30)],
                     {1: ground, 2: 'road'})  # fmt: skip
    first, second = watch.events()
    assert (first.kind, first.instance) == ('on_road', 1)
    assert spans([first, second]) == [(1, 2, True, True), (4, 4, True, False)]
    assert first.text == 'the pedestrian in red steps onto the road'


def test_who_was_there_from_the_beginning_has_not_stepped_there() -> None:
    watch = Watch(near_m=0.1)
    for time_s in (0.0, 1.0):
        watch.moment(time_s, [box(1, 'pedestrian', 30)], {1: 'road'})
    (event,) = watch.events()
    assert (event.begins, event.ends) == (False, False)
    assert event.text == 'the pedestrian in red is on the road'


def test_something_comes_closer_than_the_limit() -> None:
    watch = Watch(near_m=5.0)
    for index, x in enumerate([20.0, 7.1, 6.9, 6.0, 7.2]):  # half of its length is 2 m
        watch.moment(float(index), [box(1, 'cone', x, 0.0)], {})
    (event,) = watch.events()
    assert event.kind == 'near'
    assert spans([event]) == [(2, 3, True, True)]
    assert event.text == 'the red cone comes closer than 5 m'


@pytest.mark.parametrize(
    ('places', 'speed', 'kind'),
    [
        ([-9, -4, -1, 2, 4, 9], 8.0, 'overtakes'),
        ([9, 4, 1, -2, -4, -9], 3.0, 'is_overtaken'),
        ([9, 4, 1, -2, -4, -9], 0.0, 'is_passed'),
        ([9, 4, 1, -2, -4, -9], -6.0, 'comes_by'),
    ],
)
def test_traffic_gets_past(places, speed, kind) -> None:
    (event,) = passing('van', places, speed)
    assert event.kind == kind
    assert spans([event]) == [(0.1, 0.4, True, True)]


def test_what_does_not_get_past_or_is_far_aside_or_no_traffic_is_no_event() -> None:
    assert passing('van', [-9, -4, -1, -2, -4, -9], 5.0) == []
    assert passing('van', [9, 4, 1, -2, -4, -9], 0.0, y=7.0) == []
    assert passing('cone', [9, 4, 1, -2, -4, -9], 0.0) == []


def test_views_are_entered_and_left_and_a_blink_is_neither() -> None:
    watch = Watch(near_m=0.1, smallest_share=0.01)
    seen = [0, 20, 20, 5, 20, 0, 0, 0, 0, 0, 20, 20]
    for index, pixels in enumerate(seen):
        watch.moment(0.1 * index, [box(1, 'car', 30)], {})
        watch.picture(0.1 * index, 'front', {1: pixels, 9: 50}, 1000)
    events = watch.events()
    np.testing.assert_allclose(
        [(e.start_s, e.end_s) for e in events], [(0.1, 0.4), (1.0, 1.1)], atol=1e-9
    )
    assert [(e.begins, e.ends) for e in events] == [(True, True), (True, False)]
    assert {e.camera for e in events} == {'front'}
    assert events[0].text == 'the red car comes into the view of front'


def test_a_lost_picture_says_nothing() -> None:
    watch = Watch(near_m=0.1)
    for index in range(6):
        watch.moment(0.1 * index, [box(1, 'car', 30)], {})
        if index not in (2, 3):
            watch.picture(0.1 * index, 'front', {1: 500}, 1000)
    assert [e.end_s for e in watch.events()] == [0.5]
