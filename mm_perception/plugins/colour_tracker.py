"""Tracks areas of a named colour: no weights, no training, ten milliseconds a picture on one core.

It works on the first day, where a target has a colour of its own (balls, cones, vests, markers),
and is the baseline that learned trackers have to beat. A text is understood by its colour word
alone: "the red car" marks everything red. Two things of one colour that touch are one area.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import cv2
import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from mm_perception.config import parameter
from mm_perception.plugin import (
    Card,
    Context,
    Inputs,
    Output,
    Outputs,
    Plugin,
    Port,
    Queue,
    Reference,
)
from mm_perception.prompt_desk import Scope
from mm_perception.samples import (
    Image,
    Masks,
    Prompt,
    PromptAction,
    PromptState,
    PromptStatus,
    mask_box,
)

Mask = npt.NDArray[np.bool_]

#: Colour words to hue ranges in degrees, upper end exclusive; red goes through 0.
HUES: dict[str, tuple[int, int]] = {
    'red': (345, 15),
    'orange': (15, 42),
    'yellow': (42, 70),
    'green': (70, 165),
    'cyan': (165, 195),
    'blue': (195, 255),
    'purple': (255, 310),
    'pink': (310, 345),
}


@dataclass(frozen=True)
class ColourTrackerConfig:
    """Settings of the `colour_tracker` plugin."""

    prompts: tuple[str, ...] = parameter(
        (), 'Texts with a colour word, from the start.', live=True
    )
    min_saturation: float = parameter(
        0.42, 'Paler pixels have no colour.', minimum=0.0, maximum=1.0, live=True
    )
    min_value: float = parameter(
        0.2, 'Darker pixels have no colour.', minimum=0.0, maximum=1.0, live=True
    )
    min_area: float = parameter(
        0.0015, 'Smallest area, as a share of the picture.', minimum=0.0, maximum=1.0, live=True
    )
    match_iou: float = parameter(
        0.2, 'An area that overlaps a track by this is that track.',
        minimum=0.01, maximum=1.0, live=True,
    )  # fmt: skip
    death_after_s: float = parameter(
        1.0, 'A track that is not seen for longer ends; one seen sooner keeps its id.',
        minimum=0.0, live=True,
    )  # fmt: skip
    max_tracks: int = parameter(32, 'Most tracks per camera.', minimum=1, maximum=1024)


@dataclass
class _Track:
    text: str
    mask: Mask
    centre: npt.NDArray[np.float64]
    last_seen_ns: int
    score: float


@dataclass
class _Text:
    """A text that is looked for: prompt, how long it holds, and what was told of it last."""

    prompt_id: str
    scope: Scope = field(default_factory=Scope)
    told: tuple[PromptState, tuple[str, ...]] | None = None


@dataclass
class _Camera:
    texts: dict[str, _Text] = field(default_factory=dict)
    tracks: dict[int, _Track] = field(default_factory=dict)


class ColourTracker(Plugin[ColourTrackerConfig]):
    """Colour words in; masks and tracks out."""

    card: ClassVar[Card] = Card(
        title='Tracks areas of a named colour, without weights',
        system='',
        paper='Smith, Color gamut transform pairs, SIGGRAPH 1978 (the HSV model)',
        reference_code='OpenCV cvtColor and connectedComponentsWithStats',
        limits=(
            'Knows colour words only; "the red car" marks everything red.',
            'Two things of one colour that touch are one area.',
        ),
    )
    Config: ClassVar[type[Any]] = ColourTrackerConfig
    inputs: ClassVar[dict[str, Port]] = {
        'image': Reference(Image, 'Any number of cameras.'),
        'prompt': Queue(Prompt, 'Texts with a colour word: add, remove, clear.'),
    }
    outputs: ClassVar[dict[str, Output]] = {
        'masks': Output(Masks, 'All tracks of the camera.'),
        'status': Output(PromptStatus, 'What became of each prompt.', per_stream=False),
        'overlay': Output(Image, 'The picture with masks, for people.', is_debug=True),
    }

    def __init__(self, config: ColourTrackerConfig, context: Context | None = None) -> None:
        super().__init__(config, context)
        self._cameras: dict[str, _Camera] = {}
        self._asked: list[Prompt] = []
        self._ids: Iterator[int] = itertools.count(1)

    @classmethod
    def tiny(cls) -> ColourTrackerConfig:
        """As usual, with something to look for."""
        return ColourTrackerConfig(prompts=('red',))

    def load(self, device: str) -> None:
        """There is nothing to load."""

    def infer(self, inputs: Inputs) -> Outputs:
        """Find the colours, then decide which area is which track."""
        image = inputs.one('image')
        if not isinstance(image, Image):
            raise TypeError(type(image))
        rgb = image.rgb()  # before prompts are taken: those of a picture that fails wait
        prompts = [p for p in inputs.all('prompt') if isinstance(p, Prompt)]
        camera = self._cameras.get(inputs.stream)
        if camera is None:
            camera = self._cameras[inputs.stream] = _Camera()
            prompts = [p for p in self._asked if p.stream in ('', inputs.stream)] + prompts
        statuses = self._end_scopes(camera, inputs) + self._apply(prompts, inputs)
        for text in self.config.prompts:
            camera.texts.setdefault(text, _Text(text))
        areas = find_colours(rgb, camera.texts, self.config)
        self._follow(camera, areas, inputs.stamp_ns)
        statuses += self._changes(camera, inputs)
        masks = self._masks(camera, rgb.shape[:2], inputs)
        for known in camera.texts.values():
            known.scope.frames += 1
        outputs: dict[str, Any] = {'status': statuses, 'masks': masks}
        if self.context.is_wanted('overlay', inputs.stream):
            from mm_perception.drawing import draw_masks

            outputs['overlay'] = Image(
                stamp_ns=inputs.stamp_ns, frame_id=inputs.frame_id, data=draw_masks(rgb, masks)
            )
        return outputs

    def rewind(self, stream: str) -> None:
        """Tracks of the other run are gone; texts stay."""
        if stream in self._cameras:
            texts = self._cameras[stream].texts
            self._cameras[stream] = _Camera({t: replace(k, told=None) for t, k in texts.items()})

    def reset(self) -> None:
        """Forget all texts and tracks."""
        self._cameras.clear()
        self._asked.clear()
        self._ids = itertools.count(1)

    def reconfigure(self, config: ColourTrackerConfig) -> None:
        """Texts that are gone lose their tracks."""
        for text in set(self.config.prompts) - set(config.prompts):
            self._forget(text, '')
        super().reconfigure(config)

    def _apply(self, prompts: list[Prompt], inputs: Inputs) -> list[PromptStatus]:
        statuses = []
        for prompt in prompts:
            name = prompt.prompt_id or prompt.text
            if prompt.action is PromptAction.ADD:
                if colour_word(prompt.text) is None or prompt.is_geometric:
                    why = f'no colour word in {prompt.text!r}; known are {", ".join(HUES)}'
                    statuses.append(_status(inputs, name, PromptState.REJECTED, (), why))
                    continue
                if prompt not in self._asked:
                    self._asked.append(prompt)
                for stream, camera in self._cameras.items():
                    if prompt.stream in ('', stream):
                        camera.texts[prompt.text] = _Text(name, Scope(prompt.max_frames))
            elif prompt.action in (PromptAction.REMOVE, PromptAction.CLEAR):
                is_all = prompt.action is PromptAction.CLEAR
                gone = self._forget('' if is_all else name, prompt.stream)
                statuses += [
                    replace(_status(inputs, known, PromptState.REMOVED, ids, ''), stream=stream)
                    for stream, known, ids in gone
                ] or [_status(inputs, name, PromptState.REMOVED, (), 'nothing had that name')]
            else:
                why = 'a colour cannot be refined; add another text'
                statuses.append(_status(inputs, name, PromptState.REJECTED, (), why))
        return statuses

    def _end_scopes(self, camera: _Camera, inputs: Inputs) -> list[PromptStatus]:
        """Texts that had as many pictures as their prompt asked for are gone."""
        over = {text: known for text, known in camera.texts.items() if known.scope.is_over}
        return [
            _status(
                inputs, known.prompt_id, PromptState.REMOVED, _drop(camera, text),
                known.scope.message,
            )
            for text, known in over.items()
        ]  # fmt: skip

    def _forget(self, name: str, stream: str) -> list[tuple[str, str, tuple[str, ...]]]:
        """Drop a text by its own words or prompt id; an empty name drops all.

        Returns:
            Camera, prompt id and tracks of everything that is gone.
        """
        self._asked = [p for p in self._asked if name and name not in (p.prompt_id, p.text)]
        gone = []
        for key, camera in self._cameras.items():
            if stream not in ('', key):
                continue
            for text, known in list(camera.texts.items()):
                if not name or name in (text, known.prompt_id):
                    gone.append((key, known.prompt_id, _drop(camera, text)))
        return gone

    def _follow(
        self, camera: _Camera, areas: list[tuple[str, Mask, float]], stamp_ns: int
    ) -> None:
        """Areas that overlap a track, or lie nearest to where it was, continue it."""
        for text in camera.texts:
            mine = [(mask, score) for name, mask, score in areas if name == text]
            ids = [i for i, t in camera.tracks.items() if t.text == text]
            taken = set()
            for row, column in self._pairs([camera.tracks[i] for i in ids], mine):
                mask, score = mine[column]
                camera.tracks[ids[row]] = _Track(text, mask, _centre(mask), stamp_ns, score)
                taken.add(column)
            for column, (mask, score) in enumerate(mine):
                if column not in taken and len(camera.tracks) < self.config.max_tracks:
                    track_id = (next(self._ids) - 1) % 65535 + 1
                    camera.tracks[track_id] = _Track(text, mask, _centre(mask), stamp_ns, score)
        limit_ns = int(self.config.death_after_s * 1e9)
        camera.tracks = {
            i: t for i, t in camera.tracks.items() if stamp_ns - t.last_seen_ns <= limit_ns
        }

    def _pairs(
        self, tracks: list[_Track], areas: list[tuple[Mask, float]]
    ) -> list[tuple[int, int]]:
        if not tracks or not areas:
            return []
        worth = np.zeros((len(tracks), len(areas)))
        for row, track in enumerate(tracks):
            for column, (mask, _) in enumerate(areas):
                worth[row, column] = self._likeness(track, mask)
        rows, columns = linear_sum_assignment(-worth)
        pairs = zip(rows.tolist(), columns.tolist(), strict=True)
        return [(r, c) for r, c in pairs if worth[r, c] > 0]

    def _likeness(self, track: _Track, mask: Mask) -> float:
        """IoU where they overlap; a little for a near area of like size, as after an occlusion."""
        if track.mask.shape != mask.shape:
            return 0.0
        union = int(np.count_nonzero(track.mask | mask))
        iou = int(np.count_nonzero(track.mask & mask)) / max(union, 1)
        if iou >= self.config.match_iou:
            return 1.0 + iou
        area = max(int(np.count_nonzero(mask)), int(np.count_nonzero(track.mask)))
        reach = 1.5 * area**0.5
        distance = float(np.linalg.norm(track.centre - _centre(mask)))
        return 0.5 * (1 - distance / reach) if distance < reach else 0.0

    def _changes(self, camera: _Camera, inputs: Inputs) -> list[PromptStatus]:
        statuses = []
        for text, known in camera.texts.items():
            mine = {str(i): t for i, t in camera.tracks.items() if t.text == text}
            ids = tuple(mine)
            state = PromptState.FOUND if ids else PromptState.NOT_FOUND
            if known.told != (state, ids):
                known.told = (state, ids)
                why = '' if ids else f'no area is {colour_word(text)}'
                best = max((track.score for track in mine.values()), default=0.0)
                statuses.append(_status(inputs, known.prompt_id, state, ids, why, best))
        return statuses

    def _masks(self, camera: _Camera, size: tuple[int, ...], inputs: Inputs) -> Masks:
        id_map = np.zeros(size, np.uint16)
        visible = []
        for track_id, track in camera.tracks.items():
            visible.append(track.last_seen_ns == inputs.stamp_ns)
            if visible[-1]:
                id_map[track.mask] = track_id
        return Masks(
            stamp_ns=inputs.stamp_ns,
            frame_id=inputs.frame_id,
            id_map=id_map,
            ids=tuple(camera.tracks),
            labels=tuple(t.text for t in camera.tracks.values()),
            scores=np.array([t.score for t in camera.tracks.values()], np.float32),
            visible=tuple(visible),
        )


def colour_word(text: str) -> str | None:
    """The first word of a text that names a colour."""
    words = text.lower().replace(',', ' ').split()
    return next((word for word in words if word in HUES), None)


def find_colours(
    rgb: npt.NDArray[np.uint8], texts: Iterable[str], config: ColourTrackerConfig
) -> list[tuple[str, Mask, float]]:
    """Areas of the colours that texts name.

    Args:
        rgb: (H, W, 3) uint8.
        texts: Each with a colour word.
        config: Thresholds.

    Returns:
        Text, (H, W) bool mask, and score: the mean saturation of the area, in [0, 1].
    """
    smooth = cv2.GaussianBlur(rgb, (0, 0), 1.0)
    hsv = cv2.cvtColor(smooth, cv2.COLOR_RGB2HSV)
    hue = hsv[..., 0].astype(np.int16) * 2  # OpenCV halves degrees to fit a byte
    strong = (hsv[..., 1] >= config.min_saturation * 255) & (hsv[..., 2] >= config.min_value * 255)
    found = []
    for text in texts:
        low, high = HUES[colour_word(text) or 'red']
        inside = (hue >= low) & (hue < high) if low < high else (hue >= low) | (hue < high)
        pixels = (inside & strong).astype(np.uint8)
        opened = cv2.morphologyEx(pixels, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
        wanted = cv2.morphologyEx(opened, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
        count, labels, stats, _ = cv2.connectedComponentsWithStats(wanted)
        for index in range(1, count):
            if stats[index, cv2.CC_STAT_AREA] >= config.min_area * wanted.size:
                mask = labels == index
                found.append((text, mask, float(hsv[..., 1][mask].mean() / 255)))
    return found


def _centre(mask: Mask) -> npt.NDArray[np.float64]:
    x0, y0, x1, y1 = mask_box(mask) or (0.0, 0.0, 0.0, 0.0)
    return np.array([(x0 + x1) / 2, (y0 + y1) / 2])


def _drop(camera: _Camera, text: str) -> tuple[str, ...]:
    """Stop looking for a text; the tracks that go with it."""
    del camera.texts[text]
    gone = [i for i, track in camera.tracks.items() if track.text == text]
    for track_id in gone:
        del camera.tracks[track_id]
    return tuple(str(i) for i in gone)


def _status(
    inputs: Inputs, name: str, state: PromptState, ids: tuple[str, ...], why: str,
    score: float = 0.0,
) -> PromptStatus:  # fmt: skip
    return PromptStatus(
        stamp_ns=inputs.stamp_ns, frame_id=inputs.frame_id, prompt_id=name, stream=inputs.stream,
        state=state, track_ids=ids, score=score, message=why,
    )  # fmt: skip


PLUGIN = ColourTracker
