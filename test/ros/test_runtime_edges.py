"""What the graph does to a node: QoS, message types, time that jumps."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs rclpy: a ROS installation or the wheels of PyPI')

from mm_perception_msgs.msg import TextStamped as Text
from rclpy.qos import DurabilityPolicy, QoSProfile
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CompressedImage
from std_msgs.msg import String

from test.ros.rig import BEST_EFFORT, RELIABLE, Rig, picture, stamp_of

pytestmark = pytest.mark.ros
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
EYE = {
    'eye': {'plugin': 'patient', 'inputs': {'image': '/camera/image', 'prompt': '/prompt'}},
}


def wait_reliable(rig: Rig, topic: str) -> None:
    """Until the node has seen a publisher and subscribes as that one publishes."""

    def is_reliable() -> bool:
        infos = rig.node.get_subscriptions_info_by_topic(topic)
        return {info.qos_profile.reliability for info in infos} == {RELIABLE.reliability}

    rig.until(is_reliable, f'a reliable subscription to {topic}')


def test_picture_latched_before_the_start_is_seen(rig: Rig) -> None:
    notes = rig.hear(Text, '/eye/output/note')
    publisher = rig.node.create_publisher(type(picture(1)), '/camera/image', LATCHED)
    publisher.publish(picture(5_000_000_000))
    rig.start(EYE)
    rig.until(lambda: notes, 'a note on the latched picture')
    assert stamp_of(notes[0]) == 5_000_000_000


@pytest.mark.parametrize('qos', [BEST_EFFORT, RELIABLE], ids=['best effort', 'reliable'])
def test_late_publisher_of_any_reliability_is_heard(rig: Rig, qos: QoSProfile) -> None:
    notes = rig.hear(Text, '/eye/output/note')
    rig.start(EYE)
    rig.wait_active('eye')
    camera = rig.camera(qos=qos)
    rig.feed(camera, lambda: notes, 'a note')


def test_reliable_publisher_is_replaced_by_a_best_effort_one(rig: Rig) -> None:
    notes = rig.hear(Text, '/eye/output/note')
    rig.start(EYE)
    camera = rig.camera(qos=RELIABLE)
    rig.feed(camera, lambda: notes, 'a note')
    wait_reliable(rig, '/camera/image')
    rig.node.destroy_publisher(camera)
    before = len(notes)
    camera = rig.node.create_publisher(type(picture(1)), '/camera/image', BEST_EFFORT)
    rig.feed(camera, lambda: len(notes) > before, 'a note on a picture of the other publisher')


def test_topic_changes_from_raw_to_compressed(rig: Rig) -> None:
    notes = rig.hear(Text, '/eye/output/note')
    rig.start(EYE)
    camera = rig.camera()
    rig.feed(camera, lambda: notes, 'a note on a raw picture')
    rig.node.destroy_publisher(camera)
    before = len(notes)
    publisher = rig.node.create_publisher(CompressedImage, '/camera/image', BEST_EFFORT)
    message = CompressedImage(format='png')
    message.data = cv2.imencode('.png', np.full((8, 8, 3), 200, np.uint8))[1].tobytes()

    def send() -> bool:
        rig.stamp_ns += 100_000_000
        message.header.stamp = picture(rig.stamp_ns).header.stamp
        publisher.publish(message)
        return len(notes) > before

    rig.until(send, 'a note on a compressed picture')
    assert stamp_of(notes[-1]) <= rig.stamp_ns


def test_malformed_picture_is_reported_and_the_next_one_used(rig: Rig) -> None:
    notes = rig.hear(Text, '/eye/output/note')
    rig.start(EYE)
    camera = rig.camera()
    liar = picture(900_000_000)
    liar.height = 4000
    rig.feed(camera, lambda: notes, 'a note')

    def send() -> bool:
        camera.publish(liar)
        return rig.value('eye', 'failures/MalformedMessageError') is not None

    liar.header.stamp = picture(rig.stamp_ns + 1).header.stamp
    rig.until(send, 'a report')
    before = len(notes)
    rig.feed(camera, lambda: len(notes) > before, 'a note after the liar')


def test_bag_that_loops_rewinds_and_keeps_prompts(rig: Rig) -> None:
    notes = rig.hear(Text, '/eye/output/note')
    rig.start(EYE)
    camera = rig.camera()
    prompt = rig.node.create_publisher(String, '/prompt', 10)
    wait_reliable(rig, '/prompt')  # what the one before it has not handed over is lost with it
    rig.until(prompt.get_subscription_count, 'a subscription to prompts')
    prompt.publish(String(data='cup'))
    rig.feed(camera, lambda: notes and notes[-1].text.split()[1:2] == ['cup'], 'the prompt')
    rig.stamp_ns += 20_000_000_000
    rig.feed(camera, lambda: stamp_of(notes[-1]) > 20_000_000_000, 'the end of the bag')
    rig.stamp_ns = 1_000_000_000
    rig.feed(camera, lambda: stamp_of(notes[-1]) < 20_000_000_000, 'a note of the second round')
    assert notes[-1].text.split()[1:3] == ['cup', '1'], 'one rewind, prompt kept'


def test_simulated_time_that_jumps_back_rewinds_once(rig: Rig) -> None:
    notes = rig.hear(Text, '/eye/output/note')
    clock = rig.node.create_publisher(Clock, '/clock', 10)
    rig.start(EYE, '--ros-args', '-p', 'use_sim_time:=true')
    rig.until(clock.get_subscription_count, 'a subscription to /clock')
    camera = rig.camera()

    def tick(sec: int) -> bool:
        message = Clock()
        message.clock.sec = sec
        clock.publish(message)
        return False

    rig.feed(camera, lambda: tick(100) or notes, 'a note')
    rig.feed(camera, lambda: tick(100) or len(notes) > 1, 'a second note')
    rewinds = int(notes[-1].text.split(' ')[2])
    rig.feed(
        camera,
        lambda: tick(50) or int(notes[-1].text.split(' ')[2]) == rewinds + 1,
        'a rewind, although stamps went on growing',
    )


def test_who_waits_for_a_camera_says_so_and_then_what_to_do(rig: Rig) -> None:
    rig.start({'finder': {'plugin': 'colour_tracker', 'inputs': {'image': 'auto'}}}, '--wait', '5')
    assert rig.wait_end() == 2
    assert 'waiting for a topic with Image' in rig.log
    assert 'waited 5 s for it: start its publisher, or give --wait 120' in rig.log


def test_ctrl_c_while_it_waits_is_no_error(rig: Rig) -> None:
    rig.start(
        {'finder': {'plugin': 'colour_tracker', 'inputs': {'image': 'auto'}}}, '--wait', '99'
    )
    rig.until(lambda: 'waiting for a topic' in rig.log, 'a word that it waits')
    assert rig.stop() == 0
    assert 'expected a topic' not in rig.log
