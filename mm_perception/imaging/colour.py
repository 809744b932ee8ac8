"""What cameras send besides RGB: Bayer mosaics and YUV."""

from __future__ import annotations

import cv2
import numpy as np

from mm_perception.errors import ShapeError
from mm_perception.samples.sample import Array, checked_array

_BAYER = {
    'rggb': cv2.COLOR_BayerRGGB2RGB,
    'bggr': cv2.COLOR_BayerBGGR2RGB,
    'gbrg': cv2.COLOR_BayerGBRG2RGB,
    'grbg': cv2.COLOR_BayerGRBG2RGB,
}
_YUV422 = {'uyvy': cv2.COLOR_YUV2RGB_UYVY, 'yuyv': cv2.COLOR_YUV2RGB_YUY2}
_YUV420 = {'nv12': cv2.COLOR_YUV2RGB_NV12, 'nv21': cv2.COLOR_YUV2RGB_NV21}


def demosaic(mosaic: Array, pattern: str) -> Array:
    """Colours of a Bayer mosaic, bilinear.

    Args:
        mosaic: (H, W) uint8 or uint16, at least 3 x 3.
        pattern: rggb, bggr, gbrg or grbg: the first two pixels of row 0, then of row 1.

    Returns:
        (H, W, 3) RGB of the same dtype.

    Raises:
        ShapeError: Smaller than 3 x 3, where no pixel has neighbours of every colour.

    Convention:
        In rggb the pixel at row 0, column 0 saw red; the one at row 1, column 1 saw blue.
    """
    checked_array('Bayer mosaic', mosaic, ('H', 'W'), [np.uint8, np.uint16])
    if min(mosaic.shape) < 3:
        raise ShapeError('Bayer mosaic', 'at least 3 x 3 pixels', f'{mosaic.shape}')
    return cv2.cvtColor(np.ascontiguousarray(mosaic), _BAYER[pattern])


def rgb_from_yuv422(packed: Array, order: str) -> Array:
    """RGB of packed 4:2:2 YUV (BT.601, 16 to 235).

    Args:
        packed: (H, W, 2) uint8, W even.
        order: uyvy or yuyv: the order of the bytes of two neighbours.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ShapeError: W is odd: two neighbours share their colour.

    Convention:
        U = V = 128 is grey; Y = 16 is black and Y = 235 is white.
    """
    checked_array('4:2:2 picture', packed, ('H', 'W', 2), [np.uint8])
    if packed.shape[1] % 2:
        raise ShapeError('4:2:2 picture', 'an even width', f'{packed.shape[1]} columns')
    return cv2.cvtColor(np.ascontiguousarray(packed), _YUV422[order])


def rgb_from_yuv420(planes: Array, order: str) -> Array:
    """RGB of 4:2:0 YUV with interleaved colour rows (BT.601, 16 to 235).

    Args:
        planes: (H * 3 / 2, W) uint8: H rows of luma, then H / 2 rows of colour; H and W even.
        order: nv12 (U before V) or nv21 (V before U).

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ShapeError: H or W is odd: four neighbours share their colour.
    """
    checked_array('4:2:0 picture', planes, ('H', 'W'), [np.uint8])
    if planes.shape[0] % 3 or planes.shape[1] % 2:
        raise ShapeError('4:2:0 picture', 'even width and height', f'{planes.shape} bytes')
    return cv2.cvtColor(np.ascontiguousarray(planes), _YUV420[order])
