"""Where drawings go: entities of a rerun recording, placed by TF, on one time line."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import rerun as rr

from mm_perception.errors import TransformUnavailableError
from mm_perception.ros.tf import TransformBuffer
from mm_perception.viewing.layout import Layout

#: The time line: when the sensor saw or heard it.
TIMELINE = 'stamp'
#: How long the arrows that stand for a pose are, metres.
AXIS_M = 0.7
_NO_FRAME = 'no_frame'
_COLOURS = {
    rr.TextLogLevel.INFO: (210, 214, 220), rr.TextLogLevel.WARN: (240, 180, 70),
    rr.TextLogLevel.ERROR: (235, 90, 80), rr.TextLogLevel.DEBUG: (140, 146, 156),
}  # fmt: skip
Path = list[str]


class Stage:
    """The recording that drawings are written to.

    What lies in space is a child of the topmost frame above its own, moved there by TF at its own
    stamp: a scan stays where it was measured while the robot drives on.

    Args:
        recording: Of rerun.
        transforms: TF.
    """

    def __init__(self, recording: rr.RecordingStream, transforms: TransformBuffer) -> None:
        self.recording, self.transforms = recording, transforms
        #: What was drawn, for the blueprint.
        self.layout = Layout()
        #: What was not drawn, for want of a transform, by topic, and the first reason.
        self.unplaced: Counter[str] = Counter()
        self.reasons: dict[str, str] = {}
        #: What a drawing keeps from one sample to the next, by topic.
        self.memory: dict[str, Any] = {}
        self._now_ns = 0
        self._cameras: dict[str, tuple[Path, int]] = {}
        self._said: dict[str, object] = {}
        recording.set_log_tick_enabled(False)
        recording.set_log_time_enabled(False)

    def at(self, stamp_ns: int) -> None:
        """What is logged from now on happened then."""
        self._now_ns = stamp_ns
        self.recording.set_time(TIMELINE, timestamp=np.datetime64(stamp_ns, 'ns'))

    def log(self, path: Path, *things: Any, is_static: bool = False) -> None:
        """Log to an entity."""
        self.recording.log(list(path), *things, static=is_static)

    def place(self, topic: str, frame: str) -> Path | None:
        """The entity of a topic in space, moved to where its frame is now.

        Returns:
            Its path; None where TF does not know the place, which is counted.
        """
        root = self.transforms.root_of(frame) or _NO_FRAME
        path = [root, *parts(topic)]
        if not self._move(path, root, frame, topic):
            return None
        self.layout.add_space(root)
        return path

    def camera(self, frame: str, topic: str) -> Path:
        """The entity of a camera: its picture, and what is known of it, are children.

        Where TF does not know the camera its pictures are shown all the same, but not in space.
        """
        root = self.transforms.root_of(frame)
        path = [root, frame.lstrip('/')] if frame.lstrip('/') != root else [root or _NO_FRAME]
        if self._cameras.get(frame) != (path, self._now_ns):
            if len(path) > 1:
                self._move(path, root, frame, topic)
            self._cameras[frame] = path, self._now_ns
        return path

    def camera_named(self, stream: str) -> Path | None:
        """The camera whose topics or frame have that name; the only one where it is empty."""
        paths = [path for path, _ in self._cameras.values()]
        if not stream:
            return paths[0] if len(paths) == 1 else None
        found = self.layout.stream_of
        fits = [p for p in paths if stream in found.get(tuple(p), set()) | {p[-1]}]
        return fits[0] if len(fits) == 1 else None

    def say(self, topic: str, text: str, level: str = rr.TextLogLevel.INFO) -> None:
        """A line in the log."""
        self.layout.add_words()
        colour = _COLOURS.get(level, _COLOURS[rr.TextLogLevel.INFO])
        self.log(['log', *parts(topic)], rr.TextLog(text, level=level, color=colour))

    def say_news(
        self, topic: str, text: str, level: str = rr.TextLogLevel.INFO, *, gist: object = None
    ) -> None:
        """A line in the log, unless the last one of the topic was the same.

        Args:
            topic: Of which it speaks.
            text: The line.
            level: Of rerun.TextLogLevel.
            gist: What is compared, in place of the text.
        """
        gist = text if gist is None else gist
        if self._said.get(topic) != gist:
            self._said[topic] = gist
            self.say(topic, text, level)

    def curve(self, group: str, name: str, value: float) -> None:
        """A point of a curve.

        Args:
            group: Curves of one unit, drawn together; its name with the unit.
            name: Of the curve: a topic, and what is below it.
            value: NaN is a gap.
        """
        self.layout.add_curve(group)
        self.log(['curves', group, *parts(name)], rr.Scalars(value))

    def _move(self, path: Path, root: str, frame: str, topic: str) -> bool:
        """Move an entity to where its frame is now, below the frame `root`."""
        if frame.lstrip('/') in ('', root):
            return True
        try:
            matrix = self.transforms.lookup(root, frame, self._now_ns)
        except TransformUnavailableError as error:
            self.unplaced[topic] += 1
            self.reasons.setdefault(topic, error.reason)
            return False
        moved = rr.Transform3D(translation=matrix[:3, 3], mat3x3=matrix[:3, :3])
        self.log(path, moved)
        return True


def parts(topic: str) -> Path:
    """Of a topic's name."""
    return [part for part in topic.split('/') if part]
