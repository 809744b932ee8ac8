"""A look at the lengths in CDR bytes, before the deserialiser of rclpy believes them.

rclpy checks a claimed length against the bytes that follow at one byte per element, and then
allocates that many C structs: two megabytes of zeros that claim two million diagnostic entries
took 369 MB before the error came. This walk demands the least size an element really has. It
reads a message up to its last sequence of structs or strings; most messages have none.
"""

from __future__ import annotations

import importlib
from functools import lru_cache
from typing import Any

from rosidl_parser.definition import (
    AbstractNestedType,
    AbstractString,
    AbstractWString,
    Array,
    BasicType,
)

from mm_perception.errors import MalformedMessageError

_SIZES = {
    'boolean': 1, 'octet': 1, 'char': 1, 'int8': 1, 'uint8': 1, 'int16': 2, 'uint16': 2,
    'int32': 4, 'uint32': 4, 'float': 4, 'int64': 8, 'uint64': 8, 'double': 8,
    'wchar': 4, 'long double': 16,
}  # fmt: skip
_LENGTH_SIZE = 4


class _LengthError(Exception):
    """A length claims more than there is."""


def check_lengths(data: bytes, cls: Any, type_name: str) -> None:
    """Raise if a length in CDR bytes claims more than the bytes that follow.

    Args:
        data: CDR with its 4-byte header, which is already known to be one.
        cls: Message class.
        type_name: For the message of the error.

    Raises:
        MalformedMessageError: A sequence or string cannot fit.
    """
    walk = _Walk(data)
    try:
        for slot in _slots_to_walk(cls):
            walk.skip(slot)
    except _LengthError as error:
        raise MalformedMessageError(
            type_name, f'{len(data)} bytes: {error}', 'check the bag or publisher'
        ) from error


class _Walk:
    """A position in CDR bytes; alignment counts from the byte after the header."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)[4:]
        self._order: Any = 'little' if data[1] & 1 else 'big'
        self._position = 0

    def skip(self, slot: Any) -> None:
        if isinstance(slot, BasicType):
            self._skip_numbers(_SIZES[slot.typename], 1)
        elif isinstance(slot, AbstractString | AbstractWString):
            self._advance(self._length(1 if isinstance(slot, AbstractString) else 4), 1)
        elif isinstance(slot, AbstractNestedType):
            self._skip_elements(slot)
        elif (number := _only_numbers_of(slot)) is not None:
            self._skip_numbers(*number)
        else:
            for inner in _slots_of(slot):
                self.skip(inner)

    def _skip_elements(self, slot: Any) -> None:
        element = slot.value_type
        count = slot.size if isinstance(slot, Array) else self._length(_least_size(element))
        number = _only_numbers_of(element)
        if number is not None:
            size, per_element = number
            self._skip_numbers(size, count * per_element)
            return
        for _ in range(count):
            self.skip(element)

    def _length(self, least_size: int) -> int:
        """Read a length; it must fit into the rest at `least_size` bytes an element."""
        self._position += -self._position % _LENGTH_SIZE
        start = self._position
        self._advance(1, _LENGTH_SIZE)
        count = int.from_bytes(self._data[start : self._position], self._order)
        rest = len(self._data) - self._position
        if count * least_size > rest:
            raise _LengthError(f'{count} elements are claimed where {rest} bytes follow')
        return count

    def _skip_numbers(self, size: int, count: int) -> None:
        if count:
            self._position += -self._position % min(size, 8)
            self._advance(count, size)

    def _advance(self, count: int, size: int) -> None:
        self._position += count * size
        if self._position > len(self._data):
            raise _LengthError('the message ends early')


def _slots_of(slot: Any) -> list[Any]:
    """Types of the fields of the struct that a NamespacedType names."""
    return _slots('.'.join(slot.namespaces), slot.name)


@lru_cache(maxsize=1024)
def _slots(module: str, name: str) -> list[Any]:
    return list(getattr(importlib.import_module(module), name).SLOT_TYPES)


@lru_cache(maxsize=256)
def _slots_to_walk(cls: Any) -> tuple[Any, ...]:
    """Fields up to the last one that contains a sequence of anything but numbers."""
    slots = list(cls.SLOT_TYPES)
    while slots and not _has_costly_sequence(slots[-1]):
        slots.pop()
    return tuple(slots)


def _has_costly_sequence(slot: Any) -> bool:
    if isinstance(slot, BasicType | AbstractString | AbstractWString):
        return False
    if isinstance(slot, AbstractNestedType):
        is_sequence = not isinstance(slot, Array)
        costly = is_sequence and not isinstance(slot.value_type, BasicType)
        return costly or _has_costly_sequence(slot.value_type)
    return any(_has_costly_sequence(inner) for inner in _slots_of(slot))


def _least_size(slot: Any) -> int:
    """Bytes that a value has at least, without padding."""
    if isinstance(slot, BasicType):
        return _SIZES[slot.typename]
    if isinstance(slot, Array):
        return int(slot.size) * _least_size(slot.value_type)
    if isinstance(slot, AbstractString | AbstractWString | AbstractNestedType):
        return _LENGTH_SIZE
    return sum(_least_size(inner) for inner in _slots_of(slot))


def _only_numbers_of(slot: Any) -> tuple[int, int] | None:
    """(size, how many) for numbers of one size in a row, as in Pose; None for anything else."""
    if isinstance(slot, BasicType):
        return _SIZES[slot.typename], 1
    if isinstance(slot, Array):
        number = _only_numbers_of(slot.value_type)
        return number and (number[0], number[1] * int(slot.size))
    if isinstance(slot, AbstractString | AbstractWString | AbstractNestedType):
        return None
    return _only_numbers_of_struct('.'.join(slot.namespaces), slot.name)


@lru_cache(maxsize=1024)
def _only_numbers_of_struct(module: str, name: str) -> tuple[int, int] | None:
    inner = [_only_numbers_of(part) for part in _slots(module, name)]
    sizes = {part[0] if part else None for part in inner}
    if None in sizes or len(sizes) != 1:
        return None
    return sizes.pop() or 0, sum(part[1] for part in inner if part)
