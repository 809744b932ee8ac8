"""What one camera sees of a home: its things now, and a watch on each of its devices."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from mm_perception.errors import ShapeError
from mm_perception.geometry.cameras import unproject
from mm_perception.geometry.rays import depth_in_metres
from mm_perception.imaging.colour_words import colour_shares
from mm_perception.plugins.smart_home.binding import Seen
from mm_perception.plugins.smart_home.looking import Judging, Watch, look_at, luminance
from mm_perception.samples import CameraInfo, Image, Masks
from mm_perception.samples.detections import mask_box
from mm_perception.samples.sample import Array
from mm_perception.text.thing_phrase import read_thing_phrase


class HomeCamera:
    """One camera.

    Attributes:
        stamp_ns: Of the newest picture.
        things: What it sees now, largest first.
        watches: By track id, of what is watched.
    """

    def __init__(self) -> None:
        self.stamp_ns = 0
        self.things: tuple[Seen, ...] = ()
        self.watches: dict[int, Watch] = {}

    def take(
        self, stream: str, masks: Masks, image: Image, smallest_px: int,
        info: CameraInfo | None = None, depth: Image | None = None,
    ) -> Array:  # fmt: skip
        """Take the next picture.

        Args:
            stream: Name of the camera.
            masks: Of all things of which may be spoken.
            image: The picture of the masks.
            smallest_px: Masks of fewer pixels are left out.
            info: Calibration, for places in space.
            depth: Depth in the size of the masks, likewise.

        Returns:
            (H, W, 3) uint8, the picture in RGB.

        Raises:
            ShapeError: Picture or depth are not of the size of the masks.
        """
        rgb = image.rgb()
        for what, shape in (('image', rgb.shape[:2]), ('depth', depth and depth.data.shape)):
            if shape is not None and shape != masks.id_map.shape:
                raise ShapeError(what, f'{masks.id_map.shape}, as the masks', f'{shape}')
        counts = np.bincount(masks.id_map.reshape(-1), minlength=65536)
        self.stamp_ns = masks.stamp_ns
        pairs = zip(masks.ids, masks.labels, strict=True)
        found = [
            (
                int(counts[number]),
                _seen(stream, number, label, masks.mask(number), rgb, info, depth),
            )
            for number, label in pairs
            if counts[number] >= smallest_px
        ]
        self.things = tuple(seen for _, seen in sorted(found, key=lambda pair: -pair[0]))
        return rgb

    def watch(self, rgb: Array, masks: Masks, kinds: Collection[str], judging: Judging) -> None:
        """Look at every thing of some classes.

        Args:
            rgb: (H, W, 3) uint8, the newest picture.
            masks: Its masks.
            kinds: Classes of devices.
            judging: Thresholds.
        """
        watched = [t for t in self.things if t.label.kinds & set(kinds)]
        gone = self.watches.keys() - set(masks.ids)
        for number in gone:
            del self.watches[number]
        if not watched:
            return
        light = luminance(rgb)
        devices = np.isin(masks.id_map, [t.track_id for t in watched])
        for thing in watched:
            look = look_at(light, masks.mask(thing.track_id), ~devices)
            watch = self.watches.setdefault(thing.track_id, Watch())
            watch.take(look, masks.stamp_ns, judging)


def _seen(
    stream: str, number: int, label: str, mask: Array, rgb: Array, info: CameraInfo | None,
    depth: Image | None,
) -> Seen:  # fmt: skip
    box = mask_box(mask) or (0.0, 0.0, 0.0, 0.0)
    phrase = read_thing_phrase(label)
    colours = {} if phrase.colour else colour_shares(rgb, mask)
    if info is None or depth is None:
        return Seen(stream, number, phrase, box, colours=colours)
    metres = depth_in_metres(depth)[mask]
    good = metres[np.isfinite(metres) & (metres > 0)]
    middle = np.array([[(box[0] + box[2] - 1) / 2, (box[1] + box[3] - 1) / 2]])
    ray = unproject(info, middle)[0]
    flat = (float(ray[0] / ray[2]), float(ray[1] / ray[2]))
    far = float(np.median(good)) if len(good) else None
    return Seen(stream, number, phrase, box, far, flat, colours)
