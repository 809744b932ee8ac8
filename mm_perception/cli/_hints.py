"""What a newcomer would ask next, said before it is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mm_perception.plugin import Queue
from mm_perception.samples import Prompt
from mm_perception.samples.prompt import spoken_of

if TYPE_CHECKING:
    from mm_perception.graph import NodeSpec, StackSpec

_NANO = 'nano'


def weights_note(summary: Mapping[str, Any]) -> str:
    """One line where small weights looked at what is not their world; empty otherwise.

    Args:
        summary: Of a replay: `bag` is its path, `nodes` are node names to their facts, of which
            those that end in `weights` say what was loaded.

    Convention:
        {'bag': 'b', 'nodes': {'n': {'weights': 'nano'}}} gives a note that names n, unless
        b/truth.json says that `mmp world` has made b.
    """
    names = [
        name
        for name, facts in summary['nodes'].items()
        if any(key.endswith('weights') and value == _NANO for key, value in facts.items())
    ]
    bag = Path(summary['bag'])
    folder = bag if bag.is_dir() else bag.parent
    if not names or (folder / 'truth.json').is_file():
        return ''
    return (
        f'note: {", ".join(names)} used weights nano, which know the synthetic world only. For '
        'real pictures take public ones: `mmp plugins` lists them; --stack track_public has some'
    )


def stamps_note(summary: Mapping[str, Any]) -> str:
    """One line where nobody has set the stamps of the pictures; empty otherwise.

    Args:
        summary: Of a replay: `bag` is its path, `zero_stamps` tells whether masks have none.
    """
    if not summary.get('zero_stamps'):
        return ''
    return (
        'note: the stamps of the pictures are zero, so the times above are those of recording, '
        'and nothing can be matched or transformed. Let the driver fill header.stamp, and record '
        f'again; mmp doctor --bag {summary["bag"]} names the topics'
    )


def unanswered(states: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line per prompt and reason for what was refused or not found in the end, with its cameras.

    Args:
        states: Of a summary's `prompt_states`, in order: prompt, camera, state and message.

    Convention:
        'red: not_found (no area is red) on back, front'; a single camera has no name.
    """
    last = {(state['prompt'], state['camera']): state for state in states}
    cameras: dict[str, list[str]] = {}
    for (prompt, camera), state in last.items():
        if state['state'] in ('NOT_FOUND', 'REJECTED'):
            line = f'{spoken_of(prompt)}: {state["state"].lower()} ({state["message"]})'
            cameras.setdefault(line, []).append(camera)
    return [
        f'{line} on {", ".join(names)}' if any(names) else line for line, names in cameras.items()
    ]


def refused(given: Sequence[str], states: Sequence[Mapping[str, Any]]) -> list[str]:
    """Prompts of the command line that no camera and no node has taken.

    Args:
        given: As they were given.
        states: Of a summary's `prompt_states`.

    Convention:
        ['red'] is refused where all that was told of it is REJECTED; one that was looked for and
        not found is not.
    """
    told: dict[str, set[str]] = {}
    for state in states:
        told.setdefault(state['prompt'], set()).add(state['state'])
    has_click = any(text.startswith('click:') for text in given)
    return [
        prompt
        for prompt, found in told.items()
        if prompt in given or (has_click and prompt.startswith('click '))
        if 'REJECTED' in found and found <= {'REJECTED', 'PENDING'}
    ]


def failure_of(name: str, summary: Mapping[str, Any]) -> str:
    """The last thing that went wrong in a node of a replay, in its own words; empty if unknown.

    Args:
        name: Of the node.
        summary: Of a replay. Offline a node has `last_failure`; online its words came as rows of
            `diagnostics`, with `node`, `level` and `message`.
    """
    if said := str(summary['nodes'][name].get('last_failure', '')):
        return said
    rows = [row for row in summary.get('diagnostics', []) if row['node'] == name]
    errors = [row['message'] for row in rows if row['level'] == 'ERROR'] or [
        row['message'] for row in rows
    ]
    return str(errors[-1]) if errors else ''


def prompt_note(stack: StackSpec, summary: Mapping[str, Any]) -> str:
    """One line where nothing was found because nothing was asked; empty otherwise.

    Args:
        stack: What was replayed.
        summary: Of a replay: `prompts` are those of the command line, `prompt_states` what became
            of all that came, also from the bag; `tracks` what was found.
    """
    if summary['prompts'] or summary.get('prompt_states') or summary.get('tracks'):
        return ''
    names = [spec.name for spec in stack.nodes if _waits_for_prompt(spec)]
    if not names:
        return ''
    return (
        f'note: nothing was asked of {", ".join(names)}, so nothing was looked for: give --prompt '
        '"the red car", or --prompt box:300,150,520,500 (`mmp replay --help`)'
    )


def _waits_for_prompt(spec: NodeSpec) -> bool:
    """Whether a node takes prompts, no other node makes them, and its parameters have none."""
    ports = spec.plugin_class().inputs
    taken = [
        port
        for port in spec.inputs
        if isinstance(ports[port], Queue) and ports[port].sample_type is Prompt
    ]
    return bool(set(taken) - set(spec.links())) and not spec.parameters.get('prompts')
