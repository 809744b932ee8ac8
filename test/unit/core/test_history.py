"""How long what came waits for a reference that was made from it."""

from __future__ import annotations

from mm_perception.channel import Deferred
from mm_perception.matcher import Matcher
from mm_perception.ports import Latest, Reference
from mm_perception.samples import Image, Masks
from test.fakes import image

SECOND = 1_000_000_000


def late(stamp_ns: int, num_bytes: int) -> Deferred:
    return Deferred(stamp_ns, 'camera', lambda: image(stamp_ns), num_bytes=num_bytes)


def oldest_found(count: int, num_bytes: int, rate_hz: float = 30.0) -> int:
    """Of pictures 0 to count, the first that masks which come after all of them still find."""
    ports = {'masks': Reference(Masks), 'image': Latest(Image, tolerance_s=0.01, required=True)}
    matcher = Matcher(ports, {'masks': [''], 'image': ['']}, lossless=True)
    stamps = [round(index / rate_hz * SECOND) for index in range(count)]
    for stamp in stamps:
        matcher.push('image', '', late(stamp, num_bytes))
    for stamp in stamps:
        matcher.push('masks', '', Deferred(stamp, 'camera', lambda: image(0)))
    return next(i for i, _ in enumerate(stamps) if matcher.take().maybe('image') is not None)


def test_masks_of_a_slow_tracker_find_their_picture() -> None:
    small = 640 * 360 * 3
    assert oldest_found(300, small) == 0, 'ten seconds at 30 Hz'
    assert oldest_found(600, small) == 600 - 256 * 1024 * 1024 // small, 'not more than 256 MiB'
    assert oldest_found(600, 4000) == 600 - 451, 'not older than 15 s'
    assert oldest_found(100, 10**8) == 100 - 64, 'but 64 in any case'
    assert oldest_found(1000, 0, rate_hz=90.0) == 1000 - 512, 'and not more than 512'
