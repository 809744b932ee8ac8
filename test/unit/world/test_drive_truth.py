"""The truth in a recorded drive: it agrees with the masks, the scans, the sound and itself."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mm_perception.cli import main as mmp
from mm_perception.evaluation.scenes import read_masks
from mm_perception.ros import convert
from mm_perception.samples import AudioClip, Image, PointCloud
from mm_perception.world import speech
from mm_perception.world.damage import Damage
from mm_perception.world.drive import Drive, one_camera
from mm_perception.world.drive_bag import START_NS, write_drive
from mm_perception.world.drive_truth import TruthLog
from mm_perception.world.lidar import Lidar
from mm_perception.world.microphone import MicrophoneArray
from mm_perception.world.motion import turn_about
from mm_perception.world.truth import CLASSES, KEYPOINTS, boxes_of
from test.unit.world.test_drive_bag import Messages, of_transform, read, stamp_ns
from test.unit.world.test_speech import beep, needs_espeak

CAMERA = 'camera_front'
DEPTH = f'/ground_truth/output/depth/{CAMERA}'
Recorded = tuple[Drive, Messages, dict[str, Any], Path]


@pytest.fixture(scope='module')
def recorded(tmp_path_factory) -> Recorded:
    """Four seconds with all truth; people beep instead of speaking."""
    drive = Drive(
        seed=3, seconds=4.0, rate_hz=2.0, cameras=one_camera(96, 54), has_depth=True,
        lidar=Lidar(channels=6, columns=180, sectors=8, rate_hz=1.0, noise=0.0),
        microphones=MicrophoneArray(), damage=Damage(jitter_s=0.004, silence=(1.0, 1.5)),
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(speech, 'speak', beep)
        folder = write_drive(tmp_path_factory.mktemp('truth') / 'bag', drive)
    return drive, read(folder), json.loads((folder / 'truth.json').read_text()), folder


def local(points: np.ndarray, detection: Any) -> np.ndarray:
    """Points along the axes of a box, as shares of its half size."""
    box = detection.bbox
    centre, turn = box.center.position, box.center.orientation
    yaw = 2 * np.arctan2(turn.z, turn.w)
    half = np.array([box.size.x, box.size.y, box.size.z]) / 2
    return (points - [centre.x, centre.y, centre.z]) @ turn_about(2, yaw) / half


def test_boxes_hold_the_points_of_the_scans(recorded) -> None:
    drive, messages, _, _ = recorded
    boxes = dict(messages['/ground_truth/boxes'])
    checked = 0
    for _, message in messages['/lidar/points']:
        cloud = convert.from_msg(message, PointCloud)
        true_ns = round((stamp_ns(message) - START_NS) / 1e9) * 10**9 + START_NS
        detections = {int(d.id): d for d in boxes[true_ns].detections}
        early = cloud.points[cloud.points['time'] == 0]
        xyz = np.stack([early[axis] for axis in 'xyz'], 1) + drive.lidar.at
        for instance in set(early['instance'].tolist()) & detections.keys():
            own = xyz[early['instance'] == instance]
            assert (np.abs(local(own, detections[instance])) < 1.03).all()
            checked += len(own)
    assert checked > 5


def test_boxes_are_of_the_moment_in_base_link_with_name_and_instance(recorded) -> None:
    drive, messages, truth, folder = recorded
    names = json.loads((folder / 'objects.json').read_text())
    assert len(messages['/ground_truth/boxes']) == drive.num_frames == len(truth['frames'])
    for (log_ns, message), frame in zip(
        messages['/ground_truth/boxes'], truth['frames'], strict=True
    ):
        assert log_ns == stamp_ns(message) == frame['stamp_ns']
        assert message.header.frame_id == 'base_link'
        assert len(message.detections) > 10
        for detection, box in zip(message.detections, frame['boxes'], strict=True):
            assert detection.id == str(box['instance'])
            assert detection.results[0].hypothesis.class_id == names[detection.id]
            assert detection.bbox.center.position.x == pytest.approx(box['centre'][0], abs=1e-3)
            assert np.hypot(*box['centre'][:2]) < 60


def test_velocities_are_how_boxes_move_over_ground(recorded) -> None:
    drive, _, truth, _ = recorded
    places: dict[int, list[np.ndarray]] = {}
    for index, frame in enumerate(truth['frames']):
        at, turn = drive.ego(index / 2)
        for box in frame['boxes']:
            row = np.array([turn @ box['centre'] + at, turn @ box['velocity']])
            places.setdefault(box['instance'], []).append(row)
    moving = 0
    for instance, rows in places.items():
        if len(rows) < drive.num_frames:
            continue
        kind = truth['objects'][str(instance)]['kind']
        if kind in ('car', 'van', 'bus', 'truck'):
            speed = (rows[-1][0] - rows[0][0])[:2] / 3.5
            np.testing.assert_allclose(rows[3][1][:2], speed, atol=1e-2)
            moving += bool(np.linalg.norm(speed) > 3)
    assert moving >= 2


def test_pixels_and_depth_are_those_of_the_masks(recorded) -> None:
    _, messages, truth, folder = recorded
    masks = read_masks(folder, f'/ground_truth/output/masks/{CAMERA}')
    depth = {stamp_ns(m): convert.from_msg(m, Image) for _, m in messages[DEPTH]}
    assert set(masks) == set(depth)
    for frame in truth['frames']:
        seen = frame['cameras'][CAMERA]
        assert 0 < abs(seen['stamp_ns'] - frame['stamp_ns']) <= 4e6, 'the stamp of the picture'
        truth_masks = masks[seen['stamp_ns']]
        counts = np.bincount(truth_masks.id_map.reshape(-1))
        for instance in truth_masks.ids:
            assert seen['pixels'][str(instance)] == counts[instance]
        distances = depth[seen['stamp_ns']].data
        assert distances.dtype == np.float32
        for box in frame['boxes']:
            own = distances[truth_masks.id_map == box['instance']]
            reach = np.linalg.norm(box['size']) / 2 + 0.01
            ahead = box['centre'][0] - 0.6  # where the camera is
            assert (np.abs(own - ahead) < reach).all()


def test_boxes_enclose_the_masks_in_the_picture(recorded) -> None:
    drive, _, truth, folder = recorded
    camera = drive.cameras[0]
    masks, whole = read_masks(folder, f'/ground_truth/output/masks/{CAMERA}'), 0
    for index, frame in enumerate(truth['frames']):
        at, turn = drive.ego(drive.time_s(index))
        boxes = {b.instance: b for b in boxes_of(drive.stage, drive.time_s(index))}
        id_map = masks[frame['cameras'][CAMERA]['stamp_ns']].id_map
        for box in frame['boxes']:
            rows, columns = np.nonzero(id_map == box['instance'])
            corners = (boxes[box['instance']].corners() - at) @ turn  # in base_link
            pixels = camera.project((corners - camera.at) @ camera.turn)
            np.testing.assert_allclose(corners.mean(0), box['centre'], atol=1e-3)
            if len(rows) and np.isfinite(pixels).all():
                low, high = pixels.min(0) - 0.5, pixels.max(0) + 0.5
                assert (low <= (columns.min(), rows.min())).all(), box['instance']
                assert (high >= (columns.max(), rows.max())).all(), box['instance']
                whole += len(rows) > 10
    assert whole > 10


def test_joints_lie_in_the_masks_where_they_are_visible(recorded) -> None:
    _, _, truth, folder = recorded
    masks, visible = read_masks(folder, f'/ground_truth/output/masks/{CAMERA}'), 0
    for frame in truth['frames']:
        seen = frame['cameras'][CAMERA]
        id_map = masks[seen['stamp_ns']].id_map
        for instance, rows in seen['keypoints'].items():
            assert len(rows) == len(KEYPOINTS) == len(truth['keypoints'])
            assert frame['actions'][instance] in ('walking', 'standing', 'waving', 'cycling')
            for x, y, v in (row for row in rows if row and row[2] == 2):
                around = id_map[round(y) - 1 : round(y) + 2, round(x) - 1 : round(x) + 2]
                assert int(instance) in around
                visible += v == 2
    assert visible > 20


def test_words_and_events_are_there(recorded) -> None:
    _, _, truth, _ = recorded
    seen = [frame['cameras'][CAMERA] for frame in truth['frames']]
    assert all(s['captions'] for s in seen)
    assert any(s['relations'] for s in seen)
    answers = [q['answer'] for s in seen for q in s['questions']]
    assert answers.count('yes') == answers.count('no') > 5
    kinds = {event['kind'] for event in truth['events']}
    assert {'in_view', 'on_road', 'near', 'is_passed'} <= kinds
    for event in truth['events']:
        assert START_NS <= event['start_ns'] <= event['end_ns'] < START_NS + 4 * 10**9
        assert str(event['instance']) in truth['objects']


def test_maps_come_once_a_second_and_show_the_boxes(recorded) -> None:
    drive, messages, truth, _ = recorded
    grids = messages['/ground_truth/bev']
    assert [(log_ns - START_NS) / 1e9 for log_ns, _ in grids] == [0, 1, 2, 3, 4]
    assert truth['bev_classes'] == list(CLASSES)
    for (log_ns, grid), (_, classes) in zip(
        grids, messages['/ground_truth/bev/classes'], strict=True
    ):
        assert stamp_ns(grid) == stamp_ns(classes) == log_ns
        assert grid.header.frame_id == 'base_link'
        cells = np.array(grid.data, np.int8).reshape(grid.info.height, grid.info.width)
        kinds = np.array(classes.data, np.int8).reshape(cells.shape)
        assert set(np.unique(cells)) <= {-1, 0, 100}
        origin, resolution = grid.info.origin.position, grid.info.resolution
        index = (log_ns - START_NS) // (10**9 // 2)
        for box in truth['frames'][index]['boxes'] if index < drive.num_frames else ():
            x, y, _ = box['centre']
            row, column = int((y - origin.y) / resolution), int((x - origin.x) / resolution)
            if 0 <= row < cells.shape[0] and 0 <= column < cells.shape[1]:
                assert cells[row, column] == 100
                kind = truth['objects'][str(box['instance'])]['kind']
                assert kind != 'bus' or CLASSES[kinds[row, column]] == 'vehicle'


def test_sound_is_whole_and_falls_silent(recorded) -> None:
    drive, messages, truth, _ = recorded
    array, chunks = drive.microphones, messages['/microphone/audio']
    clips = [convert.from_msg(message, AudioClip) for _, message in chunks]
    assert [clip.data.shape for clip in clips] == [(1600, 4)] * 40
    for index, ((log_ns, _), clip) in enumerate(zip(chunks, clips, strict=True)):
        assert clip.stamp_ns == START_NS + index * 10**8 == log_ns - 10**8
        assert (clip.rate_hz, clip.frame_id) == (16000, 'microphone')
    heard = np.concatenate([clip.data for clip in clips])
    assert not heard[16000:24000].any()
    assert heard[:16000].any(axis=0).all()
    mounts = {t.child_frame_id: t for t in messages['/tf_static'][0][1].transforms}
    for channel, place in enumerate(array.places):
        frame = mounts[f'microphone_{channel}']
        assert frame.header.frame_id == 'microphone'
        np.testing.assert_allclose(of_transform(frame)[:3, 3], place)
    assert truth['microphones']['places'] == array.places.tolist()


def test_speech_is_heard_when_it_is_said(recorded) -> None:
    _drive, messages, truth, _ = recorded
    heard = np.concatenate(
        [convert.from_msg(m, AudioClip).data for _, m in messages['/microphone/audio']]
    )
    said = truth['speech']
    assert said
    loud = np.abs(heard[:, 0].astype(float))
    level = np.convolve(loud, np.ones(400) / 400, 'same')
    for utterance in said:
        assert truth['objects'][str(utterance['instance'])]['kind'] in ('pedestrian', 'cyclist')
        start, end = ((utterance[k] - START_NS) / 1e9 for k in ('start_ns', 'end_ns'))
        samples = np.arange(int((start + 0.12) * 16000), int((end - 0.02) * 16000))
        samples = samples[(samples < 15800) | (samples > 24200)]  # silence
        assert (level[samples] > 60).all()
        before = level[int((start - 0.15) * 16000) : int((start - 0.03) * 16000)]
        assert np.median(before) < 60


def test_truth_is_the_same_for_any_number_of_workers(recorded, tmp_path, monkeypatch) -> None:
    drive, _, _, folder = recorded
    monkeypatch.setattr(speech, 'speak', beep)
    again = write_drive(tmp_path / 'bag', drive, workers=2)
    for name in ('truth.json', 'bag.mcap', 'objects.json'):
        assert (again / name).read_bytes() == (folder / name).read_bytes()


def test_a_lost_picture_has_no_truth_but_its_moment_has(tmp_path) -> None:
    drive = Drive(
        seed=3, seconds=0.6, cameras=one_camera(32, 18), lidar=None, damage=Damage(dropped=1.0)
    )
    folder = write_drive(tmp_path / 'bag', drive)
    truth = json.loads((folder / 'truth.json').read_text())
    assert len(truth['frames']) == 6
    assert all(frame['cameras'] == {} and frame['boxes'] for frame in truth['frames'])
    assert 'in_view' not in {event['kind'] for event in truth['events']}
    assert truth['speech'] == []
    assert truth['microphones'] is None


def test_more_sensors_leave_the_rest_as_it_was(recorded, tmp_path) -> None:
    drive, messages, _, _ = recorded
    bare = replace(drive, microphones=None, has_depth=False, lidar=None, seconds=1.0)
    fewer = read(write_drive(tmp_path / 'bag', bare))
    assert DEPTH not in fewer
    assert '/microphone/audio' not in fewer
    for topic in (f'/{CAMERA}/image_raw', '/ground_truth/boxes'):
        assert [m for _, m in fewer[topic]] == [m for _, m in messages[topic][:2]]


def test_the_log_takes_another_grid() -> None:
    from mm_perception.world.truth import Grid

    log = TruthLog(Drive(seed=3), 0, Grid(resolution=1.0, ahead=5, behind=5, aside=3))
    assert log.bird(0.5).classes.shape == (6, 10)


@needs_espeak
def test_the_command_writes_speech_and_depth(tmp_path) -> None:
    out = tmp_path / 'bag'
    command = (
        f'world --out {out} --seed 3 --seconds 3 --rate 1 --width 32 --workers 1 --no-lidar '
        '--speech --depth --silence 0:0.1'
    )
    assert mmp.main(command.split()) == 0
    truth = json.loads((out / 'truth.json').read_text())
    assert truth['speech'][0]['text'] in speech.TEXTS
    messages = read(out)
    assert len(messages['/microphone/audio']) == 30
    assert not any(messages['/microphone/audio'][0][1].data)
    assert len(messages[DEPTH]) == 3


def test_the_command_needs_a_place_to_write(capsys) -> None:
    assert mmp.main(['world', '--seconds', '1']) == 2
    assert '--live' in capsys.readouterr().err
