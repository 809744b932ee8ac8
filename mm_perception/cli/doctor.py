"""Say why it is silent: what is missing, mismatched, late or unusable, each with its fix.

  mmp doctor                      look at the running system for a few seconds
  mmp doctor --stack track        are inputs, weights and device of this stack there, and usable
                                  (with --set and --input as mmp run has them)
  mmp doctor --bag BAG            the same questions about a recording
  mmp doctor --layout             do the shipped layouts of RViz and Foxglove find what they show
  mmp doctor --layout my.rviz     the same of a layout of yours; with --stack as if that ran
  eval "$(mmp doctor --profile)"  give this shell the transport profile for large messages

Causes come first, what follows from them behind; docs/doctor.md has all of them. If something is
missing here, the other domains of this machine are looked into, up to 8 s more.

Exit status: 0 fine, 1 warnings, 2 errors. Listening to topics costs their bandwidth; --graph looks
at names, types and QoS only.
"""

from __future__ import annotations

import argparse
import json
import shutil
from dataclasses import replace
from pathlib import Path

from mm_perception import faults
from mm_perception.cli._progress import Progress
from mm_perception.diagnosis import causes
from mm_perception.diagnosis.checks import run_checks
from mm_perception.diagnosis.domains import suspects
from mm_perception.diagnosis.finding import Finding, exit_code, table
from mm_perception.diagnosis.layouts import SHIPPED, check_layouts, read_layouts
from mm_perception.diagnosis.machine import read_machine
from mm_perception.diagnosis.preflight import check_stack
from mm_perception.diagnosis.snapshot import Snapshot
from mm_perception.diagnosis.stack import wanted_inputs
from mm_perception.errors import ConfigError
from mm_perception.graph import StackSpec, load_stack
from mm_perception.graph_overrides import apply_overrides


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument('--bag', type=Path, help='look at this bag instead of the running system')
    parser.add_argument(
        '--stack', help='name or file of a stack: are its inputs there, its weights, its device'
    )
    parser.add_argument(
        '--layout', nargs='?', const=SHIPPED, metavar='FILE',
        help='of RViz or Foxglove: is there what it shows; without FILE the shipped ones',
    )  # fmt: skip
    parser.add_argument('--set', action='append', default=[], metavar='NODE.PARAM=VALUE')
    parser.add_argument('--input', action='append', default=[], metavar='NODE.PORT[.STREAM]=TOPIC')
    parser.add_argument('--namespace', default='', help='namespace of the nodes of the stack')
    parser.add_argument('--seconds', type=float, default=5.0, help='how long to look (default 5)')
    parser.add_argument('--graph', action='store_true', help='do not subscribe to anything')
    parser.add_argument('--json', action='store_true', help='findings as JSON')
    parser.add_argument('--profile', action='store_true', help='print the profile as exports')
    parser.add_argument('--markdown', action='store_true', help='the tables of docs/, all causes')


def run(args: argparse.Namespace) -> int:
    """Look, check, print."""
    if args.profile:
        from mm_perception.ros import dds

        print(dds.shell_exports())
        return 0
    if args.markdown:
        print(f'{causes.markdown_table()}\n{faults.markdown_table()}', end='')
        return 0
    stack = _stack_of(args)
    layouts = read_layouts(args.layout) if args.layout is not None else None
    with Progress(0, 'looking'):
        snapshot = _with_converters(_look(args))
        also: list[Finding] = []
        if stack is not None:
            snapshot = _with_stack(snapshot, stack, args.namespace)
            also = check_stack(stack, snapshot.machine or read_machine(), args.namespace)
        if layouts is not None:
            from mm_perception.ros.wire import fields_of

            shown = snapshot if stack is None else _with_outputs(snapshot, stack, args.namespace)
            also += check_layouts(layouts, shown, fields_of)
        findings = run_checks(_with_domains(snapshot), also)
    if args.json:
        print(json.dumps(_as_json(snapshot, findings), indent=2))
    else:
        print(_headline(snapshot))
        print(table(findings, shutil.get_terminal_size().columns))
        print(_verdict(findings))
    return exit_code(findings)


def _stack_of(args: argparse.Namespace) -> StackSpec | None:
    """The stack that is asked about, as `mmp run` would start it with the same words."""
    if args.stack:
        return apply_overrides(load_stack(args.stack), args.set, args.input)
    for option, values in (('--set', args.set), ('--input', args.input)):
        if values:
            raise ConfigError(option, values[0], '--stack beside it: whose node is meant')
    return None


def _look(args: argparse.Namespace) -> Snapshot:
    if args.bag:
        from mm_perception.diagnosis.bag import observe_bag

        return observe_bag(args.bag)
    from mm_perception.ros.observer import observe

    return observe(args.seconds, listen=not args.graph)


def _with_converters(snapshot: Snapshot) -> Snapshot:
    from mm_perception.ros import convert

    return replace(snapshot, encodings=convert.ENCODINGS, formats=convert.FORMATS)


def _with_domains(snapshot: Snapshot) -> Snapshot:
    others = suspects(snapshot)
    if not others:
        return snapshot
    from mm_perception.ros.elsewhere import look_elsewhere

    return replace(snapshot, elsewhere=look_elsewhere(others))


def _with_stack(snapshot: Snapshot, stack: StackSpec, namespace: str) -> Snapshot:
    from mm_perception.ros import convert

    there = {
        name: [p.type for p in topic.publishers]
        for name, topic in snapshot.topics.items()
        if topic.publishers
    }
    wanted = wanted_inputs(stack, convert.accepted_types, there, namespace)
    uses_transforms = any(spec.plugin_class().uses_transforms for spec in stack.nodes)
    return replace(snapshot, wanted=wanted, uses_transforms=uses_transforms)


def _with_outputs(snapshot: Snapshot, stack: StackSpec, namespace: str) -> Snapshot:
    """For a layout counts what the stack would publish; its missing inputs are told elsewhere."""
    from mm_perception.layouts.offered import resolved, with_stack

    try:
        return with_stack(snapshot, resolved(stack, snapshot, namespace), namespace)
    except ConfigError:
        return snapshot


def _headline(snapshot: Snapshot) -> str:
    num = len(snapshot.topics)
    if not snapshot.is_live:
        return f'{snapshot.source}: {num} topics, {snapshot.duration_s:.1f} s'
    machine = snapshot.machine
    where = f'domain {machine.domain_id}, {machine.discovery_range}' if machine else ''
    profile = f', profile {machine.profile}' if machine and machine.profile else ''
    return (
        f'live, {where}{profile}: {num} topics, {len(snapshot.nodes)} nodes, '
        f'looked for {snapshot.duration_s:.1f} s'
    )


def _verdict(findings: list[Finding]) -> str:
    causes_only = [f for f in findings if not f.follows]
    counts = [sum(f.level.name == level for f in causes_only) for level in ('ERROR', 'WARN')]
    text = f'{counts[0]} errors, {counts[1]} warnings'
    first = findings[0] if findings and findings[0].level.name != 'OK' else None
    return f'{text}; begin with {first.cause}' if first else text


def _as_json(snapshot: Snapshot, findings: list[Finding]) -> dict[str, object]:
    return {
        'source': snapshot.source,
        'duration_s': snapshot.duration_s,
        'num_topics': len(snapshot.topics),
        'num_nodes': len(snapshot.nodes),
        'exit_code': exit_code(findings),
        'findings': [f.as_dict() for f in findings],
    }
