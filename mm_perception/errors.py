"""One error class per cause; each builds its message from typed fields.

A message says what was wrong (with the value), what was expected, and what to do next. `faults.py`
maps every class to a diagnostic level and a lifecycle outcome.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """'did you mean X? ' with the most similar of what is known; empty where nothing is."""
    close = get_close_matches(word, list(known), n=1)
    return f'did you mean {close[0]!r}? ' if close else ''


class MmPerceptionError(Exception):
    """Base of every error that this package raises on purpose."""


class ConfigError(MmPerceptionError):
    """A parameter, YAML key or launch argument has a value that cannot be used."""

    def __init__(self, field: str, value: object, expected: str) -> None:
        self.field, self.value, self.expected = field, value, expected
        super().__init__(f'{field} is {value!r}; expected {expected}')


class UnknownKeyError(ConfigError):
    """A YAML file or parameter set has a key that nothing declares."""

    def __init__(self, key: str, known: Iterable[str], where: str) -> None:
        self.key, self.known, self.where = key, tuple(sorted(known)), where
        close = get_close_matches(key, self.known, n=1)
        hint = f'did you mean {close[0]!r}?' if close else f'known keys: {", ".join(self.known)}'
        MmPerceptionError.__init__(self, f'{where} has no key {key!r}; {hint}')


class UnknownPluginError(MmPerceptionError):
    """No plugin file or entry point has the name that was asked for."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        self.name, self.known = name, tuple(sorted(known))
        hint = did_you_mean(name, self.known)
        super().__init__(f'no plugin is named {name!r}; {hint}there are: {", ".join(self.known)}')


class UnknownStackError(ConfigError):
    """No stack that comes with the package has the name, and no file has it either."""

    def __init__(self, name: str, known: Iterable[str], plugins: Iterable[str]) -> None:
        self.name, self.known = name, tuple(sorted(known))
        hint = did_you_mean(name, self.known)
        if name in plugins:
            hint = f'{name!r} is a plugin: a stack file names it under nodes. '
        elif name.endswith(('.yaml', '.yml')):
            hint = 'there is no such file. '
        super().__init__(
            'stack', name, f'a .yaml file, or one of {", ".join(self.known)}. {hint}'.rstrip()
        )


class PluginContractError(MmPerceptionError):
    """A plugin class breaks the contract of `mm_perception.plugin`."""

    def __init__(self, plugin: str, problem: str) -> None:
        self.plugin, self.problem = plugin, problem
        super().__init__(f'plugin {plugin!r}: {problem}')


class MissingDependencyError(MmPerceptionError):
    """An optional library is needed and not installed."""

    def __init__(self, package: str, needed_by: str, install: str) -> None:
        self.package, self.needed_by, self.install = package, needed_by, install
        super().__init__(f'{needed_by} needs {package}, which is not installed; run: {install}')


class WeightsError(MmPerceptionError):
    """Model weights are absent, damaged or of another architecture."""

    def __init__(self, source: str, problem: str, fix: str) -> None:
        self.source, self.problem, self.fix = source, problem, fix
        super().__init__(f'weights {source!r}: {problem}; {fix}')


class DeviceError(MmPerceptionError):
    """The device that was asked for does not exist or cannot be used."""

    def __init__(self, device: str, problem: str) -> None:
        self.device, self.problem = device, problem
        super().__init__(
            f'device {device!r}: {problem}; set it to "cpu", or to "auto" to take what is there'
        )


class ShapeError(MmPerceptionError):
    """An array has the wrong shape, dtype or range."""

    def __init__(self, what: str, expected: str, actual: str) -> None:
        self.what, self.expected, self.actual = what, expected, actual
        super().__init__(f'{what}: expected {expected}, got {actual}')


class MalformedMessageError(MmPerceptionError):
    """A ROS message or bag record contradicts itself (step, size, fields, bytes)."""

    def __init__(self, message_type: str, problem: str, fix: str = 'check the driver') -> None:
        self.message_type, self.problem, self.fix = message_type, problem, fix
        super().__init__(f'{message_type}: {problem}; {fix}')


class UnsupportedEncodingError(MmPerceptionError):
    """An encoding that no converter knows."""

    def __init__(self, what: str, encoding: str, supported: Iterable[str]) -> None:
        self.what, self.encoding, self.supported = what, encoding, tuple(supported)
        super().__init__(
            f'{what} has encoding {encoding!r}; supported are: {", ".join(self.supported)}'
        )


class PromptError(MmPerceptionError):
    """A prompt cannot be used (outside the image, unknown track, nothing asked)."""

    def __init__(self, problem: str, value: object, fix: str) -> None:
        self.problem, self.value, self.fix = problem, value, fix
        super().__init__(f'{problem}: {value!r}; {fix}')


class RequestError(MmPerceptionError):
    """A service request cannot be answered, for a reason the caller can mend."""

    def __init__(self, problem: str, value: object, fix: str) -> None:
        self.problem, self.value, self.fix = problem, value, fix
        super().__init__(f'{problem}: {value!r}; {fix}')


class TransformUnavailableError(MmPerceptionError):
    """No transform between two frames at the asked moment."""

    def __init__(self, target: str, source: str, stamp_ns: int, reason: str) -> None:
        self.target, self.source, self.stamp_ns, self.reason = target, source, stamp_ns, reason
        super().__init__(
            f'no transform {target} <- {source} at {stamp_ns / 1e9:.3f} s: {reason}; '
            f'check that both frames are published on /tf or /tf_static'
        )


class StaleInputError(MmPerceptionError):
    """An input is older than the node accepts."""

    def __init__(self, port: str, age_s: float, limit_s: float) -> None:
        self.port, self.age_s, self.limit_s = port, age_s, limit_s
        super().__init__(
            f'input {port!r} is {age_s:.2f} s old, limit max_age_s is {limit_s:.2f} s; '
            f'check clocks (use_sim_time) and the load of the machine'
        )


class LateInputError(MmPerceptionError):
    """An input came so long after newer ones that it is of no use any more."""

    def __init__(self, port: str, late_s: float, limit_s: float) -> None:
        self.port, self.late_s, self.limit_s = port, late_s, limit_s
        super().__init__(
            f'input {port!r} came {late_s:.2f} s after a newer one, limit late_s is '
            f'{limit_s:.2f} s; check the delay of its source, or raise late_s'
        )


class MissingInputError(MmPerceptionError):
    """An input that a result needs is not there for this moment."""

    def __init__(self, port: str, reason: str, fix: str) -> None:
        self.port, self.reason, self.fix = port, reason, fix
        super().__init__(f'input {port!r} is missing: {reason}; {fix}')


class InferenceError(MmPerceptionError):
    """A plugin raised something that is not one of this package's errors."""

    def __init__(self, plugin: str, stamp_ns: int, cause: BaseException) -> None:
        self.plugin, self.stamp_ns, self.cause = plugin, stamp_ns, cause
        super().__init__(
            f'plugin {plugin!r} raised {type(cause).__name__} on the input of '
            f'{stamp_ns / 1e9:.3f} s: {cause}'
        )


class BagError(MmPerceptionError):
    """A bag cannot be opened, read or written."""

    def __init__(self, path: str, problem: str, fix: str) -> None:
        self.path, self.problem, self.fix = path, problem, fix
        super().__init__(f'bag {path}: {problem}; {fix}')


class FootageError(BagError):
    """A film or a folder of pictures cannot become a bag."""

    def __init__(self, path: str, problem: str, fix: str) -> None:
        self.path, self.problem, self.fix = path, problem, fix
        MmPerceptionError.__init__(self, f'{path}: {problem}; {fix}')
