"""One page for one run: what was asked, what was found when and where, how well, how fast."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from mm_perception.bag.offline import resolve_stack
from mm_perception.bag.reader import BagReader
from mm_perception.errors import BagError, ConfigError, MmPerceptionError
from mm_perception.graph import StackSpec, load_stack
from mm_perception.reporting import facts, found
from mm_perception.reporting.machine import machine, versions
from mm_perception.reporting.page import facts as pairs_of
from mm_perception.reporting.page import notes, number, page, percent, tiles
from mm_perception.reporting.recording import (
    Recording,
    add_odometry,
    add_transforms,
    read_recording,
)
from mm_perception.reporting.scored import scored
from mm_perception.reporting.shots import Album, album_of
from mm_perception.reporting.sound import Sound, sounds_of
from mm_perception.reporting.truth import Scores, has_truth, scores_of
from mm_perception.samples import PromptState
from mm_perception.watching import Watch, unwatched

REPORT, SUMMARY, STACK = 'report.html', 'summary.json', 'stack.yaml'


@dataclass(eq=False)
class Run:
    """A result, read.

    Attributes:
        title: For people.
        summary: What the replay has counted; empty for a recording.
        stack: What ran; None for a recording.
        recording: What its bag tells; None if there is no bag that can be read.
        album: Its pictures.
        sounds: What its microphones heard; of the bag that was replayed where it has none.
        scores: Against the truth; None where there is none.
        problems: Whatever of the report could not be made, and why.
    """

    title: str
    summary: dict[str, Any]
    stack: StackSpec | None = None
    recording: Recording | None = None
    album: Album | None = None
    sounds: list[Sound] = field(default_factory=list)
    scores: Scores | None = None
    problems: list[str] = field(default_factory=list)


def write_run_report(result: Path, out: Path | None = None, *, watch: Watch = unwatched) -> Path:
    """Make the page of a result.

    Args:
        result: Folder of a replay; or a bag, such as `mmp record` makes.
        out: File to write; `report.html` in the result unless said otherwise.
        watch: Shows progress.

    Returns:
        The page.

    Raises:
        ConfigError: It is neither.
        BagError: It is a bag alone, and cannot be read.
    """
    path = out or (result if result.is_dir() else result.parent) / REPORT
    path.write_text(page_of(read_run(result, watch)), encoding='utf-8')
    return path


def read_run(result: Path, watch: Watch = unwatched) -> Run:
    """Read a result, with its pictures and scores; what cannot be read is told in the page."""
    summary = _summary_of(result)
    if not summary:
        inner = result / 'bag'
        return _read_bag(inner if inner.is_dir() else result, watch)
    run = Run(_title(summary), summary)
    bag = Path(summary.get('bag') or result / 'bag')  # what ran live is its own bag
    run.stack = _stack_of(result, summary, bag, run.problems)
    _read_into(run, result / 'bag', watch)
    if run.recording is not None and not summary.get('prompts'):
        summary['understood'] = [p.text for p in run.recording.prompts if p.text]
        run.title = _title(summary)
    if run.recording is not None and run.stack is not None:
        try:
            if bag.exists():
                _end_with(run.recording, bag)
            if run.recording.paths and not run.recording.odometry and bag.exists():
                add_odometry(run.recording, bag)
            if run.recording.boxes and bag.exists():
                add_transforms(run.recording, bag)
            if not run.sounds and bag.exists():
                run.sounds = sounds_of(bag, run.problems, watch)
            if has_truth(bag):
                with watch(0, 'scoring'):
                    run.scores = scores_of(run.recording, bag, result, run.stack)
        except MmPerceptionError as error:
            run.problems.append(f'{bag} could not be compared with: {error}')
    return run


def _summary_of(result: Path) -> dict[str, Any]:
    """What a replay has counted; nothing where there is none, as for `mmp summary` and bags."""
    path = result / SUMMARY
    try:
        summary = json.loads(path.read_text()) if path.is_file() else {}
    except ValueError as error:
        raise ConfigError(str(path), str(error), 'the JSON of a replay') from error
    return summary if 'nodes' in summary else {}


def _read_bag(bag: Path, watch: Watch) -> Run:
    try:
        BagReader(bag).__exit__(None, None, None)
    except BagError as error:
        raise ConfigError(
            'result', str(bag), f'a folder of mmp replay, or a bag ({error})'
        ) from error
    folder = bag.resolve()
    run = Run(folder.parent.name if folder.name == 'bag' else folder.name, {})
    _read_into(run, bag, watch)
    return run


def _read_into(run: Run, bag: Path, watch: Watch) -> None:
    try:
        run.recording = read_recording(bag, watch)
        if run.recording.boxes:
            add_transforms(run.recording, bag)
        run.album = album_of(run.recording, watch)
        run.sounds = sounds_of(bag, run.problems, watch)
    except BagError as error:
        run.problems.append(f'the bag of the result cannot be read: {error}')


def _end_with(recording: Recording, bag: Path) -> None:
    with BagReader(bag) as reader:
        recording.end_with(reader.end_ns)


def _stack_of(
    result: Path, summary: Mapping[str, Any], bag: Path, problems: list[str]
) -> StackSpec | None:
    """As it was replayed; of results of older versions, as it is called."""
    path = result / STACK
    try:
        if path.is_file():
            return load_stack(str(path))
        stack = load_stack(str(summary.get('stack', '')))
        with BagReader(bag) as reader:
            return resolve_stack(stack, reader)
    except MmPerceptionError as error:
        problems.append(f'the stack is not known: {error}')
        return None


def _title(summary: Mapping[str, Any]) -> str:
    where = 'live' if summary.get('mode') == 'live' else 'in a bag'
    bag = Path(summary.get('bag', '')).name
    texts = summary.get('prompts') or dict.fromkeys(summary.get('understood', []))
    asked = ', '.join(f'“{text}”' for text in texts)
    return f'{asked or summary.get("stack", "a stack")} {f"in {bag}" if bag else where}'


def page_of(run: Run) -> str:
    """The page as HTML."""
    summary, nodes = run.summary, run.summary.get('nodes', {})
    sections = [
        f'<h1>{escape(run.title)}</h1>\n<p class="soft">{escape(_setting(run))}</p>\n',
        notes(_failures(run), 'bad'), notes(_doubts(run)), _tiles(run), _asked(run),
    ]  # fmt: skip
    if run.recording is not None and run.album is not None:
        sections += [
            found.when(run.recording), found.storyboard(run.album),
            found.tracks(run.recording, run.album),
            found.space(run.recording, run.album, run.scores),
            found.words(run.recording, run.album, run.scores, run.sounds),
        ]  # fmt: skip
    if run.scores is not None:
        sections.append(scored(run.scores))
    warnings = summary.get('diagnostics') or _warnings(run.recording)
    sections += [facts.speed(nodes, float(summary.get('wall_s') or 0.0))]
    sections += [facts.losses(nodes, warnings), facts.weights(nodes)]
    sections.append(_made_with(run))
    if run.recording is not None and run.album is not None:
        sections.append(found.rest(run.recording, run.album))
    return page(run.title, sections)


def _setting(run: Run) -> str:
    if not run.summary:
        return (
            f'A recording of {run.recording.seconds:.1f} s.' if run.recording else 'A recording.'
        )
    mode = {
        'online': 'in real time through ROS 2 nodes: pictures that come too fast are dropped',
        'live': 'live through ROS 2 nodes: pictures that come too fast are dropped',
        'offline': 'offline: every picture is used',
    }.get(run.summary.get('mode', ''), '')
    does = f' {run.stack.description}' if run.stack and run.stack.description else ''
    return f'Stack “{run.summary.get("stack")}”, {mode}.{does}'


def _failures(run: Run) -> Iterator[str]:
    problem = run.summary.get('problem')
    if problem:
        yield f'It ended early: {problem}. What follows is of the part that was done.'
    for name, node in run.summary.get('nodes', {}).items():
        failed = sum(node.get('failures', {}).values())
        if failed:
            last = f': {node["last_failure"]}' if node.get('last_failure') else ''
            yield f'{name} failed {failed} times{last}. What it did not answer is not “nothing”.'
    yield from run.problems
    if run.recording is not None:
        yield from run.recording.problems[:8]


def _doubts(run: Run) -> Iterator[str]:
    if run.recording is not None and run.recording.undated:
        topics = ', '.join(sorted(run.recording.undated))
        yield f'Stamps are zero, so times are those of the recording: {topics}'


def _tiles(run: Run) -> str:
    numbers: list[tuple[str, str]] = []
    recording, nodes = run.recording, run.summary.get('nodes', {})
    if recording is not None:
        numbers.append(('seconds', f'{recording.seconds:.1f}'))
        last = {(t, s.prompt_id, s.stream): s.state for t, s in recording.statuses}
        if last:
            num_found = len({
                (t, s.prompt_id, s.stream) for t, s in recording.statuses
                if s.state is PromptState.FOUND
            })  # fmt: skip
            numbers.append(('prompts found', f'{num_found} of {len(last)}'))
        if recording.answered:
            number_of = len(recording.tracks)
            numbers.append(('track' if number_of == 1 else 'tracks', str(number_of)))
        if recording.paths:
            number_of = len(recording.paths)
            name = 'track in space' if number_of == 1 else 'tracks in space'
            numbers.append((name, str(number_of)))
    taken = sum(max(node.get('inputs', {}).values(), default=0) for node in nodes.values())
    drops = sum(sum(node.get('drops', {}).values()) for node in nodes.values())
    failed = sum(sum(node.get('failures', {}).values()) for node in nodes.values())
    if nodes:
        slowest = [float(n['inference_p50_ms']) for n in nodes.values() if 'inference_p50_ms' in n]
        numbers.append(('ms, slowest stage', number(max(slowest, default=None), 0)))
        numbers.append(('inputs dropped', percent(min(drops / taken, 1.0) if taken else None)))
        mark = f'<span class="bad">{failed}</span>' if failed else '0'
        numbers.append(('failures', mark))
    return tiles(numbers)


def _asked(run: Run) -> str:
    summary = run.summary
    if not summary:
        return ''
    pairs = [('prompts', ', '.join(summary.get('prompts', [])) or 'none')]
    pairs.append(('understood', ', '.join(dict.fromkeys(summary.get('understood', [])))))
    pairs += [('stack', str(summary.get('stack', ''))), ('bag', str(summary.get('bag', '')))]
    if run.stack is not None:
        for spec in run.stack.nodes:
            topics = [t for streams in spec.inputs.values() for t in streams.values()]
            pairs.append((f'{spec.name} hears', ', '.join(topics)))
            if spec.parameters:
                pairs.append((f'{spec.name}, set', json.dumps(dict(spec.parameters))))
    pairs.append(('command', str(summary.get('command', ''))))
    return f'<h2>What was asked</h2>\n{pairs_of(pairs)}'


def _warnings(recording: Recording | None) -> list[dict[str, Any]]:
    if recording is None:
        return []
    return [
        {'node': node, 'level': level, 'message': message, 'count': count}
        for (node, level, message), count in recording.warnings.items()
    ]


def _made_with(run: Run) -> str:
    """By what the run was made, which need not be what makes the report."""
    summary = run.summary
    if not summary:
        return facts.made_with(versions(), machine(), [('of', 'the machine of this report')])
    more = [('bag', f'{summary.get("messages", 0)} messages')]
    more.append(('time', f'{float(summary.get("wall_s") or 0):.1f} s'))
    if summary.get('date'):
        more.append(('date', str(summary['date'])))
    known = summary.get('machine') or {'machine': 'was not noted by the version that made this'}
    return facts.made_with(summary.get('versions', {}), known, more)
