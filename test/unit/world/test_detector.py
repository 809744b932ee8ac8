"""The detector that does not exist: as good and as bad as it says."""

from __future__ import annotations

import numpy as np

from mm_perception.world.detector import Detector, boxes_sample, true_boxes
from mm_perception.world.drive import Drive

DRIVE = Drive(3, lidar=None)
PERFECT = Detector(
    position_std_m=0, yaw_std_rad=0, size_std=0, velocity_std_mps=0, missed=0, hidden=0, alarms=0,
    reach_m=1000,
)  # fmt: skip


def test_without_faults_it_tells_the_truth() -> None:
    boxes = true_boxes(DRIVE, 1.0)
    truth, found = boxes_sample(boxes, 5, 'base_link'), PERFECT.detect(DRIVE, 1.0, boxes, 5)
    for name in ('centres', 'sizes', 'quats_xyzw', 'velocities'):
        np.testing.assert_allclose(getattr(found, name), getattr(truth, name), atol=1e-12)
    assert (found.labels, found.stamp_ns, found.frame_id) == (truth.labels, 5, 'base_link')
    assert found.track_ids == ()
    assert len(set(truth.track_ids)) == len(boxes) > 10


def test_faults_are_as_many_as_told() -> None:
    boxes = true_boxes(DRIVE, 1.0)
    near = [box for box in boxes if np.hypot(*box.centre[:2]) < 50]
    times = np.arange(200) * 0.1
    found = [Detector(missed=0.2, hidden=0, alarms=0).detect(DRIVE, t, boxes, 0) for t in times]
    assert abs(np.mean([len(f) for f in found]) / len(near) - 0.8) < 0.03
    found = [Detector(missed=0, hidden=0, alarms=2).detect(DRIVE, t, boxes, 0) for t in times]
    assert abs(np.mean([len(f) for f in found]) - len(near) - 2) < 0.4
    hidden = Detector(missed=0, hidden=0.3, alarms=0)
    counts = [len(hidden.detect(DRIVE, t, boxes, 0)) for t in times]
    assert abs(np.mean(counts) / len(near) - 0.7) < 0.08


def test_it_sees_the_same_each_time() -> None:
    boxes = true_boxes(DRIVE, 1.0)
    first, second = (Detector().detect(DRIVE, 1.0, boxes, 0) for _ in range(2))
    np.testing.assert_array_equal(first.centres, second.centres)
    other = Detector().detect(DRIVE, 1.1, boxes, 0)
    assert other.centres.shape != first.centres.shape or (other.centres != first.centres).any()


def test_truth_is_of_the_kinds_asked_for() -> None:
    assert {box.kind for box in true_boxes(DRIVE, 0.0, ('pedestrian',))} == {'pedestrian'}
