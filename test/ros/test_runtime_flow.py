"""Pictures in, masks out: stamps, frames, drops, requests and nobody listening."""

from __future__ import annotations

import signal

import pytest

pytest.importorskip('rclpy', reason='needs rclpy: a ROS installation or the wheels of PyPI')

from mm_perception_msgs.msg import TextStamped as Text
from mm_perception_msgs.srv import MatchImageText
from sensor_msgs.msg import Image
from vision_msgs.msg import Detection2DArray

from test.ros.rig import BEST_EFFORT, Rig, picture, stamp_of

pytestmark = pytest.mark.ros
NODE = {'eye': {'plugin': 'patient', 'inputs': {'image': '/camera/image'}}}


def node(**parameters: object) -> dict[str, object]:
    return {'eye': {**NODE['eye'], 'parameters': parameters}}


def test_masks_carry_stamp_and_frame_of_their_picture(rig: Rig) -> None:
    masks = rig.hear(Image, '/eye/output/masks')
    boxes = rig.hear(Detection2DArray, '/eye/output/masks/detections')
    rig.start(NODE)
    camera = rig.camera()
    rig.feed(camera, lambda: masks and boxes, 'masks', frame_id='cam_7')
    assert masks[0].encoding == 'mono16'
    assert set(masks[0].data.tobytes()[::2]) == {1}
    assert masks[0].header.frame_id == boxes[0].header.frame_id == 'cam_7'
    assert stamp_of(masks[0]) % 100_000_000 == 0
    assert stamp_of(masks[0]) <= rig.stamp_ns


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_signal_while_computing_ends_cleanly(rig: Rig, number: int) -> None:
    notes = rig.hear(Text, '/eye/output/note')
    rig.start(node(delay_s=0.2))
    camera = rig.camera()
    rig.feed(camera, lambda: len(notes) > 1, 'two notes')
    camera.publish(picture(rig.stamp_ns + 100_000_000))
    assert rig.stop(number) == 0, rig.log
    assert 'Traceback' not in rig.log
    assert rig.left_in_shared_memory() == []


def test_request_is_answered_while_pictures_are_computed(rig: Rig) -> None:
    notes = rig.hear(Text, '/eye/output/note')
    rig.start(node(delay_s=0.3))
    camera = rig.camera()
    rig.feed(camera, lambda: notes, 'a note')
    before = len(notes)
    client = rig.node.create_client(MatchImageText, '/eye/match')
    rig.until(client.service_is_ready, 'service')
    answers = [client.call_async(MatchImageText.Request(texts=t)) for t in (['a', 'b'], ['fail'])]
    rig.feed(camera, lambda: all(a.done() for a in answers) and len(notes) > before, 'answers')
    good, bad = (a.result() for a in answers)
    assert good.success
    assert list(good.scores) == pytest.approx([0.5, 0.5])
    assert not bad.success
    assert 'made to fail' in bad.message


def test_request_to_an_inactive_node_is_refused_with_the_reason(rig: Rig) -> None:
    rig.start(NODE)
    rig.wait_active('eye')
    assert rig.change('eye', 'deactivate')
    answer = rig.call(MatchImageText, '/eye/match', MatchImageText.Request(texts=['a']))
    assert not answer.success
    assert 'not active' in answer.message


def test_deactivation_answers_the_requests_under_way(rig: Rig) -> None:
    notes = rig.hear(Text, '/eye/output/note')
    rig.start(node(delay_s=1.0))
    camera = rig.camera()
    rig.feed(camera, lambda: notes, 'a note')
    client = rig.node.create_client(MatchImageText, '/eye/match')
    rig.until(client.service_is_ready, 'service')
    answers = [client.call_async(MatchImageText.Request(texts=['a'])) for _ in range(3)]
    assert rig.change('eye', 'deactivate')
    rig.until(lambda: all(a.done() for a in answers), 'answers')
    assert rig.state('eye') == 'inactive'
    assert 'Traceback' not in rig.log


def test_nobody_listens_nothing_is_computed(rig: Rig) -> None:
    rig.start(NODE)
    camera = rig.camera()
    rig.feed(camera, lambda: int(rig.value('eye', 'input/image/count') or 0) > 5, 'input')
    rig.spin(1.5)
    assert rig.value('eye', 'inferences') == '0'
    notes = rig.hear(Text, '/eye/output/note')
    rig.feed(camera, lambda: notes, 'a note once somebody listens')


def test_overload_drops_old_pictures_and_counts_them(rig: Rig) -> None:
    notes = rig.hear(Text, '/eye/output/note')
    rig.start(node(delay_s=0.5))
    camera = rig.camera()
    rig.feed(camera, lambda: notes, 'a note')
    rig.feed(camera, lambda: int(rig.value('eye', 'drops/image/newer came') or 0) > 3, 'drops')
    last_ns = rig.stamp_ns
    rig.until(lambda: stamp_of(notes[-1]) == last_ns, 'the newest picture computed')
    assert len(notes) < (last_ns - 1_000_000_000) / 100_000_000


def test_two_nodes_share_one_subscription_and_it_outlives_its_owner(rig: Rig) -> None:
    two = dict.fromkeys(('one', 'two'), NODE['eye'])
    notes = rig.hear(Text, '/two/output/note')
    rig.start(two)
    camera = rig.camera()
    rig.feed(camera, lambda: notes, 'a note')
    rig.wait_active('one')
    rig.wait_active('two')
    rig.until(lambda: camera.get_subscription_count() == 1, 'one subscription for both')
    assert rig.change('one', 'deactivate')
    rig.until(lambda: camera.get_subscription_count() == 1, 'subscription of the other')
    before = len(notes)
    rig.feed(camera, lambda: len(notes) > before + 2, 'notes of the other')


def test_output_of_one_node_is_input_of_the_next_without_a_subscription(rig: Rig) -> None:
    chain = {
        'second': {'plugin': 'patient', 'inputs': {'image': '/first/debug/overlay'}},
        'first': {'plugin': 'patient', 'inputs': {'image': '/camera/image'}},
    }
    notes = rig.hear(Text, '/second/output/note')
    rig.start(chain)
    camera = rig.camera()
    rig.feed(camera, lambda: len(notes) > 2, 'notes of the second')
    assert rig.node.count_subscribers('/first/debug/overlay') == 0
    stamps = [stamp_of(note) for note in notes]
    assert len(set(stamps)) == len(stamps)


def test_remaps_and_namespace_reach_plugin_topics(rig: Rig) -> None:
    notes = rig.hear(Text, '/left/said')
    words = ('--ros-args', '-r', '__ns:=/left', '-r', '~/input/image:=/elsewhere')
    rig.start({'eye': {'plugin': 'patient'}}, *words, '-r', '~/output/note:=said')
    camera = rig.camera('/elsewhere', BEST_EFFORT)
    rig.feed(camera, lambda: notes, 'a note under its new name')


def test_remaps_are_applied_once(rig: Rig) -> None:
    """Names that are swapped, or given on, would come back, or go too far, if they were again."""
    notes = rig.hear(Text, '/eye/output/said')
    words = [('/left', '/right'), ('/right', '/left')]
    words += [('~/output/note', '~/output/said'), ('/eye/output/said', '/nowhere')]
    rules = [word for before, after in words for word in ('-r', f'{before}:={after}')]
    eye = {'plugin': 'patient', 'inputs': {'image': '/left'}}
    rig.start({'eye': eye}, '--ros-args', *rules)
    camera = rig.camera('/right')
    rig.feed(camera, lambda: notes, 'a note of what the camera on the right sees')
    assert rig.node.count_subscribers('/left') == 0
    assert rig.node.count_publishers('/nowhere') == 0
