"""The service `select`: a sentence, and maybe a pixel, to commands; and what came of them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from mm_perception.errors import RequestError
from mm_perception.samples import Command, Intent, Prompt, PromptAction, mask_box
from mm_perception.samples.sample import Array
from mm_perception.selecting.choosing import as_asked
from mm_perception.selecting.pointed_plugin import Seen
from mm_perception.selecting.scene import Thing
from mm_perception.selecting.verbs import VERBS, Deed
from mm_perception.text.commands import understand_all
from mm_perception.text.reading import Question, Reading


def pixel_of(prompt: Prompt) -> Array | None:
    """The pixel (2,) that a request points at: its point, or the middle of its box; None for none.

    Raises:
        RequestError: It has other geometry, names a track, or edits.
    """
    points = len(prompt.points)
    is_one = points == 0 or (points == 1 and prompt.point_labels[0] == 1 and prompt.box is None)
    if (
        prompt.action is not PromptAction.ADD
        or prompt.track_id
        or not is_one
        or (prompt.mask is not None)
    ):
        fix = 'send a text, one point with the label 1 or a box, or both; "stop" lets go'
        raise RequestError('not words and a place', prompt.prompt_id or prompt.text, fix)
    if prompt.box is not None:
        return np.asarray((prompt.box[:2] + prompt.box[2:]) / 2)
    return np.asarray(prompt.points[0]) if points else None


def commands_of(prompt: Prompt, stamp_ns: int, intents: Iterable[Intent]) -> list[Command]:
    """The commands of a request.

    Args:
        prompt: Of its text; without one it is about what is pointed at.
        stamp_ns: When it was said.
        intents: That can be done.

    Raises:
        RequestError: It asks for something else; the message says what to send.

    Convention:
        'the lamp' alone selects it; no text, or 'hide' alone, is about what is pointed at.
    """
    commands = [
        as_asked(
            Command(
                stamp_ns=stamp_ns, end_ns=stamp_ns, intent=reading.intent, text=prompt.text,
                target=reading.target, relation=reading.relation, anchor=reading.anchor,
                is_deictic=reading.is_deictic,
            )
        )
        for reading in _readings(prompt.text)
    ]  # fmt: skip
    for command in commands:
        if command.intent not in intents:
            verbs = ', '.join(intent.value for intent in intents)
            raise RequestError('nothing that is done here', prompt.text, f'it can {verbs}')
    return commands


def _readings(text: str) -> list[Reading]:
    if not text.strip():
        return [Reading(Intent.SELECT, is_deictic=True)]
    meaning = understand_all(text)
    if isinstance(meaning, Question) and meaning.about is not None:
        if meaning.lacks == 'intent':
            return [meaning.about]
        if meaning.lacks == 'target' and not meaning.about.target:
            return [replace(meaning.about, is_deictic=True)]
    if isinstance(meaning, list):
        return meaning
    fix = 'say such as "the left lamp", "select that one" or "hide it"'
    raise RequestError(meaning.text if meaning else 'not understood', text, fix)


def told(command: Command, deed: Deed, described: dict[int, dict[str, Any]]) -> str:
    """What became of a command: a line of JSON, or why nothing did.

    Args:
        command: The command.
        deed: What it came to.
        described: Of each thing, by number.
    """
    if deed.problem:
        return deed.problem
    things = [described[thing.number] for thing in deed.things]
    return json.dumps({'done': VERBS[command.intent], 'things': things})


def sights_of(thing: Thing, cameras: Iterable[Seen]) -> list[dict[str, Any]]:
    """Where the cameras see a thing now: id and box of its mask, xyxy in pixels."""
    sights = []
    for seen in cameras:
        for own, number in seen.bound.items():
            box = mask_box(seen.masks.mask(own)) if number == thing.number else None
            if box is not None:
                sights.append({
                    'camera': seen.stream, 'frame_id': seen.masks.frame_id,
                    'stamp_ns': seen.masks.stamp_ns, 'track_id': str(own),
                    'box': [round(float(v), 1) for v in box],
                })  # fmt: skip
    return sights
