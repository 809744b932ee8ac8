"""Where RViz has its windows of pictures: the state of its main window, as Qt 5 writes it.

Without one RViz piles them up in its left margin, each some fingers high. RViz calls the dock of a
display by the display's name; a dock that the state does not name stays where it was.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

#: Marks, directions and sides in the format of QMainWindow::saveState, version 0.
_MAIN, _DOCKS, _DOCK, _SEQUENCE = 0xFF, 0xFD, 0xFB, 0xFC
_ACROSS, _DOWN = 1, 2
_BELOW, _CORNERS = 3, (4, 4, 8, 8)
_VISIBLE = 1
_MIN_PX, _MAX_PX = 20, 0xFFFFFF


def window_state(
    rows: Sequence[Sequence[str]], beside: Sequence[str], width_px: int, height_px: int
) -> str:
    """A grid of docks along the lower edge of the window, in hexadecimal digits.

    Args:
        rows: Names of docks, the upper row first.
        beside: Names of docks to the right of the grid, each as high as all of it.
        width_px: Of the window.
        height_px: Of the grid.
    """
    num_columns = max(map(len, rows), default=0)
    column_px = width_px // max(1, num_columns + len(beside))
    grid_px = num_columns * column_px
    lines = [_sequence(_ACROSS, row, grid_px // len(row)) for row in rows]
    grid = _sequence(_DOWN, lines, height_px // max(1, len(rows)))
    area = _sequence(_ACROSS, [grid, *beside], column_px, first_px=grid_px)
    return b''.join((
        struct.pack('>ii', _MAIN, 0),
        struct.pack('>Biiii', _DOCKS, 1, _BELOW, width_px, height_px), area,
        struct.pack('>ii4i', width_px, height_px, *_CORNERS),
        struct.pack('>Bi', _SEQUENCE, 0),  # no tool bars: they stay
    )).hex()  # fmt: skip


def _sequence(
    direction: int, items: Sequence[str | bytes], size_px: int, first_px: int = 0
) -> bytes:
    """Docks by name, or sequences, one after the other; each of a size, the first perhaps not."""
    content, at_px = struct.pack('>BBi', _SEQUENCE, direction, len(items)), 0
    for index, item in enumerate(items):
        own_px = first_px if first_px and not index else size_px
        place = struct.pack('>4i', at_px, own_px, _MIN_PX, _MAX_PX)
        at_px += own_px
        if isinstance(item, str):
            name = item.encode('utf-16-be')
            content += struct.pack('>Bi', _DOCK, len(name)) + name
            content += struct.pack('>B', _VISIBLE) + place
        else:
            content += struct.pack('>B', _SEQUENCE) + place + item
    return content
