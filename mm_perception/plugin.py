"""The plugin contract: declare typed ports, compute values, know no topics.

A plugin file holds, in this order: a docstring that says what it does and what limits it has, a
frozen config dataclass (`mm_perception.config.parameter`), one `Plugin` subclass, and
`PLUGIN = <Class>`. The runtime derives topics, matching, conversion, parameters, services and
publishers from the ports.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from mm_perception.config import parameter_specs
from mm_perception.errors import (
    ConfigError,
    MmPerceptionError,
    PluginContractError,
    RequestError,
    TransformUnavailableError,
)
from mm_perception.inputs import Inputs
from mm_perception.matcher import trigger_port
from mm_perception.ports import Latest, Port, Queue, Reference, Request, Surround
from mm_perception.samples import Sample

__all__ = [
    'Card', 'Context', 'Inputs', 'Latest', 'Output', 'Outputs', 'Plugin', 'Port', 'PublicWeights',
    'Queue', 'Reference', 'Request', 'Surround',
]  # fmt: skip

C = TypeVar('C')
Outputs = Mapping[str, Sample | Sequence[Sample]]


@dataclass(frozen=True)
class PublicWeights:
    """A public checkpoint that a plugin can load."""

    source: str
    licence: str
    note: str = ''


@dataclass(frozen=True)
class Card:
    """Where a plugin comes from and what it is for.

    Attributes:
        title: What it does, one line.
        system: Row of the systems list: '1', 'A', '2-1'; empty for a shared stage.
        paper: Authors, title, year, and identifier.
        reference_code: Repository and commit or version that ours is compared with.
        weights: Public checkpoints that can be loaded.
        limits: What it cannot do, one line each.
    """

    title: str
    system: str
    paper: str
    reference_code: str
    weights: tuple[PublicWeights, ...] = ()
    limits: tuple[str, ...] = ()


@dataclass(frozen=True)
class Output:
    """One output port.

    Attributes:
        sample_type: What flows out.
        description: One sentence for the documentation.
        per_stream: True if every reference stream has a topic of its own.
        is_debug: True for pictures for people: topic `~/debug/<port>`, not `~/output/<port>`.
    """

    sample_type: type[Sample]
    description: str = ''
    per_stream: bool = True
    is_debug: bool = False


def _no_transform(target: str, source: str, stamp_ns: int) -> npt.NDArray[np.float64]:
    raise TransformUnavailableError(target, source, stamp_ns, 'this plugin runs without TF')


def _raise(error: MmPerceptionError) -> None:
    raise error


@dataclass(frozen=True)
class Context:
    """What the runtime offers to a plugin.

    Attributes:
        streams: Stream names of every connected input port.
        lookup_transform: (target, source, stamp_ns) to the 4x4 float64 `target_from_source` at
            exactly that moment; raises TransformUnavailableError.
        is_wanted: (output port, stream) to whether anybody would use that output now.
        report: Takes an error that concerns one input of several: it is counted and published as a
            diagnostic like one that is raised, and the inference goes on.
    """

    streams: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    lookup_transform: Callable[[str, str, int], npt.NDArray[np.float64]] = _no_transform
    is_wanted: Callable[[str, str], bool] = lambda port, stream: True
    report: Callable[[MmPerceptionError], None] = _raise


class Plugin(ABC, Generic[C]):
    """Base of every plugin; `infer`, `answer` and the rest are called from one thread at a time.

    Class attributes:
        card: Provenance.
        Config: Frozen dataclass made with `parameter`.
        inputs: Port name to port.
        outputs: Port name to output.
        uses_transforms: It calls `context.lookup_transform`, so TF must be listened to.
    """

    card: ClassVar[Card]
    Config: ClassVar[type[Any]]
    inputs: ClassVar[Mapping[str, Port]]
    outputs: ClassVar[Mapping[str, Output]]
    uses_transforms: ClassVar[bool] = False

    def __init__(self, config: C, context: Context | None = None) -> None:
        """Keep the settings; cheap, imports and reads nothing."""
        self.config = config
        self.context = context or Context()

    def __init_subclass__(cls, *, is_base: bool = False, **kwargs: Any) -> None:
        """Refuse a broken plugin when its file is imported, not at the first frame.

        Args:
            is_base: It is no plugin itself, but what plugins inherit from.
            kwargs: Of other bases.
        """
        super().__init_subclass__(**kwargs)
        if is_base:
            return
        for name in ('card', 'Config', 'inputs', 'outputs'):
            if not hasattr(cls, name):
                raise PluginContractError(cls.__name__, f'class attribute {name} is missing')
        try:
            parameter_specs(cls.Config)
            trigger_port({p: k for p, k in cls.inputs.items() if not isinstance(k, Request)})
        except ConfigError as error:
            raise PluginContractError(cls.__name__, str(error)) from error
        for port, output in cls.outputs.items():
            if port in cls.inputs:
                raise PluginContractError(cls.__name__, f'{port!r} is both input and output')
            if not isinstance(output, Output):
                raise PluginContractError(cls.__name__, f'output {port!r} is no Output')

    @classmethod
    def tiny(cls) -> Any:
        """A config that runs on one CPU core with random weights and needs no download."""
        return cls.Config()

    @abstractmethod
    def load(self, device: str) -> None:
        """Import heavy libraries, read weights, warm up.

        Args:
            device: 'cpu', 'cuda' or 'cuda:N'; it exists.

        Raises:
            WeightsError: The weights cannot be used.
            MissingDependencyError: A library is missing.
        """

    @abstractmethod
    def infer(self, inputs: Inputs) -> Outputs:
        """Compute outputs; a port that is absent from the result publishes nothing.

        Every sample carries the stamp and frame of what it was computed from. An empty sample
        means the model ran and found nothing; a failure is raised, never returned.
        """

    def answer(self, port: str, request: Sample) -> Sample:
        """Answer a request port."""
        raise RequestError('this plugin answers no request', port, 'see its card')

    def rewind(self, stream: str) -> None:
        """Time of a stream was set back: forget what was seen, keep what the user asked for."""
        return None

    def reset(self) -> None:
        """Forget everything, also what the user asked for."""
        return None

    def reconfigure(self, config: C) -> None:
        """Take over live parameters; called between two inferences with a validated config."""
        self.config = config

    def close(self) -> None:
        """Give memory and devices back; `load` may follow."""
        return None

    def model_info(self) -> dict[str, str]:
        """Facts for diagnostics once loaded, such as weights, sha256 and licence."""
        return {}

    @classmethod
    def config_defaults(cls) -> dict[str, Any]:
        """Parameter name to default."""
        return {f.name: f.default for f in dataclasses.fields(cls.Config)}
