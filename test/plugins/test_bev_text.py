"""Pictures and a scan become a map that answers: where, when, in which frame; what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from mm_perception.errors import MissingInputError, PromptError, RequestError, ShapeError
from mm_perception.inputs import Inputs
from mm_perception.model_cache import Shared
from mm_perception.nets.clip.engine import ClipEngine, Picture
from mm_perception.plugin import Context
from mm_perception.plugins.bev_text import BevText, BevTextConfig
from mm_perception.samples import BevGrid, CameraInfo, Image, Masks, PointCloud, PromptReply, Text

STAMP_NS = 5_000_000_000
WIDTH, HEIGHT, FOCAL = 160, 120, 100.0
#: base_link from the optical axes of a level camera, 1 m above the ground, that looks ahead.
BASE_FROM_CAMERA = np.array(
    [[0.0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 1], [0, 0, 0, 1]], np.float64
)
SPEED = 2.0  # m/s of base_link along x in odom
CONE, CAR = np.array([6.0, 1.0]), np.array([10.0, -2.0])  # x and y in odom at STAMP_NS
ORANGE, RED, GREY = (250, 120, 0), (200, 0, 0), (120, 120, 120)


class Painter(ClipEngine):
    """Pictures are the most saturated colour in them; cones are orange and cars red."""

    name = sha256 = licence = 'test'
    logit_scale = 50.0

    def _image_features(self, images: Sequence[Picture]) -> Tensor:
        rows = []
        for image in images:
            pixels = image.reshape(-1, 3).astype(float)
            rows.append([*(pixels[np.ptp(pixels, axis=1).argmax()] - 60), 0.0])
        return torch.tensor(np.array(rows))

    def _text_features(self, texts: Sequence[str]) -> Tensor:
        table = {'cone': ORANGE, 'car': RED}
        rows = [next((v for k, v in table.items() if k in t), GREY) for t in texts]
        # No two texts are quite the same.
        own = [[20.0 * np.sin(sum(map(ord, text)))] for text in texts]
        return torch.tensor(np.hstack([np.array(rows) - 60.0, own]))


def lookup(target: str, source: str, stamp_ns: int) -> np.ndarray:
    """Of a vehicle that drives straight on; the map lies 100 m aside of odom."""
    odom = np.eye(4)
    odom[0, 3] = SPEED * (stamp_ns - STAMP_NS) / 1e9
    aside = np.eye(4)
    aside[1, 3] = -100.0
    poses = {
        'odom': np.eye(4), 'map': aside, 'base_link': odom, 'front': odom @ BASE_FROM_CAMERA,
        'lidar': odom,
    }  # fmt: skip
    return np.linalg.inv(poses[target]) @ poses[source]


def scene(stamp_ns: int, *, cone: bool = True) -> tuple[Image, PointCloud]:
    """Grey ground with a cone and a car on it, as a camera and a LiDAR see it."""
    ground = np.array([(x, y, 0.0) for x in np.arange(3, 16, 0.2) for y in np.arange(-4, 4, 0.2)])
    steps = np.linspace(-0.5, 0.5, 6)
    things = [(CAR, RED, 1.5, 1.2)] + ([(CONE, ORANGE, 0.3, 0.7)] if cone else [])
    points, rgb = [ground], np.full((HEIGHT, WIDTH, 3), GREY, np.uint8)
    driven = SPEED * (stamp_ns - STAMP_NS) / 1e9
    for at, colour, wide, high in things:
        own = np.array([(0, wide * s, high * (0.6 + 0.8 * t)) for s in steps for t in steps])
        own[:, :2] += at
        points.append(own)
        ahead = at[0] - driven
        if ahead < 1:
            continue
        x = WIDTH / 2 - 0.5 - (at[1] + np.array([0.5, -0.5]) * wide) / ahead * FOCAL
        y = HEIGHT / 2 - 0.5 + (1 - np.array([high, 0.0])) / ahead * FOCAL
        rgb[round(y[0]) : round(y[1]), round(x[0]) : round(x[1])] = colour
    everything = np.concatenate(points) - [driven, 0, 0]
    rows = np.zeros(len(everything), [(axis, 'f4') for axis in 'xyz'])
    rows['x'], rows['y'], rows['z'] = everything.T
    cloud = PointCloud(stamp_ns=stamp_ns, frame_id='lidar', points=rows)
    return Image(stamp_ns=stamp_ns, frame_id='front', data=rgb), cloud


K = np.array([[FOCAL, 0, WIDTH / 2 - 0.5], [0, FOCAL, HEIGHT / 2 - 0.5], [0, 0, 1]])
INFO = CameraInfo(
    stamp_ns=0, frame_id='front', width=WIDTH, height=HEIGHT, d=np.zeros(5), k=K, r=np.eye(3),
    p=np.hstack([K, np.zeros((3, 1))]),
)  # fmt: skip


def plugin(**settings: Any) -> BevText:
    made = BevText(BevTextConfig(**settings), Context(lookup_transform=lookup))
    made._shared = Shared(('painter',), Painter)
    return made


def infer(asked: BevText, stamp_ns: int = STAMP_NS, text: str = '', **samples: Any) -> Any:
    image, cloud = scene(stamp_ns)
    query = (Text(stamp_ns=stamp_ns, text=text),) if text else ()
    found = {
        'image': image, 'camera_info': INFO, 'cloud': cloud, 'depth': None, 'masks': None,
        'map': None, 'query': query, **samples,
    }  # fmt: skip
    return asked.infer(Inputs(found['image'].stamp_ns, 'front', 'front', samples=found))


def value(answer: BevGrid, place: np.ndarray) -> int:
    return int(answer.lookup('asked', place[None])[0])


def test_what_is_asked_for_is_where_it_stands_and_the_rest_is_known_not_to_be_it() -> None:
    answer = infer(plugin(), text='traffic cones')['answer']
    assert (answer.frame_id, answer.stamp_ns, answer.layers) == ('odom', STAMP_NS, ('asked',))
    assert value(answer, CONE) > 80
    assert value(answer, CAR) == 0
    assert value(answer, np.array([6.0, -2.0])) == 0
    assert value(answer, np.array([-6.0, 0.0])) == -1  # behind: never seen
    assert np.abs(answer.places('asked') - CONE).max() < 0.5
    car = infer(plugin(), text='a car')['answer']
    assert value(car, CAR) > 80
    assert value(car, CONE) == 0


def test_the_answer_says_what_it_answers_and_goes_on_answering() -> None:
    asked = plugin()
    assert infer(asked) == {}
    first = infer(asked, STAMP_NS + 10**9, 'a car')
    assert first['about'].text.startswith('a car: ')
    assert first['about'].text.endswith('cells, from what cameras saw')
    assert 'answer' in infer(asked, STAMP_NS + 2 * 10**9)
    assert infer(asked, STAMP_NS + 3 * 10**9, ' ') == {}


def test_things_stay_where_they_are_while_the_vehicle_drives_past() -> None:
    asked = plugin(reach_m=12.0)
    infer(asked, text='a cone')
    later = STAMP_NS + 4_000_000_000  # 8 m on: the cone is behind the camera
    answer = infer(asked, later)['answer']
    assert answer.origin[:2] == (-4.0, -12.0)
    assert value(answer, CONE) > 80
    far = infer(asked, later + 6 * 10**9)['answer']  # out of the grid
    assert value(far, CONE) == -1


def test_a_scan_of_another_moment_is_put_where_it_belongs() -> None:
    _, cloud = scene(STAMP_NS - 500_000_000)
    answer = infer(plugin(), text='a cone', cloud=cloud)['answer']
    assert value(answer, CONE) > 80


def test_what_left_is_gone_and_what_nobody_sees_is_forgotten() -> None:
    asked = plugin(memory_s=2.0)
    infer(asked, text='a cone')
    for after_ns, is_there in ((300_000_000, True), (900_000_000, False)):
        image, cloud = scene(STAMP_NS + after_ns, cone=False)
        answer = infer(asked, image.stamp_ns, image=image, cloud=cloud)['answer']
        assert (value(answer, CONE) > 50) is is_there, 'a ray may miss it, but not for long'
    near = np.array([3.1, 0.1])
    assert value(answer, near) == 0
    late = infer(asked, STAMP_NS + 3_100_000_000)['answer']
    assert value(late, near) == -1


def masks_of(image: Image) -> Masks:
    """The car."""
    return Masks(
        stamp_ns=image.stamp_ns, frame_id='front', ids=(7,), labels=('?',),
        id_map=(image.data == RED).all(2).astype(np.uint16) * 7, scores=np.ones(1, np.float32),
    )  # fmt: skip


def test_masks_say_which_points_belong_to_a_thing() -> None:
    # Without segments a patch speaks for all points in it.
    patches = infer(plugin(segments=False, patches=(1.0,)), text='a cone')['answer']
    assert value(patches, CAR) == value(patches, CONE)
    asked = plugin(segments=False, patches=(1.0,))
    answer = infer(asked, text='a car', masks=masks_of(scene(STAMP_NS)[0]))['answer']
    assert value(answer, CAR) > 80 > 10 > value(answer, CONE)


def test_a_picture_waits_for_its_masks_and_counts_once() -> None:
    asked = plugin(segments=False, patches=(1.0,), most_sights=1, query='a car')
    stamps_ns = [STAMP_NS + i * 300_000_000 for i in range(3)]
    first = masks_of(scene(stamps_ns[0])[0])
    alone = infer(asked, stamps_ns[0])['answer']
    assert value(alone, CAR) < 10
    assert infer(asked, stamps_ns[1], masks=first) == {}  # that picture was looked at already
    assert asked.cells.newest_ns == stamps_ns[0]
    second = masks_of(scene(stamps_ns[1])[0])
    answer = infer(asked, stamps_ns[2], masks=second)['answer']
    assert value(answer, CAR) > 80
    assert answer.stamp_ns == stamps_ns[2]
    assert asked.cells.newest_ns == stamps_ns[1]


def test_depth_does_as_well_as_a_scan() -> None:
    image, _ = scene(STAMP_NS)
    depth = np.full((HEIGHT, WIDTH), np.nan, np.float32)
    rows = np.arange(HEIGHT // 2 + 1, HEIGHT)
    depth[rows] = (FOCAL / (rows - HEIGHT / 2 + 0.5))[:, None]
    depth[(image.data == ORANGE).all(2)] = CONE[0]
    picture = Image(stamp_ns=STAMP_NS, frame_id='front', data=depth, encoding='32FC1')
    told = infer(plugin(), text='a cone', cloud=None, depth=picture)
    assert value(told['answer'], CONE + np.array([0.05, 0])) > 80
    # A picture that waited for its masks, while depth is of a later moment, 0.6 m nearer.
    later = STAMP_NS + 300_000_000
    nearer = depth.copy()
    nearer[(image.data == ORANGE).all(2)] -= 0.6
    moved = Image(stamp_ns=later, frame_id='front', data=nearer, encoding='32FC1')
    told = infer(plugin(), text='a cone', cloud=None, depth=moved)
    assert value(told['answer'], CONE + np.array([0.05, 0])) > 80


def test_a_map_answers_what_it_knows_better_in_its_own_frame() -> None:
    cells = np.full((1, 40, 80), 100, np.int8)
    cells[:, :20] = 0
    drivable = BevGrid(
        stamp_ns=STAMP_NS, frame_id='map', layers=('drivable',), cells=cells, resolution_m=0.5,
        origin=(-5.0, 90.0, 0.0, 0.0),
    )  # fmt: skip
    asked = plugin()
    told = infer(asked, text='Where can I drive?', map=drivable)
    assert told['about'].text.endswith('from layer drivable of the map')
    left, right = np.array([6.0, 3.0]), np.array([6.0, -3.0])
    assert (value(told['answer'], left), value(told['answer'], right)) == (100, 0)
    assert value(told['answer'], np.array([-3.0, 3.0])) == 100, 'cameras have not seen it'
    assert value(told['answer'], np.array([-9.0, 3.0])) == -1, 'nor does the map know it'
    walk = infer(asked, STAMP_NS + 10**9, 'where can I walk?', map=drivable)
    assert walk['about'].text.endswith('from what cameras saw')
    alone = infer(plugin(), text='Where can I drive?')
    assert alone['about'].text.endswith('from what cameras saw')
    assert value(alone['answer'], CAR) == 0  # what stands is no road
    assert value(alone['answer'], left) > 0


def test_a_request_asks_from_then_on_and_tells_what_is_known() -> None:
    asked = plugin()
    with pytest.raises(RequestError, match='nothing was seen yet'):
        asked.answer('ask', Text(stamp_ns=0, text='a cone'))
    with pytest.raises(RequestError, match='no text'):
        asked.answer('ask', Text(stamp_ns=0, text='  '))
    infer(asked)
    with pytest.raises(PromptError, match='xqzvj'):
        asked.answer('ask', Text(stamp_ns=0, text='a xqzvj'))
    assert infer(asked, STAMP_NS + 10**8) == {}, 'what is refused is not asked'
    reply = asked.answer('ask', Text(stamp_ns=0, text='a cone'))
    assert isinstance(reply, PromptReply)
    assert reply.stamp_ns == STAMP_NS
    assert not reply.message.startswith('a cone: 0 cells')
    assert 'answer' in infer(asked, STAMP_NS + 10**9)


def test_pictures_that_come_too_fast_are_not_looked_at_but_questions_are_answered() -> None:
    asked = plugin(every_s=0.2)
    infer(asked)
    soon = STAMP_NS + 100_000_000
    assert infer(asked, soon, cloud=None) == {}
    assert infer(asked, soon, 'a cone', cloud=None)['answer'].stamp_ns == soon


def test_a_new_run_begins_with_the_first_camera_that_is_rewound() -> None:
    asked = plugin(query='a cone')
    infer(asked)
    asked.rewind('front')
    early = STAMP_NS - 4_000_000_000  # 8 m back
    image, cloud = scene(STAMP_NS)
    again = replace(image, stamp_ns=early), replace(cloud, stamp_ns=early)
    answer = infer(asked, early, image=again[0], cloud=again[1])['answer']
    assert value(answer, CONE) == 0
    assert value(answer, CONE - np.array([8, 0])) > 80
    asked.rewind('side')  # the next camera of the same run
    later = early + 250_000_000
    again = replace(image, stamp_ns=later), replace(cloud, stamp_ns=early)
    answer = infer(asked, later, image=again[0], cloud=again[1])['answer']
    assert value(answer, CONE - np.array([8, 0])) > 80
    asked.reset()
    assert asked.cells.newest_ns < 0


def test_a_live_query_is_asked_at_once() -> None:
    asked = plugin()
    asked.reconfigure(replace(asked.config, query='a cone'))
    assert 'answer' in infer(asked)


def test_a_failure_is_no_empty_answer() -> None:
    with pytest.raises(MissingInputError, match='no scan and no depth'):
        infer(plugin(query='a cone'), cloud=None)
    blank = replace(INFO, k=np.zeros((3, 3)))
    with pytest.raises(MissingInputError, match='calibrate the camera'):
        infer(plugin(), camera_info=blank)
    with pytest.raises(ShapeError, match='80x60, as CameraInfo, got 160x120'):
        infer(plugin(), camera_info=replace(INFO, width=80, height=60))
    small = Masks(
        stamp_ns=STAMP_NS, frame_id='front', id_map=np.zeros((60, 80), np.uint16), ids=(),
        labels=(), scores=np.zeros(0, np.float32),
    )  # fmt: skip
    with pytest.raises(ShapeError, match='160x120, as the picture, got 80x60'):
        infer(plugin(), masks=small)
