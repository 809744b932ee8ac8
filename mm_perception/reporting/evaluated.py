"""An evaluation as a page for people: the scores, what they are compared with, what went wrong."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path
from statistics import median
from typing import Any

from mm_perception.evaluation.naming import FOUND_IOU, PresentScore, rounded
from mm_perception.evaluation.result import BOXES, CLIP_GRID, STACK, Case, Evaluation, NodeFacts
from mm_perception.reporting import facts as sections
from mm_perception.reporting.charts import curves, sparkline
from mm_perception.reporting.machine import machine, versions
from mm_perception.reporting.page import (
    bar,
    facts,
    legend,
    notes,
    number,
    page,
    percent,
    picture,
    table,
    tiles,
)

_SHOWN = 8  # cases with pictures, of each kind
#: CSS class of a system's curve.
LINES = {STACK: 'stack', BOXES: 'boxes', CLIP_GRID: 'clip'}


def write_report(result: Evaluation, out: Path) -> tuple[Path, Path]:
    """Write `result.json` and `report.html`.

    Args:
        result: The evaluation.
        out: Existing folder.

    Returns:
        Both paths.
    """
    plain, readable = out / 'result.json', out / 'report.html'
    plain.write_text(json.dumps(result.as_json(), indent=1, allow_nan=False) + '\n')
    readable.write_text(report(result), encoding='utf-8')
    return plain, readable


def report(result: Evaluation) -> str:
    """The page."""
    title = f'How well “{result.stack}” answers texts'
    parts = (
        _head(result, title), _tiles(result), warned(result), _systems(result),
        _texts(result), _worst(result), _alarms(result), *made_how(result), _method(result),
    )  # fmt: skip
    return page(title, parts)


def _head(result: Evaluation, title: str) -> str:
    frames = sum(world.frames for world in result.worlds)
    present = sum(case.is_present for case in result.cases)
    absent = len(result.cases) - present
    return (
        f'<h1>{escape(title)}</h1>\n<p class="soft">{_count(len(result.worlds), "world")}, '
        f'{_count(frames, "picture")}; {_count(present, "text")} that name something, '
        f'{_count(absent, "text")} that name nothing.</p>\n'
    )


def _tiles(result: Evaluation) -> str:
    scores = result.scores()
    tracks = scores.tracks
    return tiles((
        ('HOTA', number(tracks.hota if tracks else None)),
        ('IDF1', number(tracks.idf1 if tracks else None)),
        ('mean IoU', number(rounded(scores.mean_iou))),
        (f'found (IoU ≥ {FOUND_IOU:g})', percent(rounded(scores.found))),
        ('false alarms', percent(rounded(scores.false_alarms))),
        ('absent rejected', percent(rounded(scores.rejected))),
    ))  # fmt: skip


def warnings_of(result: Evaluation) -> list[str]:
    """What went wrong while it ran, and what a reader has to know."""
    failures = [
        f'{name}: {sum(node.failures.values())} frames failed; {node.last_failure}'
        for name, node in result.nodes.items()
        if node.failures
    ]
    return [*result.problems, *result.notes, *failures]


def warned(result: Evaluation) -> str:
    """What failed, in red, and what has to be known."""
    failed = [line for line in warnings_of(result) if line not in result.notes]
    return notes(failed, 'bad') + notes(result.notes)


def made_how(result: Evaluation) -> tuple[str, ...]:
    """Speed, losses, weights, software and machine, as in the page of a run."""
    nodes = {name: _as_summary(node) for name, node in result.nodes.items()}
    return (
        sections.speed(nodes, 0.0), sections.losses(nodes, ()), sections.weights(nodes),
        sections.made_with(versions(), machine()),
    )  # fmt: skip


def _as_summary(node: NodeFacts) -> dict[str, Any]:
    """A node as the summary of a replay has it; times are medians over the runs."""
    times = {
        key: median(values)
        for key, values in (
            ('inference_p50_ms', node.inference_ms), ('inference_p95_ms', node.inference_p95_ms),
        )
        if values
    }  # fmt: skip
    return {
        **node.model, **times, 'plugin': node.plugin, 'inferences': node.inferences,
        'drops': node.drops, 'failures': node.failures, 'last_failure': node.last_failure,
    }  # fmt: skip


def _systems(result: Evaluation) -> str:
    heads = (
        'system', 'HOTA', 'DetA', 'AssA', 'IDF1', 'MOTA', 'mean IoU', 'found', 'false alarms',
        'rejected',
    )  # fmt: skip
    rows = []
    for name, description in result.systems.items():
        scores = result.scores(name)
        tracks = scores.tracks
        values = (
            [tracks.hota, tracks.det_a, tracks.ass_a, tracks.idf1, tracks.mota]
            if tracks
            else [None] * 5
        )
        own = name == STACK
        title = (
            f'{escape(result.stack)}'
            if own
            else f'{escape(name)}<small class="soft">{escape(description)}</small>'
        )
        rows.append((
            'main' if own else '',
            (title, *(number(value) for value in values), number(rounded(scores.mean_iou)),
             percent(rounded(scores.found)), percent(rounded(scores.false_alarms)),
             percent(rounded(scores.rejected))),
        ))  # fmt: skip
    return f'<h2>Against the baselines</h2>\n{table(heads, rows)}\n'


def _texts(result: Evaluation) -> str:
    """Every text, worst first."""
    systems = [name for name in result.systems if name != STACK]
    heads = ('text', 'overlap over time', 'mean IoU', 'HOTA', 'IDF1', 'id switches',
             *(f'IoU of {name}' for name in systems))  # fmt: skip
    rows = []
    for case in _by_iou(result.cases):
        score = case.present[STACK]
        others = (number(rounded(case.present[name].mean_iou)) for name in systems)
        rows.append((
            '',
            (_named(case), sparkline(score.ious.tolist()),
             bar(rounded(score.mean_iou)), *_of_tracks(score), *others),
        ))  # fmt: skip
    if not rows:
        return ''
    return f'<h2>Every text that names something</h2>\n{table(heads, rows, texts=2)}\n'


def _worst(result: Evaluation) -> str:
    cases = [case for case in _by_iou(result.cases) if case.pictures][:_SHOWN]
    if not cases:
        return ''
    keys = legend((LINES[name], _title(result, name)) for name in result.systems)
    cards = ''.join(_card(case) for case in cases)
    return (
        '<h2>Where it goes wrong</h2>\n<p>The texts of least overlap. Pictures are cut out of the '
        'frame of least overlap, which the dashed line marks; curves are the overlap (IoU) with '
        f'all that the text means, over time.</p>\n{keys}'
        f'<div class="cases">\n{cards}</div>\n'
    )


def _card(case: Case) -> str:
    series = {LINES[name]: score.ious.tolist() for name, score in case.present.items()}
    stack = series.pop(LINES[STACK])
    moment = case.times_s[case.frame] if case.frame is not None else None
    chart = curves(case.times_s, {**series, LINES[STACK]: stack}, mark_s=moment)
    score = case.present[STACK]
    figures = picture(case.pictures['truth'], 'truth') + picture(case.pictures['found'], 'found')
    hota, _, switches = _of_tracks(score)
    numbers = f'mean IoU {number(rounded(score.mean_iou))}, HOTA {hota}, id switches {switches}'
    return (
        f'<article class="case"><header><h3>“{escape(case.text)}”</h3>'
        f'<small>{escape(_place(case))}, at {moment or 0.0:.1f} s</small></header>\n'
        f'<div class="pair">\n{figures}</div>\n{chart}'
        f'<div class="facts"><small>{numbers}</small></div></article>\n'
    )


def _alarms(result: Evaluation) -> str:
    absent = [case for case in result.cases if not case.is_present]
    if not absent:
        return ''
    absent.sort(key=lambda case: -case.absent[STACK].alarm_frames)
    systems = [name for name in result.systems if name != STACK]
    heads = ('text', 'outcome', 'frames marked',
             *(f'by {name}' for name in systems))  # fmt: skip
    rows = [
        ('', (_named(case), _outcome(case),
              percent(case.absent[STACK].alarm_frames),
              *(percent(case.absent[name].alarm_frames) for name in systems)))
        for case in absent
    ]  # fmt: skip
    shown = [case for case in absent if case.pictures][:_SHOWN]
    cards = ''.join(
        f'<article class="case"><header><h3>“{escape(case.text)}”</h3><small>'
        f'{escape(_place(case))}, at {case.times_s[case.frame or 0]:.1f} s</small></header>\n'
        f'<div class="pair one">{picture(case.pictures["found"], "found, though nothing is")}'
        '</div></article>\n'
        for case in shown
    )
    return (
        '<h2>Texts that name nothing</h2>\n<p>Colour and kind both exist in the world, but not on '
        f'one thing.</p>\n{table(heads, rows, texts=2)}\n'
        + (f'<h2>False alarms</h2>\n<div class="cases">\n{cards}</div>\n' if cards else '')
    )


def _outcome(case: Case) -> str:
    score = case.absent[STACK]
    if score.is_alarm:
        return '<span class="bad">false alarm</span>'
    if score.is_rejected:
        return '<span class="good">rejected</span>'
    return 'silent, but never said so'


def _method(result: Evaluation) -> str:
    settings = result.settings
    lines = (
        f'Each world is asked for up to {settings.num_present} texts of a colour and a kind that '
        f'are in view for half of its first {settings.start_s:g} s, and for {settings.num_absent} '
        'that nothing in it fits. Texts that share a word are asked in separate runs, and present '
        'ones apart from absent ones. The truth of a text is every instance of its colour and '
        'kind.',
        f'Mean IoU is the mean over texts of the mean over frames that show at least '
        f'{settings.min_pixels} pixels of the object; smaller ones count neither way. HOTA, IDF1 '
        'and MOTA are computed by TrackEval on instance masks, with IoU as likeness, over all '
        'texts that name something.',
        'A false alarm is an absent text that was marked in any frame or said to be found. It is '
        'rejected if it was never marked and was said not to be there: silence is not enough.',
    )
    used = [('worlds', '; '.join(
        f'{w.name} ({w.frames} pictures of {w.size[0]} x {w.size[1]}, {w.seconds:g} s, '
        f'{100 * w.answered:.0f} % answered)' for w in result.worlds))]  # fmt: skip
    text = ''.join(f'<p>{escape(line)}</p>\n' for line in lines)
    used += facts_of(result)
    return f'<h2>How this was measured</h2>\n{text}{facts(used)}'


def facts_of(result: Evaluation) -> list[tuple[str, str]]:
    """The nodes, what was set, how long it took and by which command."""
    used = []
    for name, node in result.nodes.items():
        times = sorted(node.inference_ms)
        median = f', {times[len(times) // 2]:.1f} ms each (median)' if times else ''
        drops = f', {sum(node.drops.values())} dropped' if node.drops else ''
        model = ''.join(f', {key} {value}' for key, value in node.model.items())
        used.append((name, f'{node.plugin}: {node.inferences} frames{median}{drops}{model}'))
    for name, parameters in result.parameters.items():
        if parameters:
            used.append((f'{name}, set', json.dumps(parameters)))
    return [*used, ('time', f'{result.wall_s:.1f} s'), ('command', result.command)]


def _of_tracks(score: PresentScore) -> tuple[str, str, str]:
    """HOTA, IDF1 and switches of ids, as they are shown."""
    tracks = score.tracks
    if tracks is None:
        return number(None), number(None), number(None)
    return number(tracks.hota), number(tracks.idf1), str(tracks.id_switches)


def _title(result: Evaluation, system: str) -> str:
    return result.stack if system == STACK else system


def _by_iou(cases: Iterable[Case]) -> Iterator[Case]:
    """Present ones, the worst first."""
    present = [case for case in cases if case.is_present]
    return iter(sorted(present, key=lambda case: case.present[STACK].mean_iou))


def _named(case: Case) -> str:
    return f'{escape(case.text)}<small class="soft">{escape(_place(case))}</small>'


def _place(case: Case) -> str:
    """Where a text was asked."""
    return f'{case.world}, {case.camera}' if case.camera else case.world


def _count(value: int, one: str, many: str = '') -> str:
    return f'{value} {one if value == 1 else many or one + "s"}'
