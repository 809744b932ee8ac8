"""visualization_msgs/MarkerArray: boxes and words for people; nothing reads them back."""

from __future__ import annotations

import colorsys
import zlib
from textwrap import fill
from typing import Any

import numpy as np

from mm_perception.ros.convert.header import header_of
from mm_perception.ros.wire import message_class
from mm_perception.samples import (
    Advice,
    Boxes3D,
    Prompt,
    PromptAction,
    PromptStatus,
    Text,
    Transcript,
)
from mm_perception.samples.prompt import spoken_of

MARKERS = 'visualization_msgs/msg/MarkerArray'
_MARKER = 'visualization_msgs/msg/Marker'
#: Slower things have no arrow.
_STANDS_MPS = 0.3
#: An arrow is as long as the way in that time, seconds.
_ARROW_S = 1.0
_TEXT_M = 0.6
#: Words are smaller, and in lines of so many letters: as wide as what is seen of the street.
_LETTER_M, _LINE = 0.45, 40
#: Words stand above the robot (REP-105), whatever frame their sample names: a text typed by a
#: person has none, and one in the frame of a camera would lie on its side.
WORDS_FRAME = 'base_link'
#: How high, one row for each kind, metres.
_WORDS_M = {Advice: 3.0, PromptStatus: 4.4, Prompt: 5.3, Transcript: 6.2, Text: 7.1}
_WORDS_RGB = {
    Advice: (1.0, 0.85, 0.3), PromptStatus: (0.5, 1.0, 0.6), Prompt: (0.5, 0.8, 1.0),
    Transcript: (1.0, 1.0, 1.0), Text: (0.9, 0.7, 1.0),
}  # fmt: skip
#: What was said is of interest for so long, seconds.
_WORDS_S = 10
#: More letters are no label any more (some texts are JSON).
_LONGEST = 120


def markers_to(sample: Boxes3D) -> Any:
    """Boxes3D to markers: a box, its label, and an arrow to where it is in one second.

    The first marker deletes those of the moment before, so that nothing stays behind. A track
    keeps its colour.
    """
    header = header_of(sample)
    marker_class = message_class(_MARKER)
    found = [marker_class(header=header, action=marker_class.DELETEALL)]
    ids = sample.track_ids or tuple(map(str, range(len(sample))))
    speeds = np.zeros(len(sample))
    if sample.velocities is not None:
        speeds = np.linalg.norm(sample.velocities, axis=1)
    for index, (label, track_id) in enumerate(zip(sample.labels, ids, strict=True)):
        red, green, blue = _colour(track_id if sample.track_ids else label)
        box = _marker(header, 'boxes', index, marker_class.CUBE, (red, green, blue, 0.45))
        _place(box, sample, index)
        box.scale.x, box.scale.y, box.scale.z = sample.sizes[index].tolist()
        text = _marker(header, 'labels', index, marker_class.TEXT_VIEW_FACING, (1.0,) * 4)
        _place(text, sample, index)
        text.pose.position.z += float(sample.sizes[index, 2]) / 2 + _TEXT_M
        text.scale.z = _TEXT_M
        words = [label, track_id if sample.track_ids else f'{sample.scores[index]:.2f}']
        if sample.velocities is not None:
            words.append(f'{speeds[index]:.1f} m/s')
        text.text = ' '.join(words)
        found += [box, text]
        if sample.velocities is not None and speeds[index] > _STANDS_MPS:
            colour = (red, green, blue, 1.0)
            arrow = _marker(header, 'velocities', index, marker_class.ARROW, colour)
            ends = (
                sample.centres[index],
                sample.centres[index] + sample.velocities[index] * _ARROW_S,
            )
            point = message_class('geometry_msgs/msg/Point')
            arrow.points = [point(**dict(zip('xyz', end.tolist(), strict=True))) for end in ends]
            arrow.scale.x, arrow.scale.y = 0.12, 0.3  # of the shaft and of the head, metres
            found.append(arrow)
    return message_class(MARKERS)(markers=found)


def words_to(sample: Advice | Prompt | PromptStatus | Text | Transcript) -> Any:
    """What was said, asked, answered or advised, in a few lines above the robot.

    The stamp is 0, which viewers take as now, and the line moves along: what was said some seconds
    ago would else wait for transforms that a viewer has forgotten.
    """
    kind = next(k for k in _WORDS_M if isinstance(sample, k))
    header = message_class('std_msgs/msg/Header')(frame_id=WORDS_FRAME)
    marker_class = message_class(_MARKER)
    rgba = (*_WORDS_RGB[kind], 1.0)
    name = kind.__name__.lower()
    marker = _marker(header, name, 0, marker_class.TEXT_VIEW_FACING, rgba)
    marker.pose.position.z, marker.pose.orientation.w = _WORDS_M[kind], 1.0
    marker.scale.z = _LETTER_M
    marker.frame_locked = True
    marker.lifetime.sec = _WORDS_S
    text = _line(sample)
    text = text if len(text) <= _LONGEST else f'{text[: _LONGEST - 3]}...'
    marker.text = fill(text, _LINE, break_long_words=False, break_on_hyphens=False)
    if not text:
        marker.action = marker_class.DELETE
    return message_class(MARKERS)(markers=[marker])


def _line(sample: Advice | Prompt | PromptStatus | Text | Transcript) -> str:
    """A sample in words.

    Convention:
        A transcript that goes on ends with an ellipsis: 'track the ...'.
    """
    if isinstance(sample, Advice):
        return sample.sentence()
    if isinstance(sample, Transcript):
        return sample.text if sample.is_final or not sample.text else f'{sample.text} ...'
    if isinstance(sample, Prompt):
        asked = sample.text or ('what is shown' if sample.is_geometric else sample.track_id)
        verb = '' if sample.action is PromptAction.ADD else f'{sample.action.name.lower()} '
        return f'asked: {verb}{asked}'.strip()
    if isinstance(sample, PromptStatus):
        asked = spoken_of(sample.prompt_id)  # its words stand in the row above
        words = [asked, sample.state.name.lower().replace('_', ' ')]
        words += [f'#{track_id}' for track_id in sample.track_ids]
        words += [f'{sample.score:.2f}'] if sample.score else []
        return ' '.join([*words, sample.message]).strip()
    return sample.text


def _marker(header: Any, namespace: str, number: int, kind: int, rgba: tuple[float, ...]) -> Any:
    marker = message_class(_MARKER)(header=header, ns=namespace, id=number, type=kind)
    marker.color.r, marker.color.g, marker.color.b, marker.color.a = rgba
    return marker


def _place(marker: Any, sample: Boxes3D, index: int) -> None:
    position, turn = marker.pose.position, marker.pose.orientation
    position.x, position.y, position.z = sample.centres[index].tolist()
    turn.x, turn.y, turn.z, turn.w = sample.quats_xyzw[index].tolist()


def _colour(name: str) -> tuple[float, float, float]:
    """A vivid colour that is the same for a name in every process."""
    return colorsys.hsv_to_rgb(zlib.crc32(name.encode()) % 1024 / 1024, 0.75, 1.0)
