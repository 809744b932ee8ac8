"""Camera pictures and calibrations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mm_perception.errors import ShapeError
from mm_perception.samples.sample import Array, Sample

#: Encoding to (channels, dtype); channels 0 stands for a two-dimensional array.
ENCODINGS: dict[str, tuple[int, type]] = {
    'rgb8': (3, np.uint8),
    'rgba8': (4, np.uint8),
    'mono8': (0, np.uint8),
    'mono16': (0, np.uint16),
    '16UC1': (0, np.uint16),
    '32FC1': (0, np.float32),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Image(Sample):
    """One picture; colour is RGB order, never BGR.

    Attributes:
        data: (H, W, 3) uint8 for rgb8, (H, W, 4) uint8 for rgba8, (H, W) uint8 for mono8,
            (H, W) uint16 for mono16 and 16UC1 (depth in millimetres, 0 invalid),
            (H, W) float32 for 32FC1 (depth in metres, NaN invalid; REP-118). Row 0 is the top.
        encoding: A key of `ENCODINGS`.
    """

    data: Array
    encoding: str = 'rgb8'

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.encoding not in ENCODINGS:
            raise ShapeError('Image.encoding', f'one of {", ".join(ENCODINGS)}', self.encoding)
        channels, dtype = ENCODINGS[self.encoding]
        self._freeze('data', ('H', 'W', channels) if channels else ('H', 'W'), [dtype])
        if self.data.size == 0:
            raise ShapeError('Image.data', 'at least one pixel', f'{self.data.shape}')

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.data.shape[0])

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.data.shape[1])

    def rgb(self) -> Array:
        """The picture as (H, W, 3) uint8 RGB.

        Raises:
            ShapeError: The picture is depth or 16-bit: there is no colour in it.
        """
        if self.encoding == 'rgb8':
            return self.data
        if self.encoding == 'rgba8':
            return np.ascontiguousarray(self.data[..., :3])
        if self.encoding == 'mono8':
            return np.repeat(self.data[..., None], 3, axis=2)
        raise ShapeError('Image.encoding', 'a colour or mono8 picture', self.encoding)


@dataclass(frozen=True, kw_only=True, eq=False)
class CameraInfo(Sample):
    """Calibration of one camera, as in sensor_msgs/CameraInfo.

    Attributes:
        width: Pixels of the full sensor image.
        height: Pixels of the full sensor image.
        distortion_model: plumb_bob, rational_polynomial, equidistant, or empty for none.
        d: (N,) float64 distortion coefficients of that model.
        k: (3, 3) float64 intrinsics of the raw image, pixels.
        r: (3, 3) float64 rectification rotation.
        p: (3, 4) float64 projection of the rectified image, pixels.
        binning: Columns and rows merged into one; 1 means none.
        roi: x, y, width, height of the published part in full-sensor pixels; zeros mean all.
        rectify_roi: True if the published part should be rectified on its own.
    """

    width: int
    height: int
    distortion_model: str = ''
    d: Array
    k: Array
    r: Array
    p: Array
    binning: tuple[int, int] = (1, 1)
    roi: tuple[int, int, int, int] = (0, 0, 0, 0)
    rectify_roi: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self._freeze('d', ('N',), [np.float64])
        self._freeze('k', (3, 3), [np.float64])
        self._freeze('r', (3, 3), [np.float64])
        self._freeze('p', (3, 4), [np.float64])
