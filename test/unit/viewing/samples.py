"""One sample of every type, small, at one moment."""

from __future__ import annotations

from typing import Any

import numpy as np

from mm_perception.samples import (
    Action,
    Advice,
    AudioClip,
    BevGrid,
    Boxes3D,
    CameraInfo,
    Command,
    Detections,
    Embedding,
    EmbedTextReply,
    EmbedTextRequest,
    Event,
    Image,
    Intent,
    Labels,
    Masks,
    MatchReply,
    MatchRequest,
    Odometry,
    Point3D,
    PointCloud,
    Pose,
    Prompt,
    PromptReply,
    PromptState,
    PromptStatus,
    Relation,
    Sample,
    SearchHit,
    SearchReply,
    SearchRequest,
    Skeletons,
    Text,
    Transcript,
    quats_of_yaws,
)

T_NS = 1_700_000_000_000_000_000
SEEN: dict[str, Any] = {'stamp_ns': T_NS, 'frame_id': 'camera'}
BODY: dict[str, Any] = {'stamp_ns': T_NS, 'frame_id': 'base_link'}
ONE = np.array([0.5], np.float32)
PIXELS = np.zeros((4, 6, 3), np.uint8)
IDS = np.array([[0, 0, 7], [0, 7, 7]], np.uint16)
POINTS = np.array(
    [(1, 2, 3), (np.nan, 0, 0), (4, 5, 6)], [('x', '<f4'), ('y', '<f4'), ('z', '<f4')]
)
#: Only the left arm is seen.
JOINTS = np.full((1, 17, 2), np.nan, np.float32)
JOINTS[0, [5, 7, 9]] = (1, 1), (2, 1), (2, 3)
STRAIGHT = np.array([0, 0, 0, 1.0])
ZEROS = np.zeros((6, 6))
HIT = SearchHit(
    stamp_ns=T_NS, start_ns=T_NS, end_ns=T_NS, score=0.5, bag='drive',
    jpeg=np.frombuffer(b'\xff\xd8\xff\xd9', np.uint8),
)  # fmt: skip
ALL: dict[type[Sample], Sample] = {
    type(sample): sample
    for sample in (
        Image(**SEEN, data=PIXELS),
        CameraInfo(
            **SEEN, width=6, height=4, d=np.zeros(5), k=np.diag([5.0, 5.0, 1.0]), r=np.eye(3),
            p=np.eye(3, 4),
        ),
        Masks(**SEEN, id_map=IDS, ids=(7,), labels=('red car',), scores=ONE),
        Detections(
            **SEEN, xyxy=np.array([[1, 2, 5, 4]], np.float32), scores=ONE, labels=('car',)
        ),
        Skeletons(
            **SEEN, width=6, height=4, ids=(7,), points=JOINTS,
            scores=np.full((1, 17), 0.5, np.float32),
        ),
        PointCloud(**BODY, points=POINTS, is_dense=False),
        Boxes3D(
            **BODY, centres=np.array([[10.0, 2, 1]]), sizes=np.array([[4.0, 2, 1.5]]),
            quats_xyzw=quats_of_yaws(np.array([0.5])), scores=ONE, labels=('car',),
            track_ids=('3',), velocities=np.array([[3.0, 4.0, 0.0]]),
        ),
        BevGrid(
            **BODY, layers=('occupied', 'lane'), resolution_m=0.5, origin=(-1.0, -0.5, 0.0, 0.0),
            cells=np.array([[[100, 0], [-1, 0]], [[0, 100], [-1, 0]]], np.int8),
        ),
        Point3D(**BODY, position=np.array([1.0, 2.0, 3.0])),
        Pose(**BODY, position=np.zeros(3), quat_xyzw=STRAIGHT),
        Odometry(
            **{**BODY, 'frame_id': 'odom'}, child_frame_id='base_link', position=np.zeros(3),
            quat_xyzw=STRAIGHT, linear=np.array([3.0, 4.0, 0.0]), angular=np.zeros(3),
            pose_covariance=ZEROS, twist_covariance=ZEROS,
        ),
        AudioClip(
            stamp_ns=T_NS, rate_hz=16000,
            data=np.sin(np.arange(1600) * 0.5).astype(np.float32)[:, None],
        ),
        Labels(**SEEN, names=('a street', 'a room'), scores=np.array([0.9, 0.1], np.float32)),
        Embedding(**SEEN, vector=np.array([0.6, 0.8], np.float32), model='m'),
        Text(stamp_ns=T_NS, text='hello'),
        Transcript(stamp_ns=T_NS, end_ns=T_NS + 10**9, text='track the red car'),
        Command(
            stamp_ns=T_NS, end_ns=T_NS, intent=Intent.MOVE, text='move the lamp next to the sofa',
            target='the lamp', relation=Relation.NEXT_TO, anchor='the sofa',
        ),
        Prompt(
            stamp_ns=T_NS, text='the red car', points=np.array([[2, 1]], np.float32),
            point_labels=np.array([1], np.int8), box=np.array([1, 1, 3, 3], np.float32),
        ),
        PromptStatus(
            stamp_ns=T_NS, prompt_id='p', stream='', state=PromptState.NOT_FOUND, message='none'
        ),
        PromptReply(stamp_ns=T_NS, success=False, message='no picture yet'),
        Event(
            **SEEN, kind='entered', start_ns=T_NS, end_ns=T_NS, message='a person came in',
            box=np.array([1, 1, 3, 3], np.float32), picture=Image(**SEEN, data=PIXELS),
        ),
        Advice(
            stamp_ns=T_NS, action=Action.STOP, speed_limit_mps=0.0, rules=('red',),
            reason='the light is red',
        ),
        SearchRequest(text='a dog'),
        SearchReply(stamp_ns=T_NS, hits=(HIT,), message='1 moment'),
        HIT,
        MatchRequest(texts=('a', 'b')),
        MatchReply(stamp_ns=T_NS, scores=ONE, cosines=ONE),
        EmbedTextRequest(texts=('a',)),
        EmbedTextReply(stamp_ns=T_NS, vectors=np.array([[0.6, 0.8]], np.float32), model='m'),
    )
}  # fmt: skip
