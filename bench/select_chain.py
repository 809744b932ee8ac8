"""The real chain for bench_select: text_tracker nano before sam_prompt, on films."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import Any

import numpy as np

from bench.select_rooms import Room, Said, ns, sayings
from mm_perception.inputs import Inputs
from mm_perception.plugin import Context
from mm_perception.plugins.sam_prompt import SamPrompt, SamPromptConfig
from mm_perception.plugins.text_tracker import TextTracker, TextTrackerConfig
from mm_perception.samples import Masks, Prompt
from mm_perception.samples.sample import Array
from mm_perception.world.drive import Place, one_camera

_EVERY = 2  # of the frames of a drive: 5 pictures a second
#: What of the truth a chosen mask has to reach: to lie mostly on the right thing, or an IoU.
TESTS = ('right thing', 'IoU 0.3', 'IoU 0.5')


def chain(num_worlds: int, place: Place) -> dict[str, Any]:
    """Shares of commands that end in the right mask, by way and test."""
    tracker = TextTracker(TextTrackerConfig(), Context(streams={'image': ('',)}))
    tracker.load('cpu')
    hits: dict[str, list[bool]] = defaultdict(list)
    seconds: list[float] = []
    for index in range(num_worlds):
        room = Room.of(index, one_camera(640, 360, place), place)
        (camera,) = room.drive.cameras
        said = list(sayings(room, 0, camera))
        for kind in dict.fromkeys(item.kind for item in said):
            film = tracked(tracker, room, kind)
            for item in [item for item in said if item.kind == kind]:
                if item.command.anchor:  # would need tracks of the anchor too
                    continue
                for way, passed in answers(film, room, item).items():
                    for test, is_right in zip(TESTS, passed, strict=True):
                        hits[f'{way}: {test}'].append(is_right)
                chosen = decided(film, item)
                seconds += [] if chosen is None else [(chosen.stamp_ns - ns(0.0)) / 1e9]
    tracker.close()
    table: dict[str, Any] = {
        name: {'right': round(float(np.mean(found)), 4), 'n': len(found)}
        for name, found in hits.items()
    }
    table['commands for which something is chosen'] = len(seconds)
    table['seconds of film until something is chosen, median'] = (
        round(float(np.median(seconds)), 2) if seconds else None
    )
    return table


def tracked(tracker: TextTracker, room: Room, kind: str) -> list[Masks]:
    """What the tracker makes of a film when it is asked for a kind before the first picture."""
    (camera,) = room.drive.cameras
    tracker.reset()
    film: list[Masks] = []
    for index in range(0, room.drive.num_frames, _EVERY):
        image = room.image(index, camera)
        prompts = (Prompt(prompt_id='p', text=kind),) if index == 0 else ()
        samples: dict[str, Any] = {'image': image, 'prompt': prompts}
        outputs: Any = tracker.infer(Inputs(image.stamp_ns, image.frame_id, samples=samples))
        film.append(outputs['masks'])
    return film


def decided(film: list[Masks], item: Said) -> Masks | None:
    """The first picture in which something is chosen."""
    plugin = SamPrompt(SamPromptConfig(), Context())
    for index, masks in enumerate(film):
        command = replace(item.command, stamp_ns=ns(0.0), end_ns=ns(0.0))
        samples: dict[str, Any] = {
            'masks': masks, 'image': None, 'command': (command,) if index == 0 else (),
            'ask': (),
        }  # fmt: skip
        outputs: Any = plugin.infer(Inputs(masks.stamp_ns, masks.frame_id, samples=samples))
        chosen = outputs['chosen']
        if isinstance(chosen, Masks) and len(chosen):
            return chosen
    return None


def answers(film: list[Masks], room: Room, item: Said) -> dict[str, tuple[bool, ...]]:
    """`TESTS` of what is chosen, of the largest track, and of the best of all tracks."""
    chosen = decided(film, item)
    stamp_ns = film[-1].stamp_ns if chosen is None else chosen.stamp_ns
    masks = next(m for m in film if m.stamp_ns == stamp_ns)
    index = round((stamp_ns - ns(0.0)) / 1e9 * room.drive.rate_hz)
    (camera,) = room.drive.cameras
    ids, truth = room.view(index, camera).ids, list(item.truth)
    nothing = np.zeros(ids.shape, bool)
    each = [masks.mask(number) for number in masks.ids] or [nothing]
    picked = nothing if chosen is None else chosen.id_map > 0
    passed = [tests(mask, ids, truth) for mask in each]
    return {
        'sam_prompt': tests(picked, ids, truth),
        'largest track': tests(max(each, key=lambda m: int(m.sum())), ids, truth),
        'best track there is': tuple(any(column) for column in zip(*passed, strict=True)),
    }


def tests(mask: Array, ids: Array, truth: list[int]) -> tuple[bool, ...]:
    """`TESTS` of a mask (H, W) bool against the instances (H, W) of a picture."""
    under = np.bincount(ids[mask], minlength=1)
    under[0] = 0  # the room itself
    is_on = bool(under.any()) and int(under.argmax()) in truth
    true = np.isin(ids, truth)
    overlap = float((mask & true).sum() / max(int((mask | true).sum()), 1))
    return is_on, overlap >= 0.3, overlap >= 0.5
