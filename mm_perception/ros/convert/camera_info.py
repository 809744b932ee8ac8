"""sensor_msgs/CameraInfo."""

from __future__ import annotations

from typing import Any

import numpy as np

from mm_perception.errors import MalformedMessageError, UnsupportedEncodingError
from mm_perception.ros.convert.header import fields_of, header_of
from mm_perception.ros.wire import message_class
from mm_perception.samples import CameraInfo
from mm_perception.samples.sample import Sample

CAMERA_INFO = 'sensor_msgs/msg/CameraInfo'
#: Distortion model to legal numbers of coefficients.
_MODELS = {
    '': range(15),
    'plumb_bob': (0, 4, 5),
    'rational_polynomial': (8, 12, 14),
    'equidistant': (4,),
    'fisheye': (4,),
}


def camera_info_from(message: Any, received_ns: int) -> Sample:
    """sensor_msgs/CameraInfo to CameraInfo.

    Raises:
        UnsupportedEncodingError: A distortion model that is not known.
        MalformedMessageError: Not finite, or the wrong number of coefficients.
    """
    model = message.distortion_model
    if model not in _MODELS:
        raise UnsupportedEncodingError(
            f'distortion of {CAMERA_INFO}', model, filter(None, _MODELS)
        )
    d = np.array(message.d, np.float64)
    if len(d) not in _MODELS[model]:
        raise MalformedMessageError(
            CAMERA_INFO, f'{model} has {len(d)} coefficients, legal are {list(_MODELS[model])}'
        )
    k, r, p = (np.array(values, np.float64) for values in (message.k, message.r, message.p))
    if not all(np.isfinite(values).all() for values in (d, k, r, p)):
        raise MalformedMessageError(CAMERA_INFO, 'a number is not finite', 'calibrate the camera')
    roi = message.roi
    return CameraInfo(
        **fields_of(message, received_ns),
        width=message.width,
        height=message.height,
        distortion_model=model,
        d=d,
        k=k.reshape(3, 3),
        r=r.reshape(3, 3),
        p=p.reshape(3, 4),
        binning=(message.binning_x or 1, message.binning_y or 1),
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
