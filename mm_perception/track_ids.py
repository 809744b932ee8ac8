"""Ids of tracks."""

from __future__ import annotations

from collections.abc import Container

from mm_perception.errors import PromptError

_LARGEST = 65535  # what a mono16 picture of ids can hold


class TrackIds:
    """Hands out 1..65535: none that lives; an old one only after all others had their turn."""

    def __init__(self) -> None:
        self._last = 0

    def take(self, living: Container[int]) -> int:
        """The next id that is not among the living.

        Raises:
            PromptError: All are taken.
        """
        for _ in range(_LARGEST):
            self._last = self._last % _LARGEST + 1
            if self._last not in living:
                return self._last
        raise PromptError('no track id is free', _LARGEST, 'remove some tracks')
