"""Somebody in a room points at a thing: is that selected, and is the prompt on it?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.pointing_rooms import START_NS, Film
from mm_perception.bag.canonical import canonical
from mm_perception.bag.offline import OfflineRun
from mm_perception.bag.writer import BagWriter
from mm_perception.geometry.rays import ray_of
from mm_perception.graph import load_stack, parse_stack
from mm_perception.inputs import Inputs
from mm_perception.plugin import Context
from mm_perception.plugins.ar_interact import ArInteract, ArInteractConfig
from mm_perception.plugins.click import Click, ClickConfig
from mm_perception.plugins.pointing import Pointing, PointingConfig
from mm_perception.plugins.pointing.arms import angle_deg
from mm_perception.ros import convert
from mm_perception.ros.wire import serialize, type_name_of
from mm_perception.samples import (
    CameraInfo,
    Event,
    Image,
    Masks,
    Point3D,
    Pose,
    Prompt,
    Sample,
    Skeletons,
)
from mm_perception.world import messages
from mm_perception.world.gesture import SINKS_S, UP_S, GestureRoom
from mm_perception.world.room import make_room

SEED = 13


@pytest.fixture(scope='module')
def film() -> Film:
    return Film(GestureRoom(SEED, size=(320, 180)), first_s=UP_S - 0.4, last_s=SINKS_S)


def inputs(samples: dict[str, Any], **more: Any) -> Inputs:
    masks = samples['masks']
    return Inputs(masks.stamp_ns, masks.frame_id, samples={**samples, **more})


def test_the_ray_selects_and_the_place_becomes_a_prompt_on_the_thing(film: Film) -> None:
    context = Context(lookup_transform=film.lookup)
    pointing = Pointing(PointingConfig(fixed_frame='map'), context)
    selecting = ArInteract(ArInteractConfig(fixed_frame='map'), context)
    click = Click(ClickConfig(fixed_frame='map'), context)
    rays: list[Pose] = []
    points: list[Point3D] = []
    events: list[Event] = []
    prompts: list[Prompt] = []
    for time_s in film.times:
        samples = film.samples(time_s)
        found: Any = pointing.infer(inputs(samples, skeletons=film.skeletons(time_s, 0.0)))
        rays += found['ray']
        points += found['point']
        events += found['event']
        ray = found['ray'][0] if found['ray'] else None
        chosen: Any = selecting.infer(inputs(samples, ray=ray, command=()))
        events += chosen['event']
        given = {'camera_info': {'': samples['camera_info']}, 'point': tuple(found['point'])}
        seen: Any = click.infer(inputs({'masks': samples['masks'], **given}))
        prompts += seen['prompts']
    gesture, names = film.room.gesture, film.room.names
    assert [event.kind for event in events] == ['began', 'selected']
    assert events[0].track_ids == (str(gesture.person),)
    assert events[1].label == names[gesture.target]
    errors = [angle_deg(ray_of(ray, 'x').direction, gesture.spot - ray.position) for ray in rays]
    assert np.median(errors) < 4
    (prompt,) = prompts
    x, y = np.round(prompt.points[0]).astype(int)
    assert film.at(2.0).view.ids[y, x] == gesture.target


TOPICS: dict[str, type[Sample]] = {
    'masks': Masks, 'depth': Image, 'camera_info': CameraInfo, 'skeletons': Skeletons,
}  # fmt: skip


def write_film(folder: Path, film: Film) -> Path:
    """A bag of what the nodes take."""
    at, turn = film.room.room_from_camera[:3, 3], film.room.room_from_camera[:3, :3]
    frame = film.room.camera.frame_id
    with BagWriter(folder) as writer:
        writer.add_topic('/tf_static', messages.TF, latched=True)
        for name, kind in TOPICS.items():
            for wire in convert.published(kind):
                writer.add_topic(f'/{name}{wire.suffix}', wire.type_name, latched=wire.latched)
        still = messages.tf(messages.transform('map', frame, at, turn, START_NS))
        writer.write('/tf_static', START_NS, canonical(serialize(still), messages.TF))
        for time_s in film.times:
            samples = {**film.samples(time_s), 'skeletons': film.skeletons(time_s, 0.0)}
            for name in TOPICS:
                for suffix, message in convert.to_msgs(samples[name]).items():
                    data = canonical(serialize(message), type_name_of(message))
                    writer.write(f'/{name}{suffix}', samples[name].stamp_ns, data)
    return folder


def test_nodes_pass_ray_and_place_on(film: Film, tmp_path: Path) -> None:
    """The links of both stacks, from a bag that has the keypoints."""
    fixed = {'parameters': {'fixed_frame': 'map'}}
    depth = {'camera_info': '/camera_info', 'depth': '/depth'}
    nodes = {
        'pointing': {'inputs': {'skeletons': '/skeletons', **depth}, **fixed},
        'ar_interact': {'inputs': {'masks': '/masks', 'ray': 'pointing.ray', **depth}, **fixed},
        'click': {'inputs': {'camera_info': '/camera_info', 'point': 'pointing.point'}, **fixed},
    }
    bag = write_film(tmp_path / 'bag', film)
    run = OfflineRun(parse_stack('point_at', {'nodes': nodes}), bag, tmp_path / 'out')
    seen: dict[str, list[Sample]] = {}
    run.on_output = lambda topic, sample: seen.setdefault(topic, []).append(sample)
    report = run.run()
    assert report.problem == ''
    assert not any(node.stats.failures for node in report.nodes.values())
    selected = [e for e in seen['/ar_interact/output/event'] if isinstance(e, Event)]
    assert [event.label for event in selected] == [film.room.names[film.room.gesture.target]]
    assert len(seen['/pointing/output/ray']) > 8
    (prompt,) = seen['/click/output/prompts']
    assert isinstance(prompt, Prompt)
    x, y = np.round(prompt.points[0]).astype(int)
    assert film.at(2.0).view.ids[y, x] == film.room.gesture.target


def test_while_the_arms_hang_nothing_is_said(film: Film) -> None:
    plugin = Pointing(PointingConfig(fixed_frame='map'), Context(lookup_transform=film.lookup))
    for time_s in (0.0, 0.2, 0.4, 0.6):
        found: Any = plugin.infer(
            inputs(film.samples(time_s), skeletons=film.skeletons(time_s, 0.0))
        )
        assert (list(found['ray']), list(found['event'])) == ([], [])


def test_the_shipped_stacks_link_their_nodes() -> None:
    nodes = {node.name: node for node in load_stack('point_at').nodes}
    assert nodes['pointing'].links() == {'skeletons': ('pose', 'skeletons')}
    assert nodes['ar_interact'].links()['ray'] == ('pointing', 'ray')
    nodes = {node.name: node for node in load_stack('gesture').nodes}
    assert nodes['click'].links() == {'point': ('pointing', 'point')}
    assert nodes['sam2'].inputs['prompt']['pointed'] == 'click/output/prompts'


def test_a_room_with_a_gesture_is_the_room_of_its_seed() -> None:
    room = GestureRoom(SEED, size=(320, 180))
    plain = make_room(SEED)
    things = room.stage.scene.things
    assert [t.kind for t in things[:-1]] == [t.kind for t in plain.things]
    assert things[-1].instance == room.gesture.person
    np.testing.assert_array_equal(things[0].pose(0.0)[0], plain.things[0].pose(0.0)[0])
    again = GestureRoom(SEED, size=(320, 180))
    np.testing.assert_array_equal(room.gesture.spot, again.gesture.spot)
    joints = room.stage.scene.things[-1].joints
    side = room.gesture.side
    low, high = (joints[f'{side}_wrist'](t)[0][2] for t in (0.5, 3.0))
    assert high > low
