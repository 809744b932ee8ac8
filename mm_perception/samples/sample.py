"""The base of everything that flows, and the checks that every sample's constructor uses."""

from __future__ import annotations

from collections.abc import Sequence, Sized
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mm_perception.errors import ShapeError

Array = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """A frozen, validated value with the moment it was seen and the frame it is expressed in.

    Attributes:
        stamp_ns: Nanoseconds since the epoch of the clock that stamped the source message.
        frame_id: TF frame of the data; empty where a frame has no meaning (text, audio).
    """

    stamp_ns: int
    frame_id: str = ''

    def __post_init__(self) -> None:
        if isinstance(self.stamp_ns, bool) or not isinstance(self.stamp_ns, int | np.integer):
            raise ShapeError(
                f'{type(self).__name__}.stamp_ns', 'an int of nanoseconds', repr(self.stamp_ns)
            )
        object.__setattr__(self, 'stamp_ns', int(self.stamp_ns))

    def _freeze(
        self,
        name: str,
        shape: Sequence[int | str],
        dtypes: Sequence[npt.DTypeLike],
    ) -> Array:
        """Check field `name` and replace it by a view that cannot be written."""
        array = checked_array(f'{type(self).__name__}.{name}', getattr(self, name), shape, dtypes)
        view: Array = array.view()
        view.flags.writeable = False
        object.__setattr__(self, name, view)
        return view


def checked_array(
    what: str, value: object, shape: Sequence[int | str], dtypes: Sequence[npt.DTypeLike]
) -> Array:
    """Return `value` if it is an array of the given shape and one of the dtypes.

    Args:
        what: Name for the message.
        value: The array.
        shape: Per axis an exact size, or a letter for any size; equal letters are equal sizes.
        dtypes: Legal dtypes.

    Raises:
        ShapeError: With expected and actual shape and dtype.
    """
    names = '/'.join(np.dtype(d).name for d in dtypes)
    expected = f'({", ".join(str(s) for s in shape)}) {names}'
    if not isinstance(value, np.ndarray):
        raise ShapeError(what, f'an array {expected}', type(value).__name__)
    sizes: dict[str, int] = {}
    fits = value.ndim == len(shape) and all(
        size == want if isinstance(want, int) else sizes.setdefault(want, size) == size
        for size, want in zip(value.shape, shape, strict=True)
    )
    if not fits or value.dtype not in [np.dtype(d) for d in dtypes]:
        raise ShapeError(what, expected, f'{value.shape} {value.dtype}')
    return value


def checked_length(what: str, value: Sized, length: int) -> None:
    """Raise ShapeError unless a parallel sequence has the length of the others."""
    if len(value) != length:
        raise ShapeError(what, f'{length} entries', f'{len(value)}')
