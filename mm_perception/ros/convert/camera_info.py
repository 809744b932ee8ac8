"""sensor_msgs/CameraInfo."""

from __future__ import annotations

from typing import Any

import numpy as np

from mm_perception.errors import MalformedMessageError, UnsupportedEncodingError
from mm_perception.ros.convert.header import fields_of, header_of
from mm_perception.ros.wire import message_class
from mm_perception.samples import CameraInfo

CAMERA_INFO = 'sensor_msgs/msg/CameraInfo'
#: Distortion model to legal numbers of coefficients; none at all means not calibrated.
_MODELS = {
    '': (0, 4, 5),
    'plumb_bob': (0, 4, 5),
    'rational_polynomial': (0, 8, 12, 14),
    'equidistant': (0, 4),
}
_OTHER_NAMES = {'fisheye': 'equidistant'}  # what OpenCV calls it


def camera_info_from(message: Any, received_ns: int) -> CameraInfo:
    """sensor_msgs/CameraInfo to CameraInfo; `fisheye` is renamed to `equidistant`.

    Raises:
        UnsupportedEncodingError: A distortion model that is not known.
        MalformedMessageError: Not finite, the wrong number of coefficients, or a region of
            interest outside the sensor.
    """
    model = _OTHER_NAMES.get(message.distortion_model, message.distortion_model)
    if model not in _MODELS:
        raise UnsupportedEncodingError(
            f'distortion of {CAMERA_INFO}', model, filter(None, _MODELS)
        )
    d = np.array(message.d, np.float64)
    if len(d) not in _MODELS[model]:
        raise MalformedMessageError(
            CAMERA_INFO, f'{model!r} has {len(d)} coefficients, legal are {_MODELS[model]}'
        )
    k, r, p = (np.array(values, np.float64) for values in (message.k, message.r, message.p))
    if not all(np.isfinite(values).all() for values in (d, k, r, p)):
        raise MalformedMessageError(CAMERA_INFO, 'a number is not finite', 'calibrate the camera')
    roi = message.roi
    if roi.x_offset + roi.width > message.width or roi.y_offset + roi.height > message.height:
        raise MalformedMessageError(
            CAMERA_INFO,
            f'ROI {roi.width}x{roi.height} at {roi.x_offset}, {roi.y_offset} '
            f'lies outside {message.width}x{message.height}',
        )
    return CameraInfo(
        **fields_of(message, received_ns),
        width=message.width,
        height=message.height,
        distortion_model=model,
        d=d,
        k=k.reshape(3, 3),
        r=r.reshape(3, 3),
        p=p.reshape(3, 4),
        binning=(message.binning_x or 1, message.binning_y or 1),  # 0 means the same as 1
        roi=(roi.x_offset, roi.y_offset, roi.width, roi.height),
        rectify_roi=roi.do_rectify,
    )


def camera_info_to(sample: CameraInfo) -> Any:
    """CameraInfo to sensor_msgs/CameraInfo."""
    message = message_class(CAMERA_INFO)()
    message.header = header_of(sample)
    message.width, message.height = sample.width, sample.height
    message.distortion_model = sample.distortion_model
    message.d = sample.d.tolist()
    message.k, message.r, message.p = (m.flatten() for m in (sample.k, sample.r, sample.p))
    message.binning_x, message.binning_y = sample.binning
    roi = message.roi
    roi.x_offset, roi.y_offset, roi.width, roi.height = sample.roi
    roi.do_rectify = sample.rectify_roi
    return message
