"""How well the masks of a replay of the demo bag agree with its truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mm_perception.bag.reader import BagReader
from mm_perception.errors import BagError
from mm_perception.plugins.colour_tracker import colour_word
from mm_perception.ros import convert
from mm_perception.ros.wire import deserialize
from mm_perception.samples import Masks
from mm_perception.world.demo_bag import TRUTH_TOPIC


def read_masks(bag: Path, topic: str) -> dict[int, Masks]:
    """Masks of a topic by stamp.

    Raises:
        BagError: The bag has no such topic.
    """
    masks: dict[int, Masks] = {}
    assembler = convert.assemble(Masks)
    topics = {topic: '', f'{topic}/detections': '/detections'}
    with BagReader(bag) as reader:
        if topic not in reader.topics:
            raise BagError(
                str(bag), f'has no topic {topic}', 'replay it with a stack that makes it'
            )
        for record in reader.records(topics.keys()):
            message = deserialize(record.data, record.type_name)
            sample = assembler.add(topics[record.topic], message) if assembler else None
            if isinstance(sample, Masks):
                masks[sample.stamp_ns] = sample
    return masks


def score_replay(truth_bag: Path, result_bag: Path, topic: str) -> dict[str, float]:
    """Compare areas per text and picture: a text means every object of its colour.

    Args:
        truth_bag: The demo bag.
        result_bag: What a replay made of it.
        topic: Of the masks.

    Returns:
        `mean_iou` over pictures and texts with something to find, `frames` compared, and `share`
        of the truth's pictures that were answered.
    """
    truth, found = read_masks(truth_bag, TRUTH_TOPIC), read_masks(result_bag, topic)
    texts = sorted({label for masks in found.values() for label in masks.labels})
    values = []
    for stamp_ns, masks in found.items():
        if stamp_ns not in truth:
            continue
        for text in texts:
            real = _area(truth[stamp_ns], colour_word(text))
            own = np.isin(
                masks.id_map,
                [i for i, label in zip(masks.ids, masks.labels, strict=True) if label == text],
            )
            if real.any():
                values.append(float((real & own).sum() / (real | own).sum()))
    mean = float(np.mean(values)) if values else 0.0
    return {
        'mean_iou': round(mean, 4),
        'frames': len(found),
        'share': round(len(found) / max(len(truth), 1), 4),
    }


def _area(masks: Masks, colour: str | None) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """All pixels of objects whose name begins with a colour."""
    ids = [
        i for i, label in zip(masks.ids, masks.labels, strict=True) if label.split()[0] == colour
    ]
    return np.isin(masks.id_map, ids)
