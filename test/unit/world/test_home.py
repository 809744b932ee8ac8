"""A home: devices obey their JSON after a while, and the picture shows it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mm_perception.world.camera import Camera
from mm_perception.world.home import FULL, Home, State, watching_camera
from mm_perception.world.room import make_room
from mm_perception.world.scene import Stage

#: The camera sees a pink and a green lamp.
SEED = 0


@pytest.fixture(scope='module')
def home() -> Home:
    return Home(make_room(SEED), SEED, broken=['lamp_2'])


@pytest.fixture(scope='module')
def seen(home: Home) -> tuple[Camera, tuple[np.ndarray, np.ndarray]]:
    return watching_camera(home.stage.scene, SEED, 160, 90)


def test_names_count_up_by_kind(home: Home) -> None:
    assert [d.name for d in home.devices][:2] == ['lamp_1', 'lamp_2']
    assert home.device('lamp_2').colour == 'green'


def test_a_command_is_obeyed_after_the_latency(home: Home) -> None:
    home.switch('lamp_1', State(False), 10.0)
    order = {'device': 'lamp_1', 'payload': {'state': 'ON', 'brightness': 127}}
    assert home.take(json.dumps(order), 11.0)
    assert not home.state('lamp_1', 11.2).is_on
    assert home.state('lamp_1', 11.3) == State(True, 127)


def test_a_broken_device_does_nothing_and_an_unknown_one_is_refused(home: Home) -> None:
    before = home.state('lamp_2', 20.0)
    state = 'OFF' if before.is_on else 'ON'
    assert home.take(json.dumps({'device': 'lamp_2', 'payload': {'state': state}}), 20.0)
    assert home.state('lamp_2', 25.0) == before
    assert not home.take(json.dumps({'device': 'oven', 'payload': {'state': 'ON'}}), 20.0)


def test_what_is_on_is_brighter_and_half_is_less(home: Home, seen) -> None:
    camera, pose = seen
    means = []
    states = (State(False), State(True, FULL // 4), State(True))
    for second, state in enumerate(states, 30):
        home.switch('lamp_1', state, second)
        view = home.look(camera, pose, second)
        assert home.light_pixels('lamp_1', view) > 20
        means.append(view.rgb[view.ids == home.device('lamp_1').instance].mean())
    assert means[0] + 5 < means[1] < means[2] - 5


def test_the_room_itself_is_left_as_it_was(home: Home) -> None:
    plain = Stage(make_room(SEED))
    home.set_time(0.0)
    changed = [
        kind
        for kind, a, b in zip(plain.kinds, plain.materials, home.stage.materials, strict=True)
        if a != b
    ]
    assert set(changed) <= {'lamp', 'television'}
    assert [m for k, m in zip(plain.kinds, plain.materials, strict=True) if k == 'lamp' and m.glow]
