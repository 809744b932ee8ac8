"""PocketSphinx: recognition with the model of its wheel, no other file and no download.

It hears every utterance twice: as a command of the grammar, and as any words of its dictionary
with its language model. A grammar finds a command in anything, and the scores of the two searches
do not tell which is right. So a command is believed if the open words are spelled somewhat alike.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from mm_perception.errors import MissingDependencyError
from mm_perception.speech.grammar import command_graph, jsgf
from mm_perception.speech.recogniser import NOTHING, Heard, HeardWord, edits, heard_of
from mm_perception.speech.stream import Sound

_FRAME_S = 0.01
#: Words of the grammar that the dictionary of the wheel lacks, in its phonemes.
_SPOKEN = {'summarise': 'S AH M ER AY Z'}
_COMMANDS, _OPEN = 'commands', '_default'
#: Share of letters that the two searches may hear differently for a command to be believed.
_LARGEST_DISSENT = 0.6


class SphinxRecogniser:
    """The wrapper; a decoder has a state, so that each instance serves one thread."""

    name = 'pocketsphinx'
    licence = 'MIT (CMU Sphinx)'

    def __init__(self) -> None:
        try:
            import pocketsphinx
        except ImportError as error:
            install = 'pip install pocketsphinx'
            raise MissingDependencyError('pocketsphinx', 'speech', install) from error
        self._decoder: Any = pocketsphinx.Decoder(loglevel='FATAL', bestpath=True)
        for word, phones in _SPOKEN.items():
            self._decoder.add_word(word, phones, True)
        self._decoder.add_jsgf_string(_COMMANDS, jsgf())
        model = Path(pocketsphinx.get_model_path(), 'en-us', 'en-us', 'mdef')
        self.sha256 = hashlib.sha256(model.read_bytes()).hexdigest()

    def recognise(self, sound: Sound) -> Heard:
        """As a command if it is one, else as open words.

        Args:
            sound: (T,) float32 at 16 kHz.
        """
        samples = (np.clip(sound, -1, 1) * 32767).astype('<i2').tobytes()
        command, anything = self._search(_COMMANDS, samples), self._search(_OPEN, samples)
        is_command = command.text != '' and _is_command(command.text)
        return command if is_command and agree(command.text, anything.text) else anything

    def _search(self, search: str, samples: bytes) -> Heard:
        """The best words of a search."""
        decoder = self._decoder
        decoder.activate_search(search)
        decoder.start_utt()
        decoder.process_raw(samples, full_utt=True)
        decoder.end_utt()
        best = decoder.hyp()
        if best is None or not best.hypstr:
            return NOTHING
        words = [
            HeardWord(
                part.word.partition('(')[0], part.start_frame * _FRAME_S,
                (part.end_frame + 1) * _FRAME_S, float(np.clip(part.prob, 0, 1)),
            )
            for part in decoder.seg()
            if part.word[0] not in '<[+' and part.word != '(NULL)'
        ]  # fmt: skip
        return heard_of(words)


def agree(command: str, anything: str) -> bool:
    """Whether two searches heard about the same, letter by letter.

    Convention:
        'find the red car' and 'fine the red are' agree; 'segment all light on that' and
        'and i know my fellow americans' do not.
    """
    dissent = edits(command, anything) / max(len(command), len(anything), 1)
    return dissent <= _LARGEST_DISSENT


def _is_command(text: str) -> bool:
    """Whether the grammar has the whole sentence: a search can end in the middle of one."""
    return command_graph().has(text.replace('tv', 't v').split())
