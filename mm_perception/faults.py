"""The one table from cause of failure to diagnostic level and lifecycle outcome."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from enum import Enum, IntEnum

from mm_perception import errors

_NUMBER = re.compile(r'-?\d+(?:\.\d+)?')


class Level(IntEnum):
    """Diagnostic levels, numbered as in diagnostic_msgs/DiagnosticStatus."""

    OK = 0
    WARN = 1
    ERROR = 2
    STALE = 3


class Outcome(Enum):
    """What a failure does to the node that met it."""

    CONTINUE = 'the input is skipped, the node stays active'
    REFUSE = 'the transition or the request is refused, the node keeps its state'
    DEACTIVATE = 'the node goes to inactive: every further input would fail too'


@dataclass(frozen=True)
class Fault:
    """How loud a failure is, and what follows from it."""

    level: Level
    outcome: Outcome


FAULTS: dict[type[BaseException], Fault] = {
    errors.ConfigError: Fault(Level.ERROR, Outcome.REFUSE),
    errors.UnknownPluginError: Fault(Level.ERROR, Outcome.REFUSE),
    errors.PluginContractError: Fault(Level.ERROR, Outcome.DEACTIVATE),
    errors.MissingDependencyError: Fault(Level.ERROR, Outcome.REFUSE),
    errors.WeightsError: Fault(Level.ERROR, Outcome.REFUSE),
    errors.DeviceError: Fault(Level.ERROR, Outcome.REFUSE),
    errors.BagError: Fault(Level.ERROR, Outcome.REFUSE),
    errors.PromptError: Fault(Level.WARN, Outcome.REFUSE),
    errors.RequestError: Fault(Level.WARN, Outcome.REFUSE),
    errors.ShapeError: Fault(Level.ERROR, Outcome.CONTINUE),
    errors.MalformedMessageError: Fault(Level.ERROR, Outcome.CONTINUE),
    errors.UnsupportedEncodingError: Fault(Level.ERROR, Outcome.CONTINUE),
    errors.TransformUnavailableError: Fault(Level.WARN, Outcome.CONTINUE),
    errors.StaleInputError: Fault(Level.WARN, Outcome.CONTINUE),
    errors.LateInputError: Fault(Level.WARN, Outcome.CONTINUE),
    errors.MissingInputError: Fault(Level.WARN, Outcome.CONTINUE),
    errors.InferenceError: Fault(Level.ERROR, Outcome.CONTINUE),
    MemoryError: Fault(Level.ERROR, Outcome.DEACTIVATE),
}


def fault_of(error: BaseException) -> Fault:
    """Look an error up by its class, then by its base classes.

    Unknown exceptions count as a plugin's own failure: loud, and the node lives on.
    """
    for cause in type(error).__mro__:
        if cause in FAULTS:
            return FAULTS[cause]
    return FAULTS[errors.InferenceError]


def tally(warnings: Counter[tuple[str, str, str]], node: str, level: Level, text: str) -> None:
    """Count a diagnosis that is worse than OK; those that differ in numbers only are one kind.

    Convention:
        'silent for 5.0 s' and 'silent for 6.1 s' are both 'silent for # s'.
    """
    if level is not Level.OK:
        warnings[node, level.name, without_numbers(text)] += 1


def without_numbers(text: str) -> str:
    """The same text for the same situation.

    Convention:
        'slow, at most 8.3 m/s' becomes 'slow, at most # m/s'.
    """
    return _NUMBER.sub('#', text)
