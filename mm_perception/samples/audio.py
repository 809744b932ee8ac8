"""Sound."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mm_perception.errors import ShapeError
from mm_perception.samples.sample import Array, Sample


@dataclass(frozen=True, kw_only=True, eq=False)
class AudioClip(Sample):
    """A piece of sound.

    Attributes:
        stamp_ns: Capture time of the first sample.
        data: (T, C) float32 in [-1, 1], or (T, C) int16 as it came; C microphones.
        rate_hz: Samples per second and channel.
    """

    data: Array
    rate_hz: int

    def __post_init__(self) -> None:
        super().__post_init__()
        self._freeze('data', ('T', 'C'), [np.float32, np.int16])
        if self.rate_hz <= 0 or self.data.shape[1] == 0:
            raise ShapeError(
                'AudioClip', 'a positive rate and at least one channel',
                f'rate_hz={self.rate_hz}, shape={self.data.shape}',
            )  # fmt: skip

    @property
    def duration_s(self) -> float:
        """Seconds of sound."""
        return float(self.data.shape[0]) / self.rate_hz
