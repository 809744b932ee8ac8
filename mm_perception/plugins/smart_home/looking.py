"""Is it on? What a mask of a device looks like, and when that changes.

A single look tells little: a dim dark shade that is on is darker than a white one that is off. A
change tells much: light is emitted where the mask is, while the rest of the picture hardly
changes, or darkens as the camera adapts its exposure.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from mm_perception.samples.sample import Array

#: Linear light of an 8-bit value, for the gamma of 2.2 that nearly all cameras have.
_LINEAR = ((np.arange(256) / 255.0) ** 2.2).astype(np.float32)
#: Luminance of linear RGB, ITU-R BT.709.
_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
_FLOOR = 0.01
_SETTLED = 5
_IN_A_ROW = 2


@dataclass(frozen=True)
class Look:
    """One look at a device.

    Attributes:
        inside: log2 of the mean linear luminance of its mask (white is 0).
        around: log2 of the median linear luminance of what is no device.
        pixels: Of the mask.
    """

    inside: float
    around: float
    pixels: int

    def change_since(self, before: Look) -> float:
        """By how many stops the device got brighter than the rest of the picture did.

        Convention:
            Twice as bright in a picture that stayed as it was: 1. In a picture that got twice as
            bright altogether: 0.
        """
        return (self.inside - before.inside) - (self.around - before.around)


def luminance(rgb: Array) -> Array:
    """(H, W) float32 linear luminance, 0 to 1, of (H, W, 3) uint8 RGB."""
    light: Array = _LINEAR[rgb] @ _LUMA
    return light


def look_at(light: Array, mask: Array, rest: Array) -> Look:
    """One look.

    Args:
        light: (H, W) linear luminance.
        mask: (H, W) bool, of the device; at least one pixel.
        rest: (H, W) bool, what belongs to no device.
    """
    around = float(np.median(light[rest])) if rest.any() else 0.0
    return Look(
        float(np.log2(light[mask].mean() + _FLOOR)), float(np.log2(around + _FLOOR)),
        int(np.count_nonzero(mask)),
    )  # fmt: skip


@dataclass(frozen=True)
class Judging:
    """Thresholds; `SmartHomeConfig` explains each."""

    min_change: float = 0.7
    on_above: float = 0.1
    max_resize: float = 1.5


@dataclass
class Watch:
    """A device under watch.

    Attributes:
        is_on: What it seems to be.
        is_sure: True if a change was seen, so that it is known which side of it this is.
        changed_ns: Stamp of the last change that was seen; 0 for none.
        seen_ns: Stamp of the last look that could be compared; 0 for none.
    """

    is_on: bool = False
    is_sure: bool = False
    changed_ns: int = 0
    seen_ns: int = 0
    _settled: deque[Look] = field(default_factory=lambda: deque(maxlen=_SETTLED))
    _odd: list[Look] = field(default_factory=list)

    def take(self, look: Look, stamp_ns: int, judging: Judging) -> None:
        """Take the next look.

        A change counts when two looks in a row show it. A mask of quite another size (somebody
        stands before it, or the camera moved on) cannot be compared; when that lasts it is begun
        anew, with the state that was known.
        """
        if not self._settled:
            self._settled.append(look)
            if not self.is_sure:
                self.is_on = self.inside_says_on(judging)
            self.seen_ns = stamp_ns
            return
        usual = self._usual()
        size = max(look.pixels, usual.pixels) / max(min(look.pixels, usual.pixels), 1)
        change = look.change_since(usual)
        is_hidden, is_odd = size > judging.max_resize, abs(change) >= judging.min_change
        if not is_hidden:
            self.seen_ns = stamp_ns
        if not is_hidden and not is_odd:
            self._settled.append(look)
            self._odd.clear()
            return
        self._odd.append(look)
        if is_hidden and len(self._odd) < _SETTLED:
            return
        if is_hidden:
            self._settle()
        elif self._agree(usual, judging):
            self.is_on, self.is_sure, self.changed_ns = change > 0, True, stamp_ns
            self._settle()

    def inside_says_on(self, judging: Judging) -> bool:
        """What its brightness alone says."""
        return bool(self._usual().inside > np.log2(judging.on_above + _FLOOR))

    def _agree(self, usual: Look, judging: Judging) -> bool:
        """Whether the last looks changed the same way."""
        last = [look.change_since(usual) for look in self._odd[-_IN_A_ROW:]]
        return len(last) == _IN_A_ROW and (
            min(last) >= judging.min_change or max(last) <= -judging.min_change
        )

    def _settle(self) -> None:
        """What is odd now is usual from here on."""
        self._settled.clear()
        self._settled.extend(self._odd[-_IN_A_ROW:])
        self._odd.clear()

    def _usual(self) -> Look:
        looks = list(self._settled)
        return Look(
            float(np.median([look.inside for look in looks])),
            float(np.median([look.around for look in looks])),
            int(np.median([look.pixels for look in looks])),
        )
