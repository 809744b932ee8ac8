"""The state of RViz's main window against what Qt 5.15 wrote of the same arrangement."""

from __future__ import annotations

import struct
from typing import Any

from mm_perception.layouts.docks import window_state

#: `QMainWindow.saveState()` of Qt 5.15.14: docks a and b above c, and `above` to their right.
FROM_QT = (
    '000000ff00000000fd0000000100000003000003840000012cfc0100000002fc0000000000000254000000820'
    '0fffffffc0200000002fc00000190000000930000001700fffffffc0100000002fb0000000200610100000000'
    '000001270000003e00fffffffb000000020062010000012d000001270000003e00fffffffc000002290000009'
    '30000001700fffffffc0100000001fb0000000200630100000000000002540000003e00fffffffb0000000a00'
    '610062006f0076006501000002 5a0000012a0000003e00ffffff000003840000018a00000004000000040000'
    '000800000008fc00000000'
).replace(' ', '')


class Reader:
    """Takes values off the front, as QDataStream does."""

    def __init__(self, text: str) -> None:
        self.rest = bytes.fromhex(text)

    def take(self, form: str) -> tuple[Any, ...]:
        size = struct.calcsize(f'>{form}')
        head, self.rest = self.rest[:size], self.rest[size:]
        return struct.unpack(f'>{form}', head)

    def sequence(self) -> tuple[str, list[Any]]:
        mark, direction, count = self.take('BBi')
        assert mark == 0xFC
        return {1: 'across', 2: 'down'}[direction], [self.item() for _ in range(count)]

    def item(self) -> Any:
        (mark,) = self.take('B')
        if mark == 0xFC:
            self.take('4i')
            return self.sequence()
        assert mark == 0xFB
        (size,) = self.take('i')
        name = bytes(self.take(f'{size}s')[0]).decode('utf-16-be')
        assert self.take('B') == (1,), 'visible'
        at_px, size_px, least_px, most_px = self.take('4i')
        assert at_px >= 0
        assert 0 < least_px < size_px < most_px
        return name


def read(text: str) -> tuple[Any, Any]:
    """The lower area, and all that is not pixels."""
    reader = Reader(text)
    head = reader.take('iiBii')
    reader.take('ii')
    area = reader.sequence()
    reader.take('ii')
    tail = reader.take('4iBi')
    assert reader.rest == b''
    return area, (head, tail)


def test_qt_writes_the_same() -> None:
    ours = read(window_state([['a', 'b'], ['c']], ['above'], 900, 300))
    assert ours == read(FROM_QT)
    grid = ('down', [('across', ['a', 'b']), ('across', ['c'])])
    assert ours[0] == ('across', [grid, 'above'])


def test_names_outside_ascii_and_a_grid_alone() -> None:
    assert read(window_state([['前', 'b']], [], 900, 300))[0] == (
        'across', [('down', [('across', ['前', 'b'])])],
    )  # fmt: skip
