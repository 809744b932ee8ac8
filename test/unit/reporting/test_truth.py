"""Boxes in any frame are held against the truth of the bag, through the bag's own TF."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from geometry_msgs.msg import TransformStamped
from tf2_msgs.msg import TFMessage

from mm_perception.bag.writer import BagWriter
from mm_perception.graph import load_stack
from mm_perception.reporting.map import map_of
from mm_perception.reporting.recording import add_odometry, add_transforms, read_recording
from mm_perception.reporting.scored import scored
from mm_perception.reporting.truth import Scores, scores_of
from mm_perception.ros import convert
from mm_perception.ros.convert.boxes3d import BOXES
from mm_perception.ros.convert.motion import ODOMETRY
from mm_perception.ros.wire import serialize
from mm_perception.samples import Boxes3D, Odometry

SECOND = 10**9
TRACKS, TRUTH = '/tracker3d/output/tracks', '/ground_truth/boxes'
#: Of the car and the van over ground, metres in odom; the robot drives along x at 2 m/s.
CAR, VAN, SPEED = (20.0, 3.0), (10.0, -4.0), 2.0


def boxes(stamp_ns: int, frame_id: str, *places: tuple[float, float]) -> Boxes3D:
    num = len(places)
    return Boxes3D(
        stamp_ns=stamp_ns, frame_id=frame_id, track_ids=tuple(map(str, range(7, 7 + num))),
        centres=np.array([(x, y, 0.8) for x, y in places], np.float64).reshape(-1, 3),
        sizes=np.tile([4.0, 2.0, 1.6], (num, 1)), scores=np.full(num, 0.9, np.float32),
        quats_xyzw=np.tile([0.0, 0.0, 0.0, 1.0], (num, 1)), labels=('car', 'van')[:num],
    )  # fmt: skip


def transform(stamp_ns: int, parent: str, child: str, x: float) -> TransformStamped:
    found = TransformStamped(child_frame_id=child)
    found.header.frame_id = parent
    found.header.stamp.sec, found.header.stamp.nanosec = divmod(stamp_ns, SECOND)
    found.transform.translation.x, found.transform.rotation.w = x, 1.0
    return found


def write_bags(folder: Path, frame_id: str, shift_m: float, *, has_tf: bool = True) -> None:
    """A drive with a truth in base_link, and a result with perfect tracks in another frame.

    Args:
        folder: For `bag` and `result`.
        frame_id: Of the tracks.
        shift_m: Its origin is so far behind that of odom.
        has_tf: Whether odom and base_link are connected.
    """
    with BagWriter(folder / 'bag') as bag, BagWriter(folder / 'result') as result:
        bag.add_topic('/tf', 'tf2_msgs/msg/TFMessage')
        bag.add_topic('/odom', ODOMETRY)
        bag.add_topic(TRUTH, BOXES)
        result.add_topic(TRACKS, BOXES)
        for step in range(20):
            now, x = step * SECOND // 10, SPEED * step / 10
            tree = [transform(now, 'map', 'odom', shift_m)]
            tree += [transform(now, 'odom', 'base_link', x)] if has_tf else []
            bag.write('/tf', now, serialize(TFMessage(transforms=tree)))
            odom = Odometry(
                stamp_ns=now, frame_id='odom', child_frame_id='base_link',
                position=np.array([x, 0.0, 0.0]), quat_xyzw=np.array([0.0, 0.0, 0.0, 1.0]),
                linear=np.array([SPEED, 0.0, 0.0]), angular=np.zeros(3),
                pose_covariance=np.zeros((6, 6)), twist_covariance=np.zeros((6, 6)),
            )  # fmt: skip
            bag.write('/odom', now, serialize(convert.to_msgs(odom)['']))
            true = boxes(now, 'base_link', (CAR[0] - x, CAR[1]), (VAN[0] - x, VAN[1]))
            bag.write(TRUTH, now, serialize(convert.to_msgs(true)['']))
            seen = boxes(now, frame_id, (CAR[0] + shift_m, CAR[1]), (VAN[0] + shift_m, VAN[1]))
            result.write(TRACKS, now, serialize(convert.to_msgs(seen)['']))


def read(folder: Path) -> tuple[Scores, str]:
    """Scores and the map."""
    recording = read_recording(folder / 'result')
    for add in (add_odometry, add_transforms):
        add(recording, folder / 'bag')
    scores = scores_of(recording, folder / 'bag', folder, load_stack('bev'))
    return scores, map_of(recording, scores.paths.values())


@pytest.mark.parametrize(('frame_id', 'shift_m'), [('odom', 0.0), ('map', 100.0)])
def test_tracks_in_a_fixed_frame_are_scored_and_drawn(
    tmp_path: Path, frame_id: str, shift_m: float
) -> None:
    write_bags(tmp_path, frame_id, shift_m)
    scores, drawn = read(tmp_path)
    assert scores.remarks == []
    assert scores.boxes[TRACKS].mean_ap == pytest.approx(1)
    assert scores.boxes[TRACKS].errors['translation'] == pytest.approx(0, abs=1e-6)
    found = scores.tracks[TRACKS]
    assert (found.amota, found.switches, found.false) == (pytest.approx(1), 0, 0)
    assert 'AMOTA' in scored(scores)
    assert drawn.count('class="track"') == 2
    assert drawn.count('class="true"') == 2
    assert 'where things truly were' in drawn


def test_tracks_without_a_way_to_the_truth_say_what_tf_lacks(tmp_path: Path) -> None:
    write_bags(tmp_path, 'map', 5.0, has_tf=False)
    scores, _ = read(tmp_path)
    assert scores.boxes == {}
    (remark,) = scores.remarks
    assert f'{TRACKS}, in map: no transform base_link <- map' in remark


def test_a_track_that_is_beside_the_truth_is_not_praised(tmp_path: Path) -> None:
    """A wrong TF, 3 m off, is seen in the scores."""
    write_bags(tmp_path, 'map', 100.0)
    recording = read_recording(tmp_path / 'result')
    add_transforms(recording, tmp_path / 'bag')
    for step in range(20):
        wrong = transform(step * SECOND // 10, 'map', 'odom', 103.0)
        recording.transforms.add(wrong, is_static=False)
    scores = scores_of(recording, tmp_path / 'bag', tmp_path, load_stack('bev'))
    assert scores.tracks[TRACKS].amota == 0
    assert scores.boxes[TRACKS].errors['translation'] == 1
