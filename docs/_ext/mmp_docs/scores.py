"""Measured figures: scores of the shipped weights and results of the benchmarks, as tables."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mmp_docs.markup import blocks, code, escape, table

ROOT = Path(__file__).parents[3]
#: Plugin to the nets in `mm_perception/weights` that it loads for `nano`.
NETS = {
    'ad_segment': ('clip',),
    'bev_text': ('clip',),
    'bevformer': ('bevformer',),
    'clip': ('clip',),
    'dino_segment': ('dino',),
    'pose': ('pose',),
    'sam2': ('sam2',),
    'speech': ('speech',),
    'text_tracker': ('grounder', 'sam2', 'clip'),
    'video_search': ('clip',),
}
#: File of `bench/results` to the plugins that it measures; none: the path of messages, the world.
BENCHES = {
    'ad_segment': ('ad_segment',),
    'bev': ('bevformer', 'tracker3d'),
    'bev_text': ('bev_text',),
    'bevformer': ('bevformer',),
    'busy_cpu': (),
    'command': ('command',),
    'dino_segment': ('dino_segment',),
    'message_path': (),
    'nano': ('clip', 'sam2', 'text_tracker'),
    'pointing': ('pointing', 'ar_interact'),
    'prompts': ('text_tracker',),
    'sam2': ('sam2',),
    'select': ('ar_interact', 'sam_prompt', 'xr_select'),
    'smart_home': ('smart_home',),
    'speech': ('speech',),
    'summary': ('video_summary',),
    'surveillance': ('surveillance',),
    'text_tracker': ('text_tracker',),
    'tracker3d': ('tracker3d',),
    'video_search': ('video_search',),
    'voice': ('command', 'speech', 'text_tracker'),
    'world': (),
}
_ORIGIN = ('command', 'commit', 'date', 'cpu', 'num_cpus')
#: Of a result: how it was made, not what came out.
_ASIDE = {
    *_ORIGIN, 'fine', 'has_local_changes', 'load_before', 'model', 'nodes', 'note', 'packages',
    'parameters', 'provenance', 'python', 'settings', 'systems', 'threads', 'torch', 'wall_s',
    'weights',
}  # fmt: skip


def of_weights(net: str) -> str:
    """The held-out scores of one net, with the file that they come from."""
    path = f'mm_perception/weights/{net}/scores.json'
    scores = json.loads((ROOT / path).read_text())['scores']
    return blocks(
        f'Weights `nano` of `{net}` on held-out synthetic worlds, from `{path}`:',
        table(('measure', 'value'), ((escape(k), _value(v)) for k, v in scores.items())),
    )


def of_bench(name: str) -> str:
    """The result of one benchmark: where it comes from, and its figures."""
    path = f'bench/results/{name}.json'
    result = json.loads((ROOT / path).read_text())
    origin = ', '.join(
        f'{key.replace("_", " ")} {code(str(result[key]))}' for key in _ORIGIN if key in result
    )
    return blocks(f'From `{path}`: {origin}.', *_tables(result, ()))


def _tables(part: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    """Scalars as one table, dictionaries of scalars as the rows of another, the rest below."""
    shown = {str(k): v for k, v in part.items() if k not in _ASIDE}
    scalars = {k: v for k, v in shown.items() if _is_scalar(v)}
    rows = {k: v for k, v in shown.items() if isinstance(v, Mapping) and _has_scalars(v)}
    title = f'**{escape(", ".join(path).replace("_", " "))}**' if path else ''
    if title and ((scalars and not rows) or len(rows) > 1):
        yield title
    if scalars and len(rows) != len(shown):
        yield table(('measure', 'value'), ((_label(k), _value(v)) for k, v in scalars.items()))
    if len(rows) > 1:
        columns = list(dict.fromkeys(k for row in rows.values() for k in _scalars(row)))
        yield table(
            ('', *map(_label, columns)),
            ([_label(k), *(_value(row.get(c, '')) for c in columns)] for k, row in rows.items()),
        )
    for key, value in shown.items():
        if isinstance(value, Mapping):
            rest = value if len(rows) < 2 or key not in rows else _nested(value)
            yield from _tables(rest, (*path, key))


def _scalars(part: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in part.items() if _is_scalar(v) and k not in _ASIDE}


def _nested(part: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in part.items() if isinstance(v, Mapping)}


def _has_scalars(part: Mapping[str, Any]) -> bool:
    return bool(_scalars(part))


def _is_scalar(value: object) -> bool:
    return isinstance(value, bool | int | float | str)


def _label(text: str) -> str:
    return escape(text.replace('_', ' '))


def _value(value: object) -> str:
    if isinstance(value, bool):
        return 'yes' if value else 'no'
    return f'{value:.4g}' if isinstance(value, float) else escape(str(value))
