"""The service `select` of xr_select in a running graph: a phone taps on what it shows."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='needs rclpy: a ROS installation or the wheels of PyPI')

from geometry_msgs.msg import PoseStamped, TransformStamped
from mm_perception_msgs.srv import SetPrompt
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import CameraInfo, Image
from tf2_msgs.msg import TFMessage

from mm_perception.ros import convert
from mm_perception.ros.wire import message_class
from mm_perception.samples import Masks
from test.plugins.pointed_room import ROOM, ray_at, samples_of
from test.ros.rig import BEST_EFFORT, Rig

pytestmark = pytest.mark.ros
KEPT = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)
NODES = {
    'xr_select': {
        'inputs': {'masks': '/seen', 'camera_info': '/info', 'depth': '/depth', 'ray': '/ray'},
        'parameters': {'fixed_frame': 'odom', 'ray_axis': 'z', 'works_unheard': True},
    }
}


class Phone:
    """Publishes masks, depth, calibration and a ray, and asks."""

    def __init__(self, rig: Rig) -> None:
        self.rig, self.stamp_ns = rig, 1_000_000_000
        rig.wait_active('xr_select')
        new = rig.node.create_publisher
        self.masks = {
            wire.suffix: new(message_class(wire.type_name), f'/seen{wire.suffix}', KEPT)
            for wire in convert.published(Masks)
        }
        self.others = {
            'camera_info': new(CameraInfo, '/info', 10), 'depth': new(Image, '/depth', 10),
            'ray': new(PoseStamped, '/ray', 10),
        }  # fmt: skip
        self.still = new(TFMessage, '/tf_static', KEPT)
        still = TransformStamped(child_frame_id='camera')
        still.header.frame_id = 'odom'
        self.still.publish(TFMessage(transforms=[still]))
        self.client = rig.node.create_client(SetPrompt, '/xr_select/select')
        rig.until(self.client.service_is_ready, 'the service')

    def show(self, pixel: tuple[float, float]) -> None:
        self.stamp_ns += 100_000_000
        samples = samples_of(self.stamp_ns, ROOM, ray_at(pixel, self.stamp_ns))
        for port, publisher in self.others.items():
            publisher.publish(convert.to_msgs(samples[port])[''])
        for suffix, message in convert.to_msgs(samples['masks']).items():
            self.masks[suffix].publish(message)

    def ask(self, pixel: tuple[float, float], **fields: Any) -> Any:
        """Show pictures with a ray until the answer is no more that none has come."""
        request = SetPrompt.Request()
        for name, value in fields.items():
            setattr(request.prompt, name, value)
        waiting, last_s = self.client.call_async(request), time.monotonic()

        def poll() -> Any:
            nonlocal waiting, last_s
            if time.monotonic() - last_s > 0.1:
                last_s = time.monotonic()
                self.show(pixel)
            if not waiting.done():
                return None
            answer = waiting.result()
            if 'no picture' in answer.message:
                waiting = self.client.call_async(request)
                return None
            return answer

        return self.rig.until(poll, f'an answer to {fields}')


def test_a_word_and_the_ray_or_a_tap_get_the_thing_back(rig: Rig) -> None:
    chosen = rig.hear(Image, '/xr_select/output/chosen', BEST_EFFORT)
    rig.start(NODES)
    phone = Phone(rig)
    answer = phone.ask((100.0, 50.0), text='that one')
    assert answer.success, answer.message
    said = json.loads(answer.message)
    assert (said['done'], said['things'][0]['label']) == ('selected', 'green lamp')
    assert said['things'][0]['seen'][0]['box'] == [90.0, 30.0, 110.0, 70.0]
    assert said['things'][0]['place'][2] == pytest.approx(2.0, abs=0.05)
    number = int(answer.track_ids[0])
    rig.until(lambda: any(number in m.data for m in chosen), 'a mask under the id of the answer')
    tapped = phone.ask((100.0, 50.0), points_xy=[165.0, 65.0], point_labels=[1])
    assert json.loads(tapped.message)['things'][0]['label'] == 'sofa'
    refused = phone.ask((100.0, 50.0), text='nice weather today')
    assert not refused.success
    assert 'not understood' in refused.message
    assert 'Traceback' not in rig.log
