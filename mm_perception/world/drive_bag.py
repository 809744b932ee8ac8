"""A drive as a rosbag2: cameras, LiDAR, microphones, IMU, odometry, TF, and the truth."""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mm_perception.bag.canonical import canonical
from mm_perception.bag.writer import BagWriter
from mm_perception.ros import convert
from mm_perception.ros.wire import serialize, type_name_of
from mm_perception.samples import AudioClip, CameraInfo, Image, Masks, PointCloud, Sample
from mm_perception.world import messages
from mm_perception.world.camera import Camera
from mm_perception.world.drive import Drive, Frame, Scan, Stream, observe
from mm_perception.world.drive_truth import TruthLog
from mm_perception.world.microphone import MicrophoneArray, Sound
from mm_perception.world.render import View
from mm_perception.world.speech import conversation
from mm_perception.world.spoken import utterances

START_NS = 1_700_000_000_000_000_000
BOXES, BIRD, BIRD_CLASSES = '/ground_truth/boxes', '/ground_truth/bev', '/ground_truth/bev/classes'
_BIRD_RATE_HZ = 1.0

#: Log time in ns, topic, message.
Entry = tuple[int, str, Any]


def write_drive(
    folder: Path,
    drive: Drive,
    *,
    workers: int = 1,
    progress: Callable[[int], None] = lambda done: None,
) -> Path:
    """Record a drive; equal drives give equal bytes.

    Topics: /<camera>/image_raw and camera_info, /<lidar>/points, /<imu>/data, /odom, /tf,
    /tf_static, where there are microphones /<microphones>/audio, and the truth:

    - /ground_truth/odom in map.
    - /ground_truth/output/masks/<camera> and, if asked for, /ground_truth/output/depth/<camera>
      (no input is ever set there by `auto`): where things are even if the picture is black.
    - /ground_truth/boxes: 3D boxes in base_link of all named things within 60 m, hidden ones too.
    - /ground_truth/bev and /ground_truth/bev/classes, once a second: cells around base_link, with
      0 free, 100 occupied, -1 unknown, and with numbers of `truth.CLASSES`.

    Frames: map is the street or room. base_link in odom, and /odom, drift; map to odom is the
    correction of that, so that base_link in map is true. A picture is logged at its moment; a
    scan, whose stamp is the start of its turn, when the turn is over.

    Args:
        folder: New folder.
        drive: What to record.
        workers: Processes that render.
        progress: Called with the number of frames written.

    Returns:
        `folder`, with `objects.json` (instance to name) and `truth.json` (what there is no
        message for, see `TruthLog`) beside the bag's own files.

    Raises:
        KeyboardInterrupt: Ctrl-C; what was recorded until then is kept, with its truth.
        MissingDependencyError: There are microphones, and no espeak-ng for the passers-by or for
            a saying that is not recorded.
    """
    truth = TruthLog(drive, START_NS)
    sound = _sound(drive, truth)
    sources = (_mounts(drive), _odometry(drive), _inertial(drive), sound, _birds(drive, truth))
    try:
        with BagWriter(folder) as writer, closing(_seen(drive, truth, workers, progress)) as seen:
            _declare(writer, drive)
            progress(0)  # from here on a file is written: what ends it comes between messages
            for log_ns, topic, message in heapq.merge(*sources, seen, key=lambda entry: entry[0]):
                writer.write(topic, log_ns, canonical(serialize(message), type_name_of(message)))
    except KeyboardInterrupt:
        _describe(folder, drive, truth)
        raise
    _describe(folder, drive, truth)
    return folder


def _describe(folder: Path, drive: Drive, truth: TruthLog) -> None:
    """What there is no message for, beside the bag."""
    truth.save(folder / 'truth.json')
    text = json.dumps({str(number): name for number, name in drive.names.items()}, indent=1)
    (folder / 'objects.json').write_text(text + '\n')


def _declare(writer: BagWriter, drive: Drive) -> None:
    topics: list[tuple[str, type[Sample]]] = []
    for camera in drive.cameras:
        topics += [
            (f'/{camera.name}/camera_info', CameraInfo), (f'/{camera.name}/image_raw', Image),
            (_truth_topic(camera), Masks),
        ]  # fmt: skip
        if drive.has_depth:
            topics.append((_depth_topic(camera), Image))
    if drive.lidar is not None:
        topics.append((f'/{drive.lidar.name}/points', PointCloud))
    if drive.microphones is not None:
        topics.append((f'/{drive.microphones.name}/audio', AudioClip))
    for topic, sample_type in topics:
        for wire in convert.published(sample_type):
            writer.add_topic(topic + wire.suffix, wire.type_name, latched=wire.latched)
    writer.add_topic(f'/{drive.imu.name}/data', messages.IMU)
    writer.add_topic('/odom', messages.ODOMETRY)
    writer.add_topic('/ground_truth/odom', messages.ODOMETRY)
    writer.add_topic(BOXES, messages.BOXES)
    writer.add_topic(BIRD, messages.GRID)
    writer.add_topic(BIRD_CLASSES, messages.GRID)
    writer.add_topic('/tf', messages.TF)
    writer.add_topic('/tf_static', messages.TF, latched=True)


def _truth_topic(camera: Camera) -> str:
    return f'/ground_truth/output/masks/{camera.name}'


def _depth_topic(camera: Camera) -> str:
    return f'/ground_truth/output/depth/{camera.name}'


def _ns(time_s: float) -> int:
    return START_NS + round(time_s * 1e9)


def _mounts(drive: Drive) -> Iterator[Entry]:
    mounts = [(camera.frame_id, camera.at, camera.turn) for camera in drive.cameras]
    if drive.lidar is not None:
        mounts.append((drive.lidar.name, drive.lidar.at, np.eye(3)))
    mounts = [
        (frame_id, at, drive.damage.mount(turn, drive.rng(Stream.MOUNTS, number)))
        for number, (frame_id, at, turn) in enumerate(mounts)
    ]
    mounts.append((drive.imu.name, np.array(drive.imu.at), np.eye(3)))
    if drive.microphones is not None:
        mounts.append((drive.microphones.name, drive.microphones.at, np.eye(3)))
    transforms = [messages.transform('base_link', *mount, START_NS) for mount in mounts]
    if drive.microphones is not None:
        name = drive.microphones.name
        transforms += [
            messages.transform(name, f'{name}_{index}', place, np.eye(3), START_NS)
            for index, place in enumerate(drive.microphones.places)
        ]
    yield START_NS, '/tf_static', messages.tf(*transforms)


def _odometry(drive: Drive) -> Iterator[Entry]:
    said, truth = (
        wheels.measure(drive.ego, drive.seconds, drive.rng(Stream.WHEELS))
        for wheels in (drive.wheels, replace(drive.wheels, scale_error=0.0, yaw_noise=0.0))
    )
    for index, time_s in enumerate(said.time_s.tolist()):
        stamp_ns, at, turn = _ns(time_s), said.at[index], said.turn[index]
        back = truth.turn[index] @ turn.T  # from odom to map
        correction = messages.transform('map', 'odom', truth.at[index] - back @ at, back, stamp_ns)
        drifting = messages.transform('odom', 'base_link', at, turn, stamp_ns)
        yield stamp_ns, '/tf', messages.tf(correction, drifting)
        yield stamp_ns, '/odom', messages.odometry(said, index, 'odom', stamp_ns)
        truth_message = messages.odometry(truth, index, 'map', stamp_ns)
        yield stamp_ns, '/ground_truth/odom', truth_message


def _inertial(drive: Drive) -> Iterator[Entry]:
    said, name = drive.imu.measure(drive.ego, drive.seconds, drive.rng(Stream.IMU)), drive.imu.name
    for index, time_s in enumerate(said.time_s.tolist()):
        stamp_ns = _ns(time_s)
        yield stamp_ns, f'/{name}/data', messages.imu(said, index, name, stamp_ns)


def _sound(drive: Drive, truth: TruthLog) -> Iterator[Entry]:
    """Chunks of sound, each logged when it is over; what is said goes into the log at once."""
    array = drive.microphones
    if array is None:
        return iter(())
    said = utterances(drive.sayings, array, drive.ego)
    if drive.has_passers_by:
        things, rng = drive.stage.scene.things, drive.rng(Stream.SPEECH)
        said += conversation(things, drive.ego, drive.seconds, rng, array.rate_hz)
    truth.add_speech(said)
    sources = [utterance.source for utterance in said]
    heard = array.hear(sources, drive.ego, drive.seconds, drive.rng(Stream.MICROPHONES))
    return _chunks(array, drive.damage.sound(heard, array.rate_hz))


def _chunks(array: MicrophoneArray, heard: Sound) -> Iterator[Entry]:
    length = max(round(array.chunk_s * array.rate_hz), 1)
    samples = np.round(heard * 32767).astype(np.int16)
    for first in range(0, len(samples), length):
        chunk = samples[first : first + length]
        clip = AudioClip(
            stamp_ns=_ns(first / array.rate_hz), frame_id=array.name, data=chunk,
            rate_hz=array.rate_hz,
        )  # fmt: skip
        log_ns = _ns((first + len(chunk)) / array.rate_hz)
        for suffix, message in convert.to_msgs(clip).items():
            yield log_ns, f'/{array.name}/audio{suffix}', message


def _birds(drive: Drive, truth: TruthLog) -> Iterator[Entry]:
    for index in range(int(drive.seconds * _BIRD_RATE_HZ + 1e-6) + 1):
        time_s = index / _BIRD_RATE_HZ
        bird, stamp_ns = truth.bird(time_s), _ns(time_s)
        for topic, cells in (
            (BIRD, bird.occupancy()), (BIRD_CLASSES, bird.classes.astype(np.int8)),
        ):  # fmt: skip
            yield stamp_ns, topic, messages.grid(cells, bird.grid, 'base_link', stamp_ns)


def _seen(
    drive: Drive, truth: TruthLog, workers: int, progress: Callable[[int], None]
) -> Generator[Entry]:
    names = drive.names
    for time_s, what in observe(drive, workers):
        log_ns = _ns(time_s)
        if isinstance(what, Frame):
            stamps_ns = _stamps_ns(drive, what)
            samples = _samples_of_frame(drive, what, stamps_ns, names)
            boxes = truth.add(what, stamps_ns)
            yield log_ns, BOXES, messages.boxes(boxes, 'base_link', log_ns)
        else:
            samples = _samples_of_scan(drive, what)
        for topic, sample in samples:
            for suffix, message in convert.to_msgs(sample).items():
                yield log_ns, topic + suffix, message
        if isinstance(what, Frame):
            progress(what.index + 1)


def _stamps_ns(drive: Drive, frame: Frame) -> dict[str, int]:
    """What the clocks of the cameras say, by name."""
    true_ns = _ns(frame.time_s)
    return {
        camera.name: drive.damage.stamp_ns(true_ns, drive.rng(Stream.STAMPS, frame.index, number))
        for number, camera in enumerate(drive.cameras)
    }


def _samples_of_frame(
    drive: Drive, frame: Frame, stamps_ns: dict[str, int], names: dict[int, str]
) -> Iterator[tuple[str, Sample]]:
    for camera in drive.cameras:
        if camera.name not in frame.views:
            continue
        view, stamp_ns = frame.views[camera.name], stamps_ns[camera.name]
        picture = Image(stamp_ns=stamp_ns, frame_id=camera.frame_id, data=view.rgb)
        yield f'/{camera.name}/camera_info', camera.info(stamp_ns)
        yield f'/{camera.name}/image_raw', picture
        yield _truth_topic(camera), _truth(view, names, stamp_ns, camera.frame_id)
        if drive.has_depth:
            yield _depth_topic(camera), replace(picture, data=view.depth, encoding='32FC1')


def _samples_of_scan(drive: Drive, scan: Scan) -> Iterator[tuple[str, Sample]]:
    if drive.lidar is None:
        return
    name, rng = drive.lidar.name, drive.rng(Stream.STAMPS, scan.index, len(drive.cameras))
    stamp_ns = drive.damage.stamp_ns(_ns(scan.start_s), rng)
    yield f'/{name}/points', PointCloud(stamp_ns=stamp_ns, frame_id=name, points=scan.points)


def _truth(view: View, names: dict[int, str], stamp_ns: int, frame_id: str) -> Masks:
    seen = [number for number in np.unique(view.ids).tolist() if number in names]
    id_map = np.where(np.isin(view.ids, seen), view.ids, 0).astype(np.uint16)
    return Masks(
        stamp_ns=stamp_ns, frame_id=frame_id, id_map=id_map, ids=tuple(seen),
        labels=tuple(names[number] for number in seen), scores=np.ones(len(seen), np.float32),
    )  # fmt: skip
