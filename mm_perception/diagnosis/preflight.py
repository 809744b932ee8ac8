"""What a stack needs of this machine before it is started: weights, a device."""

from __future__ import annotations

from mm_perception.config import parameter_specs
from mm_perception.device import resolve_device
from mm_perception.diagnosis.finding import Finding
from mm_perception.diagnosis.nodes import about_gpus
from mm_perception.diagnosis.snapshot import Machine
from mm_perception.diagnosis.stack import full_name
from mm_perception.errors import DeviceError
from mm_perception.faults import Level
from mm_perception.graph import NodeSpec, StackSpec
from mm_perception.weights import problem_with


def check_stack(stack: StackSpec, machine: Machine, namespace: str = '') -> list[Finding]:
    """Weights that are not on this machine, devices that it does not have.

    torch is imported only if a node asks for CUDA by name.

    Args:
        stack: What is to be started.
        machine: This computer.
        namespace: Namespace of the nodes.
    """
    findings = []
    for spec in stack.nodes:
        node = full_name(spec.name, '', namespace)
        findings += [*_weights(spec, node), *_device(spec, node, machine)]
    return findings


def _weights(spec: NodeSpec, node: str) -> list[Finding]:
    config, _ = spec.configs()
    findings = []
    for name in parameter_specs(spec.plugin_class().Config):
        value = getattr(config, name)
        if not name.endswith('weights') or not isinstance(value, str):
            continue
        problem = problem_with(value)
        if problem is not None:
            evidence = f'parameter {name} is {value!r}: {problem.problem}'
            findings.append(Finding(Level.ERROR, 'model_missing', node, evidence, problem.fix))
    return findings


def _device(spec: NodeSpec, node: str, machine: Machine) -> list[Finding]:
    _, own = spec.configs()
    if not own.device.startswith('cuda'):
        return []
    try:
        resolve_device(own.device)
    except DeviceError as error:
        evidence = f'parameter device is {own.device!r}: {error.problem}. {about_gpus(machine)}'
        fix = f'set nodes.{spec.name}.parameters.device: auto (or cpu) in the stack'
        return [Finding(Level.ERROR, 'device_missing', node, evidence, fix)]
    return []
