"""A replay as a page for people: one object on its way through a drive, with film and scores."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path

from mm_perception.evaluation.naming import FOUND_IOU, rounded
from mm_perception.evaluation.replayed import Story
from mm_perception.evaluation.result import Evaluation
from mm_perception.reporting.evaluated import facts_of, made_how, warned
from mm_perception.reporting.page import (
    facts,
    films,
    links,
    number,
    page,
    percent,
    tiles,
)
from mm_perception.reporting.scored import story_chart, story_strip, story_worst

#: Close-ups of the frames of least overlap.
_MOST_WORST = 4


def write_story(
    result: Evaluation,
    stories: Sequence[Story],
    out: Path,
    *,
    setting: str = '',
    movies: Sequence[tuple[Path, str]] = (),
    made_by: Sequence[tuple[str, str]] = (),
    pages: Sequence[tuple[str, str]] = (),
) -> tuple[Path, Path]:
    """Write `scores.json` and `report.html`.

    Args:
        result: Scores over all stories.
        stories: One per camera that shows the object.
        out: Existing folder.
        setting: One sentence on what was replayed, and how.
        movies: MP4 files to show in the page, and what each shows.
        made_by: What was done, and the command that does it again.
        pages: Reports of the single runs: the stack, and where its page is from this one.

    Returns:
        Both paths.
    """
    plain, readable = out / 'scores.json', out / 'report.html'
    plain.write_text(json.dumps(result.as_json(), indent=1, allow_nan=False) + '\n')
    more = links(pages)
    text = _story_page(result, stories, setting, movies, made_by, more)
    readable.write_text(text, encoding='utf-8')
    return plain, readable


def _story_page(
    result: Evaluation,
    stories: Sequence[Story],
    setting: str,
    movies: Sequence[tuple[Path, str]],
    made_by: Sequence[tuple[str, str]],
    more: str,
) -> str:
    text = stories[0].case.text if stories else 'nothing'
    title = f'“{text}” through a street'
    sections = [_head(title, setting), warned(result), _tiles(result, stories)]
    shown = [(path.read_bytes(), words) for path, words in movies if path.is_file()]
    sections.append(films(shown))
    sections += [_chapter(result, story) for story in stories]
    sections += [more, *made_how(result)]
    return page(title, [*sections, _method(result, made_by)])


def _head(title: str, setting: str) -> str:
    return f'<h1>{escape(title)}</h1>\n<p class="soft">{escape(setting)}</p>\n'


def _tiles(result: Evaluation, stories: Sequence[Story]) -> str:
    scores, (world,) = result.scores(), result.worlds
    tracks = scores.tracks
    silent = [value for s in stories if (value := rounded(s.silent)) is not None]
    times = [ms for node in result.nodes.values() for ms in node.inference_ms]
    return tiles((
        ('mean overlap (IoU)', number(rounded(scores.mean_iou))),
        ('HOTA', number(tracks.hota if tracks else None)),
        ('id switches', str(tracks.id_switches) if tracks else number(None)),
        ('silent out of view', percent(min(silent, default=None))),
        ('pictures answered', percent(world.answered)),
        ('ms per picture', number(max(times, default=None), 0)),
    ))  # fmt: skip


def _chapter(result: Evaluation, story: Story) -> str:
    camera = f' · {escape(story.case.camera)}' if len(result.cases) > 1 else ''
    return (
        f'<h2>How well it is marked{camera}</h2>\n{story_chart(story)}'
        f'<h2>What happens{camera}</h2>\n{story_strip(story)}'
        f'<h2>Where it is worst{camera}</h2>\n{story_worst(story, _MOST_WORST)}'
    )


def _method(result: Evaluation, made_by: Sequence[tuple[str, str]]) -> str:
    (world,) = result.worlds
    lines = (
        'The truth comes from the rays that rendered the pictures: each knows what it hit. '
        f'Overlap counts in pictures that show at least {result.settings.min_pixels} pixels of '
        f'the object, and an object is found where it is at least {FOUND_IOU:g}. A replay in real '
        'time answers the pictures it has time for; scores are over those.',
        'HOTA (0 to 1) weighs finding the object against keeping its identity; it is computed by '
        'TrackEval. The overlap with nothing to see is not defined: there the curve has a gap, '
        'and the right answer is silence.',
    )
    used = [
        ('drive', f'{world.frames} pictures of {world.size[0]} x {world.size[1]}, '
                  f'{world.seconds:g} s, {100 * world.answered:.0f} % answered'),
        *facts_of(result), *made_by,
    ]  # fmt: skip
    text = ''.join(f'<p>{escape(line)}</p>\n' for line in lines)
    return f'<h2>How this was measured</h2>\n{text}{facts(used)}'
