"""`pose` in a running graph: joints of who is in a mask, over real DDS."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs rclpy: a ROS installation or the wheels of PyPI')

from mm_perception.ros import convert
from mm_perception.ros.wire import message_class
from mm_perception.samples import Skeletons
from test.ros.rig import Rig
from test.ros.test_looks import red_square

pytestmark = pytest.mark.ros


@pytest.mark.timeout(150)
def test_skeletons_and_what_is_drawn_of_them_come_with_the_stamp_of_the_picture(
    rig: Rig,
) -> None:
    """A red square is tracked, and stands for a person: its box is where joints are looked for."""
    skeletons = rig.hear(
        message_class('mm_perception_msgs/msg/SkeletonArray'), '/pose/output/skeletons'
    )
    drawn = rig.hear(
        message_class('foxglove_msgs/msg/ImageAnnotations'), '/pose/output/skeletons/annotations'
    )
    rig.start({
        'finder': {
            'plugin': 'colour_tracker', 'inputs': {'image': '/camera/image'},
            'parameters': {'prompts': ['red']},
        },
        'pose': {
            'inputs': {'masks': 'finder.masks', 'image': '/camera/image'},
            'parameters': {
                'weights': 'random', 'people': ['red'], 'min_score': 0.0, 'smallest_px': 50,
            },
        },
    })  # fmt: skip
    camera, sent = rig.camera(), 0

    def all_came() -> bool:
        nonlocal sent
        sent += 1
        camera.publish(red_square(sent * 10**8))
        rig.spin(0.1)
        return bool(drawn) and any(message.skeletons for message in skeletons)

    rig.until(all_came, 'skeletons and their drawing', 120)
    message: Any = next(message for message in skeletons if message.skeletons)
    found = convert.from_msg(message, Skeletons)
    assert isinstance(found, Skeletons)
    assert found.ids == (1,), 'the id of the mask'
    assert (found.width, found.height, found.frame_id) == (40, 30, 'front')
    assert found.stamp_ns % 10**8 == 0
    places = found.points[found.known()]
    assert np.isfinite(places).all()
    assert len(drawn[-1].points) == 2
    assert drawn[-1].texts[0].text == '#1'
