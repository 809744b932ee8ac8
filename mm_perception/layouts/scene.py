"""What there is to show of a stack on a rig, in the words of the shipped layouts.

The shipped layouts are the template. They show the topics of the demo; `Scene.feeds` tells what
stands in the place of each on another rig, and with another stack.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from mm_perception import registry
from mm_perception.diagnosis.frames import reach
from mm_perception.diagnosis.snapshot import Snapshot
from mm_perception.graph import StackSpec, auto_streams, name_streams
from mm_perception.layouts.offered import (
    DIAGNOSTICS,
    Output,
    inputs_of,
    outputs_of,
    sample_types,
    timing_topic,
)
from mm_perception.plugin import Output as Port
from mm_perception.samples import Boxes3D, Image, Masks, Odometry, PointCloud, Sample, Skeletons

#: The demo's sensors in the template.
CAMERA, LIDAR, ODOMETRY = '/camera_front/image_raw', '/lidar/points', '/odom'
#: A topic of a node in the template: plugin, what kind of output, port, and what follows it.
_OF_NODE = re.compile(r'/(\w+)/(output|debug)/(\w+)(/.*)?')
TIMING = re.compile(r'/(\w+)/debug/timing')
#: Shown whatever their port is called; others may mean anything (a Text can be JSON).
_ALIKE = (Masks, Boxes3D, Skeletons)


@dataclass(frozen=True)
class Feed:
    """A topic in the place of one of the template's.

    Attributes:
        topic: Full name.
        label: Tells it from others in the same place; empty if there is but one.
        camera: Topic of the pictures that it speaks of; empty if of no single camera.
        matters: To be seen though the template keeps it off: nothing else shows this.
        is_first: Of those of its camera; pictures of others would only hide it.
    """

    topic: str
    label: str = ''
    camera: str = ''
    matters: bool = False
    is_first: bool = True


class Scene:
    """A stack on a rig.

    Args:
        stack: Its topics are found.
        seen: The rig, and what the stack publishes or would publish.
        template: Topics of the shipped layouts.
        namespace: Of the nodes.

    Attributes:
        cameras: Name to topic of pictures, in the order in which they are looked at.
        fixed_frame: In which all is drawn.
        follow_frame: Which the view follows.
        timings: Topics of the numbers of the nodes, by node.
    """

    def __init__(
        self, stack: StackSpec, seen: Snapshot, template: Iterable[str], namespace: str = ''
    ) -> None:
        self.seen = seen
        outputs = [o for o in outputs_of(stack, namespace) if self.types(o.topic)]
        made = tuple(f'{o.topic}/' for o in outputs)
        available = {t: s for t, s in sample_types(seen).items() if not f'{t}/'.startswith(made)}
        self.cameras = _in_order(_cameras_of(stack, available, namespace))
        self._places = _places(outputs, template)
        self._clouds = auto_streams(available, PointCloud)
        self._odometry = auto_streams(available, Odometry)
        names = {spec.name: timing_topic(spec.name, namespace) for spec in stack.nodes}
        self.timings = {name: topic for name, topic in names.items() if self.types(topic)}
        self.fixed_frame = self._fixed_frame()
        self._reach = reach(seen, self.fixed_frame)
        self.follow_frame = 'base_link' if 'base_link' in self._reach else self.fixed_frame

    def types(self, topic: str) -> set[str]:
        """Message types that are published on a topic; none if nobody does."""
        found = self.seen.topics.get(topic)
        return {end.type for end in found.publishers} if found else set()

    def feeds(
        self, topic: str, takes: Collection[str] = (), *, is_spatial: bool = False
    ) -> list[Feed]:
        """What is there in the place of a topic of the template.

        Args:
            topic: Of the template.
            takes: Message types that can be shown; none means any.
            is_spatial: It is drawn in the fixed frame.
        """
        return [
            feed
            for feed in self._feeds(topic)
            if (types := self.types(feed.topic))
            and (not takes or types <= set(takes))
            and not (is_spatial and self._lost_frames(feed.topic))
        ]

    def lost(self) -> dict[str, list[str]]:
        """Topics of sensors that cannot be drawn: to their frames, which nothing connects."""
        topics = (*self._clouds.values(), *self._odometry.values())
        return {topic: frames for topic in topics if (frames := self._lost_frames(topic))}

    def calibration(self, camera: str) -> str:
        """Topic of the calibration of a camera; empty if there is none."""
        base = camera.removesuffix('/compressed').rsplit('/', 1)[0]
        return f'{base}/camera_info' if self.types(f'{base}/camera_info') else ''

    def _feeds(self, topic: str) -> list[Feed]:
        if topic == CAMERA:
            return [Feed(t, name, t) for name, t in self.cameras.items()]
        if topic in (LIDAR, ODOMETRY):
            sensors = self._clouds if topic == LIDAR else self._odometry
            return [Feed(t, name) for name, t in sensors.items()]
        match = _OF_NODE.fullmatch(topic)
        if match is None:
            return [Feed(topic)] if topic == DIAGNOSTICS else []
        outputs = self._places.get((match[1], match[3]), [])
        place = {camera: index for index, camera in enumerate(self.cameras.values())}
        outputs = sorted(outputs, key=lambda o: (place.get(o.camera, -1), o.plugin != match[1]))
        is_many = len({o.node for o in outputs}) > 1
        before = [None, *(o.camera for o in outputs)]
        return [
            self._feed(o, match[4] or '', is_many, is_first=o.camera != camera)
            for o, camera in zip(outputs, before, strict=False)
        ]

    def _feed(self, out: Output, suffix: str, is_many: bool, *, is_first: bool) -> Feed:
        stream = next((s for s, t in self.cameras.items() if t == out.camera), out.stream)
        label = ', '.join(part for part in (out.node if is_many else '', stream) if part)
        matters = out.sample_type is Boxes3D and suffix == '/markers' and not out.is_taken
        return Feed(out.topic + suffix, label, out.camera, matters, is_first)

    def _lost_frames(self, topic: str) -> list[str]:
        return [frame for frame in self._frames([topic]) if frame not in self._reach]

    def _frames(self, topics: Iterable[str]) -> list[str]:
        traffic = [self.seen.topics[t].traffic for t in topics if t in self.seen.topics]
        return [frame for t in traffic if t is not None for frame in t.frame_ids if frame]

    def _fixed_frame(self) -> str:
        """The one in which things stand still, of those that TF has."""
        known = {f for edge in self.seen.edges for f in (edge.parent, edge.child)}
        clouds, pictures = self._frames(self._clouds.values()), self._frames(self.cameras.values())
        standing = ['odom', *self._frames(self._odometry.values()), 'base_link']
        for frame in (*standing, *clouds, *pictures):
            if frame in known:
                return frame
        words = [t for t in self.seen.topics if t.endswith('/markers')]
        # Without TF each frame is alone: that of the scan, else that in which words stand.
        return next(iter([*clouds, *self._frames(words), *pictures, 'base_link']))


def grid_rows(names: Sequence[str]) -> list[Sequence[str]]:
    """Rows of a grid that is about as wide as high.

    Convention:
        Six are two rows of three, four two of two, three two above one.
    """
    columns = max(1, math.ceil(math.sqrt(len(names))))
    return [names[i : i + columns] for i in range(0, len(names), columns)]


def _cameras_of(
    stack: StackSpec, available: dict[str, tuple[type[Sample], ...]], namespace: str
) -> dict[str, str]:
    """Those that the stack takes; where it takes none, all."""
    taken = {
        topic
        for spec in stack.nodes
        for topic, port in inputs_of(spec, namespace)
        if spec.plugin_class().inputs[port].sample_type is Image and port != 'depth'
    }
    return name_streams(taken & available.keys()) or auto_streams(available, Image)


def _in_order(cameras: dict[str, str]) -> dict[str, str]:
    """Ahead, aside, behind, each from left to right: a grid of them looks like the rig."""

    def place(name: str) -> tuple[int, int, str]:
        words = name.lower().split('_')
        row = 0 if 'front' in words else 2 if {'back', 'rear'} & set(words) else 1
        return row, ('left' not in words) + ('right' in words), name

    return {name: cameras[name] for name in sorted(cameras, key=place)}


def _places(
    outputs: Iterable[Output], template: Iterable[str]
) -> dict[tuple[str, str], list[Output]]:
    """Plugin and port of the template to what is shown in that place.

    A plugin that the template does not know goes where the same flows: masks are masks.
    """
    matches = [_OF_NODE.fullmatch(t) for t in template if not TIMING.fullmatch(t)]
    ports = list(dict.fromkeys((m[1], m[3]) for m in matches if m))
    plugins = {plugin for plugin, _ in ports}
    kinds: dict[tuple[str, str], Port] = {
        (plugin, port): registry.load(plugin).outputs[port] for plugin, port in ports
    }
    found: dict[tuple[str, str], list[Output]] = {}
    for out in outputs:
        same = [
            key for key, kind in kinds.items()
            if kind.sample_type is out.sample_type and kind.is_debug == out.is_debug
        ]  # fmt: skip
        named = [key for key in same if key[1] == out.port]
        alike = named or (same if out.sample_type in _ALIKE else [])
        key = (out.plugin, out.port) if out.plugin in plugins else (alike or [('', '')])[0]
        found.setdefault(key, []).append(out)
    return found
