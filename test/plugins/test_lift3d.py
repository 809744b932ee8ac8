"""Masks and a scan become boxes: where, in which frame, under which id, and what is missing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mm_perception.errors import MissingInputError, ShapeError
from mm_perception.geometry import pose_matrix
from mm_perception.inputs import Inputs
from mm_perception.plugin import Context
from mm_perception.plugins.lift3d import Lift3D, Lift3DConfig
from mm_perception.samples import Boxes3D, Image, Masks, PointCloud
from test.unit.geometry.boxes import CAR, INFO, seen_box

STAMP_NS = 5_000_000_000
#: base_link from the optical axes of a level camera, 1 m above the ground, that looks ahead.
BASE_FROM_CAMERA = np.array(
    [[0.0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 1], [0, 0, 0, 1]], np.float64
)
SPEED = 10.0  # m/s of base_link along x in odom


def lookup(target: str, source: str, stamp_ns: int) -> np.ndarray:
    """Of a vehicle that drives straight on, with the scanner where the camera is."""
    odom = np.eye(4)
    odom[0, 3] = SPEED * (stamp_ns - STAMP_NS) / 1e9
    poses = {
        'odom': np.eye(4), 'base_link': odom, 'left': odom @ BASE_FROM_CAMERA,
        'right': odom @ BASE_FROM_CAMERA, 'lidar': odom @ BASE_FROM_CAMERA,
    }  # fmt: skip
    return np.linalg.inv(poses[target]) @ poses[source]


def cloud_of(points: np.ndarray, stamp_ns: int = STAMP_NS, **fields: np.ndarray) -> PointCloud:
    dtype = [(name, 'f4') for name in ('x', 'y', 'z', *fields)]
    rows = np.zeros(len(points), dtype)
    for axis, name in enumerate('xyz'):
        rows[name] = points[:, axis]
    for name, values in fields.items():
        rows[name] = values
    return PointCloud(stamp_ns=stamp_ns, frame_id='lidar', points=rows)


def masks_of(*masks: np.ndarray, stamp_ns: int = STAMP_NS, first: int = 1, **more: Any) -> Masks:
    id_map = np.zeros(masks[0].shape, np.uint16)
    for number, mask in enumerate(masks, first):
        id_map[mask] = number
    values = {
        'ids': tuple(range(first, first + len(masks))), 'labels': ('red car',) * len(masks),
        'scores': np.full(len(masks), 0.8, np.float32), **more,
    }  # fmt: skip
    return Masks(stamp_ns=stamp_ns, frame_id='left', id_map=id_map, **values)


def plugin(**settings: Any) -> Lift3D:
    made = Lift3D(Lift3DConfig(**settings), Context(lookup_transform=lookup))
    made.load('cpu')
    return made


def infer(
    lifter: Lift3D, masks: Masks, cloud: PointCloud | None, stream: str = 'left', **more: Any
) -> Boxes3D:
    samples = {'masks': masks, 'camera_info': INFO, 'cloud': cloud, 'depth': None, **more}
    inputs = Inputs(
        stamp_ns=masks.stamp_ns, frame_id=masks.frame_id, stream=stream, samples=samples
    )
    (boxes,) = lifter.infer(inputs).values()
    assert isinstance(boxes, Boxes3D)
    return boxes


MASK, POINTS = seen_box(14.0, 2.0, np.radians(30), CAR)


def test_a_box_is_in_the_frame_that_was_asked_for() -> None:
    boxes = infer(plugin(), masks_of(MASK), cloud_of(POINTS))
    assert (boxes.frame_id, boxes.stamp_ns) == ('base_link', STAMP_NS)
    np.testing.assert_allclose(boxes.centres, [[14.0, 2.0, CAR[2] / 2]], atol=0.25)
    assert np.degrees(boxes.yaws()[0]) % 180 == pytest.approx(30, abs=4)
    assert boxes.labels == ('red car',)
    assert boxes.scores[0] == pytest.approx(0.8)
    assert boxes.covariances is not None
    assert 0.01 < boxes.covariances[0, 0, 0] < 1
    assert boxes.velocities is None


def test_what_was_driven_between_scan_and_picture_counts() -> None:
    late = STAMP_NS + 100_000_000  # the vehicle has come 1 m nearer
    nearer, _ = seen_box(13.0, 2.0, np.radians(30), CAR)
    boxes = infer(plugin(), masks_of(nearer, stamp_ns=late), cloud_of(POINTS))
    np.testing.assert_allclose(boxes.centres[0, :2], [13.0, 2.0], atol=0.25)


def test_every_point_counts_from_when_it_was_measured() -> None:
    # A scan of 0.1 s whose last points were measured 1 m nearer.
    after_s = np.linspace(0, 0.1, len(POINTS))
    driven = POINTS - np.stack([0 * after_s, 0 * after_s, SPEED * after_s], axis=1)
    boxes = infer(plugin(), masks_of(MASK), cloud_of(driven, time=after_s))
    np.testing.assert_allclose(boxes.centres[0, :2], [14.0, 2.0], atol=0.25)
    np.testing.assert_allclose(boxes.sizes[0], CAR, rtol=0.15)


def test_depth_does_as_well_as_a_scan() -> None:
    depth = np.full(MASK.shape, np.nan, np.float32)
    depth[MASK] = 11.5
    picture = Image(stamp_ns=STAMP_NS, frame_id='left', data=depth, encoding='32FC1')
    boxes = infer(plugin(uses_sizes=False), masks_of(MASK), None, depth=picture)
    assert len(boxes) == 1
    assert 11.4 < boxes.centres[0, 0] < 14
    millimetres = np.nan_to_num(depth * 1000).astype(np.uint16)
    raw = Image(stamp_ns=STAMP_NS, frame_id='left', data=millimetres, encoding='16UC1')
    again = infer(plugin(uses_sizes=False), masks_of(MASK), None, depth=raw)
    np.testing.assert_allclose(again.centres, boxes.centres, atol=0.01)


def test_depth_of_another_camera_is_refused_unless_it_is_in_the_same_place() -> None:
    depth = np.full(MASK.shape, 11.5, np.float32)
    here = Image(stamp_ns=STAMP_NS, frame_id='right', data=depth, encoding='32FC1')
    assert len(infer(plugin(), masks_of(MASK), None, depth=here)) == 1, 'a name is no place'
    aside = Image(stamp_ns=STAMP_NS, frame_id='base_link', data=depth, encoding='32FC1')
    with pytest.raises(MissingInputError, match=r"seen from 'base_link'.*'left'.*registered"):
        infer(plugin(), masks_of(MASK), None, depth=aside)


def test_camera_without_calibration_is_a_failure_and_not_an_empty_result() -> None:
    blank = replace(INFO, k=np.zeros((3, 3)))
    with pytest.raises(MissingInputError, match='not calibrated'):
        infer(plugin(), masks_of(MASK), cloud_of(POINTS), camera_info=blank)


def test_a_thing_that_two_cameras_see_has_one_id_and_stays_it() -> None:
    lifter = plugin()
    left = infer(lifter, masks_of(MASK, first=3), cloud_of(POINTS), 'left')
    right = infer(lifter, masks_of(MASK, first=8), cloud_of(POINTS), 'right')
    assert right.track_ids == left.track_ids
    aside, more = seen_box(14.0, -4.0, 0.0, CAR)
    other = infer(lifter, masks_of(aside, first=9), cloud_of(more), 'right')
    assert other.track_ids != left.track_ids
    later = infer(lifter, masks_of(MASK, first=3), cloud_of(POINTS), 'left')
    assert later.track_ids == left.track_ids


def test_two_things_of_one_camera_are_never_joined() -> None:
    lifter = plugin(gate_m=50.0)
    aside, more = seen_box(14.0, -4.0, 0.0, CAR)
    boxes = infer(lifter, masks_of(MASK, aside), cloud_of(np.concatenate([POINTS, more])))
    assert len(set(boxes.track_ids)) == 2


def test_another_label_is_another_thing() -> None:
    lifter = plugin()
    car = infer(lifter, masks_of(MASK), cloud_of(POINTS), 'left')
    lorry = infer(lifter, masks_of(MASK, labels=('truck',)), cloud_of(POINTS), 'right')
    assert lorry.track_ids != car.track_ids


def test_what_has_no_points_is_left_out_and_nothing_seen_is_an_empty_answer() -> None:
    aside, _ = seen_box(14.0, -4.0, 0.0, CAR)
    boxes = infer(plugin(), masks_of(MASK, aside), cloud_of(POINTS))
    assert len(boxes) == 1
    nothing = Masks(
        stamp_ns=STAMP_NS, frame_id='left', id_map=np.zeros(MASK.shape, np.uint16), ids=(),
        labels=(), scores=np.zeros(0, np.float32),
    )  # fmt: skip
    assert len(infer(plugin(), nothing, cloud_of(POINTS))) == 0


def test_a_failure_is_no_empty_answer() -> None:
    with pytest.raises(MissingInputError, match='no scan and no depth'):
        infer(plugin(), masks_of(MASK), None)
    small = masks_of(MASK[::2, ::2])
    with pytest.raises(ShapeError, match='640x360, as CameraInfo, got 320x180'):
        infer(plugin(), small, cloud_of(POINTS))


def test_a_tilted_camera_gives_upright_boxes() -> None:
    tilt = pose_matrix(np.zeros(3), np.array([np.sin(0.1), 0, 0, np.cos(0.1)]))
    points = POINTS @ tilt[:3, :3]

    def tilted(target: str, source: str, stamp_ns: int) -> np.ndarray:
        camera = np.eye(4) if source == 'odom' else tilt
        found = lookup(target, source, stamp_ns)
        return found @ camera if source in ('left', 'lidar') else np.linalg.inv(tilt) @ found

    from mm_perception.geometry.cameras import project

    pixels = project(INFO, points)
    mask = np.zeros(MASK.shape, bool)
    inside = (pixels > 0).all(1) & (pixels < [639, 359]).all(1)
    columns, rows = pixels[inside].astype(int).T
    mask[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = True
    lifter = Lift3D(Lift3DConfig(), Context(lookup_transform=tilted))
    boxes = infer(lifter, replace(masks_of(mask)), cloud_of(points))
    np.testing.assert_allclose(boxes.centres[0, :2], [14.0, 2.0], atol=0.4)
    assert np.degrees(boxes.yaws()[0]) % 180 == pytest.approx(30, abs=6)
