"""Prompts as words on a command line."""

from __future__ import annotations

import numpy as np

from mm_perception.errors import ConfigError
from mm_perception.samples import Point3D, Prompt
from mm_perception.samples.sample import Array

_EXAMPLES = {
    'point': (2, 'pairs, as in point:320,240;330,250'),
    'box': (4, 'four numbers, as in box:10,20,110,220'),
    'click': (3, 'metres and a frame, as in click:12.5,-3,0.8@odom'),
}


def parse_prompt(text: str, max_frames: int = 0) -> Prompt | Point3D:
    """A prompt in words.

    Args:
        text: `point:x,y[;x,y...]`, `box:x0,y0,x1,y1` in pixels, `click:x,y,z@frame` in metres, or
            else free text.
        max_frames: See `Prompt`; a click has what the plugin `click` is set to.

    Raises:
        ConfigError: The numbers cannot be read.
        PromptError: A box without area.
    """
    kind, _, rest = text.partition(':')
    if kind not in _EXAMPLES or not rest:
        return Prompt(text=text, prompt_id=text, max_frames=max_frames)
    numbers, _, frame_id = rest.partition('@')
    if bool(frame_id) != (kind == 'click'):
        raise ConfigError('--prompt', text, _EXAMPLES[kind][1])
    values = _numbers(text, kind, numbers)
    if kind == 'click':
        return Point3D(stamp_ns=0, frame_id=frame_id, position=values[0])
    pixels = values.astype(np.float32)
    if kind == 'box':
        return Prompt(box=pixels[0], prompt_id=text, max_frames=max_frames)
    labels = np.ones(len(pixels), np.int8)
    return Prompt(points=pixels, point_labels=labels, prompt_id=text, max_frames=max_frames)


def _numbers(text: str, kind: str, numbers: str) -> Array:
    """(N, D) float64 of "a,b;c,d"; one row unless it is points."""
    width, example = _EXAMPLES[kind]
    try:
        values = np.array([[float(n) for n in row.split(',')] for row in numbers.split(';')])
    except ValueError as error:
        raise ConfigError('--prompt', text, f'numbers: {example}') from error
    if values.shape[1] != width or (kind != 'point' and len(values) > 1):
        raise ConfigError('--prompt', text, example)
    return values
