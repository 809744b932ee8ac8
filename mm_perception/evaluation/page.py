"""The frame of a report: one HTML file with its style in it, that needs nothing else."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape

STYLE = """
:root { --ink: #1b1f24; --soft: #5b6570; --faint: #e3e7eb; --paper: #fff; --wash: #f6f8fa;
  --main: #1259c3; --second: #8a939d; --third: #c9822b; --good: #1a7f4b; --bad: #b3261e; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans",
  Arial, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 40px 28px 72px; }
h1 { font-size: 29px; line-height: 1.2; letter-spacing: -.015em; margin: 0 0 6px; }
h2 { font-size: 19px; letter-spacing: -.01em; margin: 46px 0 10px; }
h3 { font-size: 15.5px; margin: 0; }
p { margin: 0 0 12px; max-width: 76ch; }
.soft, small { color: var(--soft); } small { font-size: 12.5px; }
code { font: 13px/1.5 ui-monospace, "DejaVu Sans Mono", Menlo, monospace;
  overflow-wrap: anywhere; }
.tiles { display: grid; gap: 12px; margin: 24px 0 8px;
  grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); }
.tile { border: 1px solid var(--faint); border-radius: 10px; padding: 13px 16px 12px; }
.tile b { display: block; font-size: 27px; line-height: 1.2; font-weight: 620;
  font-variant-numeric: tabular-nums; letter-spacing: -.02em; }
.tile span { color: var(--soft); font-size: 13px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 560; color: var(--soft); font-size: 13px;
  vertical-align: bottom; }
th, td { padding: 7px 14px 7px 0; border-bottom: 1px solid var(--faint); }
th.n, td.n { text-align: right; } td.n { white-space: nowrap; }
tr.main td { font-weight: 620; }
td small { display: block; max-width: 52ch; font-weight: 400; }
.bar { display: inline-block; width: 74px; height: 7px; margin-left: 8px; border-radius: 4px;
  background: var(--faint); overflow: hidden; vertical-align: 1px; }
.bar i { display: block; height: 100%; background: var(--main); }
.cases { display: grid; gap: 22px; grid-template-columns: repeat(auto-fit, minmax(470px, 1fr)); }
.case { border: 1px solid var(--faint); border-radius: 10px; overflow: hidden; }
.case header { padding: 12px 16px 10px; display: flex; flex-wrap: wrap; gap: 2px 12px;
  justify-content: space-between; align-items: baseline; }
.case .facts { padding: 4px 16px 12px; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 2px; background: var(--faint); }
.pair.one { grid-template-columns: 1fr; }
.strip { display: grid; gap: 12px; grid-template-columns: repeat(6, 1fr); }
.strip figure { border-radius: 8px; overflow: hidden; grid-column: span 2; }
.strip figure.wide { grid-column: span 3; }
video { display: block; width: 100%; border-radius: 10px; background: #14181c; margin: 22px 0; }
figure { margin: 0; position: relative; background: var(--wash); }
figure img { display: block; width: 100%; height: auto; }
figcaption { position: absolute; left: 8px; bottom: 8px; padding: 1px 8px; border-radius: 5px;
  background: rgba(20, 24, 28, .74); color: #fff; font-size: 12px; }
svg { display: block; } svg.curves { width: 100%; height: auto; }
svg.spark { width: 120px; height: 22px; }
.grid, .floor { stroke: var(--faint); stroke-width: 1; }
.tick { fill: var(--soft); font-size: 10.5px; }
td:first-child { min-width: 150px; }
polyline { fill: none; stroke-width: 1.6; stroke-linejoin: round; stroke: var(--second); }
polyline.stack { stroke: var(--main); stroke-width: 2.2; } circle.stack { fill: var(--main); }
polyline.boxes { stroke: var(--second); } circle.boxes { fill: var(--second); }
polyline.clip { stroke: var(--third); } circle.clip { fill: var(--third); }
polygon { fill: var(--faint); } .key.covers { background: #cfd6dd; height: 9px; }
polyline.mark { stroke: var(--bad); stroke-width: 1; stroke-dasharray: 3 3; }
.key { display: inline-block; width: 16px; height: 3px; border-radius: 2px; margin: 0 6px 3px 0;
  background: var(--second); }
.key.stack { background: var(--main); } .key.clip { background: var(--third); }
.legend span { margin-right: 18px; display: inline-block; }
.good { color: var(--good); } .bad { color: var(--bad); }
.note { border-left: 3px solid var(--third); background: var(--wash); padding: 8px 14px;
  margin: 14px 0; }
.note p { margin: 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 18px; margin: 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 620px) { main { padding: 24px 16px 48px; } dl { grid-template-columns: 1fr; }
  .cases, .strip { grid-template-columns: 1fr; }
  .strip figure, .strip figure.wide { grid-column: auto; } dt { margin-top: 6px; } }
@media print { .case, tr { break-inside: avoid; } main { max-width: none; padding: 0; } }
"""


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
        heads: Of the columns.
        rows: A CSS class, and the HTML of the cells.
        texts: So many columns at the left are words; the others are numbers and stand right.
    """

    def line(tag: str, cells: Sequence[str]) -> str:
        return ''.join(
            f'<{tag}{"" if index < texts else " class=n"}>{cell}</{tag}>'
            for index, cell in enumerate(cells)
        )

    body = ''.join(f'<tr class="{kind}">{line("td", cells)}</tr>' for kind, cells in rows)
    head = f'<thead><tr>{line("th", heads)}</tr></thead>'
    return f'<div class="scroll"><table>{head}<tbody>{body}</tbody></table></div>'


def tiles(numbers: Iterable[tuple[str, str]]) -> str:
    """The numbers that are read first: what it is, and its value."""
    cells = ''.join(
        f'<div class="tile"><b>{value}</b><span>{escape(name)}</span></div>\n'
        for name, value in numbers
    )
    return f'<div class="tiles">\n{cells}</div>\n'


def notes(lines: Iterable[str]) -> str:
    """What a reader has to know before the numbers."""
    return ''.join(f'<div class="note"><p>{escape(line)}</p></div>\n' for line in lines)


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
    return (
        f'<figure{mark}><img alt="{text}" loading="lazy" src="data:image/jpeg;base64,{data}">'
        f'<figcaption>{text}</figcaption></figure>\n'
    )


def strip(pictures: Sequence[tuple[bytes, str]]) -> str:
    """Up to six pictures with captions, in rows without gaps: two larger ones, or three."""
    num_wide = {1: 1, 2: 2, 4: 4, 5: 2}.get(len(pictures), 0)
    figures = (
        picture(jpeg, caption, 'wide' if index < num_wide else '')
        for index, (jpeg, caption) in enumerate(pictures)
    )
    return f'<div class="strip">\n{"".join(figures)}</div>\n'


def film(mp4: bytes) -> str:
    """A film that is part of the page, and starts by itself."""
    data = base64.b64encode(mp4).decode()
    source = f'data:video/mp4;base64,{data}'
    return f'<video controls autoplay muted loop playsinline src="{source}"></video>\n'


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
