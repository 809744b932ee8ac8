"""Drawings of people: their joints over the picture of a camera."""

from __future__ import annotations

import numpy as np
import rerun as rr

from mm_perception.drawing import colour_of
from mm_perception.samples import KEYPOINTS, LIMBS, Skeletons
from mm_perception.viewing.stage import Stage, parts

_JOINT_PX, _LIMB_PX = 2.5, 1.5
_LIMBS, _JOINTS = 21.0, 22.0  # above boxes


def draw_skeletons(stage: Stage, topic: str, skeletons: Skeletons) -> None:
    """Limbs in the colour of each id, and joints with their names and scores on a click."""
    path = [*stage.camera(skeletons.frame_id, topic), *parts(topic)]
    known, places = skeletons.known(), skeletons.points + 0.5  # corners count from pixel edges
    limbs = [
        (places[person, [a, b]], colour_of(number))
        for person, number in enumerate(skeletons.ids)
        for a, b in LIMBS
        if known[person, a] and known[person, b]
    ]
    joints = [
        (places[person, k], f'{KEYPOINTS[k]} #{number} {skeletons.scores[person, k]:.2f}', number)
        for person, number in enumerate(skeletons.ids)
        for k in np.flatnonzero(known[person])
    ]
    strips = np.array([ends for ends, _ in limbs], np.float32).reshape(-1, 2, 2)
    stage.log(
        [*path, 'limbs'],
        rr.LineStrips2D(
            strips, colors=[colour for _, colour in limbs], radii=_LIMB_PX, draw_order=_LIMBS
        ),
    )
    stage.log(
        [*path, 'joints'],
        rr.Points2D(
            np.array([place for place, *_ in joints], np.float32).reshape(-1, 2),
            colors=[colour_of(number) for *_, number in joints], radii=_JOINT_PX,
            labels=[words for _, words, _ in joints], show_labels=False, draw_order=_JOINTS,
        ),
    )  # fmt: skip
    stage.layout.add_mark(path)
