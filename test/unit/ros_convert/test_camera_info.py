from __future__ import annotations

import numpy as np
import pytest

from mm_perception.errors import MalformedMessageError, UnsupportedEncodingError
from mm_perception.ros import convert
from mm_perception.samples import CameraInfo
from test.unit.ros_convert.messages import STAMP_NS, stamped


def camera_info(model: str = 'plumb_bob', num: int = 5):
    message = stamped('sensor_msgs/msg/CameraInfo')
    message.width, message.height, message.distortion_model = 640, 480, model
    message.d = [0.1 * i for i in range(num)]
    message.k = np.arange(9.0)
    message.r = np.eye(3).ravel()
    message.p = np.arange(12.0)
    return message


@pytest.mark.parametrize(
    ('model', 'num'),
    [
        ('plumb_bob', 5), ('plumb_bob', 4), ('plumb_bob', 0), ('rational_polynomial', 8),
        ('rational_polynomial', 12), ('rational_polynomial', 14), ('equidistant', 4), ('', 0),
    ],
)  # fmt: skip
def test_round_trip(model, num) -> None:
    message = camera_info(model, num)
    message.binning_x, message.binning_y = 2, 4
    roi = message.roi
    roi.x_offset, roi.y_offset, roi.width, roi.height, roi.do_rectify = 10, 20, 630, 460, True
    sample = convert.from_msg(message, CameraInfo)
    assert (sample.stamp_ns, sample.frame_id) == (STAMP_NS, 'camera')
    assert (sample.binning, sample.roi) == ((2, 4), (10, 20, 630, 460))
    assert convert.to_msgs(sample)[''] == message


def test_convention_matrices_are_row_major() -> None:
    sample = convert.from_msg(camera_info(), CameraInfo)
    assert sample.k[0, 2] == 2
    assert sample.p[1, 3] == 7


def test_convention_binning_zero_means_one_and_fisheye_is_equidistant() -> None:
    sample = convert.from_msg(camera_info('fisheye', 4), CameraInfo)
    assert sample.binning == (1, 1)
    assert sample.distortion_model == 'equidistant'


@pytest.mark.parametrize(
    ('model', 'num'), [('plumb_bob', 8), ('rational_polynomial', 5), ('equidistant', 5), ('', 8)]
)
def test_wrong_number_of_coefficients(model, num) -> None:
    with pytest.raises(MalformedMessageError, match=f'{num} coefficients'):
        convert.from_msg(camera_info(model, num), CameraInfo)


def test_unknown_model() -> None:
    with pytest.raises(UnsupportedEncodingError, match=r"'pinched'.*plumb_bob"):
        convert.from_msg(camera_info('pinched'), CameraInfo)


@pytest.mark.parametrize('field', ['k', 'r', 'p', 'd'])
@pytest.mark.parametrize('value', [np.nan, np.inf])
def test_not_finite(field, value) -> None:
    message = camera_info()
    getattr(message, field)[1] = value
    with pytest.raises(MalformedMessageError, match='not finite'):
        convert.from_msg(message, CameraInfo)


def test_region_outside_the_sensor() -> None:
    message = camera_info()
    message.roi.x_offset, message.roi.width = 600, 100
    with pytest.raises(MalformedMessageError, match='lies outside 640x480'):
        convert.from_msg(message, CameraInfo)
