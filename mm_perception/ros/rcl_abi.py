"""Two functions of rcl's C API, for messages that stay serialized.

rclpy holds Python's lock while it takes or publishes and copies the bytes once more; a camera then
costs every worker of the process a millisecond per picture. Through ctypes both run without the
lock. Signatures: rcl/subscription.h, rcl/publisher.h, rcutils/types/uint8_array.h, unchanged from
Humble to Rolling. Where the library is not found by its name, rclpy's own way is used.
"""

from __future__ import annotations

import ctypes
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
_OK, _NOTHING_TO_TAKE = 0, 401


class _Allocator(ctypes.Structure):
    """rcutils_allocator_t."""

    _fields_ = tuple(
        (name, ctypes.c_void_p)
        for name in ('allocate', 'deallocate', 'reallocate', 'zero_allocate', 'state')
    )


class _Array(ctypes.Structure):
    """rcutils_uint8_array_t, also known as rcl_serialized_message_t."""

    _fields_ = (
        ('buffer', ctypes.c_void_p),
        ('buffer_length', ctypes.c_size_t),
        ('buffer_capacity', ctypes.c_size_t),
        ('allocator', _Allocator),
    )


class _ErrorString(ctypes.Structure):
    """rcutils_error_string_t."""

    _fields_ = (('str', ctypes.c_char * 1024),)


class _Owned:
    """Memory of the C side as an array; freed with the last array on it."""

    def __init__(self, library: Any, array: _Array) -> None:
        self._library, self._array = library, array
        self.__array_interface__ = {
            'shape': (array.buffer_length,), 'typestr': '|u1',
            'data': (array.buffer, True), 'version': 3,  # True: read-only
        }  # fmt: skip

    def __del__(self) -> None:
        self._library.rcutils_uint8_array_fini(ctypes.byref(self._array))


def publish_bytes(publisher: Any, data: Bytes) -> None:
    """Publish a serialized message.

    Args:
        publisher: Of rclpy.
        data: (N,) contiguous: the message with its encapsulation.

    Raises:
        RuntimeError: The middleware does not take it.
    """
    library = _library()
    if library is None:
        publisher.publish(data.tobytes())
        return
    message = _Array(data.ctypes.data, len(data), len(data))
    with publisher.handle:  # so that it is not destroyed meanwhile
        status = library.rcl_publish_serialized_message(
            publisher.handle.pointer, ctypes.byref(message), None
        )
    _check(library, 'rcl_publish_serialized_message', status)


def take_bytes(subscription: Any) -> memoryview | None:
    """The next message of a subscription, serialized, or None if there is none.

    Args:
        subscription: Of rclpy.

    Raises:
        RuntimeError: The middleware failed.
    """
    library = _library()
    if library is None:
        with subscription.handle:
            taken = subscription.handle.take_message(subscription.msg_type, True)
        return None if taken is None else memoryview(taken[0])
    message = _Array(None, 0, 0, library.allocator)
    with subscription.handle:
        status = library.rcl_take_serialized_message(
            subscription.handle.pointer, ctypes.byref(message), None, None
        )
    if not message.buffer:
        _check(library, 'rcl_take_serialized_message', status)
        return None
    owned = _Owned(library, message)
    _check(library, 'rcl_take_serialized_message', status)
    return np.asarray(owned).data if status == _OK else None


def _check(library: Any, function: str, status: int) -> None:
    if status in (_OK, _NOTHING_TO_TAKE):
        return
    reason = library.rcutils_get_error_string().str.decode(errors='replace')
    library.rcutils_reset_error()
    raise RuntimeError(f'{function} gave {status}: {reason}')


@lru_cache(maxsize=1)
def _library() -> Any | None:
    """The libraries that rclpy has loaded; None where the linker does not find them by name."""
    pointer, array = ctypes.c_void_p, ctypes.POINTER(_Array)
    found = SimpleNamespace()
    try:
        unlocked, locked = ctypes.CDLL('librcl.so'), ctypes.PyDLL('librcl.so')
        signatures: tuple[tuple[Any, ...], ...] = (
            (unlocked, 'rcl_publish_serialized_message', ctypes.c_int, pointer, array, pointer),
            (unlocked, 'rcl_take_serialized_message', ctypes.c_int, *[pointer] * 4),
            # Giving the lock away costs more than these do.
            (locked, 'rcutils_uint8_array_fini', ctypes.c_int, array),
            (locked, 'rcutils_get_default_allocator', _Allocator),
            (locked, 'rcutils_get_error_string', _ErrorString),
            (locked, 'rcutils_reset_error', None),
        )
        for library, name, result, *arguments in signatures:
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
            setattr(found, name, function)
    except (OSError, AttributeError):
        return None
    found.allocator = found.rcutils_get_default_allocator()
    return found
