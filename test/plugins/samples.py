"""Inputs for plugins: synthetic samples of every type, and how one inference is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from mm_perception.inputs import Inputs
from mm_perception.plugin import Plugin
from mm_perception.ports import Latest, Queue, Reference, Surround
from mm_perception.samples import (
    AudioClip,
    BevGrid,
    Boxes3D,
    CameraInfo,
    Command,
    Detections,
    Embedding,
    EmbedTextRequest,
    Event,
    Image,
    Intent,
    Masks,
    MatchRequest,
    Odometry,
    Point3D,
    PointCloud,
    Pose,
    Prompt,
    PromptState,
    PromptStatus,
    Sample,
    SearchRequest,
    Skeletons,
    Text,
    Transcript,
    quats_of_yaws,
)

SECOND_NS = 1_000_000_000
HEIGHT, WIDTH = 48, 64


def picture(stamp_ns: int = SECOND_NS, *, shift: int = 0, height: int = HEIGHT) -> Image:
    """Coloured tiles that move to the right by `shift` pixels."""
    rng = np.random.default_rng(1)
    tiles = np.kron(rng.integers(0, 256, (6, 8, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    data = np.ascontiguousarray(np.resize(np.roll(tiles, shift, axis=1), (height, WIDTH, 3)))
    return Image(stamp_ns=stamp_ns, frame_id='camera', data=data)


def box_prompt(**changes: Any) -> Prompt:
    """A box in the upper left of the picture."""
    values: dict[str, Any] = {'prompt_id': 'p', 'box': np.array([8, 8, 40, 30], np.float32)}
    return Prompt(**{**values, **changes})


def _prompt(stamp_ns: int) -> Sample:
    return box_prompt(stamp_ns=stamp_ns)


def _status(stamp_ns: int) -> Sample:
    return PromptStatus(
        stamp_ns=stamp_ns, frame_id='camera', prompt_id='p', stream='left',
        state=PromptState.NOT_FOUND,
    )  # fmt: skip


def _transcript(stamp_ns: int) -> Sample:
    return Transcript(
        stamp_ns=stamp_ns, frame_id='camera', end_ns=stamp_ns + SECOND_NS,
        text='track the red car',
    )  # fmt: skip


def _command(stamp_ns: int) -> Sample:
    return Command(
        stamp_ns=stamp_ns, end_ns=stamp_ns, intent=Intent.TRACK, text='track the red car',
        target='the red car',
    )  # fmt: skip


def _event(stamp_ns: int) -> Sample:
    return Event(
        stamp_ns=stamp_ns, frame_id='camera', kind='entered', start_ns=stamp_ns,
        end_ns=stamp_ns, track_ids=('3',), label='car',
    )  # fmt: skip


def _embedding(stamp_ns: int) -> Sample:
    return Embedding(stamp_ns=stamp_ns, vector=np.full(16, 0.25, np.float32), model='none')


def _text(stamp_ns: int) -> Sample:
    return Text(stamp_ns=stamp_ns, frame_id='camera', text='a car')


def _match_request(stamp_ns: int) -> Sample:
    return MatchRequest(image=picture(stamp_ns), texts=('a car', 'a tree'))


def _embed_text_request(stamp_ns: int) -> Sample:
    return EmbedTextRequest(texts=('a car', 'a tree'))


def _search_request(stamp_ns: int) -> Sample:
    return SearchRequest(text='a car')


def _detections(stamp_ns: int) -> Sample:
    return Detections(
        stamp_ns=stamp_ns, frame_id='camera', xyxy=np.array([[8, 8, 30, 30]], np.float32),
        scores=np.ones(1, np.float32), labels=('car',),
    )  # fmt: skip


def _audio_clip(stamp_ns: int) -> Sample:
    return AudioClip(stamp_ns=stamp_ns, data=np.zeros((1600, 1), np.float32), rate_hz=16000)


def _camera_info(stamp_ns: int) -> Sample:
    k = np.array([[60.0, 0, 32], [0, 60, 24], [0, 0, 1]])
    return CameraInfo(
        stamp_ns=stamp_ns, frame_id='camera', width=WIDTH, height=HEIGHT, d=np.zeros(5), k=k,
        r=np.eye(3), p=np.hstack([k, np.zeros((3, 1))]),
    )  # fmt: skip


def _masks(stamp_ns: int) -> Sample:
    id_map = np.zeros((HEIGHT, WIDTH), np.uint16)
    id_map[10:40, 12:44] = 3
    return Masks(
        stamp_ns=stamp_ns, frame_id='camera', id_map=id_map, ids=(3,), labels=('car',),
        scores=np.ones(1, np.float32),
    )  # fmt: skip


def _skeletons(stamp_ns: int) -> Sample:
    across, down = np.meshgrid(np.linspace(14, 40, 17), [0])
    points = np.stack([across, down + 20], axis=-1).astype(np.float32)
    return Skeletons(
        stamp_ns=stamp_ns, frame_id='camera', width=WIDTH, height=HEIGHT, ids=(3,),
        points=points, scores=np.full((1, 17), 0.9, np.float32),
    )  # fmt: skip


def _point_cloud(stamp_ns: int) -> Sample:
    y, z = np.meshgrid(np.linspace(-1, 1, 9), np.linspace(-1, 1, 9))
    points = np.zeros(y.size, [(axis, np.float32) for axis in 'xyz'])
    points['x'], points['y'], points['z'] = y.ravel(), z.ravel(), 6.0
    return PointCloud(stamp_ns=stamp_ns, frame_id='camera', points=points)


def _boxes3d(stamp_ns: int) -> Sample:
    return Boxes3D(
        stamp_ns=stamp_ns, frame_id='camera', centres=np.array([[12.0, 0.5, 0.8]]),
        sizes=np.array([[4.5, 1.8, 1.5]]), quats_xyzw=quats_of_yaws(np.zeros(1)),
        scores=np.ones(1, np.float32), labels=('car',), track_ids=('3',),
        velocities=np.array([[2.0, 0, 0]]),
    )  # fmt: skip


def _bev_grid(stamp_ns: int) -> Sample:
    cells = np.zeros((2, 40, 80), np.int8)
    return BevGrid(
        stamp_ns=stamp_ns, frame_id='camera', layers=('occupied', 'crossing'), cells=cells,
        resolution_m=0.5, origin=(-5.0, -10.0, 0.0, 0.0),
    )  # fmt: skip


def _odometry(stamp_ns: int) -> Sample:
    return Odometry(
        stamp_ns=stamp_ns, frame_id='camera', child_frame_id='base_link',
        position=np.zeros(3), quat_xyzw=np.array([0.0, 0, 0, 1]), angular=np.zeros(3),
        linear=np.array([5.0, 0, 0]), pose_covariance=np.zeros((6, 6)),
        twist_covariance=np.zeros((6, 6)),
    )  # fmt: skip


def _pose(stamp_ns: int) -> Sample:
    return Pose(
        stamp_ns=stamp_ns, frame_id='camera', position=np.zeros(3),
        quat_xyzw=np.array([0.0, -np.sqrt(0.5), 0, np.sqrt(0.5)]),
    )  # fmt: skip


def _point3d(stamp_ns: int) -> Sample:
    return Point3D(stamp_ns=stamp_ns, frame_id='camera', position=np.array([0.2, 0.1, 6.0]))


_MAKERS: dict[type[Sample], Callable[[int], Sample]] = {
    Image: picture,
    Prompt: _prompt,
    PromptStatus: _status,
    Transcript: _transcript,
    Command: _command,
    Event: _event,
    Embedding: _embedding,
    Text: _text,
    MatchRequest: _match_request,
    EmbedTextRequest: _embed_text_request,
    SearchRequest: _search_request,
    Detections: _detections,
    AudioClip: _audio_clip,
    CameraInfo: _camera_info,
    Masks: _masks,
    Skeletons: _skeletons,
    Point3D: _point3d,
    PointCloud: _point_cloud,
    Boxes3D: _boxes3d,
    BevGrid: _bev_grid,
    Odometry: _odometry,
    Pose: _pose,
}


def sample_of(kind: type[Sample], stamp_ns: int) -> Sample:
    """One valid sample of a type that plugins take."""
    if kind not in _MAKERS:
        raise NotImplementedError(f'no synthetic {kind.__name__}: add one here')
    return _MAKERS[kind](stamp_ns)


def inputs_for(
    plugin: type[Plugin[Any]],
    stamp_ns: int = SECOND_NS,
    *,
    stream: str = '',
    samples: Mapping[str, Any] | None = None,
) -> Inputs:
    """Inputs made from the plugin's ports; queues are empty unless `samples` fills them."""
    found: dict[str, Any] = {}
    for port, kind in plugin.inputs.items():
        if isinstance(kind, Queue):
            found[port] = ()
        elif isinstance(kind, Latest) and port == 'depth':
            depth = np.full((HEIGHT, WIDTH), 6, np.float32)
            found[port] = Image(stamp_ns=stamp_ns, frame_id='camera', data=depth, encoding='32FC1')
        elif isinstance(kind, Latest) and isinstance(plugin.inputs.get(kind.follows), Surround):
            found[port] = {stream: sample_of(kind.sample_type, stamp_ns)}
        elif isinstance(kind, Reference | Latest):
            found[port] = sample_of(kind.sample_type, stamp_ns)
        elif isinstance(kind, Surround):
            found[port] = {stream: sample_of(kind.sample_type, stamp_ns)}
    return Inputs(
        stamp_ns=stamp_ns, frame_id='camera', stream=stream, samples={**found, **(samples or {})}
    )
