"""The frame of a report: one HTML file with its style in it, that needs nothing else."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from mm_perception.reporting.style import STYLE

#: Markers of a JPEG that say its size: frames, baseline and progressive.
_FRAMES = (0xC0, 0xC1, 0xC2)


@dataclass(frozen=True)
class Shot:
    """A picture of a report: JPEG, and what it shows."""

    jpeg: bytes
    caption: str


def page(title: str, body: Iterable[str]) -> str:
    """A whole HTML document.

    Args:
        title: Of the window.
        body: HTML of its sections.
    """
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n'
        f'{"".join(body)}</main>\n</body>\n</html>\n'
    )


def table(heads: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]], texts: int = 1) -> str:
    """A table.

    Args:
        heads: Of the columns, plain text; on a phone they stand before each value.
        rows: A CSS class, and the HTML of the cells.
        texts: So many columns at the left are words; the others are numbers and stand right.
    """

    def line(tag: str, cells: Sequence[str]) -> str:
        kinds = ('' if index < texts else ' class="n"' for index in range(len(cells)))
        names = (f' data-head="{escape(h)}"' if tag == 'td' else '' for h in heads)
        return ''.join(
            f'<{tag}{kind}{name}>{cell}</{tag}>'
            for kind, name, cell in zip(kinds, names, cells, strict=True)
        )

    body = ''.join(f'<tr class="{kind}">{line("td", cells)}</tr>' for kind, cells in rows)
    head = f'<thead><tr>{line("th", heads)}</tr></thead>'
    return f'<table>{head}<tbody>{body}</tbody></table>'


def tiles(numbers: Iterable[tuple[str, str]]) -> str:
    """The numbers that are read first: what it is, and its value."""
    cells = ''.join(
        f'<div class="tile"><b>{value}</b><span>{escape(name)}</span></div>\n'
        for name, value in numbers
    )
    return f'<div class="tiles">\n{cells}</div>\n'


def notes(lines: Iterable[str], kind: str = '') -> str:
    """What a reader has to know before the numbers; of the kind `bad` what has failed."""
    mark = f'note {kind}'.strip()
    return ''.join(f'<div class="{mark}"><p>{escape(line)}</p></div>\n' for line in lines)


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """What was used, and how; pairs without a value are left out."""
    items = ''.join(
        f'<dt>{escape(key)}</dt><dd><code>{escape(value)}</code></dd>'
        for key, value in pairs
        if value
    )
    return f'<dl>{items}</dl>\n'


def legend(lines: Iterable[tuple[str, str]]) -> str:
    """Names of curves: the CSS class of each, and what it is."""
    keys = ''.join(f'<span><i class="key {k}"></i>{escape(name)}</span>' for k, name in lines)
    return f'<p class="legend"><small>{keys}</small></p>\n'


def picture(jpeg: bytes, caption: str, kind: str = '') -> str:
    """A picture that is part of the page.

    Args:
        jpeg: The picture.
        caption: Written over its lower edge.
        kind: CSS class.
    """
    data = base64.b64encode(jpeg).decode()
    text, mark = escape(caption), f' class="{kind}"' if kind else ''
    # Not loading="lazy": the data is here already, and paper and long screenshots stay empty.
    return (
        f'<figure{mark}><img alt="{text}"{_size(jpeg)} decoding="async" '
        f'src="data:image/jpeg;base64,{data}">'
        f'<figcaption>{text}</figcaption></figure>\n'
    )


def _size(jpeg: bytes) -> str:
    """Width and height as attributes, so that nothing moves when a picture appears."""
    place = 2
    while place + 9 <= len(jpeg) and jpeg[place] == 0xFF:
        if jpeg[place + 1] in _FRAMES:
            height, width = struct.unpack_from('>HH', jpeg, place + 5)
            return f' width="{width}" height="{height}"'
        place += 2 + int.from_bytes(jpeg[place + 2 : place + 4], 'big')
    return ''


def strip(pictures: Sequence[tuple[bytes, str]]) -> str:
    """Up to six pictures with captions, in rows without gaps: two larger ones, or three."""
    num_wide = {1: 1, 2: 2, 4: 4, 5: 2}.get(len(pictures), 0)
    figures = (
        picture(jpeg, caption, 'wide' if index < num_wide else '')
        for index, (jpeg, caption) in enumerate(pictures)
    )
    return f'<div class="strip">\n{"".join(figures)}</div>\n'


def gallery(shots: Iterable[Shot]) -> str:
    """Small pictures side by side."""
    figures = ''.join(picture(shot.jpeg, shot.caption) for shot in shots)
    return f'<div class="small">\n{figures}</div>\n' if figures else ''


def album(shots: Iterable[Shot]) -> str:
    """Pictures of whole scenes, three in a row."""
    figures = ''.join(picture(shot.jpeg, shot.caption) for shot in shots)
    return f'<div class="album">\n{figures}</div>\n' if figures else ''


def links(pages: Iterable[tuple[str, str]]) -> str:
    """The way to other pages that lie beside this one: what they tell of, and their path."""
    items = ' · '.join(f'<a href="{escape(path)}">{escape(name)}</a>' for name, path in pages)
    return f'<p class="more">A page for each run: {items}</p>\n' if items else ''


def films(movies: Sequence[tuple[bytes, str]]) -> str:
    """Films that are part of the page, start by themselves, and say below what they show.

    Args:
        movies: MP4 and caption of each; the first is as wide as the page, the others half.
    """
    figures = ''.join(
        f'<figure><video controls autoplay muted loop playsinline '
        f'src="data:video/mp4;base64,{base64.b64encode(mp4).decode()}"></video>'
        f'<figcaption>{escape(caption)}</figcaption></figure>\n'
        for mp4, caption in movies
    )
    return f'<div class="films">\n{figures}</div>\n' if figures else ''


def bar(value: float | None) -> str:
    """A number from 0 to 1 with a bar of its length."""
    if value is None:
        return '<span class="soft">none</span>'
    share = min(max(value, 0.0), 1.0)
    return f'{value:.2f}<span class="bar"><i style="width:{100 * share:.0f}%"></i></span>'


def number(value: float | None, digits: int = 2) -> str:
    """A number, or a dash where there is none."""
    return '-' if value is None else f'{value:.{digits}f}'


def percent(value: float | None) -> str:
    """A share in percent, or a dash where there is none."""
    return '-' if value is None else f'{100 * value:.0f} %'
