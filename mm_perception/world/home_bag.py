"""A home as a rosbag2: what a camera in a corner sees, what is said, the masks, what is on."""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mm_perception.bag.canonical import canonical
from mm_perception.bag.writer import BagWriter
from mm_perception.ros import convert
from mm_perception.ros.wire import serialize, type_name_of
from mm_perception.samples import CameraInfo, Command, Image, Masks, Sample, Text
from mm_perception.world.home import Home, State, watching_camera
from mm_perception.world.render import View
from mm_perception.world.room import make_room
from mm_perception.world.variety import Split

START_NS = 1_700_000_000_000_000_000
IMAGE, INFO = '/camera/image_raw', '/camera/camera_info'
MASKS, DEPTH = '/ground_truth/output/masks/camera', '/ground_truth/output/depth/camera'
STATES = '/ground_truth/devices'
COMMAND = '/command'
_TYPES: dict[str, type[Sample]] = {
    IMAGE: Image, INFO: CameraInfo, DEPTH: Image, MASKS: Masks, STATES: Text, COMMAND: Command,
}  # fmt: skip


@dataclass(frozen=True)
class HomePlan:
    """What is recorded.

    Attributes:
        seed: Of the room, of the camera and of what is on at first.
        seconds: Length.
        rate_hz: Of the camera.
        width: Of a picture in pixels; height is 9/16 of it.
        split: What may appear in the room.
        switches: (second, device, state): when what changes.
        commands: (second, command): what is said; the stamps of the commands do not matter.
    """

    seed: int
    seconds: float = 6.0
    rate_hz: float = 5.0
    width: int = 320
    split: Split = Split.ANY
    switches: Sequence[tuple[float, str, State]] = ()
    commands: Sequence[tuple[float, Command]] = ()


def write_home(folder: Path, plan: HomePlan) -> Path:
    """Record a home; equal plans give equal bytes.

    Topics: /camera/image_raw and camera_info, /command, and the truth: depth, masks of all named
    things, and /ground_truth/devices, a JSON of the state of every device with each picture.

    Args:
        folder: New folder.
        plan: What to record.

    Returns:
        `folder`, with `objects.json` (instance to name) beside the bag's own files.
    """
    home = Home(make_room(plan.seed, plan.split), plan.seed)
    for time_s, name, state in plan.switches:
        home.switch(name, state, time_s)
    names = {t.instance: f'{t.colour} {t.kind}'.strip() for t in home.stage.scene.things}
    spoken = sorted(plan.commands, key=lambda entry: entry[0])
    entries = heapq.merge(
        _seen(home, plan, names),
        ((_ns(time_s), COMMAND, _at(command, _ns(time_s))) for time_s, command in spoken),
        key=lambda entry: entry[0],
    )
    with BagWriter(folder) as writer:
        for topic, sample_type in _TYPES.items():
            for wire in convert.published(sample_type):
                writer.add_topic(topic + wire.suffix, wire.type_name, latched=wire.latched)
        for log_ns, topic, sample in entries:
            for suffix, message in convert.to_msgs(sample).items():
                data = canonical(serialize(message), type_name_of(message))
                writer.write(topic + suffix, log_ns, data)
    text = json.dumps({str(number): name for number, name in names.items()}, indent=1)
    (folder / 'objects.json').write_text(text + '\n')
    return folder


def _ns(time_s: float) -> int:
    return START_NS + round(time_s * 1e9)


def _at(command: Command, stamp_ns: int) -> Command:
    return replace(command, stamp_ns=stamp_ns, end_ns=stamp_ns)


def _seen(home: Home, plan: HomePlan, names: dict[int, str]) -> Iterator[tuple[int, str, Sample]]:
    height = round(plan.width * 9 / 16)
    camera, pose = watching_camera(home.stage.scene, plan.seed, plan.width, height)
    for index in range(round(plan.seconds * plan.rate_hz)):
        time_s = index / plan.rate_hz
        view, stamp_ns, frame = home.look(camera, pose, time_s), _ns(time_s), camera.frame_id
        yield stamp_ns, INFO, camera.info(stamp_ns)
        yield stamp_ns, IMAGE, Image(stamp_ns=stamp_ns, frame_id=frame, data=view.rgb)
        depth = np.where(np.isfinite(view.depth), view.depth, np.nan).astype(np.float32)
        far = Image(stamp_ns=stamp_ns, frame_id=frame, data=depth, encoding='32FC1')
        yield stamp_ns, DEPTH, far
        yield stamp_ns, MASKS, true_masks(view, names, stamp_ns, frame)
        states = {d.name: home.state(d.name, time_s).is_on for d in home.devices}
        yield stamp_ns, STATES, Text(stamp_ns=stamp_ns, text=json.dumps(states))


def true_masks(view: View, names: dict[int, str], stamp_ns: int, frame_id: str) -> Masks:
    """The masks of all named things that a picture shows, labelled with their names."""
    seen = [number for number in np.unique(view.ids).tolist() if number in names]
    id_map = np.where(np.isin(view.ids, seen), view.ids, 0).astype(np.uint16)
    return Masks(
        stamp_ns=stamp_ns, frame_id=frame_id, id_map=id_map, ids=tuple(seen),
        labels=tuple(names[number] for number in seen), scores=np.ones(len(seen), np.float32),
    )  # fmt: skip
