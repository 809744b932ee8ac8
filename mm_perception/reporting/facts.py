"""Sections that every report has: how fast, what was lost, by which weights and on what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from mm_perception import registry
from mm_perception.errors import MmPerceptionError
from mm_perception.reporting.page import facts, number, table

Nodes = Mapping[str, Mapping[str, Any]]
_OWN = 'Apache-2.0 (trained by mm_perception)'
_SHORT = 12
_NONE = number(None)


def speed(nodes: Nodes, wall_s: float) -> str:
    """Latency of every stage, its rate, and what it dropped.

    Args:
        nodes: As in the summary of a replay.
        wall_s: How long it ran; 0 where nobody knows.
    """
    if not nodes:
        return ''
    heads = (
        'stage', 'state', 'done', 'per second', 'ms, median', 'ms, 95 %',
        'stamp to result, median',
        'stamp to result, 95 %', 'dropped', 'failed',
    )  # fmt: skip
    rows = []
    for name, node in nodes.items():
        done = int(node.get('inferences', 0))
        failed = sum(node.get('failures', {}).values())
        plugin = ' · '.join(str(node[k]) for k in ('plugin', 'device') if node.get(k))
        rows.append(('', (
            f'{escape(name)}<small class="soft">{escape(plugin)}</small>', _state(node),
            str(done), number(done / wall_s if wall_s else None, 1),
            *(_ms(node, key) for key in (
                'inference_p50_ms', 'inference_p95_ms', 'latency_p50_ms', 'latency_p95_ms',
            )),
            str(sum(node.get('drops', {}).values())),
            f'<span class="bad">{failed}</span>' if failed else '0',
        )))  # fmt: skip
    known = [i for i in range(len(heads)) if any(cells[i] != _NONE for _, cells in rows)]
    lines = [(kind, [cells[i] for i in known]) for kind, cells in rows]
    return f'<h2>How fast</h2>\n{table([heads[i] for i in known], lines, texts=2)}\n'


def losses(nodes: Nodes, warnings: Sequence[Mapping[str, Any]]) -> str:
    """Drops by cause, failures by error, and what was diagnosed, with how often.

    Args:
        nodes: As in the summary of a replay.
        warnings: Of each kind `node`, `level`, `message` and `count`.
    """
    rows = []
    for name, node in nodes.items():
        for cause, count in node.get('failures', {}).items():
            text = f'{escape(cause)}<small>{escape(str(node.get("last_failure", "")))}</small>'
            rows.append((0, name, '<span class="bad">failed</span>', text, count))
        for cause, count in node.get('drops', {}).items():
            rows.append((2, name, 'dropped', escape(cause), count))
    for one in warnings:
        level = str(one['level'])
        kind = 'bad' if level == 'ERROR' else 'warn'
        mark = f'<span class="{kind}">{escape(level)}</span>'
        rows.append((1, str(one['node']), mark, escape(str(one['message'])), int(one['count'])))
    if not rows:
        text = 'Nothing was dropped, nothing failed, and nothing was diagnosed.'
        return f'<h2>Drops and diagnostics</h2>\n<p>{text}</p>\n'
    rows.sort(key=lambda row: (row[0], row[1], -row[4]))
    cells = [('', (escape(name), kind, text, str(n))) for _, name, kind, text, n in rows]
    heads = ('stage', 'what', 'why', 'how often')
    return f'<h2>Drops and diagnostics</h2>\n{table(heads, cells, texts=3)}\n'


def weights(nodes: Nodes) -> str:
    """What was loaded: name, the first digits of its hash, and its licence."""
    rows = [
        ('', (escape(stage), escape(part), f'<code>{escape(source)}</code>',
              f'<code>{escape(digest[:_SHORT] or "-")}</code>', escape(licence)))
        for stage, part, source, digest, licence in _weights(nodes)
    ]  # fmt: skip
    if not rows:
        return ''
    heads = ('stage', 'network', 'weights', 'sha256', 'licence')
    return f'<h2>Weights</h2>\n{table(heads, rows, texts=5)}\n'


def made_with(
    versions: Mapping[str, Any], machine: Mapping[str, Any], more: Sequence[tuple[str, str]] = ()
) -> str:
    """Software and machine.

    Args:
        versions: Name to version.
        machine: What it is to what it has.
        more: Further facts, such as the command.
    """
    pairs = [*((k, str(v)) for k, v in {**versions, **machine}.items()), *more]
    return f'<h2>Made with</h2>\n{facts(pairs)}'


def _state(node: Mapping[str, Any]) -> str:
    if sum(node.get('failures', {}).values()):
        return '<span class="bad">failed</span>'
    if not node.get('inferences'):
        came = sum(node.get('inputs', {}).values())
        return f'<span class="warn">{"no result" if came else "nothing came"}</span>'
    return '<span class="good">worked</span>'


def _ms(node: Mapping[str, Any], key: str) -> str:
    value = node.get(key)
    return number(float(value), 1 if float(value) < 100 else 0) if value is not None else '-'


def _weights(nodes: Nodes) -> Iterator[tuple[str, str, str, str, str]]:
    """Stage, network, source, hash and licence of everything that says of its weights."""
    for name, node in nodes.items():
        for key, value in node.items():
            if key != 'weights' and not key.endswith('_weights'):
                continue
            part = key.removesuffix('weights').rstrip('_')
            digest = node.get(f'{part}_sha256' if part else 'weights_sha256', '')
            licence = node.get(f'{part}_licence' if part else 'licence') or _licence(node, value)
            network = str(node.get(part, part) if part else node.get('network', ''))
            yield name, network or str(node.get('plugin', '')), str(value), str(digest), licence


def _licence(node: Mapping[str, Any], source: object) -> str:
    """As the card of the plugin tells."""
    if source == 'nano':
        return _OWN
    try:
        card = registry.load(str(node.get('plugin', ''))).card
    except MmPerceptionError:
        return 'not known'
    known = (w.licence for w in card.weights if w.source == source)
    return next(known, 'not known: ask its author')
