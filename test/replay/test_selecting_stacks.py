"""Somebody speaks and points in a room, offline: are the right things chosen, and where?"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest

from mm_perception.bag.offline import OfflineRun, topics_asked
from mm_perception.evaluation.scenes import read_masks
from mm_perception.geometry.rays import pose_along, ray_through
from mm_perception.graph import load_stack, parse_stack
from mm_perception.ros import convert
from mm_perception.ros.wire import deserialize
from mm_perception.samples import Command, Event, Image, Intent, Masks, Pose, Prompt, Sample, Text
from mm_perception.samples.sample import Array
from mm_perception.selecting.surfaces import thickest_pixel
from mm_perception.world.drive import Drive, one_camera, render_frame
from mm_perception.world.drive_bag import START_NS, write_drive
from test.data.coloured_bag import IMAGE, write_coloured_bag
from test.data.spoken_bag import write_spoken_bag
from test.replay.masker_stack import records_of

S = TypeVar('S', bound=Sample)
ROOM = Drive(
    7, 1.6, 10.0, cameras=one_camera(320, 180, 'room'), lidar=None, place='room', has_depth=True
)
TRUTH = '/ground_truth/output/masks/camera_front'
INPUTS = {
    'masks': TRUTH, 'camera_info': '/camera_front/camera_info', 'ray': '/ray',
    'depth': '/ground_truth/output/depth/camera_front', 'command': '/command',
}  # fmt: skip


def at(time_s: float) -> int:
    return START_NS + round(time_s * 1e9)


def spoken(intent: Intent, target: str, end_s: float, *, is_deictic: bool = False) -> Any:
    command = Command(
        stamp_ns=at(end_s - 0.3), end_ns=at(end_s), intent=intent, text=target or 'that one',
        target=target, is_deictic=is_deictic,
    )  # fmt: skip
    return at(end_s) + 1, '/command', command


def true_spot(label: str, index: int) -> Array:
    """(3,) in the map: what the camera sees of a thing where its mask is thickest."""
    view = render_frame(ROOM, index).views['camera_front']
    number = next(n for n, name in ROOM.names.items() if name == label)
    pixel = thickest_pixel(view.ids == number)
    camera, (place, turn) = ROOM.cameras[0], ROOM.ego(ROOM.time_s(index))
    x, y = pixel.astype(int)
    ahead = np.linalg.inv(camera.matrix) @ [x, y, 1.0] * view.depth[y, x]
    return np.asarray(turn @ (camera.turn @ ahead + camera.at) + place)


def pointing(label: str, first: int, last: int) -> list[tuple[int, str, Sample]]:
    """A hand beside the camera that points at a thing from one picture to another."""
    found: list[tuple[int, str, Sample]] = []
    for index in range(first, last):
        place, turn = ROOM.ego(ROOM.time_s(index))
        hand = place + turn @ np.array([0.2, -0.25, 0.9])
        stamp_ns = at(ROOM.time_s(index))
        ray = ray_through(hand, true_spot(label, index))
        found.append((stamp_ns - 1, '/ray', pose_along(ray, stamp_ns, 'map')))
    return found


@pytest.fixture(scope='module')
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_drive(tmp_path_factory.mktemp('room') / 'bag', ROOM)


@pytest.fixture
def replay(room: Path, tmp_path: Path) -> Callable[..., Path]:
    def run(node: str, added: list[tuple[int, str, Sample]], **parameters: Any) -> Path:
        added = sorted(added, key=lambda entry: entry[0])
        bag = write_spoken_bag(tmp_path / 'bag', room, added)
        ports = load_stack(node).nodes[-1].plugin_class().inputs
        topics = {e[1] for e in added} | set(INPUTS.values()) - {'/ray', '/command'}
        inputs = {p: t for p, t in INPUTS.items() if p in ports and t in topics}
        if node != 'sam_prompt':
            parameters['fixed_frame'] = 'map'
        name = load_stack(node).nodes[-1].plugin
        stack = {'nodes': {name: {'inputs': inputs, 'parameters': parameters}}}
        report = OfflineRun(parse_stack(name, stack), bag, tmp_path / 'out').run()
        assert report.problem == ''
        assert not report.nodes[name].stats.failures
        return tmp_path / 'out'

    return run


def samples_on(bag: Path, topic: str, kind: type[S]) -> list[S]:
    found = []
    for record in records_of(bag, topic):
        sample = convert.from_msg(deserialize(record.data, record.type_name), kind)
        assert isinstance(sample, kind)
        found.append(sample)
    return found


def labels_at(bag: Path, topic: str, index: int) -> tuple[str, ...]:
    return read_masks(bag, topic)[at(ROOM.time_s(index))].labels


def test_words_choose_among_true_masks(replay: Callable[..., Path]) -> None:
    said = [
        spoken(Intent.SELECT, 'the biggest crate', 0.35),
        spoken(Intent.TRACK, 'the fridge', 0.65),
        spoken(Intent.SELECT, 'the plant', 0.95),
    ]
    out = replay('sam_prompt', said, asks_tracker=False)
    topic = '/sam_prompt/output/chosen'
    assert labels_at(out, topic, 3) == ()
    assert labels_at(out, topic, 4) == ('yellow crate',)
    assert set(labels_at(out, topic, 7)) == {'yellow crate', 'brown fridge'}
    assert labels_at(out, topic, 12) == ()
    said_back = samples_on(out, '/sam_prompt/output/say', Text)
    assert [text.text[:27] for text in said_back] == ['"the plant": 2 fit: say whi']


def test_pointing_and_words_select_move_and_hide(replay: Callable[..., Path]) -> None:
    said = [
        *pointing('black crate', 0, 5), *pointing('yellow table', 5, 16),
        spoken(Intent.SELECT, '', 0.35, is_deictic=True),
        spoken(Intent.MOVE, '', 0.95, is_deictic=True),
        spoken(Intent.HIDE, 'the fridge', 1.15),
    ]  # fmt: skip
    out = replay('xr', said)
    assert labels_at(out, '/xr_select/output/chosen', 8) == ('black crate',)
    events = samples_on(out, '/xr_select/output/event', Event)
    assert [(event.kind, event.label) for event in events] == [
        ('selected', 'black crate'), ('moved', 'black crate'), ('hidden', 'brown fridge'),
    ]  # fmt: skip
    (target,) = samples_on(out, '/xr_select/output/target', Pose)
    assert np.linalg.norm(target.position - true_spot('yellow table', 9)) < 0.1
    last = samples_on(out, '/xr_select/output/state', Text)[-1]
    things = {thing['label']: thing for thing in json.loads(last.text)['things']}
    assert things['brown fridge']['hidden']
    assert things['black crate']['moved_to'] == pytest.approx(target.position, abs=1e-3)


def test_pointing_anchors_an_overlay_that_stays(replay: Callable[..., Path]) -> None:
    out = replay('ar', pointing('brown fridge', 0, 10), dwell_s=0.5)
    (event,) = samples_on(out, '/ar_interact/output/event', Event)
    assert (event.kind, event.label) == ('selected', 'brown fridge')
    poses = samples_on(out, '/ar_interact/output/pose', Pose)
    assert len(poses) >= 10
    assert poses[0].frame_id == 'map'
    first = true_spot('brown fridge', round((poses[0].stamp_ns - START_NS) / 1e8))
    away = [float(np.linalg.norm(pose.position - first)) for pose in poses]
    assert max(away) < 0.08  # a pixel of depth at first
    assert away[-1] < 0.02  # the mean of all sights
    assert len(samples_on(out, '/ar_interact/output/occlusion', Image)) == ROOM.num_frames


def test_a_tracker_is_asked_for_the_noun(tmp_path: Path) -> None:
    """The loop of the stack `sam_prompt`, with a tracker that needs no weights."""
    plain = write_coloured_bag(tmp_path / 'plain', num_frames=15)
    command = spoken(Intent.SELECT, 'the right red one', 0.2)
    bag = write_spoken_bag(tmp_path / 'bag', plain, [command])
    nodes = {
        'colour_tracker': {
            'inputs': {'image': IMAGE, 'prompt': 'sam_prompt/output/prompt'}
        },
        'sam_prompt': {
            'inputs': {
                'masks': 'colour_tracker.masks', 'image': IMAGE, 'command': '/command',
                'ask': '/prompt',
            },
            'parameters': {'settle_s': 0.3},
        },
    }  # fmt: skip
    seen: list[Masks] = []
    run = OfflineRun(parse_stack('loop', {'nodes': nodes}), bag, tmp_path / 'out')
    assert topics_asked(run.stack, Prompt) == ['/prompt']
    run.on_output = lambda topic, sample: (
        seen.append(sample) if isinstance(sample, Masks) and 'chosen' in topic else None
    )
    report = run.run()
    assert report.problem == ''
    assert [len(masks) for masks in seen[:3]] == [0, 0, 0]
    assert len(seen[-1]) == 1
    truth = read_masks(plain, '/ground_truth/output/masks')[seen[-1].stamp_ns]
    columns = [truth.mask(n).nonzero()[1].mean() for n in (2, 3)]  # the red box, the red bar
    assert seen[-1].id_map.nonzero()[1].mean() == pytest.approx(max(columns), abs=3)


@pytest.mark.parametrize('name', ['sam_prompt', 'xr', 'ar'])
def test_the_shipped_stacks_link_their_nodes(name: str) -> None:
    last = load_stack(name).nodes[-1]
    assert last.links() == {'masks': ('text_tracker', 'masks')}
    assert last.inputs['command'] == {'': '/command'}
