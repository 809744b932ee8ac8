"""A plugin around one network, which nodes with the same weights share."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from mm_perception.errors import RequestError
from mm_perception.model_cache import Shared
from mm_perception.plugin import Plugin

C = TypeVar('C')
M = TypeVar('M')


class ModelPlugin(Plugin[C], Generic[C, M], is_base=True):
    """Keeps the network from `load`, which puts it into `_shared`, to `close`.

    Its engine has `sha256` and `licence`; its settings have `weights`.
    """

    _shared: Shared[M] | None = None

    @property
    def _engine(self) -> M:
        """The network.

        Raises:
            RequestError: Before `load`, or after `close`.
        """
        if self._shared is None:
            name = type(self).__name__
            raise RequestError('the model is not loaded', name, 'configure the node first')
        return self._shared.model

    def model_info(self) -> dict[str, str]:
        """Weights, their hash and licence."""
        if self._shared is None:
            return {}
        settings: Any = self.config
        engine: Any = self._shared.model
        return {
            'weights': settings.weights, 'weights_sha256': engine.sha256,
            'licence': engine.licence,
        }  # fmt: skip

    def close(self) -> None:
        """Give the network back."""
        if self._shared is not None:
            self._shared.release()
        self._shared = None
