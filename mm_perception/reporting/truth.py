"""Scores of a replay against the truth of its bag, where the bag has one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mm_perception.bag.reader import BagReader
from mm_perception.errors import (
    ConfigError,
    MmPerceptionError,
    PromptError,
    TransformUnavailableError,
)
from mm_perception.evaluation.boxes3d import DetectionScores, Pair, score_boxes
from mm_perception.evaluation.naming import parse_name, split_label
from mm_perception.evaluation.replayed import Story, score_replay
from mm_perception.evaluation.scenes import TRUTH as MASKS_TRUTH
from mm_perception.evaluation.scenes import find_topics
from mm_perception.evaluation.tracks3d import TrackingScores, score_tracks3d
from mm_perception.geometry.frames import moved
from mm_perception.reporting.recording import TRUTH, Path3D, Recording, take_paths
from mm_perception.ros import convert
from mm_perception.ros.tf import TransformBuffer
from mm_perception.ros.wire import deserialize
from mm_perception.samples import Boxes3D

if TYPE_CHECKING:
    from mm_perception.evaluation.result import Evaluation
    from mm_perception.graph import StackSpec

#: Boxes farther from the robot than this count neither way, metres.
REACH_M = 30.0
_BOXES = f'{TRUTH}boxes'


@dataclass(eq=False)
class Scores:
    """What can be compared with a truth.

    Attributes:
        texts: For each prompt that names things of the world, its scores and its story by camera.
        boxes: By topic of boxes in space.
        tracks: By topic of boxes in space whose boxes have ids.
        paths: Where things truly were, as far as they are in reach.
        said: What was truly said: seconds from the first picture, and the words.
        remarks: What could not be scored, and why.
    """

    texts: list[tuple[Evaluation, list[Story]]] = field(default_factory=list)
    boxes: dict[str, DetectionScores] = field(default_factory=dict)
    tracks: dict[str, TrackingScores] = field(default_factory=dict)
    paths: dict[tuple[str, str], Path3D] = field(default_factory=dict)
    said: list[tuple[int, str]] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def has_truth(bag: Path) -> bool:
    """Whether a bag is there and holds anything of `/ground_truth/`."""
    if not bag.exists():
        return False
    with BagReader(bag) as reader:
        return any(name.startswith(TRUTH) and t.count for name, t in reader.topics.items())


def scores_of(recording: Recording, bag: Path, result: Path, stack: StackSpec) -> Scores:
    """Compare masks with the prompts' truth, and boxes with boxes.

    Args:
        recording: What was found.
        bag: That was replayed.
        result: Folder of the replay.
        stack: That was replayed.

    Raises:
        BagError: The bag cannot be read.
    """
    scores = Scores()
    _score_texts(scores, recording, bag, result, stack)
    _score_boxes(scores, recording, bag)
    truth = bag / 'truth.json'
    if truth.is_file():
        for said in json.loads(truth.read_text()).get('speech', []):
            scores.said.append((int(said['start_ns']), str(said['text'])))
    return scores


def _score_texts(
    scores: Scores, recording: Recording, bag: Path, result: Path, stack: StackSpec
) -> None:
    texts = list(dict.fromkeys(p.text for p in recording.prompts if p.text))
    if not texts or not recording.answered:
        return
    try:
        find_topics(bag)
        kinds = _kinds(bag)
    except MmPerceptionError as error:
        scores.remarks.append(str(error))
        return
    for text in texts:
        try:
            name = parse_name(text, kinds)
            evaluation, stories = score_replay(stack, bag, result, name, text)
        except PromptError:
            known = ', '.join(sorted(kinds))
            scores.remarks.append(f'“{text}” is no colour and kind of the truth ({known})')
        except ConfigError as error:
            scores.remarks.append(f'“{text}”: {error}')
            return
        else:
            if stories:
                scores.texts.append((evaluation, stories))
            else:
                scores.remarks.append(f'“{text}” is in no picture that was answered')


def _kinds(bag: Path) -> set[str]:
    """Class names in the truth of the masks."""
    labels: set[str] = set()
    with BagReader(bag) as reader:
        topics = [
            t for t in reader.topics if t.startswith(MASKS_TRUTH) and t.endswith('/label_info')
        ]
        for record in reader.records(topics):
            table = deserialize(record.data, record.type_name).class_map
            labels |= {entry.class_name for entry in table if entry.class_id}
    return {split_label(label).kind for label in labels}


def _score_boxes(scores: Scores, recording: Recording, bag: Path) -> None:
    """Boxes at the moments of the truth, carried to its frame by TF at that moment."""
    if not recording.boxes:
        return
    with BagReader(bag) as reader:
        if _BOXES not in reader.topics:
            scores.remarks.append(f'boxes are not scored: {bag} has no {_BOXES}')
            return
    truth = {stamp_ns: _near(boxes) for stamp_ns, boxes in _read_boxes(bag, _BOXES).items()}
    for true in truth.values():
        take_paths(scores.paths, _BOXES, true)
    for topic in recording.boxes:
        pairs, problem = _pairs(truth, _read_boxes(recording.bag, topic), recording.transforms)
        if any(len(true) for true, _ in pairs):
            scores.boxes[topic] = score_boxes(pairs)
            if any(found.track_ids for _, found in pairs):
                scores.tracks[topic] = score_tracks3d([pairs])
        else:
            frame = recording.frames[topic]
            why = problem or f'shares no moment with {_BOXES} at which something is in reach'
            scores.remarks.append(f'{topic}, in {frame}: {why}')


def _pairs(
    truth: Mapping[int, Boxes3D], found: Mapping[int, Boxes3D], transforms: TransformBuffer
) -> tuple[list[Pair], str]:
    """Both within reach of the robot, in the frame of the truth; and why some could not be."""
    pairs, problem = [], ''
    for stamp_ns in sorted(truth.keys() & found.keys()):
        true, boxes = truth[stamp_ns], found[stamp_ns]
        try:
            if boxes.frame_id != true.frame_id:
                change = transforms.lookup(true.frame_id, boxes.frame_id, stamp_ns)
                boxes = moved(boxes, change, true.frame_id)
        except TransformUnavailableError as error:
            problem = str(error)
        else:
            pairs.append((true, _near(boxes)))
    return pairs, problem


def _read_boxes(bag: Path, topic: str) -> dict[int, Boxes3D]:
    found = {}
    with BagReader(bag) as reader:
        for record in reader.records([topic]):
            message = deserialize(record.data, record.type_name)
            boxes = convert.from_msg(message, Boxes3D, record.log_time_ns)
            assert isinstance(boxes, Boxes3D)
            found[boxes.stamp_ns] = boxes
    return found


def _near(boxes: Boxes3D) -> Boxes3D:
    """What is within reach, without colours; the truth on this topic has no velocities."""
    near = np.linalg.norm(boxes.centres[:, :2], axis=1) <= REACH_M
    kept: Sequence[int] = np.flatnonzero(near).tolist()
    return replace(
        boxes, centres=boxes.centres[near], sizes=boxes.sizes[near],
        quats_xyzw=boxes.quats_xyzw[near], scores=boxes.scores[near],
        labels=tuple(split_label(boxes.labels[i]).kind for i in kept),
        track_ids=tuple(boxes.track_ids[i] for i in kept) if boxes.track_ids else (),
        velocities=np.zeros((len(kept), 3)), covariances=None, velocity_covariances=None,
    )  # fmt: skip
