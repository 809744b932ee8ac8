"""What a stack needs, as the list of inputs that the checks look for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from mm_perception.diagnosis.snapshot import Wanted
from mm_perception.errors import ConfigError
from mm_perception.graph import AUTO, NodeSpec, StackSpec, resolve_auto
from mm_perception.plugin import Latest, Port, Queue, Request
from mm_perception.samples import Sample

TypesOf = Callable[[type[Sample]], tuple[str, ...]]


def wanted_inputs(
    stack: StackSpec,
    types_of: TypesOf,
    there: Mapping[str, Iterable[str]],
    namespace: str = '',
) -> tuple[Wanted, ...]:
    """Every input of every node; what another node of the stack provides is left out.

    Args:
        stack: The stack.
        types_of: Sample type to the message types that become it.
        there: Published topics with their message types; `auto` inputs choose among them.
        namespace: Namespace of the nodes.
    """
    resolved: list[NodeSpec] = []
    for spec in stack.nodes:
        resolved.append(_resolve(spec, types_of, there, resolved))
    inner = {
        full_name(topic, spec.name, namespace)
        for spec in resolved
        for streams in spec.wiring().outputs.values()
        for topic in streams.values()
    }
    wanted = [w for spec in resolved for w in _of_node(spec, types_of, namespace)]
    return tuple(w for w in wanted if w.topic not in inner)


def _resolve(
    spec: NodeSpec, types_of: TypesOf, there: Mapping[str, Iterable[str]],
    above: Sequence[NodeSpec],
) -> NodeSpec:  # fmt: skip
    kinds = {p.sample_type for p in spec.plugin_class().inputs.values()}
    available = {
        topic: [k for k in kinds if set(types_of(k)) & set(types)]
        for topic, types in there.items()
    }
    try:
        return resolve_auto(spec, available, above)
    except ConfigError:
        inputs = {
            port: {stream: '' if topic == AUTO else topic for stream, topic in streams.items()}
            for port, streams in spec.inputs.items()
            if port not in spec.links()
        }
        return NodeSpec(spec.name, spec.plugin, inputs, spec.outputs, spec.parameters)


def _of_node(spec: NodeSpec, types_of: TypesOf, namespace: str) -> list[Wanted]:
    node = full_name(spec.name, '', namespace)
    found = []
    for port, kind in spec.plugin_class().inputs.items():
        if isinstance(kind, Request):
            continue
        streams = spec.inputs.get(port, {'': f'~/input/{port}'} if _is_required(kind) else {})
        for stream, topic in streams.items():
            found.append(
                Wanted(
                    node=node,
                    port=f'{port}/{stream}' if stream not in ('', '*') else port,
                    topic=full_name(topic, spec.name, namespace) if topic else '',
                    types=types_of(kind.sample_type),
                    is_required=_is_required(kind),
                    is_event=isinstance(kind, Queue),
                )
            )
    return found


def _is_required(kind: Port) -> bool:
    return kind.required if isinstance(kind, Latest) else not isinstance(kind, Queue)


def full_name(name: str, node: str, namespace: str) -> str:
    """Expand a ROS name.

    Convention:
        In namespace /robot, node seg: 'image' is /robot/image, '~/x' is /robot/seg/x, '/x' stays.
    """
    prefix = f'/{namespace.strip("/")}' if namespace.strip('/') else ''
    if name.startswith('/'):
        return name
    if name.startswith('~'):
        return f'{prefix}/{node}{name[1:]}'
    return f'{prefix}/{name}'
