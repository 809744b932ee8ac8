"""Scores of a run against the truth, as a section."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from mm_perception.evaluation.naming import rounded
from mm_perception.evaluation.replayed import Moment, Story
from mm_perception.evaluation.result import STACK, Evaluation
from mm_perception.reporting.charts import curves
from mm_perception.reporting.page import legend, number, percent, picture, strip, table
from mm_perception.reporting.truth import REACH_M, Scores

#: CSS class of the curve of what is scored.
_LINE = 'stack'
#: Most close-ups of the frames of least overlap.
_MOST_WORST = 2


def scored(scores: Scores) -> str:
    """Everything that was compared with the truth, and what could not be."""
    parts = ''
    for evaluation, stories in scores.texts:
        parts += _texts(evaluation, stories)
    if scores.boxes:
        parts += _boxes(scores)
    if scores.tracks:
        parts += _tracks(scores)
    for remark in scores.remarks:
        parts += f'<p><small>Not scored: {escape(remark)}.</small></p>\n'
    return f'<h2>Against the truth</h2>\n{parts}' if parts else ''


def _texts(evaluation: Evaluation, stories: Sequence[Story]) -> str:
    heads = ('text', 'overlap (IoU)', 'HOTA', 'IDF1', 'id switches', 'silent out of view',
             'pictures answered')  # fmt: skip
    (world,) = evaluation.worlds
    rows = []
    for story in stories:
        score = story.case.present[STACK]
        tracks = score.tracks
        camera = f'<small class="soft">{escape(story.case.camera)}</small>'
        rows.append(('', (
            f'“{escape(story.case.text)}”{camera}', number(rounded(score.mean_iou)),
            number(tracks.hota if tracks else None), number(tracks.idf1 if tracks else None),
            str(tracks.id_switches) if tracks else '-', percent(rounded(story.silent)),
            percent(world.answered),
        )))  # fmt: skip
    return f'{table(heads, rows)}\n{"".join(story_chart(s) + _worst(s) for s in stories)}'


def story_chart(story: Story) -> str:
    """The overlap over time, over how much of the picture the object covers."""
    case = story.case
    most = max(float(story.covers.max()), 1e-9)
    areas = {'covers': (story.covers / most).tolist()}
    title = f'overlap with “{case.text}” over time'
    chart = curves(case.times_s, {_LINE: story.ious.tolist()}, areas=areas, title=title)
    keys = legend((
        (_LINE, f'overlap (IoU) with “{case.text}”'),
        ('covers', f'how much it covers, from nothing to {100 * most:.1f} % of the picture'),
    ))  # fmt: skip
    return f'{chart}{keys}'


def story_strip(story: Story) -> str:
    """What happens to the object: found, hidden, found again, out of view."""
    return strip([(moment.pictures['found'], _caption(moment)) for moment in story.moments])


def story_worst(story: Story, most: int) -> str:
    """Truth and answer side by side in the frames of least overlap."""
    cards = ''
    for moment in story.worst[:most]:
        pair = ''.join(picture(moment.pictures[kind], kind) for kind in ('truth', 'found'))
        cards += (
            f'<article class="case"><header><h3>IoU {number(rounded(moment.iou))}</h3>'
            f'<small>at {moment.time_s:.1f} s</small></header>\n<div class="pair">\n{pair}</div>'
            '</article>\n'
        )
    return f'<div class="cases">\n{cards}</div>\n' if cards else ''


def _worst(story: Story) -> str:
    return story_worst(story, _MOST_WORST)


def _caption(moment: Moment) -> str:
    overlap = rounded(moment.iou)
    told = f', IoU {overlap:.2f}' if overlap is not None else ''
    return f'{moment.time_s:.1f} s: {moment.title}{told}'


def _boxes(scores: Scores) -> str:
    heads = ('boxes', 'mAP', 'centre off, m', 'heading off, rad', 'true boxes', 'boxes given')
    rows = []
    for topic, result in scores.boxes.items():
        rows.append(('', (
            f'<code>{escape(topic)}</code>', number(result.mean_ap),
            number(result.errors['translation']), number(result.errors['orientation']),
            str(sum(c.num_truth for c in result.classes.values())),
            str(sum(c.num_found for c in result.classes.values())),
        )))  # fmt: skip
    text = (
        f'Boxes against every true one within {REACH_M:g} m, hidden ones and those that no sensor '
        'looks at included; mAP as nuScenes has it, errors of what is found within 2 m. Boxes in '
        'another frame than the truth are carried there by TF at their own moment.'
    )
    return f'{table(heads, rows)}\n<p><small>{text}</small></p>\n'


def _tracks(scores: Scores) -> str:
    heads = ('tracks in space', 'AMOTA', 'AMOTP, m', 'MOTA', 'recall', 'id switches', 'missed',
             'false')  # fmt: skip
    rows = [
        ('', (
            f'<code>{escape(topic)}</code>', number(found.amota), number(found.amotp),
            number(found.mota), percent(found.recall), str(found.switches), str(found.misses),
            str(found.false),
        ))
        for topic, found in scores.tracks.items()
    ]  # fmt: skip
    text = (
        'The same boxes as tracks: AMOTA (1 is best) and AMOTP (0 m is best) as nuScenes has '
        'them, means over recalls and classes; the rest at the score that is best for MOTA.'
    )
    return f'{table(heads, rows)}\n<p><small>{text}</small></p>\n'
