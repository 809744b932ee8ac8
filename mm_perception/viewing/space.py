"""Drawings of what lies in space: points, boxes, maps, places and motion."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import rerun as rr

from mm_perception.drawing.birds_eye import LAYER_COLOURS
from mm_perception.drawing.points import depth_colour
from mm_perception.ros.convert.header import ns_of
from mm_perception.samples import BevGrid, Boxes3D, Odometry, Point3D, PointCloud, Pose
from mm_perception.samples.sample import Array
from mm_perception.viewing.pictures import colour_of_track
from mm_perception.viewing.stage import AXIS_M, Path, Stage

#: Slower than this, m/s, nothing is said of how fast it is.
_STILL_MPS = 0.3
_ASKED = (240, 90, 200)
_FREE = (70, 74, 82)
_MAP_OPACITY = 0.75
_DEPTHS_M = np.geomspace(2.0, 60.0, 64)
_PALETTE = np.array([depth_colour(depth) for depth in _DEPTHS_M], np.uint8)
_FRAME_M = 0.4
_AXES = np.eye(3) * AXIS_M
_AXIS_COLOURS = ((235, 80, 70), (90, 200, 90), (80, 130, 240))  # x, y and z, as RViz has them
#: A step further than this is no path but a jump, metres.
_JUMP_M = 5.0


def draw_cloud(stage: Stage, topic: str, cloud: PointCloud) -> None:
    """Points in the colours of the cloud where it has some, else by distance: red is near."""
    path = stage.place(topic, cloud.frame_id)
    if path is None:
        return
    xyz = cloud.xyz()
    whole = np.isfinite(xyz).all(axis=1)
    colours = _own_colours(cloud)
    if colours is None:
        far = np.linalg.norm(xyz[whole], axis=1)
        colours = _PALETTE[np.searchsorted(_DEPTHS_M, far).clip(0, len(_PALETTE) - 1)]
    else:
        colours = colours[whole]
    stage.log(path, rr.Points3D(xyz[whole], colors=colours, radii=rr.Radius.ui_points(1.2)))


def _own_colours(cloud: PointCloud) -> Array | None:
    """(N, 3) uint8 of the field `rgb`: packed 0x00RRGGBB, as float32 or uint32."""
    if 'rgb' not in cloud.fields:
        return None
    packed = np.ascontiguousarray(cloud.points.reshape(-1)['rgb'])
    if packed.dtype.itemsize != 4:
        return None
    bits = packed.view(np.uint32)
    return np.stack([bits >> 16 & 255, bits >> 8 & 255, bits & 255], axis=1).astype(np.uint8)


def draw_boxes(stage: Stage, topic: str, boxes: Boxes3D) -> None:
    """Boxes with label, id and speed, and an arrow to where each will be in a second."""
    path = stage.place(topic, boxes.frame_id)
    if path is None:
        return
    ids = boxes.track_ids or ('',) * len(boxes)
    speeds = boxes.velocities if boxes.velocities is not None else np.zeros((len(boxes), 3))
    names = [_name(*of) for of in zip(boxes.labels, ids, speeds, boxes.scores, strict=True)]
    colours = [colour_of_track(i, label) for i, label in zip(ids, boxes.labels, strict=True)]
    stage.log(
        [*path, 'boxes'],
        rr.Boxes3D(
            centers=boxes.centres, half_sizes=boxes.sizes / 2, quaternions=boxes.quats_xyzw,
            labels=names, colors=colours, show_labels=True,
        ),
    )  # fmt: skip
    arrows = rr.Arrows3D(vectors=speeds, origins=boxes.centres, colors=colours)
    stage.log([*path, 'velocities'], arrows)
    stage.layout.add_boxes(path, is_tracked=bool(boxes.track_ids))


def _name(label: str, track_id: str, velocity: Array, score: float) -> str:
    speed = float(np.linalg.norm(velocity))
    name = f'{label} #{track_id}' if track_id else f'{label} {score:.2f}'
    return f'{name} {speed:.1f} m/s' if speed > _STILL_MPS else name


def draw_map(stage: Stage, topic: str, grid: BevGrid) -> None:
    """The layers in colours, on the ground, and as a picture of its own."""
    painted = paint(grid)
    if painted.size == 0:
        return
    picture = np.ascontiguousarray(painted[::-1])  # rows of a picture go down, of a grid along y
    height, width = picture.shape[:2]
    loose = ['maps', *topic.strip('/').split('/')]
    # Ahead is up: x of a map runs upwards and y to the left, as in `drawing.birds_eye`.
    seen = cv2.cvtColor(np.rot90(picture).copy(), cv2.COLOR_RGBA2RGB)
    stage.log(loose, rr.Image(seen))
    stage.layout.add_loose(loose)
    path = stage.place(topic, grid.frame_id)
    if path is None:
        return
    x, y, z, yaw = grid.origin
    stage.log(
        path,
        rr.GridMap(
            data=picture.tobytes(),
            format=rr.components.ImageFormat(
                width=width, height=height, color_model='RGBA', channel_datatype='U8'
            ),
            cell_size=grid.resolution_m, translation=(x, y, z),
            rotation_axis_angle=rr.RotationAxisAngle((0, 0, 1), radians=yaw),
            opacity=_MAP_OPACITY,
        ),
    )  # fmt: skip


def paint(grid: BevGrid) -> Array:
    """A grid as (H, W, 4) uint8 RGBA, row 0 at its lowest y; unknown cells are transparent."""
    known = (grid.cells >= 0).any(axis=0)
    painted = np.zeros((*known.shape, 3), np.float32)
    painted[known] = _FREE
    for name, colour in {**LAYER_COLOURS, 'asked': _ASKED}.items():
        cells = grid.layer(name)
        if cells is not None:
            share = (np.clip(cells, 0, 100) / 100)[..., None]
            painted = painted * (1 - share) + np.array(colour) * share
    alpha = np.where(known, 255, 0)[..., None]
    return np.concatenate([painted, alpha], axis=-1).astype(np.uint8)


def draw_point(stage: Stage, topic: str, point: Point3D) -> None:
    """A ball, and a line in the log."""
    path = stage.place(topic, point.frame_id)
    if path is not None:
        ball = rr.Points3D(point.position[None], radii=0.15, colors=[_ASKED], labels=['clicked'])
        stage.log(path, ball)
    x, y, z = point.position.tolist()
    stage.say(topic, f'point {x:.2f}, {y:.2f}, {z:.2f} m in {point.frame_id}')


def draw_pose(stage: Stage, topic: str, pose: Pose) -> None:
    """Three arrows: x red, y green, z blue."""
    path = stage.place(topic, pose.frame_id)
    if path is not None:
        _draw_axes(stage, path, pose.position, pose.quat_xyzw)


def draw_odometry(stage: Stage, topic: str, odometry: Odometry) -> None:
    """Three arrows, the path behind them, and the speed as a curve."""
    stage.curve('speed, m/s', topic, float(np.linalg.norm(odometry.linear)))
    path = stage.place(topic, odometry.frame_id)
    if path is None:
        return
    _draw_axes(stage, [*path, 'body'], odometry.position, odometry.quat_xyzw)
    stage.layout.add_robot(path[0], [*path, 'body'])
    before = stage.memory.get(topic)
    stage.memory[topic] = here = np.asarray(odometry.position)
    if before is not None and 0 < np.linalg.norm(here - before) < _JUMP_M:
        step = rr.LineStrips3D([[before, here]], colors=[(120, 220, 255)], radii=0.05)
        stage.log([*path, 'path'], step)
        stage.layout.add_trail([*path, 'path'])


def _draw_axes(stage: Stage, path: Path, position: Array, quat_xyzw: Array) -> None:
    moved: Any = rr.Transform3D(translation=position, quaternion=quat_xyzw)
    arrows = rr.Arrows3D(vectors=_AXES, colors=_AXIS_COLOURS)
    stage.log(path, moved, arrows)


def draw_transforms(stage: Stage, topic: str, message: Any) -> None:
    """The frames of TF as arrows, each where its parent has it; for ever where it is static."""
    known = stage.memory.setdefault('frames', set())
    for transform in message.transforms:
        move, turn = transform.transform.translation, transform.transform.rotation
        child = transform.child_frame_id.lstrip('/')
        parent = transform.header.frame_id.lstrip('/')
        stage.at(ns_of(transform.header.stamp))
        stage.log(
            ['tf', child],
            rr.Transform3D(
                translation=(move.x, move.y, move.z),
                quaternion=rr.Quaternion(xyzw=(turn.x, turn.y, turn.z, turn.w)),
                parent_frame=parent, child_frame=child,
            ),
            is_static=topic == '/tf_static',
        )  # fmt: skip
        if child not in known:
            known.add(child)
            axes = rr.TransformAxes3D(_FRAME_M), rr.CoordinateFrame(child)
            stage.log(['tf', child], *axes, is_static=True)
        root = stage.transforms.root_of(child)
        if root not in known:  # what is below the entity of a root lies in the frame of that name
            known.add(root)
            same = rr.Transform3D(parent_frame=f'tf#/{root}', child_frame=root)
            stage.log(['tf', root], same, is_static=True)
