"""Every sample has a drawing, and each says what the sample says: read back from the file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip('rerun', reason='needs the extra `view`')

from geometry_msgs.msg import TransformStamped

import mm_perception.samples
from mm_perception.reporting.recording import Recording
from mm_perception.ros.tf import TransformBuffer
from mm_perception.samples import (
    Advice,
    AudioClip,
    BevGrid,
    Boxes3D,
    Image,
    Masks,
    Odometry,
    PointCloud,
    Prompt,
    PromptStatus,
    Sample,
    Skeletons,
    Transcript,
)
from mm_perception.viewing.curves import draw_diagnostics, levels_db
from mm_perception.viewing.drawings import DRAWINGS, draw
from mm_perception.viewing.space import paint
from test.unit.viewing.recorded import Recorded, new_stage
from test.unit.viewing.samples import ALL, T_NS

CAMERA = '/odom/camera'


def transforms() -> TransformBuffer:
    """odom -> base_link -> camera; the robot drives 10 m/s along x from 5 m on."""
    buffer = TransformBuffer(None)
    for parent, child, x, stamp_ns in (
        ('odom', 'base_link', 5.0, T_NS), ('odom', 'base_link', 15.0, T_NS + 10**9),
        ('base_link', 'camera', 1.0, None),
    ):  # fmt: skip
        message = TransformStamped(child_frame_id=child)
        message.header.frame_id = parent
        message.header.stamp.sec = (stamp_ns or 0) // 10**9
        message.transform.translation.x = x
        buffer.add(message, is_static=stamp_ns is None)
    return buffer


@pytest.fixture
def drawn(tmp_path: Path) -> Any:
    """Draws samples, each on a topic, and reads back."""

    def draw_all(*samples: tuple[str, Sample], received_ns: int = T_NS) -> Recorded:
        path = tmp_path / 'look.rrd'
        stage = new_stage(path, transforms())
        for topic, sample in samples:
            draw(stage, topic, sample, received_ns)
        stage.recording.send_blueprint(stage.layout.blueprint())
        stage.recording.disconnect()
        return Recorded(path)

    return draw_all


def test_every_sample_has_a_drawing_and_a_test() -> None:
    there = {
        value
        for value in vars(mm_perception.samples).values()
        if isinstance(value, type) and issubclass(value, Sample) and value is not Sample
    }
    assert there == set(DRAWINGS)
    assert there == set(ALL)


@pytest.mark.parametrize('sample_type', DRAWINGS, ids=lambda t: t.__name__)
def test_each_is_drawn(drawn, sample_type) -> None:
    sample = ALL[sample_type]
    before = [('/x', sample)] if sample_type.__name__ == 'Embedding' else []
    recorded = drawn(*before, ('/x', sample))
    assert {e for e in recorded.entities() if e != '/__properties'}


def test_a_picture_hangs_below_its_camera_at_its_stamp(drawn) -> None:
    recorded = drawn(('/cam/image_raw', ALL[Image]))
    assert recorded.stamps(f'{CAMERA}/cam/image_raw') == {T_NS}
    assert recorded.values(CAMERA, 'translation') == [[[6.0, 0.0, 0.0]]]
    (media,) = recorded.values(f'{CAMERA}/cam/image_raw', 'media_type')
    assert media == ['image/jpeg']


def test_what_lies_in_space_is_moved_by_tf_at_its_stamp(drawn) -> None:
    later = replace(ALL[PointCloud], stamp_ns=T_NS + 500_000_000)
    recorded = drawn(('/lidar', ALL[PointCloud]), ('/lidar', later))
    assert recorded.values('/odom/lidar', 'translation') == [[[5.0, 0, 0]], [[10.0, 0, 0]]]
    points = recorded.values('/odom/lidar', 'positions')[0]
    assert points == [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], 'without the NaN, in the own frame'


def test_what_tf_does_not_place_is_counted_and_left_out(tmp_path: Path) -> None:
    stage = new_stage(tmp_path / 'look.rrd', transforms())
    for seconds in (0, 3):
        draw(stage, '/lidar', replace(ALL[PointCloud], stamp_ns=T_NS + seconds * 10**9), T_NS)
    stage.recording.disconnect()
    assert stage.unplaced == {'/lidar': 1}
    assert 'is known from' in stage.reasons['/lidar']
    assert len(Recorded(tmp_path / 'look.rrd').values('/odom/lidar', 'positions')) == 1


def test_masks_keep_ids_labels_and_colours(drawn) -> None:
    from mm_perception.drawing import colour_of

    recorded = drawn(('/t/masks', ALL[Masks]))
    (context,) = recorded.values(f'{CAMERA}/t/masks', 'context')
    infos = {e['class_id']: e['class_description']['info'] for e in context[0]}
    red, green, blue = colour_of(7)
    assert infos[7]['label'] == 'red car #7'
    assert infos[7]['color'] == (red << 24 | green << 16 | blue << 8 | 255)
    (pixels,) = recorded.values(f'{CAMERA}/t/masks', 'buffer')
    assert np.frombuffer(bytes(pixels[0]), np.uint16).tolist() == [0, 0, 7, 0, 7, 7]
    assert recorded.values(f'{CAMERA}/t/masks/boxes', 'labels') == [['red car #7 0.50']]


def test_people_have_the_limbs_whose_ends_are_known_and_named_joints(drawn) -> None:
    recorded = drawn(('/p/skeletons', ALL[Skeletons]))
    assert recorded.values(f'{CAMERA}/p/skeletons/limbs', 'strips') == [
        [[[1.5, 1.5], [2.5, 1.5]], [[2.5, 1.5], [2.5, 3.5]]]
    ]
    (names,) = recorded.values(f'{CAMERA}/p/skeletons/joints', 'labels')
    assert names == ['left_shoulder #7 0.50', 'left_elbow #7 0.50', 'left_wrist #7 0.50']
    nobody = replace(
        ALL[Skeletons], ids=(), points=np.zeros((0, 17, 2), np.float32),
        scores=np.zeros((0, 17), np.float32),
    )  # fmt: skip
    again = drawn(('/p/skeletons', nobody))
    assert again.values(f'{CAMERA}/p/skeletons/limbs', 'strips') == [[]], 'taken away'


def test_boxes_tell_label_id_and_speed(drawn) -> None:
    recorded = drawn(('/tracks', ALL[Boxes3D]))
    assert recorded.values('/odom/tracks/boxes', 'labels') == [['car #3 5.0 m/s']]
    assert recorded.values('/odom/tracks/boxes', 'half_sizes') == [[[2.0, 1.0, 0.75]]]
    assert recorded.values('/odom/tracks/velocities', 'vectors') == [[[3.0, 4.0, 0.0]]]
    nothing = replace(
        ALL[Boxes3D], centres=np.zeros((0, 3)), sizes=np.zeros((0, 3)), velocities=None,
        quats_xyzw=np.zeros((0, 4)), scores=np.zeros(0, np.float32), labels=(), track_ids=(),
    )  # fmt: skip
    again = drawn(('/tracks', nothing))
    assert again.values('/odom/tracks/boxes', 'labels') == [[]], 'nothing found takes them away'


def test_a_map_lies_with_its_lowest_row_at_the_bottom(drawn) -> None:
    grid = ALL[BevGrid]
    painted = paint(grid)
    assert painted.shape == (2, 2, 4)
    assert painted[1, 0].tolist()[3] == 0, 'unknown is transparent'
    assert painted[0, 0, 0] > painted[0, 0, 2], 'occupied is red'
    recorded = drawn(('/map', grid))
    (data,) = recorded.values('/odom/map', 'data')
    sent = np.frombuffer(bytes(data[0]), np.uint8).reshape(2, 2, 4)
    np.testing.assert_array_equal(sent[::-1], painted)
    assert recorded.values('/odom/map', 'cell_size') == [[0.5]]
    assert '/maps/map' in recorded.entities()


def test_convention_of_levels() -> None:
    clip = ALL[AudioClip]
    assert isinstance(clip, AudioClip)
    levels = levels_db(clip)
    assert len(levels) == 5  # 0.1 s in windows of 20 ms
    np.testing.assert_allclose(levels, -3.0, atol=0.1)
    whole = replace(clip, data=(clip.data * 32767).astype(np.int16))
    np.testing.assert_allclose(levels_db(whole), levels, atol=0.01)
    assert levels_db(replace(clip, data=np.zeros((10, 1), np.float32))).tolist() == [-80.0]


def test_sound_is_a_curve_on_the_same_time_line(drawn) -> None:
    recorded = drawn(('/mic', ALL[AudioClip]))
    (entity,) = [e for e in recorded.entities() if e.endswith('/mic')]
    assert recorded.stamps(entity) == {T_NS + i * 20_000_000 for i in range(5)}


def test_words_are_lines_of_a_log(drawn) -> None:
    recorded = drawn(
        ('/heard', ALL[Transcript]), ('/prompt', ALL[Prompt]), ('/status', ALL[PromptStatus])
    )
    assert recorded.values('/log/heard', 'text') == [['heard “track the red car” (1.0 s, 1.00)']]
    (line,) = recorded.values('/log/prompt', 'text')
    assert '“the red car”' in line[0]
    assert recorded.values('/log/status', 'level') == [['WARN']]


def test_what_became_of_a_prompt_is_told_in_its_words(drawn) -> None:
    """Of a spoken one the id is a number."""
    asked = replace(ALL[Prompt], prompt_id='said-17-0')
    status = replace(ALL[PromptStatus], prompt_id='said-17-0')
    recorded = drawn(('/prompt', asked), ('/status', status))
    assert recorded.values('/log/status', 'text') == [['“the red car”: not found (none)']]
    unknown = drawn(('/status', status))
    assert unknown.values('/log/status', 'text') == [['what was said: not found (none)']]
    assert Recording(Path()).words_of('said-17-0') == 'what was said', 'nor in a report'


def test_that_a_node_runs_is_no_news_until_it_did_not() -> None:
    told: list[str] = []
    stage: Any = SimpleNamespace(memory={}, say_news=lambda *words: told.append(words[1]))
    for level, text in ((b'\0', 'running'), (b'\1', 'no image'), (b'\0', 'running')):
        status = SimpleNamespace(level=level, name='node: mmp', message=text, values=[])
        draw_diagnostics(stage, '/diagnostics', SimpleNamespace(status=[status]))
    assert told == ['node: no image', 'node: running']


def test_advice_that_stays_the_same_is_said_once(drawn) -> None:
    later = replace(ALL[Advice], stamp_ns=T_NS + 1)
    recorded = drawn(('/advice', ALL[Advice]), ('/advice', later))
    assert recorded.values('/log/advice', 'level') == [['ERROR']]
    (curve,) = [e for e in recorded.entities() if e.endswith('/advice/limit')]
    assert len(recorded.values(curve, 'scalars')) == 2


def test_a_prompt_in_pixels_lies_over_the_only_camera(drawn) -> None:
    recorded = drawn(('/cam/image_raw', ALL[Image]), ('/prompt', ALL[Prompt]))
    assert recorded.values(f'{CAMERA}/prompt/points', 'positions') == [[[2.0, 1.0]]]


def test_the_path_of_the_robot_is_drawn_in_steps(drawn) -> None:
    first = ALL[Odometry]
    second = replace(first, stamp_ns=T_NS + 1, position=np.array([1.0, 0, 0]))
    jump = replace(first, stamp_ns=T_NS + 2, position=np.array([100.0, 0, 0]))
    recorded = drawn(('/odom', first), ('/odom', second), ('/odom', jump))
    assert recorded.values('/odom/odom/path', 'strips') == [[[[0, 0, 0], [1, 0, 0]]]]


def test_how_late_a_result_came_is_a_curve(drawn) -> None:
    recorded = drawn(('/t/masks', ALL[Masks]), received_ns=T_NS + 250_000_000)
    (curve,) = [e for e in recorded.entities() if 'delay' in e]
    assert recorded.values(curve, 'scalars') == [[250.0]]
