"""Which pictures and which parts of them are worth a vector, and at what moments."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from mm_perception.nets.clip.likeness import around
from mm_perception.samples import Image, Masks, mask_box
from mm_perception.samples.sample import Array

#: Pictures that wait for their masks, per camera: so many, and so long.
_KEPT, _KEPT_NS = 8, 1_000_000_000
#: Cameras and tracks whose last moment is known.
_MOST_SUBJECTS = 4096


@dataclass(frozen=True, eq=False)
class Sight:
    """Something to embed.

    Attributes:
        rgb: (H, W, 3) uint8.
        stamp_ns: Of the picture.
        frame_id: Of the picture.
        stream: Camera name.
        topic: Of the picture; empty where only the camera is known.
        track_id: Empty for a whole picture.
        label: What the tracker calls it.
        box: xyxy in pixels of the picture; None for the whole.
    """

    rgb: Array
    stamp_ns: int
    frame_id: str
    stream: str
    topic: str = ''
    track_id: str = ''
    label: str = ''
    box: tuple[float, float, float, float] | None = None

    @property
    def subject(self) -> tuple[str, str]:
        """Who looks the same from one picture to the next."""
        return self.stream, self.track_id


class Sights:
    """Chooses sights, camera by camera.

    Args:
        every_s: Least time between two whole pictures of a camera.
        track_every_s: Least time between two looks at the same track.
        smallest_px: A track of fewer pixels is not looked at.
    """

    def __init__(self, every_s: float, track_every_s: float, smallest_px: int) -> None:
        self._every_ns, self._track_every_ns = round(every_s * 1e9), round(track_every_s * 1e9)
        self._smallest_px = smallest_px
        self._kept: dict[str, deque[Image]] = {}
        self._last_ns: dict[tuple[str, str], int] = {}

    def picture(self, image: Image, stream: str, topic: str = '') -> list[Sight]:
        """The whole picture, if it is time for one; it is kept for masks that come later."""
        kept = self._kept.setdefault(stream, deque(maxlen=_KEPT))
        kept.append(image)
        while image.stamp_ns - kept[0].stamp_ns > _KEPT_NS:
            kept.popleft()
        if not self._is_due((stream, ''), image.stamp_ns, self._every_ns):
            return []
        return [Sight(image.rgb(), image.stamp_ns, image.frame_id, stream, topic)]

    def masks(self, masks: Masks, stream: str, topic: str = '') -> list[Sight]:
        """Tracks whose time it is, cut out of the picture that the masks belong to.

        Masks of a picture that is not kept any more, or of another size, show nothing.
        """
        image = next((i for i in self._kept.get(stream, ()) if i.stamp_ns == masks.stamp_ns), None)
        if image is None or masks.id_map.shape != image.data.shape[:2]:
            return []
        found = []
        for number, label, visible in zip(masks.ids, masks.labels, masks.visible, strict=True):
            mask = masks.mask(number)
            box = mask_box(mask) if visible else None
            if box is None or np.count_nonzero(mask) < self._smallest_px:
                continue
            if self._is_due((stream, str(number)), masks.stamp_ns, self._track_every_ns):
                part = around(image.rgb(), np.array(box))
                found.append(
                    Sight(
                        part,
                        masks.stamp_ns,
                        image.frame_id,
                        stream,
                        topic,
                        str(number),
                        label,
                        box,
                    )
                )
        return found

    def forget(self, stream: str) -> None:
        """Time of a camera was set back."""
        self._kept.pop(stream, None)
        self._last_ns = {k: v for k, v in self._last_ns.items() if k[0] != stream}

    def wants(self, stream: str, stamp_ns: int) -> bool:
        """Whether `picture` would give a sight for a picture of that moment."""
        return self._is_over((stream, ''), stamp_ns, self._every_ns)

    def _is_over(self, subject: tuple[str, str], stamp_ns: int, every_ns: int) -> bool:
        last_ns = self._last_ns.get(subject)
        return last_ns is None or stamp_ns - last_ns >= max(every_ns, 1)

    def _is_due(self, subject: tuple[str, str], stamp_ns: int, every_ns: int) -> bool:
        if not self._is_over(subject, stamp_ns, every_ns):
            return False
        self._last_ns[subject] = stamp_ns
        if len(self._last_ns) > _MOST_SUBJECTS:
            self._drop_old()
        return True

    def _drop_old(self) -> None:
        """Tracks come and go for ever; the older half is not looked at again."""
        newest_first = sorted(self._last_ns, key=lambda s: -self._last_ns[s])
        self._last_ns = {s: self._last_ns[s] for s in newest_first[: _MOST_SUBJECTS // 2]}
