"""Draw what a node says of the space around the robot, seen from above, into a film."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mm_perception.bag.reader import BagReader, Record
from mm_perception.drawing import draw_banner
from mm_perception.drawing.birds_eye import draw_birds_eye
from mm_perception.drawing.film import ContactSheet, Film
from mm_perception.ros import convert
from mm_perception.ros.convert.join import StampJoin
from mm_perception.ros.wire import deserialize
from mm_perception.runner import Wiring
from mm_perception.samples import BevGrid, Boxes3D

#: Around the robot, metres, where no map tells.
_REACH_M = 40.0


def holds(reader: BagReader, topic: str) -> bool:
    """Whether a bag has any message of a topic."""
    return topic in reader.topics and reader.topics[topic].count > 0


class FromAbove:
    """Boxes and the map of one node, of equal stamps; a map that comes late is left out.

    Frames are those of the answers: a robot in a frame that stands still is not in its middle.

    Args:
        node: Name, for the file and the caption.
        wiring: Topics of its outputs `boxes` and `map`.
        out: Folder.
        reader: Of the bag.
    """

    def __init__(self, node: str, wiring: Wiring, out: Path, reader: BagReader) -> None:
        self.film, self.sheet = Film(out / f'{node}_from_above.mp4'), ContactSheet()
        self.frames = 0
        self._node, self._start_ns = node, reader.start_ns
        self._parts: dict[str, tuple[str, Any]] = {}
        for port, sample_type in (('map', BevGrid), ('boxes', Boxes3D)):
            for topic in wiring.outputs.get(port, {}).values():
                joined = convert.assemble(sample_type)
                assert isinstance(joined, StampJoin)  # both are spread over several topics
                joined.expect(s for s in joined.suffixes if holds(reader, topic + s))
                self._parts |= {topic + suffix: (suffix, joined) for suffix in joined.suffixes}
        self._has_map = bool(wiring.outputs.get('map'))
        self._boxes: Boxes3D | None = None
        self._grid: BevGrid | None = None

    @property
    def topics(self) -> set[str]:
        """What it wants to see."""
        return set(self._parts)

    def take(self, record: Record) -> None:
        """A message of the bag, in order."""
        if record.topic not in self._parts:
            return
        suffix, joined = self._parts[record.topic]
        sample = joined.add(suffix, deserialize(record.data, record.type_name))
        if isinstance(sample, BevGrid):
            self._grid = sample
        elif isinstance(sample, Boxes3D):
            self._draw()  # those before, whose map never came
            self._boxes = sample
        boxes, grid = self._boxes, self._grid
        is_whole = boxes is not None and grid is not None and grid.stamp_ns == boxes.stamp_ns
        if is_whole or not self._has_map:
            self._draw()

    def close(self) -> Iterator[Path]:
        """Finish; yields what was written."""
        self._draw()
        self.film.close()
        if self.film.path.is_file():
            yield self.film.path
        sheet = self.film.path.with_suffix('.png')
        if self.sheet.write(sheet):
            yield sheet

    def _draw(self) -> None:
        boxes, self._boxes = self._boxes, None
        if boxes is None:
            return
        grid = self._grid if self._grid and self._grid.stamp_ns == boxes.stamp_ns else None
        reach_m = _REACH_M if grid is None else min(-grid.origin[0], -grid.origin[1])
        picture = draw_birds_eye(boxes, grid, reach_m if reach_m > 0 else _REACH_M)
        seconds = (boxes.stamp_ns - self._start_ns) / 1e9
        kinds, counts = np.unique(np.array(boxes.labels, np.str_), return_counts=True)
        found = ', '.join(f'{n} {kind}' for kind, n in zip(kinds, counts, strict=True))
        line = f'{self._node}   {seconds:6.2f} s   {found or "nothing found"}'
        picture = draw_banner(picture, [line])
        self.film.add(picture, boxes.stamp_ns)
        self.sheet.add(picture)
        self.frames += 1
