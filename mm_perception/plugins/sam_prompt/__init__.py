"""Say which one: masks of only the things that a command means, out of those that are tracked.

It asks a tracker for the noun of a command ("car"), waits until what that finds has settled, and
picks what the rest of the words say: "the second from the left", "the biggest", "not the red one",
"next to the truck", or for "that one" what was clicked at while it was said. SEGMENT is for one
picture; SELECT and TRACK hold until they are stopped; prompts with a text do the same. Where
nothing or several things fit, it chooses none and says so.

A policy without a network: the words are in `mm_perception.text.selection`, the rules of the
picture in `mm_perception.selecting`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import numpy as np

from mm_perception.config import parameter
from mm_perception.plugin import (
    Card,
    Context,
    Inputs,
    Latest,
    Output,
    Outputs,
    Plugin,
    Port,
    Queue,
    Reference,
)
from mm_perception.plugins.sam_prompt.wishes import Rules, Verdict, View, command_of, wish_of
from mm_perception.samples import (
    Command,
    Image,
    Intent,
    Masks,
    Prompt,
    PromptAction,
    PromptState,
    PromptStatus,
    Sample,
    Text,
)
from mm_perception.segmenting import overlay
from mm_perception.selecting.candidates import only_ids
from mm_perception.selecting.choosing import as_asked
from mm_perception.text.selection import parse_selection

#: Time was set back: the tracker begins anew with the next picture.
_AGAIN = -1
_ASKS = (Intent.SEGMENT, Intent.TRACK, Intent.SELECT)


@dataclass(frozen=True)
class SamPromptConfig:
    """Settings of the `sam_prompt` plugin."""

    asks_tracker: bool = parameter(
        True, 'Send nouns to a tracker on ~/output/prompt; else the masks show all there is.'
    )
    settle_s: float = parameter(
        0.7, 'After so long a tracker has found all that a new noun names, in seconds.',
        minimum=0.0,
    )  # fmt: skip
    patience_s: float = parameter(
        2.5, 'So long it waits for enough things that fit, in seconds.', minimum=0.0
    )
    lost_after_s: float = parameter(
        5.0, 'What is chosen and hidden for longer is let go, in seconds.', minimum=0.0
    )
    memory_s: float = parameter(
        3.0, 'So long back it knows what was in view, in seconds.', minimum=0.1, maximum=30.0
    )
    click_px: float = parameter(
        4.0, 'Error of a click (1 sigma), pixels.', minimum=0.5, maximum=200.0
    )
    click_before_s: float = parameter(
        1.0, 'A click so long before "that one" belongs to it, in seconds.', minimum=0.0
    )
    click_after_s: float = parameter(
        1.0, 'A click so long after "that one" belongs to it, in seconds.', minimum=0.0
    )
    aims_at_centre: bool = parameter(
        False, 'Without a click "that one" is what the camera aims at, as in a hand.'
    )
    centre_error: float = parameter(
        0.05, 'Error of that aim (1 sigma), as a share of the width.', minimum=0.001, maximum=1.0
    )
    min_share: float = parameter(
        0.5, 'What was pointed at has to be at least so probable.', minimum=0.0, maximum=1.0
    )

    def rules(self) -> Rules:
        """The numbers of the policy."""
        names = Rules.__dataclass_fields__
        return Rules(**{name: getattr(self, name) for name in names})


class SamPrompt(Plugin[SamPromptConfig]):
    """Commands and the masks of a tracker in; masks of what is meant out."""

    card: ClassVar[Card] = Card(
        title='Picks what a command means among tracked masks',
        system='2-1',
        paper='Kirillov et al., Segment Anything, 2023, arXiv 2304.02643 (prompts); Bi and Zhai, '
        'Bayesian Touch, UIST 2013 (clicks); the rules are explicit in selecting/',
        reference_code='none',
        limits=(
            'Relations are those of the picture: behind is higher up, nearest is lowest.',
            'Colours that a label lacks are judged by hue: coloured light deceives it.',
            'What the tracker does not find cannot be chosen, and ordinals count without it.',
        ),
    )
    Config: ClassVar[type[Any]] = SamPromptConfig
    inputs: ClassVar[dict[str, Port]] = {
        'masks': Reference(Masks, 'Of a tracker, with ids that stay; any number of cameras.'),
        'image': Latest(
            Image, 'The picture of the masks: for colours, and to draw on.', tolerance_s=0.01,
            follows='masks',
        ),
        'command': Queue(Command, 'To segment, track, select or stop; others are left alone.'),
        'ask': Queue(Prompt, 'Texts instead of commands, and clicks for "that one".'),
    }  # fmt: skip
    outputs: ClassVar[dict[str, Output]] = {
        'chosen': Output(Masks, 'Only what is meant, with the ids of the tracker.'),
        'status': Output(PromptStatus, 'What became of each command.'),
        'prompt': Output(
            Prompt, 'Nouns for the tracker: to add, and to remove.', per_stream=False
        ),
        'say': Output(Text, 'Why nothing was chosen, for people.'),
        'overlay': Output(Image, 'The picture with the chosen masks.', is_debug=True),
    }  # fmt: skip

    def __init__(self, config: SamPromptConfig, context: Context | None = None) -> None:
        super().__init__(config, context)
        self._views: dict[str, View] = {}
        #: Nouns that the tracker was asked for, and when.
        self._asked: dict[str, int] = {}
        self._noun = ''
        #: For the tracker; those of a picture that failed go out with the next.
        self._unsent: list[Prompt] = []

    def load(self, device: str) -> None:
        """Nothing to load."""

    def infer(self, inputs: Inputs) -> Outputs:
        """Take commands, then decide what can be decided on this picture.

        Raises:
            ShapeError: The picture has no colours; what was asked with it waits.
        """
        masks, image = cast(Masks, inputs.one('masks')), cast(Image | None, inputs.maybe('image'))
        rgb = None if image is None else image.rgb()
        for name in (*self.context.streams.get('masks', ()), inputs.stream):
            self._view(name)
        for command in cast('Sequence[Command]', inputs.all('command')):
            self._take(command)
        for prompt in cast('Sequence[Prompt]', inputs.all('ask')):
            self._ask(prompt, masks.stamp_ns, inputs.stream)
        self._unsent += self._prompts(masks)
        ids, verdicts = self._view(inputs.stream).see(masks, image)
        chosen = only_ids(masks, ids)
        prompts, self._unsent = self._unsent, []
        outputs: dict[str, Sample | Sequence[Sample]] = {
            'chosen': chosen,
            'status': [self._status(v, masks, inputs.stream) for v in verdicts],
            'say': [
                Text(
                    stamp_ns=masks.stamp_ns, frame_id=masks.frame_id, text=v.message, language='en'
                )
                for v in verdicts
                if v.state is not PromptState.FOUND
            ],
            'prompt': prompts,
        }
        is_wanted = self.context.is_wanted('overlay', inputs.stream)
        if is_wanted and rgb is not None and rgb.shape[:2] == masks.id_map.shape:
            outputs['overlay'] = overlay(rgb, chosen)
        return outputs

    def rewind(self, stream: str) -> None:
        """Pictures of the other run are forgotten; what was asked for is decided again."""
        if stream in self._views:
            self._views[stream].forget_seen()
        self._asked = dict.fromkeys(self._asked, _AGAIN)

    def reset(self) -> None:
        """Forget all wishes."""
        self._views.clear()
        self._asked.clear()
        self._unsent.clear()
        self._noun = ''

    def _view(self, stream: str) -> View:
        if stream not in self._views:
            self._views[stream] = View(self.config.rules(), self._settled_ns)
        return self._views[stream]

    def _settled_ns(self, noun: str) -> int | None:
        if not self.config.asks_tracker:
            return 0
        asked_ns = self._asked.get(noun)
        if asked_ns is None or asked_ns == _AGAIN:
            return None
        return asked_ns + round(self.config.settle_s * 1e9)

    def _take(self, command: Command) -> None:
        command = as_asked(command)
        if command.intent is Intent.STOP:
            noun = parse_selection(command.target).noun
            for view in self._views.values():
                view.stop(noun)
            self._noun = ''
        elif command.intent in _ASKS:
            wish = wish_of(command, self._noun)
            self._noun = wish.nouns[0] if wish.selection.noun else self._noun
            for view in self._views.values():
                view.ask(wish)

    def _ask(self, prompt: Prompt, stamp_ns: int, stream: str) -> None:
        """A text is a wish, a point a click; one without a stream is in the camera on turn."""
        if prompt.action in (PromptAction.REMOVE, PromptAction.CLEAR):
            for view in self._views.values():
                view.drop(prompt.prompt_id) if prompt.prompt_id else view.stop('')
        elif prompt.text.strip():
            command = command_of(prompt, stamp_ns)
            wish = wish_of(command, self._noun, prompt.prompt_id, prompt.max_frames)
            self._noun = wish.nouns[0] if wish.selection.noun else self._noun
            for name, view in self._views.items():
                if prompt.stream in ('', name):
                    view.ask(wish)
        else:
            self._click(prompt, stream)

    def _click(self, click: Prompt, stream: str) -> None:
        for point in click.points[click.point_labels == 1][:1]:
            self._view(click.stream or stream).click(click.stamp_ns, point.astype(np.float64))

    def _prompts(self, masks: Masks) -> list[Prompt]:
        """What the tracker has to be told, so that it looks for all that is spoken of."""
        if not self.config.asks_tracker:
            return []
        wanted = [noun for view in self._views.values() for noun in view.nouns]
        wanted = list(dict.fromkeys([*wanted, *([self._noun] if self._noun else [])]))
        gone = [noun for noun in self._asked if noun not in wanted]
        new = [noun for noun in wanted if noun not in self._asked]
        for noun in gone:
            del self._asked[noun]
        again = [noun for noun, asked_ns in self._asked.items() if asked_ns == _AGAIN]
        self._asked.update(dict.fromkeys([*new, *again], masks.stamp_ns))
        removed = [_prompt(PromptAction.REMOVE, noun, masks) for noun in gone]
        return removed + [_prompt(PromptAction.ADD, noun, masks) for noun in new]

    def _status(self, verdict: Verdict, masks: Masks, stream: str) -> PromptStatus:
        return PromptStatus(
            stamp_ns=masks.stamp_ns, frame_id=masks.frame_id, stream=stream,
            prompt_id=verdict.wish.name, state=verdict.state, score=verdict.score,
            track_ids=tuple(map(str, verdict.ids)), message=verdict.message,
        )  # fmt: skip


def _prompt(action: PromptAction, noun: str, masks: Masks) -> Prompt:
    return Prompt(
        stamp_ns=masks.stamp_ns, frame_id=masks.frame_id, action=action,
        prompt_id=f'sam_prompt: {noun}', text=noun if action is PromptAction.ADD else '',
    )  # fmt: skip


PLUGIN = SamPrompt
