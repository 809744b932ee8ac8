"""Sections on what was found: when, where, what it looks like, and what was said."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from mm_perception.reporting.lanes import lanes_of, timeline
from mm_perception.reporting.map import map_of
from mm_perception.reporting.page import album as scenes
from mm_perception.reporting.page import gallery, legend, number, picture, table
from mm_perception.reporting.recording import Recording
from mm_perception.reporting.shots import Album, camera_of
from mm_perception.reporting.sound import SCRIPT, Sound, link, players
from mm_perception.reporting.told import Line
from mm_perception.reporting.truth import Scores
from mm_perception.samples import Word

#: Most rows of the table of tracks, and of what was told.
_MOST_ROWS, _MOST_LINES = 60, 80


def when(recording: Recording) -> str:
    """The time line."""
    lanes, left_out = lanes_of(recording)
    if not lanes:
        return _nothing(recording)
    keys = []
    if recording.statuses:
        keys += [('good', 'prompt found'), ('wait', 'searching'), ('bad', 'not found')]
    if recording.tracks or recording.paths:
        keys.append(('stack', 'in view'))
    if any(line.kind == 'advice' for line in recording.lines):
        keys += [('good', 'advice to go'), ('warn', 'to slow or yield'), ('bad', 'to stop')]
    more = f'<p><small>Not shown: {escape("; ".join(left_out))}.</small></p>\n' if left_out else ''
    return f'<h2>When</h2>\n{timeline(lanes, recording.seconds)}{legend(keys)}{more}'


def _nothing(recording: Recording) -> str:
    """Why there is no time line: silence and nothing found are two things."""
    answered = sum(map(len, recording.answered.values()))
    if answered:
        text = f'{answered} pictures were answered, and nothing was found in any of them.'
    else:
        text = 'No stage has published anything that could be shown here: this is not “nothing”.'
    return f'<h2>When</h2>\n<p class="{"" if answered else "bad"}">{text}</p>\n'


def storyboard(album: Album) -> str:
    """Moments with masks drawn on, and what the stack itself has drawn."""
    parts = ''
    if album.moments:
        parts += f'<h2>What happens</h2>\n{scenes(album.moments)}'
    if album.boards:
        boards = ''.join(picture(shot.jpeg, shot.caption, 'board') for shot in album.boards)
        parts += f'<h2>Storyboard of the stack</h2>\n{boards}'
    return parts


def tracks(recording: Recording, album: Album) -> str:
    """Every track: close-up, label, camera, stay, and how sure."""
    if not recording.tracks:
        return ''
    ordered = sorted(recording.tracks.values(), key=lambda t: (t.stamps_ns[0], t.track_id))
    pictures = [shot for t in ordered if (shot := album.tracks.get((t.topic, t.track_id)))]
    rows = [
        ('', (
            f'{escape(t.label)} #{escape(t.track_id)}', escape(camera_of(t.topic)),
            number(recording.at_s(t.stamps_ns[0]), 1), number(recording.at_s(t.stamps_ns[-1]), 1),
            str(len(t.stamps_ns)), number(t.score),
        ))
        for t in ordered[:_MOST_ROWS]
    ]  # fmt: skip
    heads = ('track', 'stage', 'from, s', 'to, s', 'pictures', 'best score')
    more = len(ordered) - _MOST_ROWS
    rest = f'<p><small>{more} more tracks are not listed.</small></p>\n' if more > 0 else ''
    return f'<h2>Tracks</h2>\n{gallery(pictures)}{table(heads, rows, texts=2)}\n{rest}'


def space(recording: Recording, album: Album, scores: Scores | None) -> str:
    """The map of tracks, and the surroundings from above."""
    parts = ''
    drawn = map_of(recording, scores.paths.values() if scores is not None else ())
    if drawn:
        parts += f'<h2>Where</h2>\n{drawn}'
    elif recording.paths:
        parts += (
            '<h2>Where</h2>\n<p>There are tracks in space, but no odometry, or no TF between '
            'its frame and theirs: there is no map to draw them on.</p>\n'
        )
    if album.above:
        parts += f'<h2>From above</h2>\n{gallery(album.above)}'
    return parts


def words(
    recording: Recording, album: Album, scores: Scores | None, sounds: Sequence[Sound] = ()
) -> str:
    """Events, transcripts, commands, advice and texts in order, under the sound they belong to."""
    lines = list(recording.lines)
    if scores is not None:
        lines += [Line('', 'truly said', f'“{text}”', at, at) for at, text in scores.said]
    lines.sort(key=lambda line: line.start_ns)
    if not lines and not sounds:
        return ''
    items = ''.join(
        f'<li><time>{_time(line, recording, sounds)}</time><em>{escape(line.kind)}</em>'
        f'<div>{_text(line, sounds)}</div></li>\n'
        for line in lines[:_MOST_LINES]
    )
    more = len(lines) - _MOST_LINES
    rest = f'<p><small>{more} more lines are in the bag.</small></p>\n' if more > 0 else ''
    pictures = gallery(album.events) if album.events else ''
    script = SCRIPT if sounds else ''
    return (
        f'<h2>What was said and what happened</h2>\n<section>{players(sounds, recording.start_ns)}'
        f'<ul class="told">{items}</ul>{rest}</section>\n{pictures}{script}'
    )


def _time(line: Line, recording: Recording, sounds: Sequence[Sound]) -> str:
    frame_id = line.transcript.frame_id if line.transcript else ''
    return link(sounds, f'{recording.at_s(line.start_ns):.1f} s', line.start_ns, 0, frame_id)


def _text(line: Line, sounds: Sequence[Sound]) -> str:
    """Words that were heard lead to their sound, as far as their times are known."""
    heard = line.transcript
    if heard is None:
        times = f' <small>(told {line.times} times)</small>' if line.times > 1 else ''
        return f'{escape(line.text)}{times}'
    spoken = heard.words
    if ' '.join(word.text for word in spoken) != heard.text:
        spoken = (Word(heard.text, heard.stamp_ns, heard.end_ns),)
    told = ' '.join(
        link(sounds, escape(word.text), word.start_ns, word.end_ns, heard.frame_id)
        for word in spoken
    )
    return f'“{told}” <small>sure by {heard.confidence:.2f}</small>'


def rest(recording: Recording, album: Album) -> str:
    """What is in the bag, and what the page leaves out."""
    shown = {name: n for name, n in recording.counts.items() if n}
    rows = [('', (f'<code>{escape(name)}</code>', str(n))) for name, n in sorted(shown.items())]
    silent = sorted(name for name, n in recording.counts.items() if not n)
    text = f'<p>Nothing came on: {escape(", ".join(silent))}.</p>\n' if silent else ''
    if album.left_out:
        text += f'<p>Left out of this page: {escape("; ".join(album.left_out[:20]))}.</p>\n'
    body = table(('topic', 'messages'), rows)
    return (
        f'<details><summary>What is in the bag of the result</summary>\n{body}</details>\n{text}'
    )
