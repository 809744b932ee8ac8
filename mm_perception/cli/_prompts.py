"""Prompts as words on a command line."""

from __future__ import annotations

import numpy as np

from mm_perception.errors import ConfigError
from mm_perception.samples import Prompt


def parse_prompt(text: str) -> Prompt:
    """A prompt from `point:x,y[;x,y...]`, `box:x0,y0,x1,y1`, or else free text.

    Raises:
        ConfigError: The numbers cannot be read.
        PromptError: A box without area.
    """
    kind, _, numbers = text.partition(':')
    if kind not in ('point', 'box') or not numbers:
        return Prompt(text=text, prompt_id=text)
    try:
        values = np.array(
            [[float(n) for n in pair.split(',')] for pair in numbers.split(';')], np.float32
        )
    except ValueError as error:
        raise ConfigError('--prompt', text, 'numbers, as in box:10,20,110,220') from error
    if kind == 'box':
        if values.shape != (1, 4):
            raise ConfigError('--prompt', text, 'four numbers, as in box:10,20,110,220')
        return Prompt(box=values[0], prompt_id=text)
    if values.shape[1] != 2:
        raise ConfigError('--prompt', text, 'pairs, as in point:320,240;330,250')
    return Prompt(points=values, point_labels=np.ones(len(values), np.int8), prompt_id=text)
