"""The faults that a recording can show, in bags that have them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rosbags.typesys import Stores, get_typestore

from mm_perception.bag.writer import BagWriter
from mm_perception.diagnosis.bag import observe_bag
from mm_perception.diagnosis.checks import run_checks
from mm_perception.diagnosis.finding import Finding
from mm_perception.diagnosis.snapshot import Snapshot, Wanted

NOW_NS = 1_700_000_000 * 10**9
STORE = get_typestore(Stores.ROS2_KILTED)
IMAGE, CLOUD = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/PointCloud2'
INFO, TF = 'sensor_msgs/msg/CameraInfo', 'tf2_msgs/msg/TFMessage'
K = np.array([400.0, 0, 160, 0, 400, 120, 0, 0, 1])


def record(
    path: Path, *, topic='/cam/image_raw', encoding='rgb8', d=(), frame='optical',
    camera_lag_s=0.0, lag_s=0.0,
) -> Path:  # fmt: skip
    """A camera, its calibration, a LiDAR and their mounts, 2 s at 10 Hz."""
    types = STORE.types
    stamp, head = types['builtin_interfaces/msg/Time'], types['std_msgs/msg/Header']

    def header(lag: float, frame_id: str, now_ns: int):
        return head(stamp(*divmod(now_ns - int(lag * 1e9), 10**9)), frame_id)

    vector, turn = types['geometry_msgs/msg/Vector3'], types['geometry_msgs/msg/Quaternion']
    move = types['geometry_msgs/msg/Transform'](vector(0.0, 0.0, 0.0), turn(0.0, 0.0, 0.0, 1.0))
    mount, nothing = types['geometry_msgs/msg/TransformStamped'], np.zeros(0, np.uint8)
    roi = types['sensor_msgs/msg/RegionOfInterest'](0, 0, 0, 0, False)
    with BagWriter(path) as writer:
        for name, kind in ((topic, IMAGE), ('/cam/camera_info', INFO), ('/points', CLOUD)):
            writer.add_topic(name, kind)
        writer.add_topic('/tf_static', TF, latched=True)
        for now_ns in range(NOW_NS, NOW_NS + 2 * 10**9, 10**8):
            at = header(camera_lag_s + lag_s, frame, now_ns)
            messages = {
                topic: types[IMAGE](at, 2, 2, encoding, 0, 6, np.zeros(12, np.uint8)),
                '/cam/camera_info': types[INFO](
                    at, 240, 320, 'plumb_bob', np.array(d, np.float64), K, np.eye(3).ravel(),
                    np.zeros(12), 0, 0, roi,
                ),
                '/points': types[CLOUD](
                    header(lag_s, 'lidar', now_ns), 1, 0, [], False, 16, 0, nothing, True
                ),
                '/tf_static': types[TF]([
                    mount(header(0.0, 'base_link', now_ns), child, move)
                    for child in ('optical', 'lidar')
                ]),
            }  # fmt: skip
            kinds = {topic: IMAGE, '/cam/camera_info': INFO, '/points': CLOUD, '/tf_static': TF}
            for name, message in messages.items():
                writer.write(name, now_ns, bytes(STORE.serialize_cdr(message, kinds[name])))
    return path


def findings_of(path: Path, **changes: object) -> list[Finding]:
    seen = observe_bag(path)
    known = {'encodings': ('rgb8', 'mono8'), **changes}
    return [f for f in run_checks(Snapshot(**{**seen.__dict__, **known})) if f.level]


@pytest.mark.parametrize(
    ('faults', 'cause', 'words'),
    [
        ({'encoding': 'nv61'}, 'unsupported_encoding', "'nv61'"),
        (
            {'topic': '/cam/image_rect', 'd': (-0.3, 0.1, 0, 0, 0)},
            'unrectified', '/cam/camera_info has plumb_bob',
        ),
        ({'frame': 'front'}, 'frame_missing', "'front' is not in TF"),
        ({'camera_lag_s': 0.3}, 'sensor_skew', '300 ms apart'),
        ({'camera_lag_s': 2.0}, 'stamp_skew', '2000 ms behind'),
        ({'lag_s': 3 * 86_400.0}, 'other_clock', '3.0 days behind'),
    ],
)  # fmt: skip
def test_fault_of_a_recording_comes_first(
    tmp_path: Path, faults: dict[str, object], cause: str, words: str
) -> None:
    first, *_ = findings_of(record(tmp_path / 'bag', **faults))
    assert first.cause == cause
    assert words in first.evidence
    assert first.fix


def test_good_recording_has_no_finding(tmp_path: Path) -> None:
    assert findings_of(record(tmp_path / 'bag')) == []


def test_definition_that_differs_from_ours(tmp_path: Path) -> None:
    other = {IMAGE: 'RIHS01_' + '00' * 32}
    (finding,) = findings_of(record(tmp_path / 'bag'), hashes_here=other)
    assert finding.cause == 'type_hash_mismatch'


def test_input_of_a_stack_that_was_not_recorded(tmp_path: Path) -> None:
    wanted = (Wanted('/seg', 'image', '/front/image_raw', (IMAGE,)),)
    (finding,) = findings_of(record(tmp_path / 'bag'), wanted=wanted)
    assert finding.cause == 'no_publisher'
    assert '/cam/image_raw' in finding.fix
