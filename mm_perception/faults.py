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
    """How loud a failure is, what follows from it, and what to do.

    Attributes:
        level: On /diagnostics.
        outcome: For the node.
        meaning: What happened, one sentence.
        mend: What to do about it; the message has the values.
    """

    level: Level
    outcome: Outcome
    meaning: str
    mend: str


FAULTS: dict[type[BaseException], Fault] = {
    errors.ConfigError: Fault(
        Level.ERROR,
        Outcome.REFUSE,
        'A parameter, key or argument has a value that cannot be used.',
        'set it to one of those that the message lists; `mmp plugins NAME` shows them all',
    ),
    errors.UnknownPluginError: Fault(
        Level.ERROR,
        Outcome.REFUSE,
        'A stack names a plugin that does not exist.',
        'check the spelling; `mmp plugins` lists them',
    ),
    errors.PluginContractError: Fault(
        Level.ERROR,
        Outcome.DEACTIVATE,
        'A plugin breaks the contract of `mm_perception.plugin`.',
        'mend the plugin: the message says what it returned or lacks',
    ),
    errors.MissingDependencyError: Fault(
        Level.ERROR,
        Outcome.REFUSE,
        'An optional library is not installed.',
        'run the command of the message, then configure the node again',
    ),
    errors.WeightsError: Fault(
        Level.ERROR,
        Outcome.REFUSE,
        'Weights are not on this machine, damaged, or of another architecture.',
        '`mmp fetch ORG/NAME`, then configure the node again; or other `weights`',
    ),
    errors.DeviceError: Fault(
        Level.ERROR,
        Outcome.REFUSE,
        'The device that was asked for does not exist.',
        '`device: auto` or `cpu`; `mmp doctor` says why there is no GPU',
    ),
    errors.BagError: Fault(
        Level.ERROR,
        Outcome.REFUSE,
        'A bag cannot be opened, read or written.',
        'give the folder that holds metadata.yaml; `ros2 bag reindex`',
    ),
    errors.PromptError: Fault(
        Level.WARN,
        Outcome.REFUSE,
        'A prompt cannot be used: outside the picture, an unknown track, nothing asked.',
        'send another one; the message has the reason',
    ),
    errors.RequestError: Fault(
        Level.WARN,
        Outcome.REFUSE,
        'A request to a service cannot be answered.',
        'ask differently; the reply has the reason too',
    ),
    errors.ShapeError: Fault(
        Level.ERROR,
        Outcome.CONTINUE,
        'An array has another shape, type or range than expected.',
        'check that depth, masks and pictures of one camera have one size',
    ),
    errors.MalformedMessageError: Fault(
        Level.ERROR,
        Outcome.CONTINUE,
        'A message contradicts itself: step, size, fields.',
        'mend the driver, or take another topic',
    ),
    errors.UnsupportedEncodingError: Fault(
        Level.ERROR,
        Outcome.CONTINUE,
        'Pictures have an encoding that no converter knows.',
        'set the driver to one of those that the message lists',
    ),
    errors.TransformUnavailableError: Fault(
        Level.WARN,
        Outcome.CONTINUE,
        'TF has no transform between two frames at the stamp.',
        'publish both frames; `mmp doctor` says which is missing, or whose stamps are late',
    ),
    errors.StaleInputError: Fault(
        Level.WARN,
        Outcome.CONTINUE,
        'An input is older than `max_age_s`.',
        'check clocks and `use_sim_time`; relieve the machine, or raise `max_age_s`',
    ),
    errors.LateInputError: Fault(
        Level.WARN,
        Outcome.CONTINUE,
        'An input came long after newer ones.',
        'look for its delay, or raise `late_s`',
    ),
    errors.MissingInputError: Fault(
        Level.WARN,
        Outcome.CONTINUE,
        'An input that a result needs is not there for this moment.',
        'see whether it is published as often as the reference: `mmp doctor --stack STACK`',
    ),
    errors.InferenceError: Fault(
        Level.ERROR,
        Outcome.CONTINUE,
        'A plugin raised an error of its own.',
        'the log has the traceback; report it with the bag',
    ),
    MemoryError: Fault(
        Level.ERROR,
        Outcome.DEACTIVATE,
        'There is no memory left.',
        'smaller weights or pictures, fewer nodes; then activate the node again',
    ),
}


def fault_of(error: BaseException) -> Fault:
    """Look an error up by its class, then by its base classes.

    Unknown exceptions count as a plugin's own failure: loud, and the node lives on.
    """
    for cause in type(error).__mro__:
        if cause in FAULTS:
            return FAULTS[cause]
    return FAULTS[errors.InferenceError]


def markdown_table() -> str:
    """The table of docs/diagnostics.md; `mmp doctor --markdown` prints it."""
    lines = ['| error | level | means | the node | what to do |', '|---|---|---|---|---|']
    for error, fault in FAULTS.items():
        cells = (f'`{error.__name__}`', fault.level.name, fault.meaning, fault.outcome.value)
        lines.append(f'| {" | ".join(cells)} | {fault.mend} |')
    return '\n'.join(lines) + '\n'


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
