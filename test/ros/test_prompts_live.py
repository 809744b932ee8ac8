"""The whole interface of prompts in a real graph: every kind, every way, two cameras."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs rclpy: a ROS installation or the wheels of PyPI')

from action_msgs.msg import GoalStatus
from geometry_msgs.msg import PointStamped, TransformStamped
from mm_perception_msgs.action import Track
from mm_perception_msgs.msg import Prompt as PromptMessage
from mm_perception_msgs.msg import PromptStatus
from mm_perception_msgs.srv import SetPrompt
from rclpy.action import ActionClient
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import CameraInfo, Image
from tf2_msgs.msg import TFMessage

from mm_perception.ros import convert
from mm_perception.samples import Prompt, PromptAction
from test.plugins import samples
from test.ros.rig import BEST_EFFORT, Rig, stamp_of

pytestmark = pytest.mark.ros
CAMERAS = ('left', 'right')
START_S = 150.0  # torch and the nets, on a busy machine
IMAGES = {name: f'/{name}/image' for name in CAMERAS}
EYE = {
    'eye': {
        'plugin': 'text_tracker',
        'inputs': {'image': IMAGES, 'prompt': '/prompt'},
        'parameters': {
            'grounder': 'clip_proposals', 'grounder_weights': 'random', 'grid': 4,
            'segmenter_weights': 'random', 'verifier_weights': '', 'min_iou': 0.0,
            'min_visible': 0.0, 'min_proposal_iou': 0.5, 'min_proposal_stability': 0.5,
            'birth_score': 0.0, 'keep_score': 0.0, 'relative_score': 0.0, 'confirm_births': False,
            'redetect_every_s': 1e6, 'max_prompt_age_s': 1e6, 'death_after_s': 1e6,
        },
    }
}  # fmt: skip
POINT = {'points': np.array([[20, 20]], np.float32), 'point_labels': np.ones(1, np.int8)}
BOX = {'box': np.array([8, 8, 40, 30], np.float32)}
MASK = {'mask': samples.picture().data[..., 0] > 128}


class Robot:
    """Two cameras that show coloured tiles, and what the node answers."""

    def __init__(self, rig: Rig, node: str, topics: dict[str, str] = IMAGES) -> None:
        self.rig, self.node = rig, node
        rig.until(lambda: rig.value(node, 'state') == 'active', f'{node} active', START_S)
        self.told: list[Any] = rig.hear(PromptStatus, f'/{node}/output/status')
        self.masks = {
            name: rig.hear(Image, f'/{node}/output/masks/{name}', BEST_EFFORT) for name in topics
        }
        self.cameras = {name: rig.camera(topic) for name, topic in topics.items()}
        self.stamps: list[int] = []
        self.also: Callable[[int], None] = lambda stamp_ns: None

    def see(self, until: Callable[[], Any], what: str) -> Any:
        """Show pictures until something happens."""
        last_s = 0.0

        def poll() -> Any:
            nonlocal last_s
            if time.monotonic() - last_s > 0.1:
                last_s = time.monotonic()
                self.show()
            return until()

        try:
            return self.rig.until(poll, what)
        except AssertionError as error:
            raise AssertionError(f'{what}; told were {[_short(t) for t in self.told]}') from error

    def show(self) -> None:
        """One picture of every camera."""
        self.stamps.append(10**9 + 10**8 * len(self.stamps))
        self.also(self.stamps[-1])
        for name, publisher in self.cameras.items():
            picture = samples.picture(self.stamps[-1])
            message = convert.to_msgs(picture)['']
            message.header.frame_id = name
            publisher.publish(message)

    def hears(self, prompt_id: str, state: int, *cameras: str) -> dict[str, Any]:
        """Show pictures until these cameras have told a state; their newest statuses."""

        def found() -> dict[str, Any]:
            mine = {t.stream: t for t in self.told if t.id == prompt_id and t.state == state}
            return mine if mine.keys() >= set(cameras) else {}

        told: dict[str, Any] = self.see(found, f'state {state} of {prompt_id!r} on {cameras}')
        assert all(stamp_of(t) in self.stamps for t in told.values())
        assert all(t.header.frame_id == t.stream for t in told.values())
        return told

    def ids(self, camera: str) -> set[str]:
        """Ids in the newest mask."""
        if not self.masks[camera]:
            return set()
        newest = self.masks[camera][-1]
        pixels = np.frombuffer(newest.data, np.uint16)
        return {str(i) for i in np.unique(pixels) if i}


def _short(status: Any) -> tuple[Any, ...]:
    return status.id, status.stream, status.state, list(status.track_ids), status.message


def message_of(**fields: Any) -> Any:
    return convert.to_msgs(Prompt(**fields))['']


def correct_and_take_over(robot: Robot, ask: Callable[..., None], track: str) -> None:
    """Gone after two pictures more; the camera need not be named."""
    ask(prompt_id='better', action=PromptAction.REFINE, track_id=track, **POINT)
    better = robot.hears('better', PromptStatus.FOUND, 'left')['left']
    assert list(better.track_ids) == [track]
    ask(prompt_id='short', track_id=track, max_frames=2)
    robot.hears('box', PromptStatus.REMOVED, 'left')
    robot.hears('short', PromptStatus.FOUND, 'left')
    short = robot.hears('short', PromptStatus.REMOVED, 'left')['left']
    assert list(short.track_ids) == [track]
    assert 'after 2 pictures' in short.message


def test_every_kind_of_prompt_by_topic_and_service(rig: Rig) -> None:
    rig.start(EYE)
    asks = rig.node.create_publisher(PromptMessage, '/prompt', 10)
    robot = Robot(rig, 'eye')
    rig.until(asks.get_subscription_count, 'a subscription to /prompt')

    def ask(**fields: Any) -> None:
        asks.publish(message_of(**fields))

    def call(**fields: Any) -> Any:
        request = SetPrompt.Request(prompt=message_of(**fields))
        client = rig.node.create_client(SetPrompt, '/eye/set_prompt')
        rig.until(client.service_is_ready, 'the service')
        answer = client.call_async(request)
        robot.see(answer.done, 'an answer of the service')
        return answer.result()

    ask(prompt_id='words', text='a thing')
    words = robot.hears('words', PromptStatus.FOUND, 'left', 'right')
    assert all(t.score > 0 and t.track_ids for t in words.values())

    ask(prompt_id='box', stream='left', **BOX)
    box = robot.hears('box', PromptStatus.FOUND, 'left')['left']
    assert len(box.track_ids) == 1
    answer = call(prompt_id='point', stream='right', **POINT)
    point = robot.hears('point', PromptStatus.FOUND, 'right')['right']
    assert answer.success
    assert list(answer.track_ids) == list(point.track_ids)
    assert answer.stamp == point.header.stamp, 'it waited for the picture that answered'
    assert not set(point.track_ids) & set(box.track_ids)
    assert call(prompt_id='mask', **MASK).success
    masks = robot.hears('mask', PromptStatus.FOUND, 'left', 'right')
    assert masks['left'].track_ids != masks['right'].track_ids
    seen = masks['left'].track_ids[0]
    robot.see(lambda: seen in robot.ids('left'), f'pixels of {seen}')
    assert not {t.stream for t in robot.told if t.id == 'box'} - {'left'}

    correct_and_take_over(robot, ask, box.track_ids[0])
    assert call(prompt_id='words', action=PromptAction.REMOVE).success
    words = robot.hears('words', PromptStatus.REMOVED, 'left', 'right')
    assert all(t.track_ids for t in words.values())
    ask(action=PromptAction.REMOVE, track_id=box.track_ids[0], prompt_id='again')
    refused = robot.hears('again', PromptStatus.REJECTED, 'left', 'right')
    assert all('no such track' in t.message for t in refused.values())
    answer = call(prompt_id='where', stream='rear', **BOX)
    assert (answer.success, 'no such camera' in answer.message) == (False, True)
    large = np.array([8, 8, 400, 30], np.float32)
    answer = call(prompt_id='large', box=large)
    assert (answer.success, 'image' in answer.message) == (False, True), answer.message
    ask(action=PromptAction.CLEAR, prompt_id='all')
    robot.hears('mask', PromptStatus.REMOVED, 'left', 'right')
    robot.hears('point', PromptStatus.REMOVED, 'right')
    robot.see(lambda: not robot.ids('left') | robot.ids('right'), 'empty masks')
    assert 'Traceback' not in rig.log


def test_every_kind_of_prompt_as_an_action(rig: Rig) -> None:
    rig.start(EYE)
    robot = Robot(rig, 'eye')
    client = ActionClient(rig.node, Track, '/eye/track')
    rig.until(client.server_is_ready, 'the action server')

    def send(max_frames: int = 0, **fields: Any) -> tuple[Any, list[Any]]:
        feedback: list[Any] = []
        goal = Track.Goal(prompt=message_of(**fields), max_frames=max_frames)
        sent = client.send_goal_async(
            goal, feedback_callback=lambda m: feedback.append(m.feedback)
        )
        rig.until(sent.done, 'an answer to the goal')
        return sent.result(), feedback

    def end(handle: Any) -> tuple[int, Any]:
        done = handle.get_result_async()
        robot.see(done.done, 'the end of the goal')
        return done.result().status, done.result().result

    for kind in ({'text': 'a thing'}, POINT, BOX, MASK):
        handle, feedback = send(max_frames=3, **kind)  # on both cameras
        robot.see(lambda seen=feedback: len(seen) >= 6, 'three pictures of each camera')
        told = [(len(f.track_ids), len(f.scores)) for f in feedback[:6]]
        assert all(tracks == scores for tracks, scores in told), (kind, told)
        # A picture of either camera may be under way while the prompt arrives.
        assert sum(tracks > 0 for tracks, _ in told) >= 4, (kind, told)
        status, result = end(handle)
        assert (status, result.success) == (GoalStatus.STATUS_SUCCEEDED, True)
        assert 6 <= result.frames <= 8, 'three of each camera, and what was under way'
        assert len(result.track_ids) >= 2, kind
        robot.see(lambda: not robot.ids('left') | robot.ids('right'), 'empty masks')

    handle, feedback = send(stream='right', **BOX)
    robot.see(lambda: len(feedback) > 1, 'feedback of one camera')
    cancelled = handle.cancel_goal_async()
    status, result = end(handle)
    assert cancelled.done()
    assert (status, len(result.track_ids)) == (GoalStatus.STATUS_CANCELED, 1)
    robot.see(lambda: not robot.ids('right'), 'an empty mask')

    handle, _ = send(stream='left', box=np.array([8, 8, 400, 30], np.float32))
    status, result = end(handle)
    assert (status, result.success) == (GoalStatus.STATUS_ABORTED, False)
    assert result.message
    assert 'Traceback' not in rig.log


def test_a_click_in_space_becomes_a_mask(rig: Rig) -> None:
    rig.start({
        'click': {
            'inputs': {
                'camera_info': {name: f'/{name}/camera_info' for name in CAMERAS},
                'point': '/clicked_point',
            }
        },
        'sam2': {
            'inputs': {
                'image': IMAGES, 'prompt': {'drawn': '/prompt', 'clicked': 'click/output/prompts'}
            },
            'parameters': {'weights': 'random', 'min_iou': 0.0, 'min_visible': 0.0},
        },
    })  # fmt: skip
    mounts = rig.node.create_publisher(
        TFMessage, '/tf_static', QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    )
    mounts.publish(TFMessage(transforms=[mount('left', False), mount('right', True)]))
    refused = rig.hear(PromptStatus, '/click/output/status')
    infos = {n: rig.node.create_publisher(CameraInfo, f'/{n}/camera_info', 5) for n in CAMERAS}
    clicks = rig.node.create_publisher(PointStamped, '/clicked_point', 10)
    robot = Robot(rig, 'sam2')

    def calibrate(stamp_ns: int) -> None:
        for name, publisher in infos.items():
            info = convert.to_msgs(samples.sample_of(samples.CameraInfo, stamp_ns))['']
            info.header.frame_id = name
            publisher.publish(info)

    robot.also = calibrate
    rig.wait_active('click')
    rig.until(clicks.get_subscription_count, 'a subscription to /clicked_point')
    clicks.publish(place('odom', 6.0))
    found = robot.see(
        lambda: [t for t in robot.told if t.state == PromptStatus.FOUND], 'a track of the click'
    )
    assert (found[0].stream, len(found[0].track_ids)) == ('left', 1)
    track = found[0].track_ids[0]
    robot.see(lambda: track in robot.ids('left'), f'pixels of {track}')
    assert not robot.ids('right'), 'that camera looks the other way'

    refused.clear()
    clicks.publish(place('nowhere', 6.0))
    robot.see(lambda: [t for t in refused if 'nowhere' in t.message], 'a refusal that names TF')
    assert refused[-1].state == PromptStatus.REJECTED
    assert 'Traceback' not in rig.log


def mount(camera: str, is_turned: bool) -> Any:
    """A camera in odom: optical axes along those of odom, or turned about y by half a turn."""
    found = TransformStamped(child_frame_id=camera)
    found.header.frame_id = 'odom'
    found.transform.rotation.w, found.transform.rotation.y = (
        (0.0, 1.0) if is_turned else (1.0, 0.0)
    )
    return found


def place(frame_id: str, ahead_m: float) -> Any:
    message = PointStamped()
    message.header.frame_id, message.point.z = frame_id, ahead_m
    return message
