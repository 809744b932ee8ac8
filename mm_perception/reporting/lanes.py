"""A time line: one lane for each track, label and prompt, as wide as the page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise
from statistics import median

from mm_perception.reporting.charts import ticks
from mm_perception.reporting.recording import Recording, said_of
from mm_perception.reporting.shots import camera_of
from mm_perception.samples import PromptState

#: Most lanes of each kind.
MOST_LANES = 30
#: Pictures that are this many times the usual distance apart belong to two stays in view.
_GAP = 2.5


@dataclass(frozen=True)
class Span:
    """From when to when, in seconds, and the CSS class of its colour."""

    start_s: float
    end_s: float
    mark: str = ''
    title: str = ''


@dataclass(eq=False)
class Lane:
    """A row of the time line."""

    name: str
    note: str = ''
    spans: list[Span] = field(default_factory=list)


def timeline(lanes: Sequence[Lane], seconds: float) -> str:
    """The lanes as HTML, with an axis below.

    Args:
        lanes: From above.
        seconds: Length of the axis.
    """
    rows = ''.join(
        f'<div class="who">{escape(lane.name)}<small>{escape(lane.note)}</small></div>'
        f'<div class="lane" role="img" aria-label="{escape(_told(lane))}">'
        f'{"".join(_bar(span, seconds) for span in lane.spans)}</div>\n'
        for lane in lanes
    )
    moments = ticks(seconds)
    axis = ''.join(
        f'<span style="left:{100 * at_s / seconds:.2f}%">{_time(at_s)}</span>' for at_s in moments
    )
    return f'<div class="times">\n{rows}<div></div><div class="axis">{axis}</div></div>\n'


def lanes_of(recording: Recording) -> tuple[list[Lane], list[str]]:
    """Lanes of prompts, tracks, what was told, and boxes in space; and what was left out."""
    groups = (
        ('prompts', _of_prompts(recording)), ('tracks', _of_tracks(recording)),
        ('tracks in space', _of_paths(recording)), ('topics with words', _of_lines(recording)),
    )  # fmt: skip
    lanes: list[Lane] = []
    left_out = []
    for name, found in groups:
        lanes += found[:MOST_LANES]
        if len(found) > MOST_LANES:
            left_out.append(f'{len(found) - MOST_LANES} {name} of shortest stay')
    return lanes, left_out


def _of_prompts(recording: Recording) -> list[Lane]:
    """What became of each prompt in each camera, until the next status or the end."""
    told: dict[tuple[str, str, str], list[tuple[float, PromptState]]] = {}
    for topic, status in recording.statuses:
        key = topic.split('/output/')[0].strip('/'), status.prompt_id, status.stream
        told.setdefault(key, []).append((recording.at_s(status.stamp_ns), status.state))
    lanes = []
    for (node, prompt_id, stream), states in told.items():
        where = f'{node} · {stream}' if stream else node
        lane = Lane(f'“{recording.words_of(prompt_id)}”', f'prompt, {where}')
        for (start_s, state), (end_s, _) in pairwise(
            [*states, (recording.seconds, states[-1][1])]
        ):
            start_s = min(max(start_s, 0.0), recording.seconds)
            lane.spans.append(Span(start_s, max(end_s, start_s), said_of(state), _state(state)))
        lanes.append(lane)
    return lanes


def _of_tracks(recording: Recording) -> list[Lane]:
    tracks = sorted(recording.tracks.values(), key=lambda track: -len(track.stamps_ns))
    tracks = sorted(tracks[:MOST_LANES], key=lambda t: t.stamps_ns[0]) + tracks[MOST_LANES:]
    lanes = []
    for track in tracks:
        name = f'{track.label} #{track.track_id}'
        times = [recording.at_s(stamp_ns) for stamp_ns in track.stamps_ns]
        usual = _usual(recording.answered.get(track.topic, []))
        lanes.append(Lane(name, f'track, {camera_of(track.topic)}', _stays(times, usual)))
    return lanes


def _of_paths(recording: Recording) -> list[Lane]:
    paths = sorted(recording.paths.values(), key=lambda path: -len(path.places))
    lanes = []
    for path in paths:
        usual = _usual(recording.boxes[path.topic])
        times = [recording.at_s(stamp_ns) for stamp_ns, *_ in path.places]
        name = f'{path.label} #{path.track_id}'
        lanes.append(Lane(name, f'in space, {camera_of(path.topic)}', _stays(times, usual)))
    return lanes


def _of_lines(recording: Recording) -> list[Lane]:
    lanes: dict[tuple[str, str], Lane] = {}
    for line in recording.lines:
        node = line.topic.split('/output/')[0].strip('/')
        lane = lanes.setdefault((line.topic, line.kind), Lane(line.kind, node))
        start_s, end_s = recording.at_s(line.start_ns), recording.at_s(line.end_ns)
        mark = line.mark
        if end_s - start_s < recording.seconds / 200:
            mark = f'{mark} at'.strip()
        lane.spans.append(Span(start_s, end_s, mark, line.text))
    return list(lanes.values())


def _usual(stamps_ns: Sequence[int]) -> float:
    """Seconds between two answers."""
    steps = [(b - a) / 1e9 for a, b in pairwise(stamps_ns) if b > a]
    return median(steps) if steps else 0.1


def _stays(times_s: Iterable[float], usual_s: float) -> list[Span]:
    """Stays in view: what is nearer together than some answers is one."""
    spans: list[Span] = []
    for time_s in times_s:
        if spans and time_s - spans[-1].end_s <= _GAP * usual_s:
            spans[-1] = Span(spans[-1].start_s, time_s)
        else:
            spans.append(Span(time_s, time_s))
    return spans


def _bar(span: Span, seconds: float) -> str:
    start = 100 * min(max(span.start_s / seconds, 0.0), 1.0)
    width = 100 * min(max(span.end_s / seconds, 0.0), 1.0) - start
    size = '' if span.mark.endswith('at') else f';width:{max(width, 0.0):.2f}%'
    title = f' title="{escape(span.title)}"' if span.title else ''
    return f'<i class="{span.mark}" style="left:{start:.2f}%{size}"{title}></i>'


def _told(lane: Lane) -> str:
    spans = '; '.join(
        ' '.join(w for w in (s.title, f'{s.start_s:.1f} to {s.end_s:.1f} s') if w)
        for s in lane.spans[:8]
    )
    more = ' and more' if len(lane.spans) > 8 else ''
    return f'{lane.name}: {spans}{more}'


def _state(state: PromptState) -> str:
    return state.name.lower().replace('_', ' ')


def _time(at_s: float) -> str:
    if at_s < 120:
        return f'{at_s:g} s'
    minutes, seconds = divmod(round(at_s), 60)
    return f'{minutes}:{seconds:02d}'
